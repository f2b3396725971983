"""Ids last: over re-runs, growth, merges and splits."""

from __future__ import annotations

import datetime as dt
import re

from tests.identity.conftest import Identify
from tests.identity.deciding import decide
from tests.identity.population import EPOCH, population, record

from floorwalker.identity.registry import customer_of, keepers, new_id
from floorwalker.identity.standing import standing

LATER = dt.date(2026, 2, 1)


def _summary(found) -> dict[str, float]:
    return dict(found.rows("FROM silver.identity_summary"))


def test_ids_are_opaque_and_repeatable(identify: Identify) -> None:
    rows = [record("a", email="a@lee.com"), record("b", email="b@lee.com")]
    first = identify(rows)
    assert all(re.fullmatch("c[a-z2-7]{26}", customer) for customer in first.customer.values())
    assert first.customer == identify(rows).customer
    assert new_id(b"other project", "a") != new_id(b"project", "a")


def test_a_re_run_with_one_percent_more_keeps_the_ids(identify: Identify) -> None:
    records, _ = population(2020, seed=5)
    before = identify(records.slice(0, 2000))
    after = identify(records, previous=before)
    summary = _summary(after)
    assert summary["ids.stability"] >= 0.99
    assert after.customer.keys() >= before.customer.keys()
    again = identify(records, previous=after)
    assert again.customer == after.customer
    assert _summary(again)["ids.stability"] == 1.0
    assert _summary(again)["ids.created"] == 0


def test_a_merge_makes_the_loser_an_alias(identify: Identify) -> None:
    rows = [record("a1", email="a@lee.com"), record("a2", email="a@lee.com"), record("b1", loyalty_id="77")]
    before = identify(rows)
    link = record("link", email="a@lee.com", loyalty_id="77")
    after = identify([*rows, link], previous=before, as_of=LATER)
    winner, loser = before.customer["a1"], before.customer["b1"]
    assert set(after.customer.values()) == {winner}
    assert after.rows("FROM silver.customer_aliases") == [(loser, winner, after.context.run_id, LATER)]
    assert customer_of(after.context.connection, loser) == winner
    assert customer_of(after.context.connection, winner) == winner
    assert _summary(after)["ids.merged"] == 1


def test_aliases_follow_their_customer(identify: Identify) -> None:
    one = identify([record("a", email="a@lee.com"), record("b", email="b@lee.com", first_seen=EPOCH - dt.timedelta(9)),
                    record("c1", loyalty_id="3"), record("c2", loyalty_id="3"),
                    record("c3", loyalty_id="3")])  # fmt: skip
    rows = [record("a", email="a@lee.com"), record("b", email="b@lee.com", first_seen=EPOCH - dt.timedelta(9)),
            record("c1", loyalty_id="3"), record("c2", loyalty_id="3"), record("c3", loyalty_id="3"),
            record("ab1", account_id="x", email="a@lee.com"),
            record("ab2", account_id="x", email="b@lee.com")]  # fmt: skip
    two = identify(rows, previous=one)
    older = one.customer["b"]
    assert two.customer["a"] == two.customer["b"] == older
    three = identify([*rows, record("bc", account_id="x", loyalty_id="3")], previous=two, as_of=LATER)
    assert set(three.customer.values()) == {older}
    aliases = {row[0]: row[1:3] for row in three.rows("FROM silver.customer_aliases")}
    assert aliases == {
        one.customer["a"]: (older, two.context.run_id),
        one.customer["c1"]: (older, three.context.run_id),
    }


def test_a_split_leaves_the_id_with_most_and_a_merge_undone_gives_ids_back(identify: Identify) -> None:
    apart = [record("a1", email="a@lee.com"), record("a2", email="a@lee.com"), record("b1", loyalty_id="77")]
    link = record("link", email="a@lee.com", loyalty_id="77")
    first = identify(apart)
    merged = identify([*apart, link], previous=first)
    undone = identify(apart, previous=merged)
    assert undone.customer == first.customer
    assert undone.rows("FROM silver.customer_aliases") == []
    assert _summary(undone)["ids.revived"] == 1
    assert _summary(undone)["ids.split"] == 1


def test_an_id_whose_anchor_moved_away_is_not_given_twice(identify: Identify) -> None:
    """The anchor record leaves its customer: the rest keep the id, and the anchor gets another."""
    before = identify([record(name, email="a@lee.com") for name in ("a", "b", "c")])
    after = identify(
        [record("a", email="x@lee.com"), record("b", email="a@lee.com"), record("c", email="a@lee.com")],
        previous=before,
    )
    assert after.customer["b"] == after.customer["c"] == before.customer["a"]
    assert after.customer["a"] != before.customer["a"]


def test_a_customer_that_left_leaves_no_alias(identify: Identify) -> None:
    before = identify([record("a", email="a@lee.com"), record("b", email="b@lee.com")])
    after = identify([record("a", email="a@lee.com")], previous=before)
    assert after.customer == {"a": before.customer["a"]}
    assert after.rows("FROM silver.customer_aliases") == []


def test_keepers_are_one_to_one() -> None:
    assert keepers([]) == {}
    assert keepers([(5, "cx"), (5, "cy"), (6, "cy")]) == {5: "cx", 6: "cy"}


def test_a_chain_of_merges_comes_apart_link_by_link(identify: Identify) -> None:
    """C joins B, B joins A; each takes its own id along when it is split off, however the parts are cut."""
    own = {name: [record(f"{name}{n}", loyalty_id=card) for n in range(size)]
           for name, card, size in (("a", "1", 4), ("b", "2", 3), ("c", "3", 2))}  # fmt: skip
    rows = [row for group in own.values() for row in group]
    first = identify(rows)
    a, b, c = (first.customer[f"{name}0"] for name in "abc")
    names = {name: [str(row["record_id"]) for row in group] for name, group in own.items()}
    c_to_b = decide(first, "link", names["c"], names["b"], 1)
    b_to_a = decide(first, "link", names["b"], names["a"], 2)
    two = identify(rows, previous=first, decided=standing([c_to_b]))
    assert two.customer["c0"] == b
    # Records that come later are nobody's founders, and carry no id off, though they outnumber them.
    rows += [record(f"z{n}", loyalty_id="2") for n in range(9)]
    three = identify(rows, previous=two, decided=standing([c_to_b, b_to_a]))
    assert set(three.customer.values()) == {a} or set(three.customer.values()) == {b}
    back = identify(rows, previous=three, decided=standing([c_to_b]))
    assert (back.customer["a0"], back.customer["b0"], back.customer["c0"], back.customer["z0"]) == (a, b, b, b)
    assert dict(back.rows("SELECT customer_id, alias_of FROM silver.customer_aliases")) == {c: b}
    apart = identify(rows, previous=three)
    assert {name: apart.customer[f"{name}0"] for name in "abc"} == {"a": a, "b": b, "c": c}
    assert _summary(apart)["ids.revived"] == 2 and _summary(apart)["ids.created"] == 0
