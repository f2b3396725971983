"""Identifiers that come hashed: they meet the clear value that hashes to them, whichever came first.

In: records as written, and their keys. Out: the keys with clear values for hashed ones where one is known, and the
records that must be read anew because of it. As in a run, a clear value stands for its hashes under every declared
scheme, and a hash that no clear value gives is its own key.

>>> import hashlib
>>> from floorwalker.identity.settings import IdentitySettings
>>> from floorwalker.identity.stitching.saying import Reader
>>> reader, tokens = Reader(IdentitySettings()), Tokens({"email": ["sha256(email)"]})
>>> digest = "hash:sha256(email):" + hashlib.sha256(b"ann@lee.com").hexdigest()
>>> hashed, clear = ({"record_id": "r1", "email": digest}, {"record_id": "r2", "email": "ann@lee.com"})
>>> tokens.read(hashed, reader.keys(hashed)), tokens.read(clear, reader.keys(clear))
(set(), {'r1'})
>>> tokens.known_now("r1").email, tokens.forget("r2"), tokens.known_now("r1").email == digest
('ann@lee.com', {'r1'}, True)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from sys import getsizeof
from typing import Any

import msgspec

from floorwalker.identity import emails
from floorwalker.identity.hashed import Scheme, tokens
from floorwalker.identity.stitching.saying import Keys, number


class Told(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A clear value of a record, and its hashes under the schemes of its kind."""

    key: str
    tokens: tuple[int, ...]


class Tokens:
    """`schemes`: kind -> ways of hashing. A scheme that is seen first in a record counts from then on: values that came
    clear before it are not met (`late`)."""

    def __init__(self, schemes: Mapping[str, Iterable[str]] | None = None) -> None:
        self._schemes: dict[str, list[Scheme]] = {}
        self._names: set[tuple[str, str]] = set()
        self.late = 0
        self._key: dict[int, str] = {}
        """Token -> the clear key it stands for, the smallest of several."""
        self._several: dict[int, Counter[str]] = {}
        self.told: dict[str, list[Told]] = {}
        self.born: dict[str, Keys] = {}
        """Records that came hashed, as they came."""
        self._users: dict[int, set[str]] = {}
        for kind, texts in (schemes or {}).items():
            for text in texts:
                self.declare(kind, text)

    def __contains__(self, record_id: object) -> bool:
        """Does a record tell of hashes, or has it come hashed?"""
        return record_id in self.told or record_id in self.born

    def has(self, kind: str) -> bool:
        """Does a kind come hashed in a way that we can compute?"""
        return kind in self._schemes

    def declare(self, kind: str, text: str) -> None:
        """A way in which values of a kind are hashed."""
        text = "".join(text.lower().split())
        if (kind, text) not in self._names:
            self._names.add((kind, text))
            if scheme := Scheme.parse(text):
                listed = self._schemes.setdefault(kind, [])
                listed.append(scheme)
                listed.sort(key=lambda one: one.text)

    def read(self, record: Mapping[str, Any], keys: Keys) -> set[str]:
        """Put clear keys for hashed ones; the other records that are to be read anew."""
        if keys.hashed:
            self.add_born(keys)
            self._resolve(keys)
        again: set[str] = set()
        for kind in self._schemes:
            key = getattr(keys, kind)
            if key is not None and kind not in keys.hashed:
                again |= self.add_told(keys.record_id, self.hashes(kind, str(record[kind]), key))
        again.discard(keys.record_id)
        return again

    def add_born(self, keys: Keys) -> None:
        """A record that came hashed."""
        self.born[keys.record_id] = msgspec.structs.replace(keys)
        for kind in keys.hashed:
            token = getattr(keys, kind)
            text = token.split(":")[1]
            if (kind, text) not in self._names:
                self.late += 1
                self.declare(kind, text)
            self._users.setdefault(_number(kind, token), set()).add(keys.record_id)

    def add_told(self, record_id: str, told: Told) -> set[str]:
        """A clear value and what it hashes to; the records whose keys change."""
        self.told.setdefault(record_id, []).append(told)
        again: set[str] = set()
        for token in told.tokens:
            before = self._key.get(token)
            if before is None:
                self._key[token] = told.key
            else:
                counted = self._several.get(token)
                if counted is None:
                    counted = self._several[token] = Counter({before: 1})
                counted[told.key] += 1
                self._key[token] = min(counted)
            if self._key[token] != before:
                again |= self._users.get(token, set())
        return again

    def known_now(self, record_id: str) -> Keys:
        """The keys of a record that came hashed."""
        keys = msgspec.structs.replace(self.born[record_id])
        self._resolve(keys)
        return keys

    def forget(self, record_id: str) -> set[str]:
        """A record is gone; those that are to be read anew."""
        if born := self.born.pop(record_id, None):
            for kind in born.hashed:
                token = _number(kind, getattr(born, kind))
                users = self._users[token]
                users.discard(record_id)
                if not users:
                    del self._users[token]
        again: set[str] = set()
        for told in self.told.pop(record_id, ()):
            for token in told.tokens:
                before = self._key[token]
                counted = self._several.get(token)
                if counted is None:
                    del self._key[token]
                else:
                    counted[told.key] -= 1
                    if not counted[told.key]:
                        del counted[told.key]
                    if not counted:
                        del self._several[token], self._key[token]
                    else:
                        self._key[token] = min(counted)
                if self._key.get(token) != before:
                    again |= self._users.get(token, set())
        return again - {record_id}

    def size(self) -> int:
        """Bytes of what is kept."""
        mappings = (self._key, self._several, self.told, self.born, self._users)
        parts = sum(getsizeof(value) + getsizeof(key) for one in mappings for key, value in one.items())
        told = sum(getsizeof(told) + getsizeof(told.tokens) for listed in self.told.values() for told in listed)
        return sum(map(getsizeof, mappings)) + parts + told

    def _resolve(self, keys: Keys) -> None:
        for kind in keys.hashed:
            clear = self._key.get(_number(kind, getattr(keys, kind)))
            if clear is not None:
                setattr(keys, kind, clear)

    def hashes(self, kind: str, raw: str, key: str) -> Told:
        """What a clear value of a kind that has schemes hashes to."""
        found = tokens([form for form in _forms(kind, raw, key) if form], self._schemes[kind])
        return Told(key, tuple(_number(kind, token) for token in found))


def _forms(kind: str, raw: str, key: str) -> Sequence[str | None]:
    """What of a value may have been hashed, as in a run."""
    if kind == "email":
        return raw, raw.strip().lower(), emails.email_display(raw), key
    if kind == "phone":
        return raw, key, key[1:]
    return raw, key


def _number(kind: str, token: str) -> int:
    return number(f"{kind}|{token}")
