"""What a run's own steps make of records, with the rules alone and evidence of every level.

In: records. Out: record -> customer id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
import numpy as np
from tests.identity.population import table

from floorwalker.identity import manual, resolver, rules, statistics
from floorwalker.identity.levels import Cut
from floorwalker.identity.partition import divide, gather
from floorwalker.identity.records import normalise_records
from floorwalker.identity.registry import new_id
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.standing import Standing
from floorwalker.identity.statistics import Hub

ALL = Cut(tier=9, weight=0.0)


def normalised(rows: Iterable[dict[str, object]], settings: IdentitySettings) -> duckdb.DuckDBPyConnection:
    """A connection on the two tables of records."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'; CREATE SCHEMA silver")
    records = table(list(rows))
    connection.register("raw", records)
    connection.execute("CREATE TABLE silver.identity_records AS FROM raw")
    keys = normalise_records(connection, settings).to_arrow_table()
    connection.register("keys", keys)
    connection.execute("CREATE TABLE silver.normalised_records AS FROM keys")
    return connection


def by_a_run(
    rows: Iterable[dict[str, object]],
    settings: IdentitySettings,
    secret: bytes,
    decided: Sequence[Standing] = (),
    barred: Sequence[Hub] = (),
) -> dict[str, str]:
    """The SQL of the rules and the resolver, without writing tables."""
    connection = normalised(rows, settings)
    statistics.stage(connection, barred)
    rules.make_people(connection)
    rules.make_hubs(connection, settings)
    rules.make_pieces(connection, settings)
    connection.execute(
        "CREATE TEMP TABLE identity_probable AS SELECT 0 AS rid_a, 0 AS rid_b, 0.0 AS weight WHERE FALSE"
    )
    manual.make_claims(connection, decided)
    manual.place_claims(connection)
    manual.add_pieces(connection)
    gathered = gather(connection)
    _, refused = resolver.resolve(gathered.people, gathered.evidence, settings)
    labels = divide(connection, gathered, refused, {"all": ALL}, "all", settings).labels
    ids = [one for (one,) in connection.execute("SELECT record_id FROM identity_people ORDER BY rid").fetchall()]
    connection.close()
    named = {label: new_id(secret, ids[label]) for label in np.unique(labels).tolist()}
    return {one: named[label] for one, label in zip(ids, labels.tolist(), strict=True)}
