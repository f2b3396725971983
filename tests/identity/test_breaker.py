"""A storm of merges is stopped: the identifier goes into quarantine, its records are accepted, nobody else notices."""

from __future__ import annotations

import pytest
from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import decide
from tests.identity.population import population, record

from floorwalker.engines.database import open_database
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.identity import guards, quarantine
from floorwalker.identity.guards import Known
from floorwalker.identity.schema import MIGRATIONS
from floorwalker.identity.settings import BreakerSettings, IdentitySettings
from floorwalker.identity.standing import standing
from floorwalker.identity.steps import steps

FRONT = "front@desk.example"
ACCOUNTS = [record(f"a{n:02}", account_id=f"acc{n}", device_id=f"d{n}") for n in range(12)]
"""Customers whose names nobody knows."""
ORDERS = [record(f"b{n:02}", account_id=f"acc{n}", email=FRONT) for n in range(12)]
"""New records that bring them one e-mail address."""
VERDICTS = "SELECT record_id, rule, identifier_key, accepted, reason FROM silver.identity_evidence ORDER BY ALL"


def _release(outcome: Outcome, code: str) -> None:
    database = open_database(outcome.context.project, {"identity": MIGRATIONS})
    quarantine.release(database, code, at="2026-03-01T10:00:00Z", actor="ana")
    database.close()


def test_an_address_that_would_join_twelve_customers_is_taken_out_until_released(identify: Identify) -> None:
    before = identify(ACCOUNTS)
    after = identify([*ACCOUNTS, *ORDERS], previous=before)
    assert after.groups == {frozenset({f"a{n:02}", f"b{n:02}"}) for n in range(12)}
    assert all(after.customer[one] == before.customer[one] for one in before.customer)
    assert after.refusals() == {"quarantined: would join 12 customers"}
    assert after.rows("FROM silver.customer_identifiers WHERE kind = 'email'") == []
    figures = dict(after.rows("FROM silver.identity_summary"))
    assert figures["quarantined.email"] == 1 and "hubs.email" not in figures
    (one,) = quarantine.known(after.context.project)
    assert (one.kind, one.customers, one.joins, one.run_id) == ("email", 12, 11, after.context.run_id)
    # Later runs see the same quarantine, and so does whoever comes to the address then.
    later = identify([*ACCOUNTS, *ORDERS, record("c", email=FRONT)], previous=after)
    assert len(later.groups) == 13 and quarantine.known(later.context.project) == [one]
    assert guards.known(later.context.project).digest == ""
    _release(later, one.code)
    assert guards.known(later.context.project).digest != ""
    allowed = identify([*ACCOUNTS, *ORDERS, record("c", email=FRONT)], previous=later)
    assert len(allowed.groups) == 1 and allowed.refusals() == set()
    with pytest.raises(ConfigError, match="released already"):
        _release(allowed, one.code)
    with pytest.raises(NotFoundError, match="nothing in quarantine"):
        _release(allowed, "1234")


def test_a_storm_on_a_day_is_stopped_as_by_a_whole_run(identify: Identify) -> None:
    """Where only what came is resolved, what a storm concerns is looked at whole."""
    others = [record(f"o{n:04}", account_id=f"other{n}", email=f"o{n}@lee.com") for n in range(200)]
    before = identify([*ACCOUNTS, *others])
    today = [*ACCOUNTS, *others, *ORDERS]
    day = identify(today, previous=before, amend=True)
    (one,) = quarantine.known(day.context.project)
    assert (one.kind, one.customers) == ("email", 12)
    assert len(day.groups) == 212
    # The next day goes on from there, and the address still names nobody.
    after = identify([*today, record("c", email=FRONT)], previous=day, amend=True)
    assert "silver.customer_map" in after.context.merged and len(after.groups) == 213
    assert after.rows(VERDICTS) == identify([*today, record("c", email=FRONT)], previous=day).rows(VERDICTS)


def test_two_identifiers_on_the_same_records_do_not_hide_behind_each_other(identify: Identify) -> None:
    both = [row | {"phone": "07400 918273"} for row in ORDERS]
    after = identify([*ACCOUNTS, *both], previous=identify(ACCOUNTS))
    assert len(after.groups) == 12
    assert {one.kind for one in quarantine.known(after.context.project)} == {"email", "phone"}


