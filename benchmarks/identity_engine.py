"""The identity engines under test: where the product is plugged into the benchmark.

In: a lake that holds silver.identity_records. Out: who is who, as `Found`.

- `RETAIL`: method -> settings of the product's own steps, run as a run runs them (Delta tables, a memory limit, what
  was last published as memory). `found_in` reads what they left.
- `STITCHERS`: method -> how to open a live stitcher.
- `OURS`: the method whose rows carry the goals; every other is a baseline.

    run(lake, RETAIL["full"])
    found_in(lake, RETAIL["full"]).customers                          # record_id, customer_id

`identity_generic` does the same for any other table of records.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from benchmarks.identity_measures import Found

from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, plan
from floorwalker.identity.resolver import components
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.steps import REMEMBERED, steps
from floorwalker.identity.stitching.stitcher import Stitcher

MEMORY, THREADS = "1.2GB", 2
"""Of two gigabytes the engine gets 60 %."""
AS_OF = dt.date(2026, 7, 1)
RECORDS, MAP, EVIDENCE = "silver.identity_records", "silver.customer_map", "silver.identity_evidence"
PAIRS, LEVELS, CURVE = "silver.identity_pairs", "silver.customer_levels", "silver.identity_levels"
PROBABLE = 4
"""Tier of evidence that a model weighs."""

PINNED = ("state/matching", "state/identity")
"""Where a project keeps the statistics that a first run pins for the next."""

RETAIL: dict[str, IdentitySettings] = {
    "full": IdentitySettings(),
    "deterministic": IdentitySettings(probable=False),
}


def lake_of(folder: Path | str) -> Lake:
    """The lake of a run's folder."""
    return Lake(Project(folder), memory_limit=MEMORY, threads=THREADS)


def run(lake: Lake, settings: IdentitySettings) -> dict[str, float]:
    """Identity's steps on the lake's records, published at the end; a second run there goes on from the first, as a
    project's next run does. Seconds per step."""
    before = lake.pointer()
    published = before.tables if before else {}
    build = Build(
        lake,
        "bench-2" if before else "bench-1",
        AS_OF,
        previous={table: published.get(table) for table in REMEMBERED},
        empty=REMEMBERED,
        published=published,
    )
    result = build.run(plan([], steps(settings), [RECORDS]))
    lake.publish(run_id=build.run_id, as_of=AS_OF, versions=result.versions)
    return {node.name: node.seconds for node in result.nodes}


def found_in(lake: Lake, settings: IdentitySettings) -> Found:
    """What the steps left: the map, what is certain without a model, the pairs that one weighed, and the levels with
    the precision that the project believes each to have."""
    with lake.connect() as connection:
        for table in (MAP, EVIDENCE, PAIRS, LEVELS, CURVE):
            lake.view(connection, table)
        customers = _read(connection, f"SELECT record_id, customer_id FROM {MAP}")
        if not settings.probable:
            return Found(customers)
        pairs = _read(connection, f"SELECT record_a, record_b, probability FROM {PAIRS}")
        levels = {
            name: (_believed(connection, name, at), _at(connection, name)) for name, at in settings.levels.items()
        }
        return Found(customers, _certain(connection), pairs, levels)


def _read(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> pa.Table:
    return connection.sql(query, params=list(values)).to_arrow_table()


def _believed(connection: duckdb.DuckDBPyConnection, level: str, target: float) -> float:
    rows = connection.execute(
        f"SELECT precision FROM {CURVE} WHERE list_contains(string_split(levels, ','), ?)", [level]
    ).fetchall()
    return rows[0][0] if rows else target


def _at(connection: duckdb.DuckDBPyConnection, level: str) -> pa.Table:
    """The customers of a level: those of the project, but where it says otherwise."""
    return _read(
        connection,
        f"SELECT m.record_id, coalesce(l.customer_id, m.customer_id) AS customer_id "
        f"FROM {MAP} m LEFT JOIN {LEVELS} l ON l.record_id = m.record_id AND l.level = ?",
        level,
    )


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


OURS = "full"
"""The method that the goals are for."""

Stitch = Callable[[Mapping[str, str]], str]
"""One event's identifiers (kind -> value as a source wrote it, and `market`) -> the customer it belongs to."""


def _stitcher(settings: IdentitySettings) -> Stitch:
    stitch = Stitcher(settings, b"a secret of the benchmark").add
    # As a live process does when it has opened (`stitching.opening`).
    gc.freeze()
    return stitch


STITCHERS: dict[str, Callable[[IdentitySettings], Stitch]] = {"full": _stitcher}
"""Method -> a stitcher that knows nobody yet."""
