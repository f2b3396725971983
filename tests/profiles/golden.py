"""The golden record of a few hand-written records: identity's own keys and policy, and the model's SQL.

In: rows of silver.identity_records as dicts, each with its `customer`. Out: what silver.golden_fields says.

>>> choose(folder, [said("r1", given_name="Ann", family_name="Lee")])[("c", "given_name")]["value"]
'Ann'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from tests.identity.population import EPOCH, SCHEMA
from tests.steps import MemoryContext

from floorwalker.identity.golden import golden_step
from floorwalker.identity.settings import GoldenSettings, IdentitySettings
from floorwalker.identity.steps import steps
from floorwalker.profiles import SQL

RECORDS = SCHEMA if "language" in SCHEMA.names else SCHEMA.append(pa.field("language", pa.string()))
MODEL = (SQL / "silver" / "golden_fields.sql").read_text(encoding="utf-8")
FIELDS = (
    *("given_name", "family_name", "birth_date", "gender", "address", "postcode", "city", "country", "language"),
    *("market", "email", "phone", "loyalty_id"),
)
Chosen = dict[tuple[str, str], dict[str, Any]]


def said(record_id: str, customer: str = "c", day: int = 0, **fields: Any) -> dict[str, Any]:
    """One record, seen `day` days after the epoch; it says nothing but `fields`."""
    seen = EPOCH + dt.timedelta(days=day)
    row: dict[str, Any] = dict.fromkeys(RECORDS.names)
    row |= {"record_id": record_id, "source": "shop", "first_seen": seen, "last_seen": seen, "rows": 1}
    return {**row, "customer": customer, **fields}


def world(
    folder: Path, records: Iterable[Mapping[str, Any]], policy: GoldenSettings | None = None, hubs: Iterable[str] = ()
) -> duckdb.DuckDBPyConnection:
    """Everything the model reads. `hubs`: keys that silver.customer_identifiers leaves out."""
    records = list(records)
    context = MemoryContext(folder, dt.date(2026, 1, 1))
    connection = context.connection
    connection.execute("SET threads = 1")
    rows = [{name: row[name] for name in RECORDS.names} for row in records]
    context.write("silver.identity_records", pa.Table.from_pylist(rows, schema=RECORDS))
    columns = {"record_id": [row["record_id"] for row in records], "customer_id": [row["customer"] for row in records]}
    context.write("silver.customer_map", pa.table({name: pa.array(of, pa.string()) for name, of in columns.items()}))
    steps(IdentitySettings(default_region="GB"))[0].run(context)
    golden_step(policy or GoldenSettings()).run(context)
    refused = ", ".join(f"'{hub}'" for hub in ("", *hubs))
    kinds = {"email": "email_key", "phone": "phone_key", "loyalty_id": "loyalty_key", "account_id": "account_key"}
    connection.execute(
        "CREATE TABLE silver.customer_identifiers AS "
        + " UNION ALL ".join(
            f"SELECT DISTINCT customer_id, '{kind}' AS kind, {key} AS key FROM silver.normalised_records"
            f" JOIN silver.customer_map USING (record_id) WHERE {key} NOT IN ({refused})"
            for kind, key in kinds.items()
        )
    )
    return connection


def choose(
    folder: Path, records: Iterable[Mapping[str, Any]], policy: GoldenSettings | None = None, hubs: Iterable[str] = ()
) -> Chosen:
    """(customer, attribute) → the row of silver.golden_fields."""
    connection = world(folder, records, policy, hubs)
    try:
        rows = connection.sql(MODEL).to_arrow_table().to_pylist()
    finally:
        connection.close()
    chosen = {(row["customer_id"], row["attribute"]): row for row in rows}
    assert len(chosen) == len(rows), "one row per customer and attribute"
    return chosen
