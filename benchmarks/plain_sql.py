"""The control of `benchmarks.pipeline`: the same tables by one plain DuckDB script, as one would write it by hand.

In: the raw files of the simulated retailer, and the customers identity found (four tables of Floorwalker's run: who is
who, the golden record and households are identity's on both sides, so they are timed on neither). Out: the bronze,
silver and gold tables that SQL makes, as Delta tables with the same columns and rows.

    python -m benchmarks.plain_sql RAW_FOLDER OUT_FOLDER LAKE_OF_FLOORWALKER MEMORY_LIMIT THREADS

It does what the data needs and nothing more: typed casts, local times to UTC, a key per row (hash of its content and
its ordinal among equal rows of its file), no row twice, orders in one currency. It has no quarantine, no tests of data,
no log of deliveries, no suppression of erased people, no publication at once: those are what a ratio above 1 pays for.
It uses what DuckDB does best (UNION BY NAME, arg_max, tables in memory) where the product's models must also run on
other engines.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb
from benchmarks.measuring import figures
from benchmarks.plain_sql_sources import SOURCES
from benchmarks.plain_sql_tables import GOLD, SILVER
from deltalake import DeltaTable, write_deltalake

from floorwalker.events.vocabulary import KINDS, LAKE_TYPES

IDENTIFIERS = ("customer_ref", "account_id", "loyalty_id", "email", "phone", "device_id", "cookie_id", "fingerprint")
DATED = ("order_lines", "returns", "browse_events", "email_events", "loyalty_events", "tickets")
COLUMNS = {kind.name: {one.name: LAKE_TYPES[one.type] for one in kind.columns} for kind in KINDS.values()}
"""Names and types of the bronze columns: all that the control takes from the product."""
DERIVED = ("source", "filename", "channel", "occurred_on", "occurred_hour", "order_key")
DESCRIBED = ("given_name", "family_name", "birth_date", "address", "postcode")


def run(raw: Path, out: Path, lake: Path, memory_limit: str, threads: int) -> None:
    """Make every table below `out`."""
    connection = duckdb.connect(config={"memory_limit": memory_limit, "threads": str(threads)})
    connection.execute(
        "SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET arrow_large_buffer_size = false"
    )
    connection.execute("CREATE MACRO clean(word) AS nullif(trim(word), '')")
    connection.execute("CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold; CREATE SCHEMA meta")
    for kind, parts in SOURCES.items():
        load(connection, kind, [part.replace("{raw}", str(raw)) for part in parts], out)
    connection.execute(
        "CREATE TABLE meta.run AS SELECT max(day) + 1 AS as_of, 'GBP' AS reporting_currency FROM ("
        + " UNION ALL ".join(f"SELECT max(occurred_on) AS day FROM bronze.{kind}" for kind in DATED)
        + ")"
    )
    for name, query in SILVER.items():
        if name == "browse_events":
            # From here on customers are known.
            for table in ("customer_map", "customer_identifiers", "golden_fields", "households"):
                files = DeltaTable(lake / "silver" / table).file_uris()
                connection.execute(f"CREATE VIEW silver.{table} AS FROM read_parquet({files})")
        make(connection, "silver", name, query, out)
    for name, query in GOLD.items():
        make(connection, "gold", name, query, out)


def load(connection: duckdb.DuckDBPyConnection, kind: str, parts: list[str], out: Path) -> None:
    """Add a kind's new rows to its bronze table."""
    columns = COLUMNS[kind]
    nothing = ", ".join(f"NULL::{of} AS {name}" for name, of in columns.items())
    nothing = f"SELECT {nothing}, NULL::VARCHAR AS filename WHERE FALSE"
    delivered = connection.sql(" UNION ALL BY NAME ".join(parts)).columns if parts else ["occurred_at"]
    content = ", ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in delivered if name not in DERIVED)
    target = out / "bronze" / kind
    files = DeltaTable(target).file_uris() if DeltaTable.is_deltatable(str(target)) else []
    existing = f"ANTI JOIN read_parquet({files}) USING (event_id)" if files else ""
    computed = {
        "delivery_id": "md5(filename)",
        "schema_version": "1",
        "received_at": "now()",
        "occurred_at": "coalesce(occurred_at, now())",
        "occurred_on": "coalesce(occurred_on, today())",
        "occurred_hour": "CASE WHEN occurred_on IS NULL THEN hour(now()) ELSE occurred_hour END",
        "brand": "CASE WHEN source <> 'bank' THEN 'Demo' END",
        "market": "coalesce(market, 'UK')",
        "currency": "coalesce(currency, 'GBP')" if kind != "exchange_rates" else "currency",
        "record_id": record_id(kind),
    }
    selected = ", ".join(f"CAST({computed.get(name, name)} AS {of}) AS {name}" for name, of in columns.items())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE staged AS SELECT *, md5(concat_ws('|', source, {content})) AS content
        FROM ({" UNION ALL BY NAME ".join([*parts, nothing])})""")
    # Only content that occurs twice is put in order: a window over every row of the file costs eight times as much.
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE turns AS
        SELECT row, nth, row_number() OVER (PARTITION BY content, nth ORDER BY filename) > 1 AS again
        FROM (SELECT rowid AS row, filename, content, row_number() OVER (PARTITION BY filename, content) AS nth
          FROM staged WHERE content IN (SELECT content FROM staged GROUP BY content HAVING count(*) > 1))""")
    connection.execute(f"""
        CREATE TABLE bronze.{kind} AS SELECT {selected} FROM (
          SELECT s.* EXCLUDE (event_id),
            CASE WHEN coalesce(nth, 1) = 1 THEN content ELSE md5(content || '#' || nth) END AS event_id
          FROM staged AS s LEFT JOIN turns ON turns.row = s.rowid WHERE NOT coalesce(again, false))
        {existing}""")
    write(connection, f"bronze.{kind}", target, "append")
    if files:
        everything = DeltaTable(target).file_uris()
        connection.execute(f"CREATE OR REPLACE TABLE bronze.{kind} AS FROM read_parquet({everything})")


def record_id(kind: str) -> str:
    """SQL of the hash of who a row says it is; NULL when nobody."""
    customers = kind == "customers"
    personal = [*IDENTIFIERS, *(DESCRIBED if customers else ())]
    # in the order of the columns, so that the hash is the one that identity knows
    words = ", ".join(f"'{name}=' || {name}" for name in (*personal, *(("city", "country") if customers else ())))
    anybody = f"coalesce({', '.join(f'{name}::VARCHAR' for name in personal)}) IS NOT NULL"
    return f"CASE WHEN {anybody} THEN md5(concat_ws(chr(31), source, {words})) END"


def make(connection: duckdb.DuckDBPyConnection, layer: str, name: str, query: str, out: Path) -> None:
    connection.execute(f"CREATE TABLE {layer}.{name} AS {query}")
    write(connection, f"{layer}.{name}", out / layer / name, "overwrite")


def write(connection: duckdb.DuckDBPyConnection, table: str, target: Path, mode: str) -> None:
    write_deltalake(target, connection.table(table).to_arrow_reader(), mode=mode)


if __name__ == "__main__":
    begun = time.perf_counter()
    raw, out, lake, memory_limit, threads = sys.argv[1:]
    run(Path(raw), Path(out), Path(lake), memory_limit, int(threads))
    sys.stdout.write(json.dumps(figures(begun)) + "\n")
