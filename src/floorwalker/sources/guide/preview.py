"""What a mapping makes of a sample, by really reading it: rows as the lake would hold them, and rows it would refuse.

In: a connection, a mapping and a sample. Out: a `Preview`. Nothing is stored. People are masked unless they are asked
for: enough stays to see whether the right column was taken.

>>> masked("ann.smith@example.com"), masked("+33 6 12 34 56 78"), masked("Ann")
('a***@example.com', '+3***78', 'A***')
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.compile import stored_columns
from floorwalker.sources.conversions import quoted
from floorwalker.sources.files import make_delivery
from floorwalker.sources.ingest import drop_incoming, read_deliveries
from floorwalker.sources.mapping import Mapping

_RECEIVED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Preview:
    """`rows`: per kind its columns and first rows; `refused`: reason → rows, most first. The counts are of the sample:
    read = accepted + refused + skipped."""

    read: int
    accepted: dict[str, int]
    refused: dict[str, int]
    skipped: int
    rows: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]

    @property
    def refused_rows(self) -> int:
        return self.read - sum(self.accepted.values()) - self.skipped


def preview(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, path: Path, *, rows: int = 5, clear: bool = False
) -> Preview:
    """Read the sample by the mapping. Raises `ConfigError` where the mapping's SQL does not run, and `SourceError`
    where the file cannot be read by it at all."""
    delivery = make_delivery(mapping, [path], path.parent)
    result = read_deliveries(connection, mapping, [delivery], _RECEIVED)
    if result.refused:
        raise result.refused[0][1]
    account = result.deliveries[0]
    refused = connection.execute(
        "SELECT reason, count(*) FROM incoming_quarantine GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 20"
    ).fetchall()
    shown = {}
    for kind in mapping.kinds:
        about = KINDS[kind]
        names = [column.name for column in stored_columns(mapping, about)]
        names += ["amount"] if "amount" in about.names and "amount" not in names else []
        personal = {column.name for column in about.columns if column.personal}
        listed = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in names)
        found = connection.execute(f"SELECT {listed} FROM incoming_{kind} LIMIT {rows}").fetchall()
        lines = [
            tuple(
                masked(cell) if name in personal and not clear else _short(cell)
                for name, cell in zip(names, row, strict=True)
            )
            for row in found
        ]
        shown[kind] = (tuple(names), lines)
    drop_incoming(connection)
    accepted = {kind: counts.accepted for kind, counts in result.kinds.items()}
    return Preview(account.read, accepted, dict(refused), account.skipped, shown)


def masked(value: str | None) -> str | None:
    """A personal value with its middle left out."""
    if not value:
        return value
    front, at, domain = value.partition("@")
    if at:
        return f"{front[:1]}***@{domain}"
    digits = sum(char.isdigit() for char in value)
    return f"{value[:2]}***{value[-2:]}" if digits >= 6 else f"{value[:1]}***"


def _short(value: str | None) -> str | None:
    return value if value is None or len(value) <= 40 else f"{value[:39]}…"
