"""API keys: who may call which part of the service, and for which market.

In: the project's SQLite connection. Out: keys made, listed, revoked and checked.

    browser   public, in a page's source: scopes collect and decide, never read
    server    secret, on the shop's servers: collect, decide, read
    admin     secret, for operators: every scope

A key is `fw_<kind>_<id>_<256 random bits>`. Only the SHA-256 of it is stored (a random token of that size needs no slow
hash), it is shown once, and it is compared in constant time.

>>> import sqlite3
>>> database = sqlite3.connect(":memory:")
>>> _ = database.executescript(MIGRATIONS[0])
>>> token = create_key(database, "shop page", "browser", ["decide"], now="2026-01-01T00:00:00Z")
>>> check_key(load_keys(database), token).scopes
frozenset({'decide'})
>>> check_key(load_keys(database), token[:-1] + "x") is None
True
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from floorwalker.errors import ConfigError, NotFoundError, PermissionDenied, did_you_mean

if TYPE_CHECKING:
    import sqlite3

MIGRATIONS = (
    """
    CREATE TABLE api_keys (
      key_id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('browser', 'server', 'admin')),
      scopes TEXT NOT NULL,
      market TEXT NOT NULL,
      sha256 TEXT NOT NULL,
      created_at TEXT NOT NULL,
      revoked_at TEXT
    )
    """,
)
"""The room 'keys' of the project's database."""

SCOPES = ("collect", "decide", "read", "admin")
KIND_SCOPES: dict[str, frozenset[str]] = {
    "browser": frozenset({"collect", "decide"}),
    "server": frozenset({"collect", "decide", "read"}),
    "admin": frozenset(SCOPES),
}
"""The most a key of a kind may do."""


@dataclass(frozen=True)
class Key:
    """A key without its secret. `market`: the only one it works for; empty: all."""

    key_id: str
    name: str
    kind: str
    scopes: frozenset[str]
    market: str
    sha256: str
    created_at: str
    revoked_at: str | None

    @property
    def is_public(self) -> bool:
        """Whether anybody who opens the page has it."""
        return self.kind == "browser"


def create_key(
    database: sqlite3.Connection, name: str, kind: str, scopes: Collection[str] = (), *, market: str = "", now: str
) -> str:
    """Make a key and return it: the only time it is seen. No scopes: all its kind may have. `now`: ISO time, UTC.

    Raises ConfigError for an unknown kind or scope, PermissionDenied for a scope its kind never has.
    """
    if kind not in KIND_SCOPES:
        raise ConfigError(f"no kind of key '{kind}'", fix=did_you_mean(kind, KIND_SCOPES))
    chosen = set(scopes) or KIND_SCOPES[kind]
    for scope in sorted(chosen):
        if scope not in SCOPES:
            raise ConfigError(f"no scope '{scope}'", fix=did_you_mean(scope, SCOPES))
        if scope not in KIND_SCOPES[kind]:
            raise PermissionDenied(
                f"a {kind} key cannot have the scope '{scope}'",
                why="anybody who opens the page could use it" if kind == "browser" else "it is for operators",
                fix="make a server key" if scope == "read" else "make an admin key",
            )
    key_id = secrets.token_hex(6)
    token = f"fw_{kind}_{key_id}_{secrets.token_urlsafe(32)}"
    database.execute(
        "INSERT INTO api_keys (key_id, name, kind, scopes, market, sha256, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key_id, name, kind, " ".join(sorted(chosen)), market, _hash(token), now),
    )
    database.commit()
    return token


def list_keys(database: sqlite3.Connection) -> list[Key]:
    """Every key, revoked ones too, oldest first."""
    rows = database.execute(
        "SELECT key_id, name, kind, scopes, market, sha256, created_at, revoked_at FROM api_keys"
        " ORDER BY created_at, key_id"
    ).fetchall()
    return [Key(row[0], row[1], row[2], frozenset(row[3].split()), *row[4:]) for row in rows]


def revoke_key(database: sqlite3.Connection, key_id: str, *, now: str) -> None:
    """End a key, for good. Raises NotFoundError."""
    if not database.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE key_id = ?", (now, key_id)
    ).rowcount:
        raise NotFoundError(f"no key '{key_id}'", fix="floorwalker keys list")
    database.commit()


def load_keys(database: sqlite3.Connection) -> dict[str, Key]:
    """The keys that work, by id."""
    return {key.key_id: key for key in list_keys(database) if key.revoked_at is None}


def check_key(keys: Mapping[str, Key], token: str) -> Key | None:
    """The key a token is, or None. Takes as long for a wrong secret as for the right one."""
    parts = token.split("_", 3)
    key = keys.get(parts[2]) if len(parts) == 4 else None
    if key is None or not hmac.compare_digest(key.sha256, _hash(token)):
        return None
    return key


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
