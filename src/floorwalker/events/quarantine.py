"""Rows that did not fit: kept with their reasons and as they came, until a mended mapping or file makes them fit.

In: the relation `incoming_quarantine` that reading a batch leaves. Out: lists, counts and single rows for people, and the raw rows for
a replay. Adding is idempotent by (delivery fingerprint, file, row). When the same bytes come in under a mended mapping, what the
older mapping had put aside is replaced: a row is in quarantine only as long as the newest mapping refuses it.

Raw rows hold personal data: they are listed to people who may see them, never logged, and `forget` removes a person's.

>>> import sqlite3; from floorwalker.events.schema import MIGRATIONS
>>> database = sqlite3.connect(":memory:"); _ = [database.executescript(sql) for sql in MIGRATIONS]
>>> add_quarantine(database, [("till", "order_lines", "d1", "f1", "c1", "a.csv", 7, "quantity: missing", "{}")], received_at="2026-01-01T00:00:00+00:00")
1
>>> [(row.row_number, row.reason) for row in list_quarantine(database, source="till")]
[(7, 'quantity: missing')]
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from floorwalker.errors import NotFoundError

Row = tuple[str, str, str, str, str, str, int, str, str]
"""source, kind, delivery_id, fingerprint, content, file, row_number, reason, raw."""
_COLUMNS = "source, kind, delivery_id, fingerprint, content, file, row_number, reason, raw"
_BATCH = 5_000


@dataclass(frozen=True)
class QuarantinedRow:
    """One row that waits. `raw`: JSON text, an object of the source's columns, or a string where the line was no row."""

    id: int
    source: str
    kind: str
    delivery_id: str
    fingerprint: str
    content: str
    file: str
    row_number: int
    reason: str
    raw: str
    received_at: str


@dataclass(frozen=True)
class QuarantineCount:
    """How many rows of a delivery wait for one reason."""

    source: str
    reason: str
    delivery_id: str
    file: str
    rows: int


def keep_quarantine(
    database: sqlite3.Connection, connection: duckdb.DuckDBPyConnection, received_at: str, relation: str = "incoming_quarantine"
) -> int:
    """Store what a batch put aside; returns how many rows were not known. Call it also for batches that put nothing aside
    (`settle_quarantine` with their deliveries), so that mended rows leave."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM {relation} ORDER BY ALL")

    def stream() -> Iterator[Row]:
        while batch := rows.fetchmany(_BATCH):
            yield from batch

    return add_quarantine(database, stream(), received_at=received_at)


def add_quarantine(database: sqlite3.Connection, rows: Iterable[Row], *, received_at: str) -> int:
    """Add rows in one transaction; known ones (same delivery, file and row) stay as they are. Returns how many were new."""
    before = database.total_changes
    with database:
        database.executemany(
            f"INSERT INTO quarantine ({_COLUMNS}, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (fingerprint, file, row_number) DO NOTHING",
            ((*row, received_at) for row in rows),
        )
    return database.total_changes - before


def settle_quarantine(database: sqlite3.Connection, source: str, content: str, fingerprint: str) -> int:
    """A delivery's bytes were read again under another mapping: what older readings put aside goes. Returns how many rows."""
    with database:
        done = database.execute(
            "DELETE FROM quarantine WHERE source = ? AND content = ? AND fingerprint <> ?", (source, content, fingerprint)
        )
    return done.rowcount


def list_quarantine(
    database: sqlite3.Connection,
    source: str | None = None,
    reason: str | None = None,
    delivery_id: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[QuarantinedRow]:
    """Rows in the order they were added; `reason` matches any part of a reason."""
    where, values = _filter(source, reason, delivery_id)
    found = database.execute(
        f"SELECT id, {_COLUMNS}, received_at FROM quarantine{where} ORDER BY id LIMIT ? OFFSET ?", (*values, limit, offset)
    )
    return [QuarantinedRow(*row) for row in found]


def show_quarantine(database: sqlite3.Connection, id: int) -> QuarantinedRow:
    """One row. Raises `NotFoundError`."""
    row = database.execute(f"SELECT id, {_COLUMNS}, received_at FROM quarantine WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise NotFoundError(f"no row {id} in quarantine", fix="floorwalker quarantine list")
    return QuarantinedRow(*row)


def count_quarantine(
    database: sqlite3.Connection, source: str | None = None, reason: str | None = None, delivery_id: str | None = None
) -> list[QuarantineCount]:
    """Counts by source, reason and delivery, the largest first."""
    where, values = _filter(source, reason, delivery_id)
    found = database.execute(
        f"SELECT source, reason, delivery_id, file, count(*) FROM quarantine{where} "
        "GROUP BY source, reason, delivery_id, file ORDER BY count(*) DESC, source, reason, delivery_id, file",
        values,
    )
    return [QuarantineCount(*row) for row in found]


def discard_quarantine(database: sqlite3.Connection, ids: Iterable[int]) -> int:
    """Take rows out for good. Returns how many there were."""
    with database:
        return sum(database.execute("DELETE FROM quarantine WHERE id = ?", (id,)).rowcount for id in ids)


def forget(database: sqlite3.Connection, words: Iterable[str]) -> int:
    """Erase every row whose raw text holds one of a person's identifiers, whatever their case. Returns how many rows."""
    with database:
        return sum(
            database.execute("DELETE FROM quarantine WHERE instr(lower(raw), lower(?)) > 0", (word,)).rowcount
            for word in words
            if word.strip()
        )


def _filter(source: str | None, reason: str | None, delivery_id: str | None) -> tuple[str, tuple[str, ...]]:
    parts, values = [], []
    for sql, value in (("source = ?", source), ("instr(reason, ?) > 0", reason), ("delivery_id = ?", delivery_id)):
        if value is not None:
            parts.append(sql)
            values.append(value)
    return (" WHERE " + " AND ".join(parts) if parts else ""), tuple(values)
