"""The product's matching on any table of records: people, papers, products.

In: records (record_id and text columns), the kind of each column, and for two sources that are linked the column that
tells them apart. Out: who is who, as `Found`.

    by_model(records, {"title": "text", "year": "year"}, "source")    # learn, weigh, join
    by_rules(records, {"first": "given_name", "born": "birth_date"})  # a retailer's rules, for tables of people
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping

import pyarrow as pa
from benchmarks.identity_engine import RECORDS, RETAIL, THREADS, found_in, lake_of, run
from benchmarks.identity_measures import Found

from floorwalker.identity.matching.linking import link

Generic = Callable[[pa.Table, Mapping[str, str], str | None], Found]


def by_model(records: pa.Table, fields: Mapping[str, str], between: str | None = None) -> Found:
    """The matcher as it comes: it learns from the records, without labels."""
    found = link(records, fields, between=between, threads=THREADS)
    return Found(
        found.groups.rename_columns(["record_id", "customer_id"]),
        pairs=found.pairs.select(["record_a", "record_b", "probability"]),
    )


_COLUMNS = {
    "given_name": "given_name", "family_name": "family_name", "birth_date": "birth_date", "email": "email",
    "phone": "phone", "postcode": "postcode", "place": "city", "id": "account_id", "address": "address",
}  # fmt: skip
"""Kind of field -> what the rules know it as."""
_TEXTS = (
    "channel", "market", "customer_ref", "account_id", "loyalty_id", "email", "phone", "device_id", "cookie_id",
    "given_name", "family_name", "gender", "address", "postcode", "city", "country", "language",
)  # fmt: skip


def by_rules(records: pa.Table, fields: Mapping[str, str], _between: str | None = None) -> Found:
    """The deterministic rules on a table of people; a street number goes before the street it belongs to."""
    columns = {_COLUMNS[kind]: column for column, kind in reversed(fields.items()) if kind in _COLUMNS}
    number = next((column for column, kind in fields.items() if kind == "street_number"), None)
    said = [f"{column} AS {name}" for name, column in columns.items() if name not in ("address", "birth_date")]
    if "address" in columns:
        street = columns["address"]
        said.append(f"concat_ws(' ', {number}, {street}) AS address" if number else f"{street} AS address")
    said += [f"NULL::VARCHAR AS {name}" for name in _TEXTS if name not in columns]
    born = f"TRY_CAST({columns['birth_date']} AS DATE)" if "birth_date" in columns else "NULL::DATE"
    seen = "TIMESTAMPTZ '2026-01-01 00:00:00Z'"
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-") as folder:
        lake = lake_of(folder)
        with lake.connect() as connection:
            connection.register("given", records)
            rows = connection.sql(
                f"SELECT record_id, 'one' AS source, {', '.join(said)}, {born} AS birth_date, "
                f'{seen} AS first_seen, {seen} AS last_seen, 1 AS "rows" FROM given'
            )
            lake.append(RECORDS, rows, connection)
        run(lake, RETAIL["deterministic"])
        return Found(found_in(lake, RETAIL["deterministic"]).customers)


GENERIC: dict[str, Generic] = {"full": by_model, "deterministic": by_rules}
"""Method -> (records, column -> kind, column that differs on the sides of a pair or None) -> who is who."""
