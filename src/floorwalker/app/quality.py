"""Watching a run: measure the tables it changed, compare them with earlier runs, keep the results, and say what is odd.

In: a project, its settings and database, and what a run built. Out: anomalies, stored with the run; `current` is what
`floorwalker quality` and the report show. Nothing here stops a run: what goes wrong is told and the run goes on.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb

from floorwalker.engines.lineage import Lineage
from floorwalker.errors import FloorwalkerError
from floorwalker.events.vocabulary import KINDS
from floorwalker.governance.needles import is_surrogate_column
from floorwalker.governance.quality import history
from floorwalker.governance.quality.anomalies import (
    Anomaly,
    compared,
    lateness,
    quarantined,
    staleness,
    volumes,
)
from floorwalker.governance.quality.causes import settle
from floorwalker.governance.quality.history import Moment
from floorwalker.governance.quality.measure import Measure, days_of, measure
from floorwalker.governance.quality.settings import hours
from floorwalker.profiles.catalogue import CUSTOMER

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.app.skew import SkewReport
    from floorwalker.engines.checks import TestResult
    from floorwalker.engines.lake import Lake

FEATURES = CUSTOMER.entity.table
"""The table whose values the live path serves, too."""
_TYPED = ("query", "url", "link_url", "product_name", "text", "note", "comment")
"""Columns that hold what people typed: not marked personal, yet anything may stand in them."""
_RECENT = 7
"""Days of a silver or gold table of events that are looked at: a bad day must not drown in a good year."""
_LISTED = ("severity", "kind", "table", "column", "source", "text", "also", "touches")


@cache
def personal_columns() -> frozenset[str]:
    """Names of columns that can name a person, by the vocabulary."""
    return frozenset(column.name for kind in KINDS.values() for column in kind.columns if column.personal)


def private_columns(table: str, columns: Collection[str], lineage: Lineage | None) -> set[str]:
    """Columns of a table of which no value may be kept: personal by name, or made of values of a personal column.

    Of tables that a step writes without saying from what, every column counts as made of everything the step reads.
    """
    names = personal_columns()
    personal = {f"bronze.{kind.name}.{one.name}" for kind in KINDS.values() for one in kind.columns if one.personal}
    found = {
        name for name in columns
        if name in names or name in _TYPED or name.endswith("_key") or is_surrogate_column(name)
    }  # fmt: skip
    if table.startswith("bronze."):
        return found
    if lineage is None or table in lineage.unknown or table not in lineage.columns:
        return set(columns)
    return found | {name for name in columns if _carried(f"{table}.{name}", lineage) & personal}


def _carried(node: str, lineage: Lineage) -> set[str]:
    """What a column's values are made of; columns that only decide or rank are not in its values."""
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        for name, how in lineage.inputs(waiting.pop()).items():
            if how == "value" and name not in seen:
                seen.add(name)
                # Our own ids name nobody by themselves, and what hangs on them says nothing of who it is.
                if not is_surrogate_column(name.rpartition(".")[2]):
                    waiting.append(name)
    return seen


def watch(
    lake: Lake,
    settings: Settings,
    state: sqlite3.Connection,
    moment: Moment,
    versions: Mapping[str, int],
    tests: Collection[TestResult],
    find_lineage: Callable[[], Lineage | None],
    skew: SkewReport | None = None,
    seconds: float = 180.0,
) -> list[Anomaly]:
    """Measure what changed, compare, store; returns the anomalies, one per cause. `find_lineage` is asked only when
    there is something to measure or to explain; `skew`: what comparing batch and live gave; `seconds`: the time that
    measuring may take."""
    started = time.perf_counter()
    quality = settings.quality
    limits = {source: hours(text) for source, text in quality.freshness.items()}
    found: list[Anomaly] = []
    brought: set[tuple[str, str]] = set()
    before: dict[tuple[str, str], dt.date] = {}
    with lake.connect() as connection:
        state.execute("BEGIN IMMEDIATE")
        try:
            for table in _waiting(versions, history.last_versions(state)):
                spent = time.perf_counter() - started
                if not table.startswith("bronze.") and spent > seconds:
                    break
                lake.view(connection, table, versions[table])
                found += _table(
                    connection, settings, state, moment, table, versions[table], find_lineage(), brought, before
                )
            days = history.days_known(state)
            found += volumes(days, before, brought, quality)
            found += staleness(days, moment.as_of, quality)
            found += quarantined(_deliveries(state, moment.run_id), quality)
            found += lateness(_newest(connection, lake, versions, limits), limits, moment.at) if limits else []
            if skew is not None:
                found += skew.anomalies(FEATURES)
                history.keep_skew(state, moment, skew)
            history.keep_tests(state, moment, tests)
            settled = settle(found, find_lineage() if found else None)
            _keep(state, moment, settled, time.perf_counter() - started)
            history.trim(state, quality.keep, quality.window)
            state.execute("COMMIT")
        except BaseException:
            state.execute("ROLLBACK")
            raise
    return settled


