"""Rows that did not fit: kept with their reasons and as they came, until a mended mapping or file makes them fit.

In: the tables `incoming_quarantine` and `incoming_deliveries` that reading a batch leaves on its connection. Out:
lists, counts and single rows for people. Adding is idempotent by (delivery fingerprint, file, row). When the same bytes
come in under a mended mapping, what the older one had put aside goes: a row is in quarantine only as long as the newest
mapping refuses it. To replay is therefore to mend the mapping and run again; rows that had passed before are known by
their keys and add nothing.

Raw rows hold personal data: they are shown to people who may see them, never logged, and erased like everything else.

    keep_quarantine(state, connection, received_at)
    [(row.row_number, row.reason) for row in list_quarantine(state, source="till")]
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from floorwalker.errors import NotFoundError

if TYPE_CHECKING:
    import duckdb

_COLUMNS = "source, mapping, kind, delivery_id, fingerprint, content, file, row_number, reason, raw"
_BATCH = 5_000


@dataclass(frozen=True)
class QuarantinedRow:
    """One row that waits. `raw`: JSON text, an object of the source's columns, or a string for what is no row."""

    id: int
    source: str
    mapping: str
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
    """How many rows of a source wait for one reason."""

    source: str
    reason: str
    rows: int
    oldest: str
    """When the one came that waits longest."""


def keep_quarantine(state: sqlite3.Connection, connection: duckdb.DuckDBPyConnection, received_at: str) -> int:
    """Keep what the batch on `connection` put aside, and settle what an older mapping had refused of the same bytes.

    Part of the caller's transaction: a row each would cost a sync each. Killed before it is committed, it is done again
    and changes nothing. Returns how many rows were not known.
    """
    for source, content, fingerprint in connection.execute(
        "SELECT source, content, fingerprint FROM incoming_deliveries ORDER BY fw_delivery"
    ).fetchall():
        settle_quarantine(state, source, content, fingerprint)
    before = state.total_changes
    rows = connection.execute(f"SELECT {_COLUMNS} FROM incoming_quarantine ORDER BY fw_delivery, file, row_number")
    while batch := rows.fetchmany(_BATCH):
        state.executemany(
            f"INSERT INTO quarantine ({_COLUMNS}, received_at) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? "
            # Read again, a row that somebody has put right would be refused as it was: it is in by another way.
            "WHERE NOT EXISTS (SELECT 1 FROM mended WHERE mapping = ? AND content = ? AND file = ? AND row_number = ?) "
            "ON CONFLICT (fingerprint, file, row_number) DO NOTHING",
            [(*row, received_at, row[1], row[5], row[6], row[7]) for row in batch],
        )
    return state.total_changes - before


def settle_quarantine(state: sqlite3.Connection, source: str, content: str, fingerprint: str) -> int:
    """Let go what older readings of the same bytes (`content`) put aside, all but `fingerprint`. Returns how many."""
    return state.execute(
        "DELETE FROM quarantine WHERE source = ? AND content = ? AND fingerprint <> ?",
        (source, content, fingerprint),
    ).rowcount


def list_quarantine(
    state: sqlite3.Connection,
    source: str | None = None,
    reason: str | None = None,
    delivery_id: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[QuarantinedRow]:
    """Rows, newest first; `reason` matches any part of a reason; all of them where `limit` is -1."""
    where, values = _filter(source, reason, delivery_id)
    found = state.execute(
        f"SELECT id, {_COLUMNS}, received_at FROM quarantine{where} ORDER BY id DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [QuarantinedRow(*row) for row in found]


def show_quarantine(state: sqlite3.Connection, row_id: int) -> QuarantinedRow:
    """One row. Raises `NotFoundError`."""
    row = state.execute(f"SELECT id, {_COLUMNS}, received_at FROM quarantine WHERE id = ?", (row_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"no row {row_id} in quarantine", fix="floorwalker quarantine list")
    return QuarantinedRow(*row)


def count_quarantine(
    state: sqlite3.Connection, source: str | None = None, delivery_id: str | None = None
) -> list[QuarantineCount]:
    """Rows by source and reason, the largest count first."""
    where, values = _filter(source, None, delivery_id)
    found = state.execute(
        f"SELECT source, reason, count(*), min(received_at) FROM quarantine{where} GROUP BY source, reason "
        "ORDER BY count(*) DESC, source, reason",
        values,
    )
    return [QuarantineCount(*row) for row in found]


def count_by_delivery(state: sqlite3.Connection, source: str | None = None) -> list[tuple[str, str, str, int]]:
    """(source, delivery_id, file, rows), the largest count first."""
    where, values = _filter(source, None, None)
    return state.execute(
        f"SELECT source, delivery_id, file, count(*) FROM quarantine{where} GROUP BY source, delivery_id, file "
        "ORDER BY count(*) DESC, source, delivery_id, file",
        values,
    ).fetchall()


def discard_quarantine(state: sqlite3.Connection, row_ids: Iterable[int]) -> int:
    """Take rows out for good. Commits. Returns how many there were."""
    with state:
        return sum(state.execute("DELETE FROM quarantine WHERE id = ?", (row_id,)).rowcount for row_id in row_ids)


def _filter(source: str | None, reason: str | None, delivery_id: str | None) -> tuple[str, tuple[str, ...]]:
    parts, values = [], []
    for sql, value in (("source = ?", source), ("instr(reason, ?) > 0", reason), ("delivery_id = ?", delivery_id)):
        if value is not None:
            parts.append(sql)
            values.append(value)
    return (" WHERE " + " AND ".join(parts) if parts else ""), tuple(values)
