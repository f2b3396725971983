"""Deliveries in, typed rows of the vocabulary out: the one path by which files enter the lake.

In: a DuckDB connection, a mapping, the deliveries to read and when they were received. Out: for each kind of the mapping a temporary
view `incoming_<kind>` with exactly the kind's bronze columns, tables `incoming_quarantine` and `incoming_deliveries`, and a `BatchResult` that accounts for
every row. Nothing is stored: the caller appends `new_rows_sql(kind, existing)` and keeps the quarantine.

    connection.execute(f"INSERT INTO bronze.order_lines {new_rows_sql('order_lines', 'bronze.order_lines')}")

An event's id is the hash of its content, or for the n-th of equal rows in one delivery of content and n. So a row delivered again,
in an overlapping file, another order or another format, has an id that is known, and duplicates a source meant are kept.

>>> new_rows_sql("stores", "")
'SELECT * FROM incoming_stores'
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from floorwalker.errors import ConfigError, FloorwalkerError
from floorwalker.events.vocabulary import COMMON, KINDS, LAKE_TYPES, SCHEMA_VERSION, Column, Kind
from floorwalker.sources.compile import (
    IDENTIFIERS,
    CompiledMap,
    constant_text,
    separated,
    staged_name,
    staged_table_sql,
    stored_columns,
)
from floorwalker.sources.conversions import MACROS, literal, quoted
from floorwalker.sources.files import Delivery
from floorwalker.sources.loading import BAD_JSON, NO_MAP, Group, load_group, make_groups, raw_json
from floorwalker.sources.mapping import Mapping, needs_time


@dataclass(frozen=True)
class Counts:
    """Rows of one kind: read = accepted + quarantined + suppressed. `repeated` of the accepted are in an earlier delivery too."""

    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    suppressed: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class DeliveryResult:
    """A delivery's account: read = accepted + quarantined + suppressed + skipped."""

    delivery: Delivery
    read: int
    accepted: int
    quarantined: int
    suppressed: int
    skipped: int


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch. `unrouted`: malformed lines and rows that no map takes, already among the quarantined."""

    deliveries: tuple[DeliveryResult, ...]
    kinds: dict[str, Counts]
    unrouted: int = 0
    skipped: int = 0
    refused: tuple[tuple[Delivery, FloorwalkerError], ...] = field(default=())


def read_deliveries(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    deliveries: list[Delivery],
    received_at: dt.datetime,
    *,
    suppressed: str = "",
    hash_sql: Callable[[str, str], str] | None = None,
    scratch: Path | None = None,
) -> BatchResult:
    """Read deliveries of one mapping in one go, in their order.

    `suppressed` names a relation with a column `hash`; rows with an identifier for which `hash_sql(kind of identifier, SQL of
    its value)` is in it are dropped, in quarantine too. Rewritten copies of files lie in a temporary folder (below `scratch`)
    and go before this returns. Raises `ConfigError` when the mapping's SQL does not run; a file that cannot be read refuses
    its delivery only.
    """
    if received_at.tzinfo is None:
        raise ConfigError("received_at has no time zone", fix="pass an aware datetime, e.g. in UTC")
    drop_incoming(connection)
    with _settings(connection), tempfile.TemporaryDirectory(dir=scratch) as folder:
        for macro in MACROS:
            connection.execute(macro)
        for name in mapping.kinds:
            connection.execute(staged_table_sql(mapping, KINDS[name]))
        connection.execute(_QUARANTINE)
        groups, refused = make_groups(connection, mapping, deliveries, Path(folder))
        _register(connection, mapping, deliveries, refused)
        skipped: dict[int, int] = {}
        for group in groups:
            _stage(connection, mapping, group, suppressed, hash_sql)
            for index, rows in _skipped(connection, mapping):
                skipped[index] = skipped.get(index, 0) + rows
        connection.execute("DROP TABLE IF EXISTS incoming_raw; DROP TABLE IF EXISTS incoming_malformed")
        for name in mapping.kinds:
            _finish(connection, mapping, KINDS[name], received_at)
    return _account(connection, mapping, deliveries, refused, skipped)


def new_rows_sql(kind: str, existing: str) -> str:
    """SELECT of the rows of `incoming_<kind>` that `existing` (any table expression with event_id; "" is none) does not hold."""
    if not existing:
        return f"SELECT * FROM incoming_{kind}"
    return f"SELECT * FROM incoming_{kind} ANTI JOIN (SELECT event_id FROM {existing}) AS existing USING (event_id)"


def drop_incoming(connection: duckdb.DuckDBPyConnection) -> None:
    """Take away every temporary table and view of an earlier batch."""
    for what, listed in (("VIEW", "duckdb_views()"), ("TABLE", "duckdb_tables()")):
        name = f"{what.lower()}_name"
        found = connection.execute(f"SELECT {name} FROM {listed} WHERE temporary AND starts_with({name}, 'incoming_')")
        for (table,) in found.fetchall():
            connection.execute(f"DROP {what} {quoted(table)}")


_QUARANTINE = """
CREATE OR REPLACE TEMP TABLE incoming_quarantine (fw_delivery INTEGER, source VARCHAR, mapping VARCHAR, kind VARCHAR, delivery_id VARCHAR,
  fingerprint VARCHAR, content VARCHAR, file VARCHAR, row_number BIGINT, reason VARCHAR, raw VARCHAR)"""


@contextmanager
def _settings(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """UTC, and rows in the order of their files: row numbers come from it."""
    ordered = connection.execute("SELECT current_setting('preserve_insertion_order')").fetchone()
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    try:
        yield
    finally:
        connection.execute(f"SET preserve_insertion_order = {bool(ordered and ordered[0])}")


def _register(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    deliveries: list[Delivery],
    refused: dict[int, FloorwalkerError],
) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_deliveries (fw_delivery INTEGER, source VARCHAR, mapping VARCHAR, "
        "delivery_id VARCHAR, fingerprint VARCHAR, content VARCHAR)"
    )
    read = [(index, item) for index, item in enumerate(deliveries) if index not in refused]
    connection.execute(
        "INSERT INTO incoming_deliveries SELECT unnest($1::INTEGER[]), $2, $3, unnest($4::VARCHAR[]), unnest($5::VARCHAR[]), "
        "unnest($6::VARCHAR[])",
        [
            [index for index, _ in read],
            mapping.source,
            mapping.name,
            [item.delivery_id for _, item in read],
            [item.fingerprint for _, item in read],
            [item.content for _, item in read],
        ],
    )


def _stage(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    group: Group,
    suppressed: str,
    hash_sql: Callable[[str, str], str] | None,
) -> None:
    """Load a group's files, run every map over them, and put aside what fits none."""
    try:
        load_group(connection, mapping, group)
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        first = str(error).splitlines()[0]
        raise ConfigError("the mapping's SQL does not run", why=f"{mapping.path}: {first}") from error
    for number in range(len(mapping.maps)):
        compiled = CompiledMap(mapping, number, group.layout, connection)
        connection.execute(compiled.insert_sql(suppressed, hash_sql))
    _put_aside(connection, mapping, group)


