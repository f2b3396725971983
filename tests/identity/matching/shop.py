"""Records as the matcher sees them, made of a population with a known truth.

In: silver.identity_records, or rows of fields. Out: a context with match_records, or a table.

>>> table(duckdb.connect(), "crowd", [{"family_name": "lee"}, {"family_name": None}])
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from tests.steps import MemoryContext

from floorwalker.identity import match, rules
from floorwalker.identity.matching import training
from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.training import learn
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.steps import steps


def context_of(records: pa.Table, folder: Path) -> MemoryContext:
    """A context with identity_people, identity_hubs, match_records, and memory of nothing."""
    context = MemoryContext(folder, dt.date(2026, 1, 1))
    context.project.state.mkdir(parents=True, exist_ok=True)
    context.connection.execute("SET threads = 1")
    context.write("silver.identity_records", records)
    for name, schema in match.MEMORY.items():
        context.write(f"{name}_previous", schema.empty_table())
    settings = IdentitySettings()
    steps(settings)[0].run(context)
    rules.make_people(context.connection)
    rules.make_hubs(context.connection, settings)
    match._make_records(context.connection)
    return context


def table(connection: duckdb.DuckDBPyConnection, name: str, rows: list[dict[str, str | None]]) -> None:
    """`name` with rid 0 … and the rows' fields as text."""
    columns = {field: pa.array([row.get(field) for row in rows], pa.string()) for field in rows[0]}
    connection.register("incoming", pa.table({"rid": pa.array(range(len(rows)), pa.int32()), **columns}))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")


def learn_fast(connection: duckdb.DuckDBPyConnection, name: str, fields: dict[str, str]) -> Model:
    """`learn` with fewer random pairs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_PAIRS", 20_000)
        return learn(connection, name, fields)
