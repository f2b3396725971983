"""Probable pairs of the records that a change concerns, where all others stand as they were scored.

In: identity_seeds and identity_closed (see `arrivals`), silver.normalised_records, and the pairs last published. Out:

    identity_rescored(record_id)            records whose pairs are scored anew, and those that are gone
    identity_new_pairs(record_a, record_b, weight, …)
    identity_probable, for the people at hand (`place`); silver.identity_pairs and silver.identity_matched (`write`)

A pair's edge depends on nothing but its two records and the model (`match`), so that this is what scoring everything
would give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from floorwalker.identity.match import GAMMAS, LEAST_RECORDS, SAID, coded, said_sql, standing_model
from floorwalker.identity.matching.blocking import near_sql
from floorwalker.identity.matching.duckdb_scoring import edges, load_model
from floorwalker.identity.normalising import NORMALISED

if TYPE_CHECKING:
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.matching.model import Model
    from floorwalker.identity.settings import IdentitySettings

PAIRS, MATCHED = "silver.identity_pairs", "silver.identity_matched"
TABLES = ("rescored", "new_pairs", "matched_now")
"""Temporary tables of this module, without their prefix."""
_PAIR = f"weight, against_strangers, {', '.join(GAMMAS)}"


def rescore(context: StepContext, settings: IdentitySettings) -> tuple[Model | None] | None:
    """Make identity_rescored and identity_new_pairs; the model that weighed them (or that there is none), or None where
    another model is due, so that everything must be scored anew."""
    connection = context.connection
    _make_said(connection)
    ((records,),) = connection.execute("SELECT count(*) FROM match_all").fetchall()
    model = standing_model(context.project.state, records, settings)
    scored = settings.probable and records >= LEAST_RECORDS
    name = model.id if model and scored else ""
    made = connection.execute(f"SELECT DISTINCT model FROM {MATCHED}_previous").fetchall()
    if (scored and not model) or any(one != name for (one,) in made):
        return None
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_matched_now AS
        SELECT record_id, {SAID} AS said FROM match_all SEMI JOIN identity_seeds USING (record_id)
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_rescored AS
        SELECT coalesce(n.record_id, p.record_id) AS record_id
        FROM identity_matched_now n
        FULL JOIN (FROM {MATCHED}_previous SEMI JOIN identity_seeds USING (record_id)) p ON p.record_id = n.record_id
        WHERE n.said IS DISTINCT FROM p.said
    """)
    if model and scored:
        _score(connection, model)
    else:
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE identity_new_pairs AS SELECT record_a, record_b, {_PAIR}
            FROM {PAIRS}_previous WHERE FALSE
        """)
    connection.execute("DROP TABLE match_all")
    return (model if scored else None,)


def _make_said(connection: duckdb.DuckDBPyConnection) -> None:
    """match_all: what can be compared of all records. Only those that are near a changed one will get a number."""
    people = f"(SELECT *, 0::INTEGER AS rid FROM ({coded(NORMALISED)}))"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE match_all AS {said_sql(people, 'identity_closed')}")


def _score(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Edges between the records to score and those that agree with them on a block, which are numbered in the order of
    their ids, as all are where everything is scored."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE match_due AS FROM match_all SEMI JOIN identity_rescored USING (record_id)"
    )
    load_model(connection, model)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE match_near AS
        SELECT * REPLACE ((row_number() OVER (ORDER BY record_id) - 1)::INTEGER AS rid) FROM match_all
        WHERE {near_sql(model.blocks, "match_due", "match_skipped")}
    """)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE match_due AS FROM match_near SEMI JOIN identity_rescored USING (record_id)"
    )
    edges(connection, model, "match_near", "match_edges", new="match_due")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_new_pairs AS
        SELECT a.record_id AS record_a, b.record_id AS record_b, {_PAIR}
        FROM match_edges JOIN match_near a ON a.rid = rid_a JOIN match_near b ON b.rid = rid_b
    """)
    for table in ("due", "near", "edges"):
        connection.execute(f"DROP TABLE match_{table}")


def place(connection: duckdb.DuckDBPyConnection) -> None:
    """identity_probable of the people at hand: pairs that stand, and new ones."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_probable AS
        SELECT least(a.rid, b.rid) AS rid_a, greatest(a.rid, b.rid) AS rid_b, {_PAIR}
        FROM (
            SELECT record_a, record_b, {_PAIR} FROM identity_new_pairs
            UNION ALL SELECT record_a, record_b, {_PAIR} FROM {PAIRS}_previous
            WHERE record_a NOT IN (SELECT record_id FROM identity_rescored)
                AND record_b NOT IN (SELECT record_id FROM identity_rescored)
        )
        JOIN identity_people a ON a.record_id = record_a JOIN identity_people b ON b.record_id = record_b
    """)


def write(context: StepContext, model: Model | None) -> None:
    """Merge the two tables."""
    connection, name = context.connection, model.id if model else ""
    gone = connection.sql(f"""
        SELECT record_a, record_b FROM {PAIRS}_previous
        WHERE record_a IN (SELECT record_id FROM identity_rescored)
            OR record_b IN (SELECT record_id FROM identity_rescored)
    """)
    new = connection.sql(f"""
        SELECT record_a, record_b, weight, 1 / (1 + pow(2, -weight)) AS probability, '{name}' AS model,
               against_strangers, {", ".join(GAMMAS)}
        FROM identity_new_pairs ORDER BY record_a, record_b
    """)
    context.merge(PAIRS, ["record_a", "record_b"], gone, new, tell=False)
    matched = connection.sql(f"""
        SELECT record_id, said, '{name}' AS model
        FROM identity_matched_now SEMI JOIN identity_rescored USING (record_id) ORDER BY record_id
    """)
    context.merge(
        MATCHED, ["record_id"], connection.sql("SELECT record_id FROM identity_rescored"), matched, tell=False
    )
