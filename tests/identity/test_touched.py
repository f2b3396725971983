"""A changed decision is worked out from the records that it can concern, and from those who decide what a hub is."""

from __future__ import annotations

from tests.identity.conftest import Identify
from tests.identity.deciding import decide
from tests.identity.population import GIVEN, SURNAMES, population, record

from floorwalker.identity.standing import standing

CROWD = [
    record(f"h{n:02}", email="norfolk@counter.com", given_name=given, family_name=family)
    for n, (given, family) in enumerate(zip(GIVEN[10:30], SURNAMES[::40], strict=False))
]


def test_a_hub_stays_a_hub_though_only_some_who_hold_it_are_touched(identify: Identify) -> None:
    pair = [record("a", email="norfolk@counter.com", loyalty_id="1", given_name="Ann", family_name="Lee"),
            record("b", email="norfolk@counter.com", loyalty_id="1", given_name="Ann", family_name="Lee")]  # fmt: skip
    rows = [*CROWD, *pair]
    before = identify(rows)
    assert before.together("a", "b") and not before.together("a", "h00")
    cut = standing([decide(before, "cut", ["a"], ["b"], 1)])
    amended = identify(rows, previous=before, decided=cut, amend=True)
    assert "silver.customer_map" in amended.context.merged
    assert not amended.together("a", "b") and len(amended.groups) == 22
    reason = "SELECT DISTINCT reason FROM silver.identity_evidence WHERE record_id = 'a' AND rule = 'email'"
    assert amended.rows(reason) == before.rows(reason) == [("learned hub: more than 3 names",)]


def test_too_much_is_done_whole(identify: Identify) -> None:
    records, _ = population(120, seed=1)
    before = identify(records)
    everybody = sorted(before.customer)
    link = standing([decide(before, "link", everybody[:40], everybody[40:80], 1)])
    after = identify(records, previous=before, decided=link, amend=True)
    assert "silver.customer_map" not in after.context.merged
    assert after.customer == identify(records, previous=before, decided=link).customer


def test_nothing_is_left_behind(identify: Identify) -> None:
    rows = [*CROWD, record("a", loyalty_id="1"), record("b", loyalty_id="1")]
    before = identify(rows)
    after = identify(rows, previous=before, decided=standing([decide(before, "cut", ["a"], ["b"], 1)]), amend=True)
    assert after.rows("SELECT table_name FROM duckdb_tables() WHERE temporary") == []
    assert after.rows("SELECT database_name FROM duckdb_databases() WHERE NOT internal") == [("memory",)]
