"""Probable pairs in a run: score what is new, keep what was scored.

In: `identity_people` and `identity_hubs` (see `rules`), the pairs last published (silver.identity_pairs_previous) and
the records they were made of (silver.identity_matched_previous). Out: the temporary table `identity_probable` (rid_a,
rid_b, weight, …), silver.identity_pairs and silver.identity_matched.

A record is scored again when its words or the model changed; every other pair is taken over. Since a pair's edge
depends on nothing but its two records and the model, that gives what scoring everything would.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from floorwalker.engines.steps import StepContext
from floorwalker.identity.matching.comparisons import comparisons
from floorwalker.identity.matching.duckdb_scoring import edges
from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.training import learn
from floorwalker.identity.settings import IdentitySettings

FIELDS = {
    "given_name": "given_name", "family_name": "family_name", "birth_date": "birth_date", "email": "email",
    "phone": "phone", "address": "address", "postcode": "postcode", "loyalty_id": "hard_id",
}  # fmt: skip
"""Column of a record -> kind of field."""

LEAST_RECORDS = 500
"""With fewer records that say who they are, nothing is learned and nothing scored."""

MEMORY = {
    "silver.identity_pairs": pa.schema(
        [
            *((name, pa.string()) for name in ("record_a", "record_b")),
            *((name, pa.float64()) for name in ("weight", "probability")),
            ("model", pa.string()),
            ("against_strangers", pa.float64()),
            *((f"gamma_{one.name}", pa.int16()) for one in comparisons(FIELDS)),
        ]
    ),
    "silver.identity_matched": pa.schema([("record_id", pa.string()), ("said", pa.int64()), ("model", pa.string())]),
}
"""Tables of the last published run that scoring goes on from."""

GAMMAS = tuple(f"gamma_{one.name}" for one in comparisons(FIELDS))


def model_path(state: Path) -> Path:
    """Where a project keeps its matching model."""
    return state / "matching" / "model.json"


def match(context: StepContext, settings: IdentitySettings) -> Model | None:
    """Make identity_probable, and write the tables; the model used, None where there is too little to go by."""
    connection = context.connection
    _make_records(connection)
    ((records,),) = connection.execute("SELECT count(*) FROM match_records").fetchall()
    model = None
    if settings.probable and records >= LEAST_RECORDS:
        model = pinned_model(context, records, settings)
        _make_edges(connection, model)
    else:
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE identity_probable AS
            SELECT 0 AS rid_a, 0 AS rid_b, 0::DOUBLE AS weight, 0::DOUBLE AS against_strangers,
                   {", ".join(f"0::SMALLINT AS {gamma}" for gamma in GAMMAS)} WHERE FALSE
        """)
    _write(context, model)
    connection.execute("DROP TABLE match_records")
    return model


def take_over(context: StepContext) -> Model | None:
    """identity_probable of the people at hand as last published, where only people's decisions have changed since."""
    connection = context.connection
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_probable AS
        SELECT least(a.rid, b.rid) AS rid_a, greatest(a.rid, b.rid) AS rid_b, p.weight, p.against_strangers,
               {", ".join(GAMMAS)}
        FROM silver.identity_pairs_previous p
        JOIN identity_people a ON a.record_id = p.record_a JOIN identity_people b ON b.record_id = p.record_b
    """)
    for table, key in (("silver.identity_pairs", "record_a"), ("silver.identity_matched", "record_id")):
        rows = connection.sql(f"SELECT * FROM {table}_previous WHERE FALSE")
        context.merge(table, [key], rows.select(key), rows)
    path = model_path(context.project.state)
    return Model.load(path) if path.exists() else None


def _make_records(connection: duckdb.DuckDBPyConnection) -> None:
    """match_records: what can be compared of records that say two things at least; values of hubs name nobody."""
    said = []
    for kind in ("email", "phone", "loyalty_id"):
        column = {"email": "email_key", "phone": "phone_key", "loyalty_id": "loyalty_key"}[kind]
        said.append(
            f"CASE WHEN {kind}_code IN (SELECT code FROM identity_hubs WHERE kind = '{kind}') THEN NULL "
            f"ELSE {column} END AS {kind}"
        )
    fields = (
        "given_name_key AS given_name, family_name_key AS family_name, "
        f"strftime(birth_date, '%Y-%m-%d') AS birth_date, {said[0]}, {said[1]}, address_key AS address, "
        f"postcode_key AS postcode, {said[2]}"
    )
    counted = " + ".join(
        f"({field} IS NOT NULL)::INTEGER" for field in FIELDS if field not in ("loyalty_id", "address")
    )
    words = ", ".join(f"'{number}' || {field}" for number, field in enumerate(FIELDS))
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE match_records AS
        SELECT *, (md5_number_lower(concat_ws('|', {words})) >> 1)::BIGINT AS said
        FROM (SELECT rid, record_id, {fields} FROM identity_people) WHERE {counted} >= 2
        ORDER BY rid
    """)


def pinned_model(context: StepContext, records: int, settings: IdentitySettings) -> Model:
    """The project's model; learned when there is none, or the records have become many more or far fewer."""
    path = model_path(context.project.state)
    if path.exists():
        model = Model.load(path)
        growth = records / max(model.records, 1)
        if model.fields == FIELDS and 1 / 2 <= growth <= 1 + settings.relearn_growth:
            return model
    context.progress(0.15, "learning how records of one person differ")
    context.connection.execute("""
        CREATE OR REPLACE TEMP TABLE learn_from AS
        SELECT * REPLACE ((row_number() OVER (ORDER BY said, rid))::INTEGER - 1 AS rid) FROM match_records
    """)
    model = learn(context.connection, "learn_from", FIELDS)
    context.connection.execute("DROP TABLE learn_from")
    model.save(path)
    return model


def _make_edges(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE match_known AS
        SELECT r.rid, r.record_id FROM match_records r
        JOIN silver.identity_matched_previous p ON p.record_id = r.record_id AND p.said = r.said AND p.model = ?
        """,
        [model.id],
    )
    ((known,),) = connection.execute("SELECT count(*) FROM match_known").fetchall()
    if not known:
        edges(connection, model, "match_records", "identity_probable")
    else:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE match_new AS FROM match_records ANTI JOIN match_known USING (rid)"
        )
        edges(connection, model, "match_records", "identity_probable", new="match_new")
        connection.execute(f"""
            INSERT INTO identity_probable
            SELECT least(a.rid, b.rid), greatest(a.rid, b.rid), p.weight, p.against_strangers, {", ".join(GAMMAS)}
            FROM silver.identity_pairs_previous p
            JOIN match_known a ON a.record_id = p.record_a JOIN match_known b ON b.record_id = p.record_b
        """)
        connection.execute("DROP TABLE match_new")
    connection.execute("DROP TABLE match_known")


def _write(context: StepContext, model: Model | None) -> None:
    connection = context.connection
    name = model.id if model else ""
    context.write(
        "silver.identity_pairs",
        connection.sql(f"""
            SELECT a.record_id AS record_a, b.record_id AS record_b, e.weight,
                   1 / (1 + pow(2, -e.weight)) AS probability, '{name}' AS model, e.against_strangers,
                   {", ".join(f"e.{gamma}" for gamma in GAMMAS)}
            FROM identity_probable e JOIN match_records a ON a.rid = e.rid_a JOIN match_records b ON b.rid = e.rid_b
            ORDER BY record_a, record_b
        """),
    )
    context.write(
        "silver.identity_matched",
        connection.sql(f"SELECT record_id, said, '{name}' AS model FROM match_records ORDER BY record_id"),
    )