def _waiting(versions: Mapping[str, int], measured: Mapping[str, int]) -> list[str]:
    """Tables whose version is new: bronze first, then never measured ones, then those that have waited longest."""
    order = {table: place for place, table in enumerate(measured, 1)}
    changed = [table for table, version in versions.items() if measured.get(table) != version]
    return sorted(changed, key=lambda table: (not table.startswith("bronze."), order.get(table, 0), table))


def _table(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    state: sqlite3.Connection,
    moment: Moment,
    table: str,
    version: int,
    lineage: Lineage | None,
    brought: set[tuple[str, str]],
    before: dict[tuple[str, str], dt.date],
) -> list[Anomaly]:
    """Measure one table whose version is new. A bronze table by what each source newly brought, any other as it is."""
    quality = settings.quality
    columns = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    private = private_columns(table, columns, lineage)
    where, by_source, plain = "", False, set()
    if table.startswith("bronze."):
        seen = history.seen_until(state, table)
        where = f"received_at > TIMESTAMPTZ '{seen}'" if seen else ""
        by_source = True
        until = connection.execute(f"SELECT MAX(received_at), COUNT(*) FROM {table}").fetchall()[0]
        for source, day in history.newest_days(state, table).items():
            before[table, source] = day
        counted = days_of(connection, table, where)
        brought.update((table, source) for source, _ in counted)
        if until[0] is not None:
            history.keep_days(state, table, counted, until[0].astimezone(dt.UTC).isoformat(), quality.window)
    elif {"occurred_on", "source"} <= columns.keys():
        newest = connection.execute(f"SELECT MAX(occurred_on) FROM {table}").fetchall()[0][0]
        where = f"occurred_on > DATE '{newest - dt.timedelta(days=_RECENT)}'" if newest else ""
    if lineage is not None and not by_source:
        plain = {name for name in columns if f"{table}.{name}" in lineage.copied and name not in private}
    found = []
    rows = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchall()[0][0]
    measured = measure(
        connection, table, private=private, plain=plain, sample=quality.sample, where=where, by_source=by_source
    )
    if not by_source and where:
        measured = [replace(one, rows=rows) for one in measured]
    for one in measured:
        past = history.past_of(state, table, one.source, before=moment.run_id, limit=quality.window)
        found += compared(one, past, quality)
        history.keep_measure(state, moment, version, one)
    if by_source:
        # As a whole it has its rows only: its columns are measured by what sources bring.
        history.keep_measure(state, moment, version, Measure(table, rows, 0))
    return found


def _deliveries(state: sqlite3.Connection, run_id: str) -> dict[str, list[tuple[int, int]]]:
    """Per source that delivered in this run: (rows read, rows quarantined) of each run, oldest first."""
    found: dict[str, list[tuple[int, int]]] = {}
    for source, read, bad in state.execute(
        "SELECT source, SUM(rows_read), SUM(rows_quarantined) FROM deliveries"
        " WHERE source IN (SELECT source FROM deliveries WHERE run_id = ?) GROUP BY source, received_at"
        " ORDER BY source, received_at",
        (run_id,),
    ):
        found.setdefault(source, []).append((read, bad))
    return found


