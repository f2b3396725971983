"""A model's pairs for a project, made by a small model of two comparisons: what the matching step publishes.

In: a project that has run. Out: silver.identity_pairs, silver.identity_levels, the model's evidence and the review
queue, published beside the run's own tables, and the model file.
"""

from __future__ import annotations

import json

from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.identity.review import TABLE, build
from floorwalker.identity.settings import IdentitySettings

MODEL = {
    "prior_weight": -11.0,
    "comparisons": [
        {
            "name": "given_name",
            "levels": [
                {"value": 2, "label": "the same", "weight": 6.5},
                {"value": 1, "label": "one is an initial of the other", "weight": 3.0},
                {"value": 0, "label": "another name", "weight": -5.0},
            ],
        },
        {
            "name": "birth_date",
            "levels": [
                {"value": 2, "label": "the same", "weight": 9.0},
                {"value": 1, "label": "the same year", "weight": 2.5},
                {"value": 0, "label": "another date", "weight": -4.5},
            ],
        },
        {
            "name": "home",
            "levels": [
                {"value": 2, "label": "one address", "weight": 8.0},
                {"value": 1, "label": "one postcode", "weight": 5.0},
                {"value": 0, "label": "elsewhere", "weight": -1.5},
            ],
        },
    ],
}
LEVELS = {"transactional": (0.999, 10.0), "crm": (0.99, 6.6), "ads": (0.95, 4.2)}

_GAMMA = {
    "given_name": """CASE WHEN a.given_name_key IS NULL OR b.given_name_key IS NULL THEN -1
        WHEN a.given_name_key = b.given_name_key THEN 2 WHEN a.initial_key = b.initial_key
        AND 1 IN (length(a.given_name_key), length(b.given_name_key)) THEN 1 ELSE 0 END""",
    "birth_date": """CASE WHEN a.birth_date IS NULL OR b.birth_date IS NULL THEN -1
        WHEN a.birth_date = b.birth_date THEN 2 WHEN year(a.birth_date) = year(b.birth_date) THEN 1 ELSE 0 END""",
    "home": """CASE WHEN a.postcode_key IS NULL OR b.postcode_key IS NULL THEN -1
        WHEN a.address_key = b.address_key AND a.postcode_key = b.postcode_key THEN 2
        WHEN a.postcode_key = b.postcode_key THEN 1 ELSE 0 END""",
}


def publish_pairs(project: Project) -> None:
    """Weigh the records of one family name, and publish what follows."""
    lake = Lake(project)
    pointer = lake.pointer()
    assert pointer is not None
    folder = project.state / "identity"
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(json.dumps(MODEL))
    with lake.read() as connection:
        gammas = ", ".join(f"({sql})::SMALLINT AS gamma_{name}" for name, sql in _GAMMA.items())
        bits = " + ".join(
            f"CASE gamma_{one['name']} "
            + " ".join(f"WHEN {level['value']} THEN {level['weight']}" for level in one["levels"])
            + " ELSE 0 END"
            for one in MODEL["comparisons"]
        )
        connection.execute(f"""
            CREATE TABLE weighed AS
            WITH pairs AS (
                SELECT a.record_id AS record_a, b.record_id AS record_b, {gammas}
                FROM silver.normalised_records a JOIN silver.normalised_records b
                  ON a.family_name_key = b.family_name_key AND a.record_id < b.record_id
            ), summed AS (SELECT *, ({MODEL["prior_weight"]} + {bits})::DOUBLE AS weight FROM pairs)
            SELECT record_a, record_b, weight, 1 / (1 + pow(2, -weight)) AS probability, 'hand-made' AS model,
                   '' AS pattern, gamma_given_name, gamma_birth_date, gamma_home
            FROM summed WHERE weight > -2 ORDER BY record_a, record_b
        """)
        connection.execute("CREATE TABLE levels (level VARCHAR, target DOUBLE, weight DOUBLE)")
        connection.executemany("INSERT INTO levels VALUES (?, ?, ?)", [(k, *v) for k, v in LEVELS.items()])
        connection.execute(f"""
            CREATE TABLE evidence AS
            FROM silver.identity_evidence WHERE rule <> 'model'
            UNION ALL
            SELECT w.record_a, 'model', 'hand-made', 4, 'record', w.record_b, w.weight, 'prob', r.source, r.first_seen,
                   a.customer_id = b.customer_id,
                   CASE WHEN a.customer_id <> b.customer_id THEN 'limit loyalty_id 1' END
            FROM weighed w JOIN silver.identity_records r ON r.record_id = w.record_a
            JOIN silver.customer_map a ON a.record_id = w.record_a
            JOIN silver.customer_map b ON b.record_id = w.record_b
            WHERE w.weight >= {LEVELS["crm"][1]}
        """)
        for name in ("identity_pairs", "identity_levels", "identity_evidence"):
            connection.execute(f"DROP VIEW IF EXISTS silver.{name}")
            connection.execute(
                f"CREATE VIEW silver.{name} AS FROM {name.replace('identity_', '').replace('pairs', 'weighed')}"
            )
        queue = build(connection, IdentitySettings())
        written = {
            "silver.identity_pairs": connection.table("weighed"),
            "silver.identity_levels": connection.table("levels"),
            "silver.identity_evidence": connection.table("evidence"),
            TABLE: queue,
        }
        versions = {name: lake.replace(name, data, connection)[0] for name, data in written.items()}
    lake.publish(
        run_id=pointer.run_id + "-pairs", as_of=pointer.as_of, versions={**pointer.tables, **versions},
        reporting_currency=pointer.reporting_currency, bundle=pointer.bundle,
    )  # fmt: skip