def _put_aside(connection: duckdb.DuckDBPyConnection, mapping: Mapping, group: Group) -> None:
    """Quarantine: rows with reasons, rows no map took, lines that are no rows."""
    bad = [
        f"SELECT {literal(kind)} AS kind, fw_file, fw_row, fw_reason AS reason FROM {staged_name(kind)} "
        f"WHERE fw_reason IS NOT NULL AND NOT fw_suppressed AND fw_file BETWEEN {group.numbers[0]} AND {group.numbers[-1]}"
        for kind in mapping.kinds
    ]
    names = {NO_MAP: "no map matches", BAD_JSON: "invalid JSON line"}
    unrouted = [BAD_JSON] if mapping.rest == "skip" else [NO_MAP, BAD_JSON]
    bad += [
        f"SELECT '' AS kind, fw_file, incoming_raw.rowid - fw_first + 1 AS fw_row, {literal(names[code])} AS reason "
        f"FROM incoming_raw JOIN incoming_parts USING (fw_file) WHERE fw_map = {code}"
        for code in unrouted
    ]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE incoming_bad AS {' UNION ALL '.join(bad)}")
    # A line put aside has a number too: the n-th good row stands behind as many lines as were put aside before it.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_gaps AS SELECT fw_file, good, max(turn) AS shift FROM (SELECT fw_file, turn, "
        "record - turn AS good FROM (SELECT fw_file, record, row_number() OVER (PARTITION BY fw_file ORDER BY record) AS turn "
        "FROM incoming_malformed)) GROUP BY fw_file, good"
    )
    if connection.execute("SELECT 1 FROM incoming_bad LIMIT 1").fetchone() is None:
        rows = "SELECT * FROM (SELECT 0 AS fw_file, '' AS kind, 0 AS row_number, '' AS reason, '' AS raw) WHERE false"
    else:
        rows = (
            "SELECT b.fw_file, b.kind, b.fw_row + coalesce(g.shift, 0) AS row_number, b.reason, r.raw FROM incoming_bad AS b "
            f"JOIN incoming_parts AS p ON p.fw_file = b.fw_file JOIN ({raw_json(group)}) AS r ON r.fw_rowid = b.fw_row + p.fw_first - 1 "
            "ASOF LEFT JOIN incoming_gaps AS g ON g.fw_file = b.fw_file AND g.good < b.fw_row"
        )
    connection.execute(
        "INSERT INTO incoming_quarantine SELECT fw_delivery, source, mapping, kind, delivery_id, fingerprint, content, "
        f"file, row_number, reason, raw FROM ({rows} UNION ALL SELECT fw_file, '', record, reason, CAST(to_json(raw) AS VARCHAR) "
        "FROM incoming_malformed) JOIN incoming_parts USING (fw_file) JOIN (SELECT fw_file, file FROM incoming_files) USING (fw_file) "
        "JOIN incoming_deliveries USING (fw_delivery) ORDER BY fw_file, row_number"
    )


