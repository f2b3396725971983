"""Keys by which customers are looked up while nobody holds an identifier: HMAC-SHA-256, with the key's id in front.

In: a project. Out: `LookupKeys`: the key that new tokens are made with (`current`), and all that are still answered.

>>> keys = LookupKeys.of(b"secret of the shop")
>>> token = keys.token("email", "ann@example.com")
>>> token.partition(":")[0], len(token), keys.entry(token) == keys.entry_of("k1", "email", "ann@example.com")
('k1', 67, True)
>>> keys.entry("k2" + token[2:]) is None
True

None is for a key that is not, or no longer, valid.

A token is `kid:` and 64 hexadecimal digits, the HMAC of `kind:key` with `key` the normalised identifier. The serving
bundle holds the same digests in binary; neither tells an address to who lacks the key, nor lets guesses be tried.

The first key, `k1`, is the project's secret. `rotated` makes another the current one, kept in `state/lookup.keys` (mode
0600); earlier keys are answered until they are retired. Customer ids come from the secret alone and never change.
FLOORWALKER_LOOKUP_KEYS="k3=HEX,k2=HEX" (the current one first) takes the place of the file.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.errors import ConfigError, NotFoundError, StateError, did_you_mean

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

KIND = "lookup_key"
"""Kind of identifier that a token is."""
FIRST = "k1"
FILE = "lookup.keys"
VARIABLE = "FLOORWALKER_LOOKUP_KEYS"
BYTES = 32
_TOKEN = re.compile(r"(k[0-9]{1,6}):([0-9a-f]{64})")
_GIVEN = re.compile(r"(k[0-9]{1,6})=([0-9a-fA-F]{64,})")


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    """`key`: hexadecimal; empty for the project's secret. `retired_at`: then the key itself is gone."""

    kid: str
    made_at: str
    key: str = ""
    retired_at: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    current: str
    keys: list[_Key]
    version: int = 1


@dataclass(frozen=True)
class LookupKeys:
    """`valid`: kid → key, never printed. `made_at`, `retired`: kid → when, as far as it is known."""

    current: str
    valid: Mapping[str, bytes] = field(repr=False)
    made_at: Mapping[str, str] = field(default_factory=dict)
    retired: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, secret: bytes) -> LookupKeys:
        """What a project has before its first rotation."""
        return cls(FIRST, {FIRST: secret})

    @classmethod
    def load(cls, project: Project) -> LookupKeys:
        """A project's keys. Raises ConfigError for a variable that holds none, StateError for a file that is open to
        others or damaged."""
        given = os.environ.get(VARIABLE)
        if given:
            return cls._given(given)
        path = project.state / FILE
        if not path.exists():
            return cls.of(project.secret)
        if path.stat().st_mode & 0o077:
            raise StateError(f"{FILE} can be read by others", why="it holds keys", fix=f"chmod 600 state/{FILE}")
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
            valid = {
                one.kid: bytes.fromhex(one.key) if one.key else project.secret
                for one in file.keys
                if not one.retired_at
            }
            if file.version != 1 or file.current not in valid:
                raise ValueError
        except ValueError:
            # Not the parser's words: they quote what they stumble over.
            raise StateError(f"{FILE} is damaged", fix="bring it back from a backup") from None
        return cls(
            file.current,
            valid,
            {one.kid: one.made_at for one in file.keys},
            {one.kid: one.retired_at for one in file.keys if one.retired_at},
        )

    @classmethod
    def _given(cls, text: str) -> LookupKeys:
        parts = [_GIVEN.fullmatch(part.strip()) for part in text.split(",")]
        valid = {found[1]: bytes.fromhex(found[2]) for found in parts if found and len(found[2]) % 2 == 0}
        if len(valid) != len(parts):
            raise ConfigError(
                f"{VARIABLE} cannot be used",
                why="keys are kid=HEX, the current one first, each with 64 hexadecimal digits or more",
                fix="k1=… where … comes from: openssl rand -hex 32",
            )
        return cls(next(iter(valid)), valid)

    def token(self, kind: str, key: str) -> str:
        """What another system may keep instead of an identifier. `key`: normalised, as the bundle's are."""
        return f"{self.current}:{self.digest(self.current, kind, key).hex()}"

    def digest(self, kid: str, kind: str, key: str) -> bytes:
        """HMAC-SHA-256 of `kind:key`."""
        return hmac.digest(self.valid[kid], f"{kind}:{key}".encode("utf-8", "surrogatepass"), "sha256")

    def entry_of(self, kid: str, kind: str, key: str) -> bytes:
        """Where an identifier stands in an index."""
        return prefix(kid) + self.digest(kid, kind, key)

    def entry(self, token: str) -> bytes | None:
        """Where a token stands in an index; None for what is no token, or one of a key that is not valid."""
        found = _TOKEN.fullmatch(token.strip())
        return prefix(found[1]) + bytes.fromhex(found[2]) if found and found[1] in self.valid else None

    def rotated(self, now: str) -> LookupKeys:
        """These keys and a new one, which is current. Nothing is written."""
        number = max(int(kid[1:]) for kid in (*self.valid, *self.retired)) + 1
        kid = f"k{number}"
        return LookupKeys(
            kid, {**self.valid, kid: secrets.token_bytes(BYTES)}, {**self.made_at, kid: now}, self.retired
        )

    def without(self, kid: str, now: str) -> LookupKeys:
        """These keys with one retired. Raises NotFoundError, ConfigError for the current one."""
        if kid not in self.valid:
            raise NotFoundError(f"no valid key '{kid}'", fix=did_you_mean(kid, self.valid))
        if kid == self.current:
            raise ConfigError(f"{kid} is the current key", fix="floorwalker identity keys rotate, then retire it")
        valid = {name: key for name, key in self.valid.items() if name != kid}
        return LookupKeys(self.current, valid, self.made_at, {**self.retired, kid: now})

    def save(self, project: Project) -> None:
        """Write state/lookup.keys, readable by its owner only. Raises ConfigError where the keys are the variable's."""
        if os.environ.get(VARIABLE):
            raise ConfigError(
                "the look-up keys are not kept by this project",
                why=f"{VARIABLE} holds them",
                fix="change the variable (the new key first), then: floorwalker identity keys apply",
            )
        listed = [
            _Key(
                kid,
                self.made_at.get(kid, ""),
                self.valid[kid].hex() if kid in self.valid and self.valid[kid] != project.secret else "",
                self.retired.get(kid, ""),
            )
            for kid in sorted({*self.valid, *self.retired}, key=lambda kid: int(kid[1:]))
        ]
        project.state.mkdir(parents=True, exist_ok=True)
        _write(project.state / FILE, msgspec.json.encode(_File(self.current, listed)))


def prefix(kid: str) -> bytes:
    """How the entries of a key begin in an index."""
    return f"{kid}:".encode()


def _write(path: Path, content: bytes) -> None:
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
