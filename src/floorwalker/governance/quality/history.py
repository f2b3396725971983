"""What earlier runs looked like: measurements, days and results of tests, kept in the project's database.

In: an open database and what a run measured. Out: the history that `anomalies` compares with; old entries are
forgotten by `trim`, distributions sooner than figures.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from floorwalker.governance.quality.measure import ColumnMeasure, Measure


@dataclass(frozen=True)
class Moment:
    """When something was measured: the run, its clock, and the day up to which it knows the world."""

    run_id: str
    at: dt.datetime
    as_of: dt.date

    @property
    def text(self) -> str:
        return self.at.isoformat(timespec="seconds")


@dataclass(frozen=True)
class Past:
    """An earlier measurement."""

    run_id: str
    rows: int
    looked_at: int
    version: int
    columns: dict[str, ColumnMeasure] = field(default_factory=dict)


def keep_measure(state: sqlite3.Connection, moment: Moment, version: int, one: Measure) -> None:
    """Store a measurement; measuring again in the same run replaces it."""
    state.execute(
        "DELETE FROM quality_tables WHERE table_name = ? AND source = ? AND run_id = ?",
        (one.table, one.source, moment.run_id),
    )
    number = state.execute(
        "INSERT INTO quality_tables (run_id, measured_at, as_of, table_name, source, version, rows, looked_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (moment.run_id, moment.text, str(moment.as_of), one.table, one.source, version, one.rows, one.looked_at),
    ).lastrowid
    state.executemany(
        "INSERT INTO quality_columns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number, it.name, it.type, it.empty, it.distinct, it.low, it.high, it.mean,
             None if it.shape is None else json.dumps(it.shape, ensure_ascii=False))
            for it in one.columns.values()
        ],
    )  # fmt: skip


def past_of(state: sqlite3.Connection, table: str, source: str, *, before: str, limit: int) -> list[Past]:
    """Earlier measurements of a table or of what a source brought, newest first; `before`: the run that asks."""
    found = state.execute(
        "SELECT number, run_id, rows, looked_at, version FROM quality_tables"
        " WHERE table_name = ? AND source = ? AND run_id <> ? ORDER BY number DESC LIMIT ?",
        (table, source, before, limit),
    ).fetchall()
    columns: dict[int, dict[str, ColumnMeasure]] = {row[0]: {} for row in found}
    marks = ", ".join("?" * len(columns))
    for number, name, of, empty, distinct, low, high, mean, shape in state.execute(
        "SELECT measure, column_name, type, empty, distinct_values, low, high, mean, shape FROM quality_columns"
        f" WHERE measure IN ({marks})",
        list(columns),
    ):
        read = None if shape is None else json.loads(shape)
        columns[number][name] = ColumnMeasure(name, of, empty, distinct, low, high, mean, read)
    return [
        Past(run_id, rows, looked_at, version, columns[number]) for number, run_id, rows, looked_at, version in found
    ]


def last_versions(state: sqlite3.Connection) -> dict[str, int]:
    """Per table the version that was last measured as a whole; the one that was measured longest ago first."""
    found = state.execute(
        "SELECT table_name, version FROM quality_tables WHERE number IN"
        " (SELECT MAX(number) FROM quality_tables WHERE source = '' GROUP BY table_name) ORDER BY number"
    )
    return dict(found.fetchall())


def seen_until(state: sqlite3.Connection, table: str) -> str | None:
    """Up to which moment of receipt a bronze table's rows have been counted."""
    row = state.execute("SELECT received_at FROM quality_seen WHERE table_name = ?", (table,)).fetchone()
    return row[0] if row else None


def keep_days(
    state: sqlite3.Connection, table: str, found: Mapping[tuple[str, dt.date], int], until: str, window: int
) -> None:
    """Add a run's rows per source and day. Days older than the window before a source's newest are forgotten."""
    newest: dict[str, dt.date] = {}
    for source, day in found:
        newest[source] = max(day, newest.get(source, day))
    known = newest_days(state, table)
    for (source, day), rows in sorted(found.items()):
        if day < newest[source] - dt.timedelta(days=2 * window):
            continue
        state.execute(
            "INSERT INTO quality_days VALUES (?, ?, ?, ?, NULL) ON CONFLICT (table_name, source, day)"
            " DO UPDATE SET rows = quality_days.rows + excluded.rows",
            (table, source, str(day), rows),
        )
    for source, day in newest.items():
        # Its first sight: how many rows the newest day has when it is the newest, whole or not.
        if source in known and day > known[source]:
            state.execute(
                "UPDATE quality_days SET first_rows = rows WHERE table_name = ? AND source = ? AND day = ?",
                (table, source, str(day)),
            )
        state.execute(
            "DELETE FROM quality_days WHERE table_name = ? AND source = ? AND day < ?",
            (table, source, str(day - dt.timedelta(days=2 * window))),
        )
    state.execute(
        "INSERT INTO quality_seen VALUES (?, ?)"
        " ON CONFLICT (table_name) DO UPDATE SET received_at = excluded.received_at",
        (table, until),
    )


@dataclass
class Days:
    """A source's days in a table: rows as known now, and as first seen."""

    rows: dict[dt.date, int] = field(default_factory=dict)
    first: dict[dt.date, int] = field(default_factory=dict)

    @property
    def newest(self) -> dt.date:
        return max(self.rows)


def days_known(state: sqlite3.Connection) -> dict[tuple[str, str], Days]:
    """Per (table, source) its days."""
    found: dict[tuple[str, str], Days] = {}
    for table, source, day, rows, first in state.execute(
        "SELECT table_name, source, day, rows, first_rows FROM quality_days ORDER BY table_name, source, day"
    ):
        days = found.setdefault((table, source), Days())
        days.rows[dt.date.fromisoformat(day)] = rows
        if first is not None:
            days.first[dt.date.fromisoformat(day)] = first
    return found


