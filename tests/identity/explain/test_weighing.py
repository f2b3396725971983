"""What the model says of a pair that no table has is what a run would say of it."""

from __future__ import annotations

from tests.identity.conftest import Identify
from tests.identity.population import population

from floorwalker.identity.explain import pair
from floorwalker.identity.explain.weighing import scorer
from floorwalker.identity.match import GAMMAS, model_path
from floorwalker.identity.matching.model import Model


def test_a_pair_is_weighed_as_a_run_weighs_it_and_strangers_too(identify: Identify) -> None:
    run = identify(population(700, seed=3)[0])
    connection = run.context.connection
    model = Model.load(model_path(run.context.project.state))
    stored = run.rows(f"SELECT record_a, record_b, weight, {', '.join(GAMMAS)} FROM silver.identity_pairs ORDER BY ALL")
    kept = stored[:: len(stored) // 8]
    found = scorer(model)(connection, [(b, a) for a, b, *_ in kept])
    weighed = {(row["record_a"], row["record_b"]): row for row in found}
    for a, b, weight, *gammas in kept:
        row = weighed[a, b]
        assert (row["weight"], [row[gamma] for gamma in GAMMAS]) == (weight, gammas)
    # Two that agree on nothing: far below what a run keeps, and said so.
    ((one, two),) = run.rows("""
        SELECT a.record_id, b.record_id FROM silver.normalised_records a, silver.normalised_records b
        WHERE a.email_key <> b.email_key AND a.family_name_key <> b.family_name_key
            AND a.given_name_key <> b.given_name_key ORDER BY ALL LIMIT 1
    """)
    told = pair(connection, one, two, model, score=scorer(model)).waterfall
    assert told is not None and not told.stored and told.weight < -8
    assert "match_few" not in {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
