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

_HUBBED = {"email": "email_key", "phone": "phone_key", "loyalty_id": "loyalty_key"}
"""Kinds that are compared unless the value is a hub's -> their column."""

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


def _make_records(connection: duckdb.DuckDBPyConnection) -> None:
    """match_records of all people."""
    said = said_sql("identity_people", "identity_hubs")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE match_records AS SELECT *, {SAID} AS said FROM ({said}) ORDER BY rid"
    )


def said_sql(people: str, hubs: str) -> str:
    """SQL of what can be compared of records that say two things at least; values of `hubs` (kind, code) name nobody.
    `people`: identity_people, or any table with its keys and codes."""
    email, phone, loyalty = (
        f"CASE WHEN {kind}_code NOT IN (SELECT code FROM {hubs} WHERE kind = '{kind}') THEN {column} END AS {kind}"
        for kind, column in _HUBBED.items()
    )
    fields = (
        "given_name_key AS given_name, family_name_key AS family_name, "
        f"strftime(birth_date, '%Y-%m-%d') AS birth_date, {email}, {phone}, address_key AS address, "
        f"postcode_key AS postcode, {loyalty}"
    )
    counted = " + ".join(
        f"({field} IS NOT NULL)::INTEGER" for field in FIELDS if field not in ("loyalty_id", "address")
    )
    return f"SELECT * FROM (SELECT rid, record_id, {fields} FROM {people}) WHERE {counted} >= 2"


def coded(records: str) -> str:
    """SQL: rows of normalised records with the hashes by which hubs are told (`said_sql`)."""
    codes = ", ".join(
        f"CASE WHEN {column} IS NULL THEN 0::UBIGINT ELSE md5_number_lower('{kind}|' || {column}) END AS {kind}_code"
        for kind, column in _HUBBED.items()
    )
    return f"SELECT *, {codes} FROM {records}"


SAID = (
    "(md5_number_lower(concat_ws('|', "
    + ", ".join(f"'{number}' || {field}" for number, field in enumerate(FIELDS))
    + ")) >> 1)::BIGINT"
)
"""SQL: a hash of what a record of `said_sql` says."""


def standing_model(state: Path, records: int, settings: IdentitySettings) -> Model | None:
    """The project's model; None when there is none, or the records have become many more or far fewer."""
    path = model_path(state)
    model = Model.load(path) if path.exists() else None
    if model is None or model.fields != FIELDS:
        return None
    return model if 1 / 2 <= records / max(model.records, 1) <= 1 + settings.relearn_growth else None


def pinned_model(context: StepContext, records: int, settings: IdentitySettings) -> Model:
    """The project's model; learned when none stands."""
    path = model_path(context.project.state)
    if model := standing_model(context.project.state, records, settings):
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