def _newest(
    connection: duckdb.DuckDBPyConnection, lake: Lake, versions: Mapping[str, int], limits: Mapping[str, float]
) -> dict[str, tuple[str, dt.datetime]]:
    """Per source with a limit: when its newest row happened, and in which table."""
    found: dict[str, tuple[str, dt.datetime]] = {}
    for table, version in versions.items():
        if not table.startswith("bronze."):
            continue
        lake.view(connection, table, version)
        for source, at in connection.execute(
            f"SELECT source, MAX(occurred_at) FROM {table} WHERE source IN (SELECT UNNEST(?)) GROUP BY source",
            [list(limits)],
        ).fetchall():
            if at is not None and (source not in found or at > found[source][1]):
                found[source] = (table, at)
    return found


def _keep(state: sqlite3.Connection, moment: Moment, found: Collection[Anomaly], seconds: float) -> None:
    state.execute("DELETE FROM quality_anomalies WHERE run_id = ?", (moment.run_id,))
    state.executemany(
        "INSERT INTO quality_anomalies (run_id, found_at, severity, kind, table_name, column_name, source, text, also,"
        " touches) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (moment.run_id, moment.text, one.severity, one.kind, one.table, one.column, one.source, one.text,
             json.dumps(one.also, ensure_ascii=False), json.dumps(one.touches))
            for one in found
        ],
    )  # fmt: skip
    state.execute(
        "INSERT OR REPLACE INTO quality_runs VALUES (?, ?, ?, ?)",
        (moment.run_id, moment.text, str(moment.as_of), round(seconds, 3)),
    )


def watch_safely(*arguments: Any, **named: Any) -> tuple[list[Anomaly], str]:
    """`watch`, with what went wrong as a sentence instead of an error: quality must not cost a run."""
    try:
        return watch(*arguments, **named), ""
    except FloorwalkerError as error:
        return [], f"quality was not measured: {error.what}"
    except (duckdb.Error, sqlite3.Error) as error:
        # Its message may quote a value.
        return [], f"quality was not measured: {type(error).__name__}"


def anomalies_of(state: sqlite3.Connection, run_id: str) -> list[dict[str, Any]]:
    """The anomalies of a run, the worst first."""
    found = state.execute(
        "SELECT severity, kind, table_name, column_name, source, text, also, touches FROM quality_anomalies"
        " WHERE run_id = ? ORDER BY number",
        (run_id,),
    ).fetchall()
    rows = [dict(zip(_LISTED, row, strict=True)) for row in found]
    for row in rows:
        row["also"], row["touches"] = json.loads(row["also"]), json.loads(row["touches"])
    return rows


def current(state: sqlite3.Connection) -> dict[str, Any]:
    """What is known now: the last run that was checked, its anomalies, how fresh each source is, every test."""
    last = state.execute(
        "SELECT run_id, checked_at, as_of, seconds FROM quality_runs ORDER BY checked_at DESC, run_id DESC LIMIT 1"
    ).fetchone()
    if last is None:
        return {"run_id": None, "anomalies": [], "freshness": [], "tests": [], "skew": None}
    as_of = dt.date.fromisoformat(last[2])
    return {
        "run_id": last[0],
        "checked_at": last[1],
        "as_of": as_of,
        "seconds": last[3],
        "anomalies": anomalies_of(state, last[0]),
        "freshness": freshness(state, as_of),
        "tests": history.tests_now(state),
        "skew": next(iter(history.skews(state, 1)), None),
    }


def freshness(state: sqlite3.Connection, as_of: dt.date) -> list[dict[str, Any]]:
    """Per source and bronze table: its newest day, its age, and the gap it usually leaves."""
    rows = []
    for (table, source), known in sorted(history.days_known(state).items(), key=lambda item: (item[0][1], item[0][0])):
        seen = sorted(known.rows)
        gaps = sorted((later - earlier).days for earlier, later in pairwise(seen))
        rows.append(
            {
                "source": source,
                "table": table,
                "newest": known.newest,
                "rows_that_day": known.rows[known.newest],
                "age_days": max((as_of - known.newest).days - 1, 0),
                "usual_gap_days": gaps[len(gaps) // 2] if gaps else None,
            }
        )
    return rows
