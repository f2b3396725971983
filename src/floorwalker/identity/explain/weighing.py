"""Weigh pairs of records that a run kept no weight of: because they agree on nothing it looks for, or on too little.

In: a connection on the published tables, the project's model, pairs of records. Out: rows as silver.identity_pairs has
them; none for a record that says too little to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from floorwalker.identity.explain.pieces import has, rows
from floorwalker.identity.guards import HUBS
from floorwalker.identity.match import GAMMAS, coded, said_sql

if TYPE_CHECKING:
    import duckdb

    from floorwalker.identity.explain.waterfall import Score
    from floorwalker.identity.matching.model import Model


def scorer(model: Model) -> Score:
    """How `model` weighs pairs that no table has."""

    def score(connection: duckdb.DuckDBPyConnection, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        from floorwalker.identity.matching.duckdb_scoring import weigh

        ids = sorted({one for pair in pairs for one in pair})
        connection.register("match_asked", pa.table({"rid": pa.array(range(len(ids)), pa.int32()), "record_id": ids}))
        known = f"SELECT kind, ('0x' || code)::UBIGINT AS code FROM {HUBS}" if has(connection, HUBS) else _NONE
        records = "(SELECT n.*, a.rid FROM silver.normalised_records n JOIN match_asked a USING (record_id))"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE match_closed AS {known}")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE match_few AS {said_sql(f'({coded(records)})', 'match_closed')}"
        )
        numbers = {record: rid for rid, record in enumerate(ids)}
        asked = pa.table({
            side: pa.array([numbers[pair[place]] for pair in pairs], pa.int32())
            for place, side in enumerate(("rid_a", "rid_b"))
        })  # fmt: skip
        connection.register("match_pairs_asked", asked)
        connection.execute("""
            CREATE OR REPLACE TEMP TABLE match_pairs AS FROM match_pairs_asked
            WHERE rid_a IN (SELECT rid FROM match_few) AND rid_b IN (SELECT rid FROM match_few)
        """)
        weigh(connection, model, "match_few", "match_pairs", "match_weighed")
        found = rows(
            connection,
            f"""
            SELECT a.record_id AS record_a, b.record_id AS record_b, w.weight,
                   1 / (1 + pow(2, -w.weight)) AS probability, ? AS model, w.against_strangers, {", ".join(GAMMAS)}
            FROM match_weighed w JOIN match_few a ON a.rid = w.rid_a JOIN match_few b ON b.rid = w.rid_b
            """,
            [model.id],
        )
        for table in ("closed", "few", "pairs", "weighed"):
            connection.execute(f"DROP TABLE match_{table}")
        for view in ("match_asked", "match_pairs_asked"):
            connection.unregister(view)
        return found

    return score


_NONE = "SELECT NULL::VARCHAR AS kind, NULL::UBIGINT AS code WHERE FALSE"
