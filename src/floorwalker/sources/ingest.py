"""Deliveries in, typed rows of the vocabulary out: the one path by which files enter the lake.

In: a DuckDB connection, a mapping, the deliveries to read and when they were received. Out: for each kind of the
mapping a temporary view `incoming_<kind>` with exactly the kind's bronze columns, tables `incoming_quarantine` and
`incoming_deliveries`, and a `BatchResult` that accounts for every row. Nothing is stored: the caller appends
`new_rows_sql(kind, existing)` and keeps the quarantine.

    connection.execute(f"INSERT INTO bronze.order_lines {new_rows_sql('order_lines', 'bronze.order_lines')}")

An event's id is the hash of its content, or for the n-th of equal rows in one delivery of content and n. So a row
delivered again, in an overlapping file, another order or another format, has an id that is known, and duplicates a
source meant are kept.

>>> new_rows_sql("stores", "")
'SELECT * FROM incoming_stores'
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from floorwalker.errors import ConfigError, FloorwalkerError
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.compile import CompiledMap, staged_name, staged_table_sql
from floorwalker.sources.conversions import MACROS, quoted
from floorwalker.sources.files import Delivery, stamp
from floorwalker.sources.loading import PACKED, PACKING, Group, load_group, make_groups
from floorwalker.sources.looking import FileFacts
from floorwalker.sources.mapping import Mapping
from floorwalker.sources.refusals import QUARANTINE, put_aside, skipped_rows
from floorwalker.sources.views import make_view


@dataclass(frozen=True)
class Counts:
    """Rows of one kind: read = accepted + quarantined + suppressed; `repeated`: accepted, but known."""

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
    files: tuple[FileFacts, ...] = field(default=())
    """What each file was found to be; of archives and workbooks each member or sheet."""


def read_deliveries(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    deliveries: list[Delivery],
    received_at: dt.datetime,
    *,
    suppressed: str = "",
    hash_sql: Callable[[str, str], str] | None = None,
    scratch: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> BatchResult:
    """Read deliveries of one mapping in one go, in their order.

    `suppressed` names a relation with a column `hash`; rows with an identifier for which `hash_sql(kind of identifier,
    SQL of its value)` is in it are dropped, in quarantine too. Rewritten copies of files lie in a temporary folder
    (below `scratch`) and go before this returns; `progress` is told of bytes as they are read. Raises `ConfigError`
    when the mapping's SQL does not run; a file that cannot be read refuses its delivery only.
    """
    if received_at.tzinfo is None:
        raise ConfigError("received_at has no time zone", fix="pass an aware datetime, e.g. in UTC")
    drop_incoming(connection)
    with _settings(connection), tempfile.TemporaryDirectory(dir=scratch) as folder:
        for macro in MACROS:
            connection.execute(macro)
        for name in mapping.kinds:
            connection.execute(staged_table_sql(mapping, KINDS[name]))
        connection.execute(QUARANTINE)
        groups, refused, facts = make_groups(connection, mapping, deliveries, Path(folder), progress)
        _register(connection, mapping, deliveries, refused)
        skipped: dict[int, int] = {}
        for group in groups:
            _stage(connection, mapping, group, suppressed, hash_sql)
            progress(group.size)
            for index, rows in skipped_rows(connection, mapping):
                skipped[index] = skipped.get(index, 0) + rows
        connection.execute("DROP TABLE IF EXISTS incoming_raw; DROP TABLE IF EXISTS incoming_malformed")
        for name in mapping.kinds:
            make_view(connection, mapping, KINDS[name], received_at)
    return replace(_account(connection, mapping, deliveries, refused, skipped), files=tuple(facts))


def bytes_to_read(delivery: Delivery) -> int:
    """About how many bytes `progress` will be told of: each is looked at once and loaded once, unpacked."""
    # A file that is gone meanwhile refuses its delivery later, not the run here.
    sizes = (max(stamp(file.path)[0], 0) * (PACKED if file.path.suffix in PACKING else 1) for file in delivery.files)
    return 2 * sum(sizes)


def new_rows_sql(kind: str, existing: str) -> str:
    """SELECT of the rows of `incoming_<kind>` that `existing`, a table expression with event_id or "", lacks."""
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


@contextmanager
def _settings(connection: duckdb.DuckDBPyConnection) -> Generator[None]:
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
        "INSERT INTO incoming_deliveries SELECT unnest($1::INTEGER[]), $2, $3, "
        "unnest($4::VARCHAR[]), unnest($5::VARCHAR[]), unnest($6::VARCHAR[])",
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
    put_aside(connection, mapping, group)


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