def _skipped(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> list[tuple[int, int]]:
    if mapping.rest != "skip":
        return []
    return connection.execute(
        "SELECT fw_delivery, count(*) FROM incoming_raw JOIN incoming_parts USING (fw_file) "
        f"WHERE fw_map = {NO_MAP} GROUP BY fw_delivery ORDER BY fw_delivery"
    ).fetchall()


def _finish(connection: duckdb.DuckDBPyConnection, mapping: Mapping, kind: Kind, received_at: dt.datetime) -> None:
    """Number equal rows within their delivery, mark those an earlier delivery has, and make the kind's view."""
    staged = staged_name(kind.name)
    good = "fw_reason IS NULL AND NOT fw_suppressed"
    # Only keys that occur twice need a look at order: few, so nothing wide is sorted.
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE incoming_equal_{kind.name} AS SELECT fw_rowid, fw_turn, "
        "row_number() OVER (PARTITION BY fw_key, fw_turn ORDER BY fw_delivery) > 1 AS fw_again FROM (SELECT rowid AS fw_rowid, fw_key, "
        f"fw_delivery, row_number() OVER (PARTITION BY fw_delivery, fw_key ORDER BY fw_file, fw_row) AS fw_turn FROM {staged} "
        f"WHERE {good} AND fw_key IN (SELECT fw_key FROM {staged} WHERE {good} GROUP BY fw_key HAVING count(*) > 1))"
    )
    held = {column.name: _held(connection, mapping, kind, column) for column in kind.columns}
    defaults = mapping.defaults
    for name in ("channel", "market", "brand", "legal_entity", "language", "purposes", "currency"):
        if getattr(defaults, name) and name in held and not kind.column(name).required:
            held[name] = f"coalesce({held[name]}, {literal(getattr(defaults, name))})"
    received = f"TIMESTAMPTZ {literal(received_at.astimezone(dt.timezone.utc).isoformat())}"
    key = "lower(lpad(to_hex(fw_key), 32, '0'))"
    held["event_id"] = f"CASE WHEN coalesce(fw_turn, 1) = 1 THEN {key} ELSE md5({key} || '#' || fw_turn) END"
    held["source"] = literal(mapping.source)
    held["delivery_id"] = "delivery_id"
    held["schema_version"] = str(SCHEMA_VERSION)
    held["received_at"] = received
    day = "fw_day"
    if not needs_time(kind):
        held["occurred_at"] = f"coalesce({held['occurred_at']}, {received})"
        day = f"coalesce(fw_day, CAST(timezone({literal(defaults.time_zone)}, {received}) AS DATE))"
    held["occurred_on"] = day
    if "order_key" in held:
        held["order_key"] = f"coalesce({held['order_key']}, {literal(mapping.order_scope + ':')} || {held['order_id']})"
    if {"amount", "unit_price"} <= held.keys():
        discount = f" - coalesce({held['discount']}, 0)" if "discount" in held else ""
        product = f"{held['quantity']} * {held['unit_price']}{discount}"
        held["amount"] = f"coalesce({held['amount']}, TRY(CAST({product} AS DECIMAL(18, 4))))"
    if kind.person:
        held["record_id"] = _record_id(mapping, kind, held)
    columns = ", ".join(
        f"CAST({held[column.name]} AS {LAKE_TYPES[column.type]}) AS {quoted(column.name)}" for column in kind.columns
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW incoming_{kind.name} AS SELECT {columns} FROM (SELECT s.*, s.rowid AS fw_rowid FROM {staged} AS s) "
        f"JOIN incoming_deliveries USING (fw_delivery) LEFT JOIN incoming_equal_{kind.name} USING (fw_rowid) "
        f"WHERE {good} AND NOT coalesce(fw_again, false)"
    )


