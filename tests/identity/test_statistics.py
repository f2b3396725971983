"""Hubs are pinned: what was found to name nobody does not flip with what is erased or delivered next."""

from __future__ import annotations

import random

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import TIGHT, decide, with_statistics, worlds
from tests.identity.population import GIVEN, SURNAMES, record

from floorwalker.identity import statistics
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.standing import standing
from floorwalker.identity.statistics import Statistics

DESK = "norfolk@counter.com"
CROWD = [
    record(f"h{n:02}", email=DESK, given_name=given, family_name=family)
    for n, (given, family) in enumerate(zip(GIVEN[10:30], SURNAMES[::40], strict=False))
]
PAIR = [record(f"h{n:02}b", email=DESK, given_name=GIVEN[10 + n], family_name=SURNAMES[40 * n]) for n in range(2)]
VERDICTS = "SELECT record_id, rule, identifier_key, accepted, reason FROM silver.identity_evidence ORDER BY ALL"


def pinned(outcome: Outcome, policy: IdentitySettings | None = None) -> Statistics:
    return statistics.load(outcome.context.project.state, statistics.basis_of(policy or IdentitySettings()))


def test_a_hub_stays_one_when_the_crowd_has_gone(identify: Identify) -> None:
    before = identify([*CROWD, *PAIR])
    (hub,) = pinned(before).hubs
    assert (hub.kind, hub.reason) == ("email", "learned hub: more than 3 names")
    few = [*CROWD[:2], *PAIR]
    after = identify(few, previous=before)
    assert pinned(after).hubs == (hub,)
    assert not after.together("h00", "h01")
    assert after.refusals() == {hub.reason}
    # Without what had been learned they would be taken for a household of two mailboxes.
    assert identify(few).refusals() != {hub.reason}
    assert after.rows("FROM silver.customer_identifiers WHERE kind = 'email'") == []


def test_a_hub_that_nobody_holds_is_forgotten_and_other_settings_learn_anew(identify: Identify) -> None:
    before = identify([*CROWD, *PAIR])
    learned = pinned(before)
    gone = identify([record("x", email="ann@lee.com")], previous=before)
    assert pinned(gone).hubs == () and pinned(gone).version != learned.version
    loose = IdentitySettings(hub_names=30)
    assert pinned(identify([*CROWD, *PAIR], loose, previous=identify([*CROWD, *PAIR])), loose).hubs == ()


def test_no_value_stands_in_the_file_and_its_version_is_what_it_says(identify: Identify) -> None:
    found = identify([*CROWD, *PAIR])
    path = statistics.statistics_path(found.context.project.state)
    text = path.read_text()
    assert "norfolk" not in text and "counter" not in text
    assert msgspec.json.decode(text)["version"] == pinned(found).version
    again = identify([*CROWD, *PAIR][::-1])
    assert statistics.statistics_path(again.context.project.state).read_text() == text


def test_a_run_after_a_decision_reads_the_pins_and_leaves_them(identify: Identify) -> None:
    first = identify([*CROWD, *PAIR])
    few = [*CROWD[:2], *PAIR, *(record(f"z{n}", loyalty_id=str(n)) for n in range(9))]
    before = identify(few, previous=first)
    cut, learned = standing([decide(before, "cut", ["h00"], ["h00b"], 1)]), pinned(before)
    amended = identify(few, previous=before, decided=cut, amend=True)
    assert "silver.customer_map" in amended.context.merged
    assert amended.rows(VERDICTS) == identify(few, previous=before, decided=cut).rows(VERDICTS)
    assert pinned(amended) == learned and len(learned.hubs) == 1


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 100_000))
def test_of_one_version_it_does_not_matter_what_had_been(identify: Identify, seed: int) -> None:
    """Added and erased = never added, in any order, where both sides go by the same statistics."""
    rng = random.Random(seed)
    rows = worlds(rng, 16)
    before = identify(rows, TIGHT)
    rest = [row for row in rows if rng.random() < 0.6]
    learned, same = pinned(before, TIGHT), with_statistics(identify, before)
    after = identify(rest, TIGHT, previous=before)
    fresh = identify(rng.sample(rest, len(rest)), TIGHT, previous=same)
    assert after.groups == fresh.groups
    assert after.rows(VERDICTS) == fresh.rows(VERDICTS)
    assert pinned(after, TIGHT) == pinned(fresh, TIGHT)
    assert set(pinned(after, TIGHT).hubs) <= set(learned.hubs)
