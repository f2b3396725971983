"""Who was who when: a record's customers and what an id stood for, as intervals from run to run.

In: identity_map and identity_aliases of this run, the intervals last published. Out: the rows to change of

    silver.customer_map_history   record_id, customer_id, since_run, since, until_run, until
    silver.customer_ids           customer_id, alias_of (NULL: itself), since_run, since, until_run, until

An interval is open (`until_run` NULL) until a run finds something else; a run touches those records and ids only that
changed. Days are the runs' `as_of`, the day up to which a run knew the world: an interval holds from `since` to before
`until`, so that of several runs of one day the last counts. Nothing here reads the clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

MAP, IDS = "silver.customer_map_history", "silver.customer_ids"
_SPELL = [("since_run", pa.string()), ("since", pa.date32()), ("until_run", pa.string()), ("until", pa.date32())]
MAP_SCHEMA = pa.schema([("record_id", pa.string()), ("customer_id", pa.string()), *_SPELL])
IDS_SCHEMA = pa.schema([("customer_id", pa.string()), ("alias_of", pa.string()), *_SPELL])


class Changed(NamedTuple):
    """Rows of a history: `touched`, the keys whose rows all go, and `rows`, those that come in their place."""

    touched: duckdb.DuckDBPyRelation
    rows: duckdb.DuckDBPyRelation


def map_changes(
    connection: duckdb.DuckDBPyConnection, run_id: str, as_of: dt.date, within: str = ""
) -> tuple[str, Changed]:
    """What this run changes in silver.customer_map_history, and the table's key. `within`: a table of the record_ids
    that were looked at; empty: all were."""
    now = "SELECT record_id AS key, customer_id AS value FROM identity_map"
    return "record_id", _changes(connection, MAP, "record_id", "customer_id", now, run_id, as_of, within)


def id_changes(
    connection: duckdb.DuckDBPyConnection, run_id: str, as_of: dt.date, within: str = ""
) -> tuple[str, Changed]:
    """The same for silver.customer_ids; `within`: a table of customer_ids."""
    now = (
        "SELECT DISTINCT customer_id AS key, NULL::VARCHAR AS value FROM identity_map"
        " UNION ALL SELECT customer_id, alias_of FROM identity_aliases"
    )
    return "customer_id", _changes(connection, IDS, "customer_id", "alias_of", now, run_id, as_of, within)


def _changes(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    key: str,
    value: str,
    now: str,
    run_id: str,
    as_of: dt.date,
    within: str,
) -> Changed:
    name = "identity_" + table.rpartition(".")[2]
    scope = f"AND {key} IN (SELECT {key} FROM {within})" if within else ""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {name}_now AS
        SELECT coalesce(n.key, h.{key}) AS {key}, n.key IS NOT NULL AS stays, n.value
        FROM ({now}) n
        FULL JOIN (SELECT {key}, {value} FROM {table}_previous WHERE until_run IS NULL {scope}) h ON h.{key} = n.key
        WHERE n.key IS NULL OR h.{key} IS NULL OR n.value IS DISTINCT FROM h.{value}
    """)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT h.{key}, h.{value}, h.since_run, h.since,
               coalesce(h.until_run, ?::VARCHAR) AS until_run,
               CASE WHEN h.until_run IS NULL THEN ?::DATE ELSE h.until END AS until
        FROM {table}_previous h SEMI JOIN {name}_now USING ({key})
        UNION ALL
        SELECT {key}, value, ?::VARCHAR, ?::DATE, NULL::VARCHAR, NULL::DATE FROM {name}_now WHERE stays
        ORDER BY ALL
        """,
        [run_id, as_of, run_id, as_of],
    )
    return Changed(connection.sql(f"SELECT {key} FROM {name}_now"), connection.sql(f"FROM {name}"))


TABLES = ("customer_map_history", "customer_map_history_now", "customer_ids", "customer_ids_now")
"""Temporary tables of this module, without their prefix."""


# -- looking back ----------------------------------------------------------------------------------------------------


def moment_sql(moment: str, alias: str = "h") -> tuple[str, list[str]]:
    """SQL that is true for intervals that hold at `moment` (a day, or a run's id), and its parameters.

    >>> moment_sql("2026-03-01")[1], moment_sql("20260301T101500-a1b2c3")[1]
    (['2026-03-01', '2026-03-01'], ['20260301T101500-a1b2c3', '20260301T101500-a1b2c3'])
    """
    try:
        dt.date.fromisoformat(moment)
        kind, since, until = "DATE", "since", "until"
    except ValueError:
        # Ids of runs begin with the moment they started: their order is time's.
        kind, since, until = "VARCHAR", "since_run", "until_run"
    holds = f"{alias}.{since} <= ?::{kind} AND ({alias}.until_run IS NULL OR {alias}.{until} > ?::{kind})"
    return holds, [moment, moment]


def customer_then(connection: duckdb.DuckDBPyConnection, customer_id: str, moment: str) -> str | None:
    """The customer an id stood for at a moment: itself, or what it was an alias of; None before it existed."""
    holds, values = moment_sql(moment)
    rows = connection.execute(
        f"SELECT coalesce(h.alias_of, h.customer_id) FROM {IDS} h WHERE h.customer_id = ? AND {holds}",
        [customer_id, *values],
    ).fetchall()
    return rows[0][0] if rows else None


def records_then(connection: duckdb.DuckDBPyConnection, customer_id: str, moment: str) -> list[dict[str, Any]]:
    """The records a customer had at a moment, with the customers they belong to today (None: gone), in order of id."""
    holds, values = moment_sql(moment)
    found = connection.execute(
        f"""
        SELECT h.record_id, h.since, h.until, m.customer_id AS customer_today
        FROM {MAP} h LEFT JOIN silver.customer_map m USING (record_id)
        WHERE h.customer_id = ? AND {holds} ORDER BY h.record_id
        """,
        [customer_id, *values],
    )
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def map_then(connection: duckdb.DuckDBPyConnection, moment: str) -> duckdb.DuckDBPyRelation:
    """silver.customer_map as it was at a moment: record_id, customer_id."""
    holds, values = moment_sql(moment)
    return connection.sql(
        f"SELECT h.record_id, h.customer_id FROM {MAP} h WHERE {holds} ORDER BY h.record_id", params=values
    )


def moments(
    connection: duckdb.DuckDBPyConnection,
    moment: str | None,
    about: Sequence[str] = (),
    *,
    changed: bool = False,
    limit: int = 20,
) -> list[tuple[Any, ...]]:
    """Whose records were at a moment (None: now): record_id, customer_id, since, until, the customer today.

    `about`: ids of records, or of customers as they are or were; none: everybody. `changed`: only records that belong
    to another customer today."""
    holds, values = moment_sql(moment) if moment else ("h.until_run IS NULL", [])
    ids, _ = moment_sql(moment, "i") if moment else ("i.until_run IS NULL", [])
    tests = [holds]
    if about:
        tests.append(
            f"(h.record_id IN (FROM asked) OR h.customer_id IN (SELECT coalesce(i.alias_of, i.customer_id) FROM {IDS} i"
            f" WHERE i.customer_id IN (FROM asked) AND {ids}))"
        )
    if changed:
        tests.append("m.customer_id IS DISTINCT FROM h.customer_id")
    return connection.execute(
        f"""
        WITH asked AS (SELECT unnest(?::VARCHAR[]))
        SELECT h.record_id, h.customer_id, h.since, h.until, m.customer_id
        FROM {MAP} h LEFT JOIN silver.customer_map m USING (record_id)
        WHERE {" AND ".join(tests)} ORDER BY h.customer_id, h.record_id LIMIT {int(limit)}
        """,
        [list(about), *values, *(values if about else [])],
    ).fetchall()
