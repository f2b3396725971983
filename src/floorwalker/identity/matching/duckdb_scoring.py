"""Scoring on DuckDB: `edges` of the records in a table.

In: a connection, a model, tables of records. Out: a table of edges (see `scoring`). `new`: only pairs with a side in
that table, which may be part of `records`.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.scoring import FLOOR, candidate_sql, edges_sql, frequency_rows, frequency_sql, score

_TABLES = ("match_candidates", "match_prepared", "match_skipped", "match_frequencies")


def edges(connection: duckdb.DuckDBPyConnection, model: Model, records: str, into: str, new: str | None = None) -> int:
    """Make the table `into`; returns its number of rows. Deterministic up to their order."""
    load_model(connection, model)
    query = candidate_sql(model, records, new, "match_skipped")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE match_candidates AS {query}")
    needed = "SELECT join_key_l FROM match_candidates UNION SELECT join_key_r FROM match_candidates"
    where = "" if new is None else f"WHERE rid IN ({needed})"
    columns = ", ".join(model.fields)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE match_prepared AS SELECT rid, {columns} FROM {records} {where}")
    return _score(connection, model, into, FLOOR)


def weigh(connection: duckdb.DuckDBPyConnection, model: Model, records: str, pairs: str, into: str) -> int:
    """The same for the `pairs` (rid_a, rid_b) of a few records, whatever they agree on and however light they are."""
    load_model(connection, model)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE match_candidates AS
        SELECT least(rid_a, rid_b) AS join_key_l, greatest(rid_a, rid_b) AS join_key_r, '0' AS match_key FROM {pairs}
    """)
    columns = ", ".join(model.fields)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE match_prepared AS SELECT rid, {columns} FROM {records}")
    return _score(connection, model, into, None)


def _score(connection: duckdb.DuckDBPyConnection, model: Model, into: str, floor: float | None) -> int:
    """Edges of match_candidates between match_prepared."""
    from splink import DuckDBAPI

    frequencies = {column: f"match_tf_{column}" for column in model.frequencies}
    for column, name in frequencies.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {frequency_sql(model, column, 'match_prepared')}")
    table = score(DuckDBAPI(connection=connection), model, "match_prepared", "match_candidates", frequencies, floor)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS {edges_sql(model, table, floor)}")
    for name in (table, *_TABLES, *frequencies.values()):
        connection.execute(f"DROP TABLE {name}")
    ((count,),) = connection.execute(f"SELECT count(*) FROM {into}").fetchall()
    return count


def load_model(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """match_skipped and match_frequencies: what the SQL of scoring reads of a model."""
    blocks, hashes = zip(*model.oversized, strict=True) if model.oversized else ((), ())
    frequencies = frequency_rows(model)
    names, values, shares = zip(*frequencies, strict=True) if frequencies else ((), (), ())
    tables = {
        "match_skipped": {"block": pa.array(blocks, pa.int32()), "hash": pa.array(hashes, pa.string())},
        "match_frequencies": {
            "name": pa.array(names, pa.string()),
            "value": pa.array(values, pa.string()),
            "share": pa.array(shares, pa.float64()),
        },
    }
    for name, columns in tables.items():
        connection.register("match_batch", pa.table(columns))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM match_batch")
        connection.unregister("match_batch")