def _held(connection: duckdb.DuckDBPyConnection, mapping: Mapping, kind: Kind, column: Column) -> str:
    """SQL of a column over the staged table: stored, or a constant of the map the row came by, or nothing."""
    null = f"CAST(NULL AS {LAKE_TYPES[column.type]})"
    if column in stored_columns(mapping, kind):
        return quoted(column.name)
    arms = []
    for number, item in enumerate(mapping.maps):
        found = item.mapped.get(column.name) if item.kind == kind.name else None
        if found is not None and found.value is not None:
            text = constant_text(connection, mapping, found, column)
            arms.append(f"WHEN {number} THEN CAST({literal(text or '')} AS {LAKE_TYPES[column.type]})")
    return f"CASE fw_map {' '.join(arms)} ELSE {null} END" if arms else null


def _record_id(mapping: Mapping, kind: Kind, held: dict[str, str]) -> str:
    """Hash of who the row says it is: all identifiers, and for customers what describes the person; NULL when nobody."""
    common = {column.name for column in COMMON}
    own = [column for column in kind.own if column.name not in common] if kind.name == "customers" else []
    mapped = {target for item in mapping.maps if item.kind == kind.name for target in item.mapped}
    columns = [column for column in (*IDENTIFIERS, *own) if column.name in mapped]
    naming = [f"CAST({held[column.name]} AS VARCHAR)" for column in columns if column.personal]
    if not naming:
        return "CAST(NULL AS VARCHAR)"
    words = separated(mapping.source, {column.name: held[column.name] for column in columns})
    return f"CASE WHEN coalesce({', '.join(naming)}) IS NOT NULL THEN md5({words}) END"


def _account(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    deliveries: list[Delivery],
    refused: dict[int, FloorwalkerError],
    skipped: dict[int, int],
) -> BatchResult:
    kinds = {}
    accepted: dict[int, list[int]] = {index: [0, 0, 0] for index in range(len(deliveries))}
    for name in mapping.kinds:
        rows = connection.execute(
            "SELECT fw_delivery, count(*) FILTER (fw_reason IS NULL AND NOT fw_suppressed), "
            "count(*) FILTER (fw_reason IS NOT NULL AND NOT fw_suppressed), count(*) FILTER (fw_suppressed) "
            f"FROM {staged_name(name)} GROUP BY fw_delivery"
        ).fetchall()
        for index, *parts in rows:
            accepted[index] = [have + more for have, more in zip(accepted[index], parts, strict=True)]
        good, bad, dropped = (sum(row[position] for row in rows) for position in (1, 2, 3))
        again = connection.execute(f"SELECT count(*) FROM incoming_equal_{name} WHERE fw_again").fetchone()
        kinds[name] = Counts(good + bad + dropped, good, bad, dropped, again[0] if again else 0)
    unrouted = dict(
        connection.execute(
            "SELECT fw_delivery, count(*) FROM incoming_quarantine WHERE kind = '' GROUP BY fw_delivery"
        ).fetchall()
    )
    results = []
    for index, delivery in enumerate(deliveries):
        if index in refused:
            continue
        good, bad, dropped = accepted[index]
        bad += unrouted.get(index, 0)
        rest = skipped.get(index, 0)
        results.append(DeliveryResult(delivery, good + bad + dropped + rest, good, bad, dropped, rest))
    return BatchResult(
        tuple(results),
        kinds,
        sum(unrouted.values()),
        sum(skipped.values()),
        tuple((deliveries[index], error) for index, error in sorted(refused.items())),
    )
