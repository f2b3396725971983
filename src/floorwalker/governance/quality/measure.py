"""One look at a table: rows, and per column how many are empty, how many different, and how its values are spread.

In: a DuckDB connection that sees the table, the names of its private columns, and how many rows to look at. Out: a
`Measure`, or with `by_source` one per source. Everything is asked in one query, so that a table is read once.

    every column   share that is empty, number of different values (approximate)
    numbers        lowest, highest, mean, 21 quantiles
    days, times    first and last
    categories     share of each value: texts with at most 30, and yes/no

A private column (it can name a person) gives the first line only: no value of it leaves the table.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from floorwalker.governance.quality.statistics import QUANTILES

if TYPE_CHECKING:
    import duckdb

CATEGORIES = 30
"""A text column with at most so many values is a category."""
_CELLS = 200_000
"""Wide tables are looked at in fewer rows: rows × columns stay below this."""
_PEEK = 20_000
_RARE = 5
"""A value on fewer rows than this is not kept: it could be one person's."""
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "HUGEINT", "UTINYINT")


@dataclass(frozen=True)
class ColumnMeasure:
    """One column. `shape`: quantiles of a number, or {value: share} of a category."""

    name: str
    type: str
    empty: float
    distinct: int
    low: str | None = None
    high: str | None = None
    mean: float | None = None
    shape: list[float] | dict[str, float] | None = None


@dataclass(frozen=True)
class Measure:
    """One table, or what one source newly brought to it. `looked_at`: rows that were sampled."""

    table: str
    rows: int
    looked_at: int
    columns: dict[str, ColumnMeasure] = field(default_factory=dict)
    source: str = ""


def measure(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    *,
    private: Collection[str] = (),
    plain: Collection[str] = (),
    sample: int = 20_000,
    where: str = "",
    by_source: bool = False,
) -> list[Measure]:
    """Measure a table (the rows `where` holds). `by_source`: one measure per value of its column `source`.

    `plain`: columns of which only the empty share is asked, because their values are measured where they are made.
    """
    columns = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    rows_from = f"{table} WHERE {where}" if where else table
    key, group = ("source", " GROUP BY 1 ORDER BY 1") if by_source else ("''", "")
    counted = dict(connection.execute(f"SELECT {key}, COUNT(*) FROM {rows_from}{group}").fetchall())
    total = sum(counted.values())
    if not total:
        return [] if by_source else [Measure(table, 0, 0, {name: _nothing(name, of) for name, of in columns.items()})]
    most = max(min(sample, _CELLS // max(len(columns), 1)), 1)
    looked = f"SELECT * FROM {rows_from}"
    if total > most:
        looked = f"SELECT * FROM ({looked}) USING SAMPLE {100 * most / total:.6f} PERCENT (bernoulli, 42)"
    # Numbers of deliveries, messages, campaigns are texts whose values are new by nature.
    open_texts = [
        name
        for name, of in columns.items()
        if of == "VARCHAR" and name not in {*private, *plain} and not name.endswith("_id")
    ]
    categories = _categories(connection, rows_from, open_texts)
    asked: list[str] = []
    for name, of in columns.items():
        asked += [f"COUNT({_quoted(name)})"] if name in plain else _asked(name, of, name in private, name in categories)
    found = connection.execute(f"SELECT {key} AS fw_key, COUNT(*), {', '.join(asked)} FROM ({looked}){group}")
    measures = []
    for source, looked_at, *answers in found.fetchall():
        taken = iter(answers)
        made = {
            name: ColumnMeasure(name, of, 1 - next(taken) / looked_at if looked_at else 0.0, 0)
            if name in plain
            else _read(name, of, name in private, name in categories, looked_at, taken)
            for name, of in columns.items()
        }
        measures.append(Measure(table, counted[source], looked_at, made, source or ""))
    return measures


def days_of(connection: duckdb.DuckDBPyConnection, table: str, where: str = "") -> dict[tuple[str, dt.date], int]:
    """Rows per source and day."""
    only = f"WHERE {where}" if where else ""
    found = connection.execute(
        f"SELECT COALESCE(source, ''), occurred_on, COUNT(*) FROM {table} {only}"
        " GROUP BY 1, 2 HAVING occurred_on IS NOT NULL ORDER BY 1, 2"
    ).fetchall()
    return {(source, day): rows for source, day, rows in found}


def _categories(connection: duckdb.DuckDBPyConnection, rows_from: str, texts: list[str]) -> set[str]:
    """Texts that look like categories in the first rows; what is then found to have more values is none."""
    if not texts:
        return set()
    asked = ", ".join(f"approx_count_distinct({_quoted(name)})" for name in texts)
    listed = ", ".join(_quoted(name) for name in texts)
    found = connection.execute(f"SELECT {asked} FROM (SELECT {listed} FROM {rows_from} LIMIT {_PEEK})").fetchall()[0]
    return {name for name, number in zip(texts, found, strict=True) if 0 < number <= CATEGORIES}


def _asked(name: str, of: str, private: bool, category: bool) -> list[str]:
    column = _quoted(name)
    asked = [f"COUNT({column})", f"approx_count_distinct({column})"]
    if private:
        return asked
    if of.startswith(_NUMBERS):
        number = f"CAST({column} AS DOUBLE)"
        # As doubles: planning 21 decimals per column takes longer than the whole look at a small table.
        points = ", ".join(f"{point}e0" for point in QUANTILES)
        asked += [f"MIN({column})", f"MAX({column})", f"AVG({number})", f"quantile_disc({number}, [{points}])"]
    elif of == "DATE" or of.startswith("TIMESTAMP"):
        asked += [f"MIN({column})", f"MAX({column})"]
    elif of == "BOOLEAN":
        asked.append(f"COUNT(CASE WHEN {column} THEN 1 END)")
    elif category:
        asked.append(f"histogram(LEFT({column}, 60))")
    return asked


def _read(name: str, of: str, private: bool, category: bool, rows: int, answers: Any) -> ColumnMeasure:
    filled, distinct = next(answers), int(next(answers) or 0)
    empty = 1 - filled / rows if rows else 0.0
    if private:
        return ColumnMeasure(name, of, empty, distinct)
    if of.startswith(_NUMBERS):
        low, high, mean, points = (next(answers) for _ in range(4))
        shape = [float(f"{point:.6g}") for point in points] if points and filled else None
        return ColumnMeasure(name, of, empty, distinct, _text(low), _text(high), mean, shape)
    if of == "DATE" or of.startswith("TIMESTAMP"):
        low, high = next(answers), next(answers)
        return ColumnMeasure(name, of, empty, distinct, _text(low), _text(high))
    if of == "BOOLEAN":
        true = next(answers)
        shares = {"true": true / filled, "false": 1 - true / filled} if filled else None
        return ColumnMeasure(name, of, empty, distinct, shape=shares)
    if category:
        return ColumnMeasure(name, of, empty, distinct, shape=_kept(next(answers) or {}, filled))
    return ColumnMeasure(name, of, empty, distinct)


def _kept(counts: Mapping[str, int], filled: int) -> dict[str, float] | None:
    """Shares of the values, rarest summed up as ''; None when there are too many for a category."""
    if not filled or len(counts) > CATEGORIES:
        return None
    kept = {value: number / filled for value, number in sorted(counts.items()) if number >= _RARE and value}
    rest = 1 - sum(kept.values())
    return kept | ({"": rest} if rest > 1e-9 else {})


def _nothing(name: str, of: str) -> ColumnMeasure:
    return ColumnMeasure(name, of, 0.0, 0)


def _text(value: Any) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, dt.date) else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
