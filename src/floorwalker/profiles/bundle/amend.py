"""A bundle in which only some people have changed: the former one, copied, with these people's entries written anew.

In: a DuckDB connection that sees the tables of a run, the former bundle, the customers whose rows are not as they were.
Out: a finished bundle folder with exactly the entries that building it whole would give; None when the former one does
not serve, because products were added or left, or profiles have other traits.

    path = amend_bundle(connection, former, bundles, customers, pairs, run_id=…, as_of=…, keys=…)

What concerns no person (products, lists, stock) is written anew: it is small beside the people.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from floorwalker.profiles.bundle import queries
from floorwalker.profiles.bundle.build import (
    SHOP,
    BundleFile,
    main_market,
    write_aliases,
    write_identifiers,
    write_meta,
    write_people,
    write_shop,
)
from floorwalker.profiles.bundle.layout import BUNDLE_VERSION, DONE, META, PERSONAL, Done, Meta, text_key

if TYPE_CHECKING:
    from collections.abc import Generator

    import duckdb

    from floorwalker.identity.lookup_keys import LookupKeys

PEOPLE = (
    "gold.customers", "gold.rfm", "gold.clusters", "gold.segments", "gold.consents", "gold.customer_products",
    "gold.recommendations", "silver.customer_identifiers",
)  # fmt: skip
"""Tables whose rows are about a customer_id and go into that customer's entries."""


def amend_bundle(
    connection: duckdb.DuckDBPyConnection,
    former: Path,
    bundles: Path,
    customers: Sequence[str],
    identifiers: Sequence[tuple[str, str]],
    *,
    run_id: str,
    as_of: dt.date,
    keys: LookupKeys,
) -> Path | None:
    """`customers`: ids whose rows in PEOPLE are not as in the former bundle, gone ones included; `identifiers`: (kind,
    key) of those whose rows in silver.customer_identifiers are not."""
    tables = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
        ).fetchall()
    }
    try:
        done = msgspec.json.decode((former / DONE).read_bytes(), type=Done)
    except FileNotFoundError:
        return None
    with BundleFile(bundles / run_id, run_id, former / done.file) as file:
        meta = msgspec.msgpack.decode(file.get("meta", META) or b"", type=Meta)
        columns = [row[:2] for row in connection.execute("DESCRIBE SELECT * FROM gold.customers").fetchall()]
        if (
            meta.version != BUNDLE_VERSION
            or meta.kids != sorted(keys.valid)
            or meta.traits != queries.profiles(columns, tables)[0]
        ):
            return None
        connection.execute(queries.NUMBERS)
        try:
            ids = [
                row[0] for row in connection.execute("SELECT product_id FROM bundle_numbers ORDER BY number").fetchall()
            ]
            if file.get("columns", text_key("product_id")) != msgspec.msgpack.encode(ids):
                return None
            file.clear(*SHOP, "aliases")
            known = write_shop(connection, file, tables)
            gone = [text_key(customer) for customer in customers]
            removed, *_ = (file.remove(name, gone) for name in PERSONAL)
            file.remove(
                "identifiers", [keys.entry_of(kid, kind, key) for kid in keys.valid for kind, key in identifiers]
            )
            with _only(connection, tables, customers, identifiers):
                traits, added = write_people(connection, file, tables, in_order=False)
                write_identifiers(connection, file, tables, keys, in_order=False)
                write_aliases(connection, file, tables)
        finally:
            connection.execute("DROP TABLE IF EXISTS bundle_numbers")
        said = {"customers": meta.customers - removed + added, "traits": traits, "kids": meta.kids}
        write_meta(file, known | said | {"main_market": main_market(connection)}, run_id, as_of)
        file.finish()
    return bundles / run_id


@contextmanager
def _only(
    connection: duckdb.DuckDBPyConnection,
    tables: set[str],
    customers: Sequence[str],
    identifiers: Sequence[tuple[str, str]],
) -> Generator[None]:
    """In the block the tables of people hold these customers only, and identifiers these only, of whoever has them."""
    ((home,),) = connection.execute("SELECT current_database()").fetchall()
    for name, columns in (
        ("amended_customers", {"customer_id": list(customers)}),
        ("amended_identifiers", {"kind": [kind for kind, _ in identifiers], "key": [key for _, key in identifiers]}),
    ):
        connection.register("amended_batch", pa.table({key: pa.array(v, pa.string()) for key, v in columns.items()}))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM amended_batch")
        connection.unregister("amended_batch")
    if "silver.customer_identifiers" in tables:
        # An entry counts everybody who has the identifier.
        connection.execute(
            "INSERT INTO amended_identifiers SELECT kind, key FROM silver.customer_identifiers"
            " WHERE customer_id IN (FROM amended_customers)"
        )
    connection.execute("ATTACH ':memory:' AS amended; CREATE SCHEMA amended.gold; CREATE SCHEMA amended.silver")
    for table in sorted(set(PEOPLE) & tables):
        narrow = "customer_id IN (FROM amended_customers)"
        if table == "silver.customer_identifiers":
            narrow = "(kind, key) IN (SELECT (kind, key) FROM amended_identifiers)"
        connection.execute(f"CREATE VIEW amended.{table} AS SELECT * FROM {home}.{table} WHERE {narrow}")
    if "silver.customer_aliases" in tables:
        connection.execute(f"CREATE VIEW amended.silver.customer_aliases AS FROM {home}.silver.customer_aliases")
    connection.execute("USE amended")
    try:
        yield
    finally:
        connection.execute(f"USE {home}; DETACH amended")
