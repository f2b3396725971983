"""Rows that somebody has put right: kept in the project's database, read as a delivery of their own.

In: rows of quarantine, as they should have been. Out: a `Delivery` per delivery that they came from, of JSON lines in a
scratch folder. What it holds follows from the table alone, so it is read once; a row more makes it a new delivery, of
which the rows that were read before are known by their keys. Equal rows of one delivery stay as many as they were.

    keep_mended(state, [(row, '{"qty": "2"}')], "2026-01-05T10:00:00+00:00")
    mended_deliveries(state, mapping, folder)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.sources.files import MENDED, DeliveredFile, Delivery, fingerprints_of

if TYPE_CHECKING:
    from floorwalker.events.quarantine import QuarantinedRow
    from floorwalker.sources.mapping import Mapping


def keep_mended(state: sqlite3.Connection, rows: Iterable[tuple[QuarantinedRow, str]], mended_at: str) -> None:
    """Keep each row as it should have been (JSON), and take it out of quarantine. Part of the caller's transaction."""
    for row, raw in rows:
        state.execute(
            "INSERT OR REPLACE INTO mended VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.mapping, row.source, row.content, row.file, row.row_number, raw, mended_at),
        )
        state.execute("DELETE FROM quarantine WHERE id = ?", (row.id,))


def mended_deliveries(state: sqlite3.Connection, mapping: Mapping, folder: Path) -> list[Delivery]:
    """What was put right of this mapping, written into `folder`."""
    contents = state.execute(
        "SELECT DISTINCT content FROM mended WHERE mapping = ? AND source = ? ORDER BY content",
        (mapping.name, mapping.source),
    ).fetchall()
    found = []
    for number, (content,) in enumerate(contents):
        rows = state.execute(
            "SELECT raw, file FROM mended WHERE mapping = ? AND content = ? ORDER BY file, row_number",
            (mapping.name, content),
        ).fetchall()
        text = "".join(f"{raw}\n" for raw, _ in rows)
        found.append(as_delivery(mapping, text, f"{rows[0][1]} (mended)", folder / f"{mapping.name}-{number}{MENDED}"))
    return found


def as_delivery(mapping: Mapping, text: str, name: str, path: Path) -> Delivery:
    """Lines of JSON objects as a delivery; `path` is where they are written."""
    path.write_text(text, encoding="utf-8")
    file = DeliveredFile(path, name)
    return Delivery(mapping.source, (file,), *fingerprints_of(mapping, [path]))
