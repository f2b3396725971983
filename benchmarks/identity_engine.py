"""The identity engines under test: where the product is plugged into the benchmark.

In: for retail a lake that holds silver.identity_records; for other data a table and the kind of each column. Out: who
is who, as `Found`.

- `RETAIL`: method -> settings of the product's own steps, run as a run runs them (Delta tables, a memory limit, the
  last published map as memory). `found_in` reads what they left.
- `GENERIC`: method -> function of (records, fields, between) that gives a `Found`.
- `OURS`: the method whose rows carry the goals; every other is a baseline.

    run(lake, RETAIL["deterministic"])
    found = found_in(lake)                                            # record_id, customer_id
    by_rules(records, {"first": "given_name"}, None).customers        # the same rules, on any table of people
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from benchmarks.identity_measures import Found

from floorwalker.app.pipeline import PREVIOUS_SCHEMAS
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, plan
from floorwalker.identity.resolver import components
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.steps import steps

MEMORY, THREADS = "1.2GB", 2
"""Of two gigabytes the engine gets 60 %."""
AS_OF = dt.date(2026, 7, 1)
RECORDS, MAP, EVIDENCE = "silver.identity_records", "silver.customer_map", "silver.identity_evidence"
PAIRS, LEVELS = "silver.identity_pairs", "silver.customer_levels"
PROBABLE = 4
"""Tier of evidence that a model weighs."""

RETAIL: dict[str, IdentitySettings] = {"deterministic": IdentitySettings()}


def lake_of(folder: Path | str) -> Lake:
    """The lake of a run's folder."""
    return Lake(Project(folder), memory_limit=MEMORY, threads=THREADS)


def run(lake: Lake, settings: IdentitySettings) -> dict[str, float]:
    """Identity's steps on the lake's records, going on from what an earlier run there left; seconds per step."""
    previous = {table: lake.version(table) for table in PREVIOUS_SCHEMAS}
    run_id = f"bench-{sum(version is not None for version in previous.values())}"
    build = Build(lake, run_id, AS_OF, previous=previous, empty=PREVIOUS_SCHEMAS)
    result = build.run(plan([], steps(settings), [RECORDS]))
    return {node.name: node.seconds for node in result.nodes}


def found_in(lake: Lake, settings: IdentitySettings) -> Found:
    """What the steps left: the map, what is certain without a model, the pairs that one weighed, and the levels."""
    with lake.connect() as connection:
        present = [table for table in (MAP, EVIDENCE, PAIRS, LEVELS) if lake.exists(table)]
        for table in present:
            lake.view(connection, table)
        customers = _read(connection, f"SELECT record_id, customer_id FROM {MAP}")
        if PAIRS not in present:
            return Found(customers)
        pairs = _read(connection, f"SELECT record_a, record_b, probability FROM {PAIRS}")
        promised: Mapping[str, float] = getattr(settings, "levels", {})
        levels = {
            name: (precision, _at_level(connection, name))
            for name, precision in promised.items()
            if LEVELS in present and _has_level(connection, name)
        }
        return Found(customers, _certain(connection), pairs, levels)


def _read(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> pa.Table:
    return connection.sql(query, params=list(values)).to_arrow_table()


def _has_level(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {LEVELS} WHERE level = ? LIMIT 1", [name]).fetchall())


def _at_level(connection: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    return _read(connection, f"SELECT record_id, customer_id FROM {LEVELS} WHERE level = ?", name)


def _certain(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The customers that accepted evidence below the model's tier makes."""
    stars = _read(
        connection,
        f"SELECT record_id, rule || '|' || identifier_key AS node FROM {EVIDENCE} WHERE accepted AND tier < ?",
        PROBABLE,
    )
    records = _read(connection, f"SELECT record_id FROM {MAP} ORDER BY record_id")["record_id"].combine_chunks()
    names, nodes = (stars[column].combine_chunks() for column in ("record_id", "node"))
    codes = pa.concat_arrays([records, names]).dictionary_encode().indices.to_numpy()[len(records) :]
    node = nodes.dictionary_encode()
    size = len(records) + len(node.dictionary)
    labels = components(codes, node.indices.to_numpy() + np.int64(len(records)), size)[: len(records)]
    return pa.table({"record_id": records, "customer_id": pa.array(labels).cast(pa.string())})


# -- any table of people ----------------------------------------------------------------------------------------------

_COLUMNS = {
    "given_name": "given_name", "family_name": "family_name", "birth_date": "birth_date", "email": "email",
    "phone": "phone", "postcode": "postcode", "place": "city", "id": "account_id", "address": "address",
}  # fmt: skip
"""Kind of field -> what the rules know it as."""


def by_rules(records: pa.Table, fields: Mapping[str, str], between: str | None = None) -> Found:
    """The deterministic rules on a table of people; street numbers go before the street they belong to."""
    columns = {_COLUMNS[kind]: column for column, kind in reversed(fields.items()) if kind in _COLUMNS}
    number = next((column for column, kind in fields.items() if kind == "street_number"), None)
    said = [f"{column} AS {name}" for name, column in columns.items() if name not in ("address", "birth_date")]
    if "address" in columns:
        street = columns["address"]
        said.append(f"concat_ws(' ', {number}, {street}) AS address" if number else f"{street} AS address")
    born = f"TRY_CAST({columns['birth_date']} AS DATE)" if "birth_date" in columns else "NULL::DATE"
    texts = (
        "channel",
        "market",
        "customer_ref",
        "account_id",
        "loyalty_id",
        "email",
        "phone",
        "device_id",
        "cookie_id",
    )
    texts += ("given_name", "family_name", "gender", "address", "postcode", "city", "country", "language")
    absent = [f"NULL::VARCHAR AS {name}" for name in texts if name not in columns]
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-") as folder:
        lake = lake_of(folder)
        with lake.connect() as connection:
            connection.register("given", records)
            rows = connection.sql(
                f"SELECT record_id, 'one' AS source, {', '.join([*said, *absent])}, {born} AS birth_date, "
                "TIMESTAMPTZ '2026-01-01' AS first_seen, TIMESTAMPTZ '2026-01-01' AS last_seen, 1 AS \"rows\" "
                "FROM given"
            )
            lake.append(RECORDS, rows, connection)
        run(lake, RETAIL["deterministic"])
        return Found(found_in(lake, RETAIL["deterministic"]).customers)


Generic = Callable[[pa.Table, Mapping[str, str], str | None], Found]
"""(records, column -> kind, column that differs on the sides of a pair or None) -> who is who."""

GENERIC: dict[str, Generic] = {"deterministic": by_rules}

OURS = "full" if "full" in RETAIL else "deterministic"
"""The method that the goals are for."""

Stitch = Callable[[Mapping[str, str]], str]
"""One event's identifiers (kind -> value as a source wrote it, and `market`) -> the customer it belongs to."""

STITCHERS: dict[str, Callable[[IdentitySettings], Stitch]] = {}
"""Method -> a stitcher that knows nobody yet."""
