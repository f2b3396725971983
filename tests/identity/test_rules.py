"""Adversarial cases: what retail data do to an identity graph, and what must not come of it."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.identity.conftest import Identify
from tests.identity.population import EPOCH, record

from floorwalker.errors import ConfigError
from floorwalker.identity.rules import chosen
from floorwalker.identity.settings import IdentitySettings, Limit, Limits

NAMES = ["ann", "bob", "cid", "dora", "earl", "fay", "gus", "hope", "ike", "june", "kay", "lou"]


def _crowd(count: int, **shared: object) -> list[dict[str, object]]:
    """Different people, each with their own e-mail unless `shared` says otherwise."""
    return [
        record(
            f"r{n:05d}",
            **(
                {
                    "given_name": NAMES[n % 12],
                    "family_name": "fam" + "abcdefghij"[n // 12 % 10],
                    "email": f"p{n}@lee.com",
                }
                | shared
            ),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("kind", ["email", "loyalty_id", "account_id", "customer_ref", "phone"])
def test_a_value_of_many_people_joins_nobody(identify: Identify, kind: str) -> None:
    value = {"email": "desk@lee.com", "phone": "07400 918273"}.get(kind, "4711")
    found = identify(_crowd(40, **{kind: value}))
    assert len(found.groups) == 40
    assert found.refusals() == {"learned hub: more than 3 names"}
    assert found.rows(f"FROM silver.customer_identifiers WHERE kind = '{kind}'") == []


def test_ten_thousand_records_on_one_id(identify: Identify) -> None:
    crowd = _crowd(10_000, loyalty_id="4711", given_name=None, family_name=None)
    found = identify(crowd)
    assert len(found.groups) == 10_000
    assert found.refusals() == {"learned hub: more than 30 records"}


def test_the_same_person_on_a_thousand_cookies_is_one_customer(identify: Identify) -> None:
    found = identify([record(f"r{n:04d}", account_id="ann", cookie_id=f"c{n}") for n in range(1000)])
    assert len(found.groups) == 1


def test_store_mail_and_dummy_phones_join_nobody(identify: Identify) -> None:
    rows = [
        record(f"r{n}", email=email, phone=phone, given_name="Ann")
        for n, (email, phone) in enumerate(
            [
                ("info@lee.com", "0000000000"),
                ("INFO@lee.com", "0000000000"),
                ("noemail@lee.com", "07999999999"),
                ("", "07999 999999"),
            ]
        )
    ]
    assert len(identify(rows).groups) == 4


def test_a_heavy_users_typos_are_no_hub(identify: Identify) -> None:
    names = ["smith"] * 20 + ["smyth", "smit", "smithe", "jones", "smih"]
    rows = [
        record(f"r{n:02d}", email="ann@lee.com", given_name="Ann", family_name=name) for n, name in enumerate(names)
    ]
    assert len(identify(rows).groups) == 1


def test_twins_share_all_but_their_first_name(identify: Identify) -> None:
    home = {
        "family_name": "Lee", "birth_date": dt.date(1990, 5, 6), "address": "1 High Street", "postcode": "B1 1AA",
        "phone": "07400 918273",
    }  # fmt: skip
    rows = [record(f"r{n}", given_name=name, source=source, **home) for n, (name, source) in enumerate(
        [("Ann", "pos"), ("Anna", "web"), ("Bob", "pos"), ("Robert", "web")]
    )]  # fmt: skip
    assert identify(rows).groups == {frozenset({"r0", "r1"}), frozenset({"r2", "r3"})} or identify(rows).groups == {
        frozenset({"r0", "r1"}),
        frozenset({"r2"}),
        frozenset({"r3"}),
    }


def test_father_and_son_of_one_name(identify: Identify) -> None:
    home = {
        "given_name": "John",
        "family_name": "Lee",
        "address": "1 High Street",
        "postcode": "B1 1AA",
        "phone": "07400 918273",
    }
    rows = [
        record("father", birth_date=dt.date(1951, 5, 6), **home),
        record("father2", birth_date=dt.date(1951, 6, 5), **home),
        record("son", birth_date=dt.date(1984, 11, 27), **home),
    ]
    found = identify(rows)
    assert not found.together("father", "son")
    assert "birth date" in found.refusals()


def test_a_recycled_phone_number(identify: Identify) -> None:
    found = identify(
        [
            record("old", phone="07400 918273", given_name="Ann", family_name="Lee", loyalty_id="1"),
            record("new", phone="07400 918273", given_name="Zoe", family_name="Fox", loyalty_id="2"),
            record("same letter", phone="07400 918273", given_name="Abe", family_name="Ray", loyalty_id="3"),
        ]
    )
    assert len(found.groups) == 3
    assert found.refusals() == {"limit loyalty_id 1"}


def test_a_shared_card_goes_to_whoever_uses_it_most_and_the_other_stays_whole(identify: Identify) -> None:
    rows = [record(f"a{n}", loyalty_id="4711", given_name="Ann", family_name="Lee") for n in range(2)]
    rows += [record(f"b{n}", loyalty_id="4711", given_name="Zoe", family_name="Lee") for n in range(5)]
    found = identify(rows)
    assert found.groups == {frozenset({"a0", "a1"}), frozenset({"b0", "b1", "b2", "b3", "b4"})}
    taken = found.rows(
        "SELECT DISTINCT record_id[1] FROM silver.identity_evidence WHERE rule = 'loyalty_id' AND accepted"
    )
    assert taken == [("b",)]


def test_exchanged_names_and_short_forms_are_one_person(identify: Identify) -> None:
    found = identify(
        [
            record("a", email="b@lee.com", given_name="Robert", family_name="Lee"),
            record("b", email="b@lee.com", given_name="Bob", family_name="Lee"),
            record("c", email="b@lee.com", given_name="Lee", family_name="Robert"),
            record("d", email="b@lee.com"),
        ]
    )
    assert len(found.groups) == 1


def test_a_customer_number_means_nothing_in_another_source(identify: Identify) -> None:
    rows = [record("a", customer_ref="7", source="pos"), record("b", customer_ref="7", source="web"),
            record("c", customer_ref="7", source="pos")]  # fmt: skip
    assert identify(rows).groups == {frozenset("ac"), frozenset("b")}


def test_unicode_and_blanks(identify: Identify) -> None:
    found = identify(
        [
            record("composed", email="jürgen@müller.de", given_name="Jürgen"),
            record("split", email="JU\u0308RGEN@MÜLLER.DE", given_name="Jurgen"),
            record("cyrillic", email="jürgеn@müller.de"),
            record("blank1", email="  ", phone="", loyalty_id="-", given_name=" "),
            record("blank2", email="  ", phone="", loyalty_id="-", given_name=" "),
        ]
    )
    assert found.groups == {
        frozenset({"composed", "split"}), frozenset({"cyrillic"}), frozenset({"blank1"}), frozenset({"blank2"}),
    }  # fmt: skip


def test_limits_hold(identify: Identify) -> None:
    rows = [record(f"r{n:02d}", account_id="ann", email=f"a{n}@lee.com", phone=f"0740091{n:04d}") for n in range(12)]
    settings = IdentitySettings(limits=Limits(email=4, phone=9))
    found = identify(rows, settings)
    assert max(len(group) for group in found.groups) == 4
    assert found.refusals() == {"limit email 4"}


def test_every_piece_is_accepted_or_says_why(identify: Identify) -> None:
    found = identify(
        _crowd(30, email="desk@lee.com") + [record("x", email="x@lee.com"), record("y", email="X@lee.com")]
    )
    assert found.rows("SELECT count(*) FROM silver.identity_evidence WHERE accepted = (reason IS NOT NULL)") == [(0,)]


def test_an_unknown_rule_is_a_settings_error() -> None:
    with pytest.raises(ConfigError, match="emial") as caught:
        chosen(IdentitySettings(rules=("emial",)))
    assert "email" in caught.value.fix
    with pytest.raises(ConfigError, match="lolyalty_id") as caught:
        chosen(IdentitySettings(priority=("lolyalty_id",)))
    assert "loyalty_id" in caught.value.fix


def test_a_limit_with_days_lets_time_pass(identify: Identify) -> None:
    """Three addresses in a year are a person's; three in a month are not."""

    def seen(days: int) -> list[dict[str, object]]:
        times = [EPOCH + dt.timedelta(days=days * n) for n in range(3)]
        return [
            record(f"r{n}", account_id="ann", email=f"a{n}@lee.com", first_seen=at, last_seen=at)
            for n, at in enumerate(times)
        ]

    settings = IdentitySettings(limits=Limits(email=Limit(2, days=30)))
    assert len(identify(seen(120), settings).groups) == 1
    found = identify(seen(10), settings)
    assert sorted(map(len, found.groups)) == [1, 2]
    assert found.refusals() == {"limit email 2 in 30 days"}


def test_the_kind_believed_first_decides_who_gets_a_record(identify: Identify) -> None:
    """One card per customer, and a record that an account and an e-mail address pull two ways."""
    rows = [
        record("card1", loyalty_id="L1", account_id="ann"),
        record("card2", loyalty_id="L2", email="ann@lee.com"),
        record("between", account_id="ann", email="ann@lee.com"),
    ]
    assert frozenset({"card1", "between"}) in identify(rows, IdentitySettings()).groups
    found = identify(rows, IdentitySettings(priority=("email",)))
    assert frozenset({"card2", "between"}) in found.groups
    assert found.rows("SELECT DISTINCT rule, tier FROM silver.identity_evidence ORDER BY rule") == [
        ("account_id", 0),
        ("email", 0),
    ]
