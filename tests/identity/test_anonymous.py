"""Devices and cookies lend anonymous visits to known customers and never join two of them."""

from __future__ import annotations

import datetime as dt
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify
from tests.identity.population import EPOCH, record

from floorwalker.identity.settings import IdentitySettings, Limits


def _day(number: int) -> dt.datetime:
    return EPOCH + dt.timedelta(days=number)


def test_a_login_claims_the_visits_of_its_cookie(identify: Identify) -> None:
    found = identify(
        [
            record("visit", cookie_id="c"),
            record("login", cookie_id="c", account_id="ann"),
            record("home", account_id="ann"),
        ]
    )
    assert len(found.groups) == 1


def test_a_cookie_never_joins_two_known_people(identify: Identify) -> None:
    found = identify(
        [
            record("visit", cookie_id="c"),
            record("ann", cookie_id="c", account_id="ann"),
            record("bob", cookie_id="c", account_id="bob"),
        ]
    )
    assert len(found.groups) == 3
    assert found.refusals() == {"seen with several customers"}


def test_two_logins_of_one_customer_are_one_owner(identify: Identify) -> None:
    found = identify(
        [
            record("visit", cookie_id="c"),
            record("app", cookie_id="c", account_id="ann", email="ann@lee.com"),
            record("mail", cookie_id="c", email="ann@lee.com"),
        ]
    )
    assert len(found.groups) == 1


def test_a_device_that_changed_hands_lends_only_later_visits(identify: Identify) -> None:
    rows = [
        record("ann", device_id="d", account_id="ann", first_seen=_day(0), last_seen=_day(10)),
        record("bob", device_id="d", account_id="bob", first_seen=_day(20), last_seen=_day(30)),
        record("later", device_id="d", cookie_id="later", first_seen=_day(15), last_seen=_day(40)),
        record("early", device_id="d", cookie_id="early", first_seen=_day(5), last_seen=_day(40)),
    ]
    found = identify(rows)
    assert found.groups == {frozenset({"ann"}), frozenset({"bob", "later"}), frozenset({"early"})}
    assert "seen before its customer" in found.refusals()


def test_a_kiosk_belongs_to_nobody(identify: Identify) -> None:
    rows = [
        record(f"p{n}", device_id="kiosk", account_id=f"p{n}", first_seen=_day(n), last_seen=_day(n)) for n in range(30)
    ]
    rows += [record(f"v{n}", device_id="kiosk", cookie_id=f"c{n}", first_seen=_day(40)) for n in range(3)]
    found = identify(rows)
    assert len(found.groups) == 33
    assert found.refusals() == {"shared device: more than 3 customers"}
    assert found.rows("FROM silver.customer_identifiers WHERE kind = 'device_id' AND customer_id IN "
                      "(SELECT customer_id FROM silver.customer_map WHERE record_id[1] = 'v')") == []  # fmt: skip


def test_ownership_spreads_over_anonymous_values_and_stops_between_two_owners(identify: Identify) -> None:
    found = identify(
        [
            record("ann", cookie_id="1", account_id="ann"),
            record("hop1", cookie_id="1", device_id="A"),
            record("hop2", cookie_id="2", device_id="A"),
            record("bob", cookie_id="9", account_id="bob"),
            record("hop9", cookie_id="9", device_id="Z"),
            record("between", cookie_id="1", device_id="Z"),
        ]
    )
    assert found.together("ann", "hop1", "hop2")
    assert found.together("bob", "hop9")
    assert not found.together("ann", "bob")


def test_visitors_without_login_are_joined_among_themselves(identify: Identify) -> None:
    found = identify(
        [record("a", cookie_id="1", device_id="A"), record("b", cookie_id="1"), record("c", device_id="a")]
    )
    assert len(found.groups) == 1


def test_a_customer_keeps_the_cookies_seen_last(identify: Identify) -> None:
    rows = []
    for n in range(6):
        rows.append(record(f"login{n}", account_id="ann", cookie_id=f"c{n}", first_seen=_day(n), last_seen=_day(n)))
        rows.append(record(f"visit{n}", cookie_id=f"c{n}", first_seen=_day(n), last_seen=_day(n)))
    found = identify(rows, IdentitySettings(limits=Limits(cookie_id=2)))
    customer = found.customer["login0"]
    assert {r for r, c in found.customer.items() if c == customer and r.startswith("visit")} == {"visit4", "visit5"}
    assert found.refusals() == {"limit per customer"}


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_whatever_the_graph_known_people_stay_apart_and_order_does_not_matter(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for world in range(60):
        for number in range(rng.randrange(1, 15)):
            device, account = rng.choice(["", "A", "B", "C"]), rng.choice(["", "", "", "ann", "bob", "cid", "dan"])
            rows.append(
                record(
                    f"w{world:02d}r{number:02d}",
                    cookie_id=f"w{world}-{rng.randrange(6)}",
                    device_id=f"w{world}-{device}" if device else None,
                    account_id=f"w{world}-{account}" if account else None,
                    first_seen=_day(day := rng.randrange(10)),
                    last_seen=_day(day + 2),
                )
            )
    tight = IdentitySettings(limits=Limits(cookie_id=2, device_id=1), shared_device_people=2)
    found = identify(rows, tight)
    assert len(found.refusals()) == 4
    held = found.rows("""
        SELECT max(accounts), max(cookies), max(devices) FROM (
            SELECT count(DISTINCT n.account_key) AS accounts,
                   count(DISTINCT e.identifier_key) FILTER (e.rule = 'cookie_id') AS cookies,
                   count(DISTINCT e.identifier_key) FILTER (e.rule = 'device_id') AS devices
            FROM silver.customer_map JOIN silver.normalised_records n USING (record_id)
            LEFT JOIN silver.identity_evidence e ON e.record_id = n.record_id AND e.accepted GROUP BY customer_id)
    """)
    assert all(number <= limit for number, limit in zip(held[0], (1, 2, 1), strict=True))
    rng.shuffle(rows)
    assert identify(rows, tight).groups == found.groups
