"""The audit log: who did what, when, to whom; append-only, and each entry seals the one before it.

In: an act, with its time (given by the caller: this room reads no clock). Out: a row in SQLite whose `digest` is an
HMAC of the row and of the digest before it. Changing, reordering or removing an entry in the middle breaks the chain,
and only the holder of the project's secret can forge a new one. Cutting the end off leaves a valid, shorter chain: keep
the newest digest (`head`) somewhere else to see that too. The person concerned appears as a keyed hash, never by name.

>>> import sqlite3
>>> from floorwalker.governance.schema import MIGRATIONS
>>> connection = sqlite3.connect(":memory:", isolation_level=None)
>>> _ = connection.executescript(MIGRATIONS[0])
>>> _ = record(connection, b"secret", at="2026-01-05T10:00:00Z", actor="ana", action="policy.change")
>>> broken(connection, b"secret") is None
True
>>> entries(connection)[0].action
'policy.change'
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from floorwalker.governance.transactions import atomic

_FIRST = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One act. `subject`: keyed hash of the person's customer_id, or None."""

    number: int
    at: str
    actor: str
    action: str
    subject: str | None
    detail: Mapping[str, Any]
    digest: str


def record(
    connection: sqlite3.Connection,
    secret: bytes,
    *,
    at: str,
    actor: str,
    action: str,
    subject: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Entry:
    """Append an act and return it. `detail` must hold no personal data: counts, names of stores, of settings."""
    text = json.dumps(dict(detail or {}), sort_keys=True, ensure_ascii=False, default=str)
    with atomic(connection):
        last = connection.execute("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        number, previous = (last[0] + 1, last[1]) if last else (1, _FIRST)
        digest = _seal(secret, (number, at, actor, action, subject, text, previous))
        connection.execute(
            "INSERT INTO audit (number, at, actor, action, subject, detail, previous, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, at, actor, action, subject, text, previous, digest),
        )
    return Entry(number, at, actor, action, subject, json.loads(text), digest)


def entries(
    connection: sqlite3.Connection, *, subject: str | None = None, action: str | None = None, limit: int = 100
) -> list[Entry]:
    """The newest entries first, of one person or one kind of act where asked."""
    rows = connection.execute(
        "SELECT number, at, actor, action, subject, detail, digest FROM audit"
        " WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR action = ?2) ORDER BY number DESC LIMIT ?3",
        (subject, action, limit),
    ).fetchall()
    return [Entry(*row[:5], detail=json.loads(row[5]), digest=row[6]) for row in rows]


def head(connection: sqlite3.Connection) -> str:
    """Digest of the newest entry: kept elsewhere, it shows later that the end was not cut off."""
    row = connection.execute("SELECT digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    return row[0] if row else _FIRST


def broken(connection: sqlite3.Connection, secret: bytes) -> int | None:
    """Number of the first entry that does not fit the chain; None when all do."""
    expected, previous = 1, _FIRST
    for row in connection.execute(
        "SELECT number, at, actor, action, subject, detail, previous, digest FROM audit ORDER BY number"
    ):
        if row[0] != expected or row[6] != previous or not hmac.compare_digest(row[7], _seal(secret, row[:7])):
            return int(row[0])
        expected, previous = expected + 1, row[7]
    return None


def _seal(secret: bytes, fields: tuple[Any, ...]) -> str:
    key = hmac.new(secret, b"floorwalker audit", hashlib.sha256).digest()
    return hmac.new(key, json.dumps(fields, ensure_ascii=False).encode(), hashlib.sha256).hexdigest()