def newest_days(state: sqlite3.Connection, table: str) -> dict[str, dt.date]:
    """Per source the newest day that a table has of it."""
    found = state.execute("SELECT source, MAX(day) FROM quality_days WHERE table_name = ? GROUP BY source", (table,))
    return {source: dt.date.fromisoformat(day) for source, day in found}


def keep_tests(state: sqlite3.Connection, moment: Moment, results: Iterable[Any]) -> None:
    """Keep results of data tests (objects with model, test, status, failures)."""
    state.executemany(
        "INSERT OR REPLACE INTO quality_tests VALUES (?, ?, ?, ?, ?, ?)",
        [(moment.run_id, moment.text, one.model, one.test, one.status, one.failures) for one in results],
    )


def tests_now(state: sqlite3.Connection) -> list[dict[str, Any]]:
    """The newest result of each test, with how often it was run and how often it did not pass."""
    cursor = state.execute(
        "SELECT table_name, test, status, failures, MAX(tested_at) AS tested_at, COUNT(*) AS runs,"
        " SUM(status <> 'pass') AS not_passed FROM quality_tests GROUP BY table_name, test ORDER BY table_name, test"
    )
    names = ("table", "test", "status", "failures", "tested_at", "runs", "not_passed")
    return [dict(zip(names, row, strict=True)) for row in cursor]


def keep_skew(state: sqlite3.Connection, moment: Moment, found: Any) -> None:
    """Keep what comparing batch and live gave (an object with customers, values, different, left_out, seconds)."""
    state.execute(
        "INSERT OR REPLACE INTO quality_skew VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (moment.run_id, moment.text, str(moment.as_of), found.customers, found.values, found.differences,
         json.dumps(found.different, sort_keys=True), json.dumps(found.left_out), round(found.seconds, 3)),
    )  # fmt: skip


def skews(state: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """Comparisons of batch and live, newest first."""
    names = ("run_id", "checked_at", "as_of", "customers", "compared", "differences", "different", "left_out")
    names += ("seconds",)
    cursor = state.execute(f"SELECT {', '.join(names)} FROM quality_skew ORDER BY checked_at DESC LIMIT ?", (limit,))
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        row["different"], row["left_out"] = json.loads(row["different"]), json.loads(row["left_out"])
    return rows


def skew_words(row: Mapping[str, Any]) -> str:
    """A comparison in words.

    >>> skew_words({"compared": 90, "customers": 2, "differences": 1, "different": {"orders": 1}, "left_out": []})
    '1 of 90 values of 2 customers differ: orders (1)'
    """
    late = f"; not read in time: {', '.join(row['left_out'])}" if row["left_out"] else ""
    if not row["compared"]:
        return f"not compared{late or ', there are no customers'}"
    told = f"{row['compared']:,} values of {row['customers']:,} customer{'s' if row['customers'] != 1 else ''}"
    if not row["differences"]:
        return f"{told} agree{late}"
    worst = sorted(row["different"].items(), key=lambda one: (-one[1], one[0]))
    named = ", ".join(f"{name} ({customers:,})" for name, customers in worst[:5])
    return f"{row['differences']:,} of {told} differ: {named}{' …' if len(worst) > 5 else ''}{late}"


def measures_of(state: sqlite3.Connection, table: str, limit: int) -> list[dict[str, Any]]:
    """Measurements of a table, and of what sources brought to it, newest first."""
    cursor = state.execute(
        "SELECT run_id, measured_at, source, rows, looked_at FROM quality_tables WHERE table_name = ?"
        " ORDER BY number DESC LIMIT ?",
        (table, limit),
    )
    names = ("run_id", "measured_at", "source", "rows", "looked_at")
    return [dict(zip(names, row, strict=True)) for row in cursor]


def column_history(state: sqlite3.Connection, table: str, column: str, limit: int) -> list[dict[str, Any]]:
    """Measurements of one column, newest first."""
    cursor = state.execute(
        "SELECT t.run_id, t.source, t.rows, c.empty, c.distinct_values, c.low, c.high, c.mean, c.shape"
        " FROM quality_columns AS c JOIN quality_tables AS t ON t.number = c.measure"
        " WHERE t.table_name = ? AND c.column_name = ? ORDER BY t.number DESC LIMIT ?",
        (table, column, limit),
    )
    names = ("run_id", "source", "rows", "empty", "distinct", "low", "high", "mean", "shape")
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        row["shape"] = None if row["shape"] is None else json.loads(row["shape"])
    return rows


def trim(state: sqlite3.Connection, keep: int, window: int) -> None:
    """Forget measurements beyond the newest `keep` of each table and source, and distributions beyond the window."""
    placed = (
        "SELECT number FROM (SELECT number, ROW_NUMBER() OVER (PARTITION BY table_name, source ORDER BY number DESC)"
        " AS place FROM quality_tables) WHERE place > ?"
    )
    state.execute(f"DELETE FROM quality_tables WHERE number IN ({placed})", (keep,))
    state.execute(
        f"UPDATE quality_columns SET shape = NULL WHERE shape IS NOT NULL AND measure IN ({placed})", (window,)
    )
    oldest = "SELECT run_id FROM quality_runs ORDER BY checked_at DESC LIMIT -1 OFFSET ?"
    for table in ("quality_tests", "quality_anomalies", "quality_skew", "quality_runs"):
        state.execute(f"DELETE FROM {table} WHERE run_id IN ({oldest})", (keep,))