def test_many_new_records_of_each_customer_hide_nothing(identify: Identify) -> None:
    """Their accounts stand on more records than the breaker looks at from, but join nobody."""
    many = [record(f"b{n:02}{k:02}", account_id=f"acc{n}", email=FRONT) for n in range(12) for k in range(14)]
    after = identify([*ACCOUNTS, *many], previous=identify(ACCOUNTS))
    assert len(after.groups) == 12
    assert {one.kind for one in quarantine.known(after.context.project)} == {"email"}


def test_nothing_is_taken_out_where_nobody_was_published_or_the_share_is_small(identify: Identify) -> None:
    first = identify([*ACCOUNTS, *ORDERS])
    assert len(first.groups) == 1
    # A new source that joins two hundred customers by as many addresses; one of them joins twelve.
    pairs = [record(f"p{n:03}{side}", account_id=f"{side}{n}") for n in range(100) for side in "xy"]
    news = [
        record(f"n{n:03}{side}", account_id=f"{side}{n}", email=f"p{n}@lee.com") for n in range(100) for side in "xy"
    ]
    after = identify([*ACCOUNTS, *pairs, *ORDERS, *news], previous=identify([*ACCOUNTS, *pairs]))
    assert len(after.groups) == 101
    assert quarantine.known(after.context.project) == []


def test_an_ordinary_new_source_and_a_second_look_take_nothing_out(identify: Identify) -> None:
    records, _ = population(1500, seed=4)
    rows = records.to_pylist()
    rules = IdentitySettings(probable=False)
    before = identify([row for row in rows if row["source"] != "loyalty"], rules)
    after = identify(rows, rules, previous=before)
    assert quarantine.known(after.context.project) == []
    assert after.groups == identify(rows, rules).groups


def test_it_can_be_set_and_switched_off(identify: Identify) -> None:
    few = IdentitySettings(breaker=BreakerSettings(customers=3))
    after = identify([*ACCOUNTS[:5], *ORDERS[:5]], few, previous=identify(ACCOUNTS[:5], few))
    assert len(after.groups) == 5
    off = IdentitySettings(breaker=BreakerSettings(on=False))
    assert len(identify([*ACCOUNTS, *ORDERS], off, previous=identify(ACCOUNTS, off)).groups) == 1
    # Whom it stops is part of the policy; what it has stopped itself asks for no other run.
    assert steps(few)[1].settings != steps(off)[1].settings != steps(off, known=Known(learned=1))[1].settings


def test_what_somebody_decided_does_not_count_as_a_storm(identify: Identify) -> None:
    before = identify(ACCOUNTS)
    links = [decide(before, "link", ["a00"], [f"a{n:02}"], n) for n in range(1, 12)]
    for amend in (True, False):
        after = identify(ACCOUNTS, previous=before, decided=standing(links), amend=amend)
        assert len(after.groups) == 1 and quarantine.known(after.context.project) == []


def test_the_partition_follows_from_records_and_quarantine_whatever_the_order(identify: Identify) -> None:
    after = identify([*ACCOUNTS, *ORDERS], previous=identify(ACCOUNTS))
    (one,) = quarantine.known(after.context.project)
    other = identify([])
    quarantine.keep(other.context.project, [one])
    fresh = identify([*ORDERS, *ACCOUNTS][::-1], previous=other)
    assert fresh.groups == after.groups
    assert fresh.rows(VERDICTS) == after.rows(VERDICTS)


def test_a_storm_of_one_name_and_address_is_stopped_too(identify: Identify) -> None:
    default = {"given_name": "Jane", "family_name": "Doe", "address": "1 High Street", "postcode": "B1 1AA"}
    orders = [record(f"b{n:02}", account_id=f"acc{n}", **default) for n in range(12)]
    before = identify(ACCOUNTS)
    after = identify([*ACCOUNTS, *orders], previous=before)
    assert len(after.groups) == 12
    assert {one.kind for one in quarantine.known(after.context.project)} == {"person"}
    assert after.refusals() == {"quarantined: would join 12 customers"}
