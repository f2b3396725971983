"""The queue: only pairs on which much hangs, the most telling first, never one that is decided."""

from __future__ import annotations

from itertools import product

import pytest
from tests.identity.explain.tables import Tables

from floorwalker.identity.matching.model import probability
from floorwalker.identity.review import build
from floorwalker.identity.settings import IdentitySettings, ReviewSettings


def queue(shop: Tables, **review: float) -> list[tuple]:
    """(kind, record_a, record_b, records) in order."""
    settings = IdentitySettings(review=ReviewSettings(**review))
    return build(shop.connection, settings).project("kind, record_a, record_b, records").fetchall()


def halves(weight: float, *, left: int = 3, right: int = 3, twice: bool = False) -> Tables:
    """Two groups held together by a card each, and by one pair of the model (or two) with each other."""
    names = [f"{side}{n}" for side, size in (("a", left), ("b", right)) for n in range(size)]
    shop = Tables([f"{name} till loyalty_id={name[0]}" for name in names])
    for name in names:
        shop.tie(name, "email", name[0])
    shop.model("a0", "b0", weight)
    if twice:
        shop.model("a1", "b1", weight)
    return shop.customers(" ".join(names)).levels(crm=6.6)


def test_a_bridge_that_was_taken_by_a_narrow_margin() -> None:
    assert queue(halves(7.0)) == [("bridge", "a0", "b0", 3)]
    assert queue(halves(9.0)) == [], "far above the threshold"
    assert queue(halves(7.0, twice=True)) == [], "another pair holds the halves too"
    assert queue(halves(7.0, right=2)) == [], "too small"
    assert queue(halves(7.0, right=2), records=2) == [("bridge", "a0", "b0", 2)]


def apart(weight: float, *, left: int = 3, right: int = 4, pairs: int = 1000) -> Tables:
    """Two customers, all of whose records (or so many pairs of them) are as alike; a0 and b0 a little more."""
    names = [f"{side}{n}" for side, size in (("a", left), ("b", right)) for n in range(size)]
    shop = Tables([f"{name} till email={name[0]}" for name in names]).levels(crm=6.6)
    for name in names:
        shop.tie(name, "email", name[0])
    for one, two in list(product(names[:left], names[left:]))[:pairs]:
        shop.below(one, two, weight + 0.1 * ((one, two) == ("a0", "b0")))
    return shop.customers(" ".join(names[:left]), " ".join(names[left:]))


def test_two_customers_that_the_model_all_but_joins() -> None:
    assert queue(apart(5.0)) == [("join", "a0", "b0", 3)]
    assert queue(apart(1.0)) == [], "below the band"
    assert queue(apart(5.0, left=2)) == [], "too small"


def test_one_pair_alone_does_not_make_two_customers_one() -> None:
    assert queue(apart(5.0, pairs=1)) == [], "the other eleven pairs say no: a chance of 1 in 12"
    assert queue(apart(5.0, pairs=2)) == [("join", "a0", "b0", 3)]
    assert queue(apart(5.0, pairs=2), chance=0.2) == []
    ((chance,),) = build(apart(5.0, pairs=6).connection, IdentitySettings()).project("chance").fetchall()
    assert chance == pytest.approx(0.5 * probability(5.0), rel=0.01)
    shop = apart(5.0, pairs=1)
    shop.connection.execute("CREATE TABLE silver.identity_matched AS FROM (VALUES ('a0'), ('b0'), ('b1')) t(record_id)")
    assert queue(shop) == [("join", "a0", "b0", 3)], "what cannot be compared says nothing"


def test_two_customers_are_asked_about_once_by_their_most_alike_records() -> None:
    shop = apart(4.0)
    shop.connection.execute("UPDATE silver.identity_pairs SET weight = 5 WHERE record_a = 'a1' AND record_b = 'b1'")
    assert queue(shop) == [("join", "a1", "b1", 3)]
    assert build(shop.connection, IdentitySettings()).project("pairs").fetchall() == [(12,)]


def test_two_that_a_constraint_keeps_apart_are_not_asked_about() -> None:
    shop = apart(5.0)
    shop.connection.execute("UPDATE silver.identity_evidence SET reason = 'different first names' WHERE rule = 'model'")
    assert queue(shop) == []


def test_of_a_level_that_takes_no_pairs_all_that_are_likely_are_in_question() -> None:
    shop = apart(30.0)
    assert queue(shop) == [], "the level would have taken them"
    shop.connection.execute("UPDATE silver.identity_levels SET tier = 2")
    shop.connection.execute("UPDATE silver.identity_pairs SET probability = 0.5")
    assert queue(shop) == [("join", "a0", "b0", 3)]


def test_ids_that_contradict_a_sure_model_are_asked_about_whatever_the_size() -> None:
    shop = Tables(["a till loyalty_id=l1", "b web loyalty_id=l2"]).customers("a", "b").levels(crm=6.6)
    assert queue(shop.model("a", "b", 20.0, refused="limit loyalty_id 1")) == [("conflict", "a", "b", 1)]
    named = Tables(["a till", "b web"]).customers("a", "b").levels(crm=6.6)
    assert queue(named.model("a", "b", 20.0, refused="different first names")) == []


def test_what_a_person_decided_is_not_asked_again() -> None:
    assert queue(apart(5.0).person("b0", "a0", cut=True)) == []
    more = apart(5.0).person("a0", "b2", cut=True)
    assert queue(more) == [], "the cut is between the two customers, whichever records stand for them"
    assert queue(halves(7.0).person("a0", "b0")) == []
    assert queue(halves(7.0).person("a2", "b1")) == [], "linked, the halves need no bridge"


def test_the_most_telling_comes_first_and_the_queue_is_bounded() -> None:
    names = [f"{side}{n}" for side in "abcdef" for n in range(3)]
    shop = Tables([f"{name} till email={name[0]}" for name in names]).levels(crm=6.6)
    for name in names:
        shop.tie(name, "email", name[0])
    shop.customers(*(" ".join(n for n in names if n[0] == side) for side in "abcdef"))
    for couple, weight in (("ab", 5.0), ("cd", 3.0), ("ef", 4.0)):
        for one, two in product("012", repeat=2):
            shop.below(couple[0] + one, couple[1] + two, weight)
    assert [row[1] for row in queue(shop)] == ["c0", "e0", "a0"]
    assert len(queue(shop, size=2)) == 2
    # Of each couple the one who bought less would move: a 900, c and e nothing to speak of.
    bought = "(VALUES ('c1', 900.0::DOUBLE), ('c2', 950), ('c4', 9000), ('c5', 1), ('c6', 2)) v(customer_id, revenue)"
    shop.connection.execute(f"CREATE TABLE silver.customer_orders AS FROM {bought}")
    assert queue(shop)[0][1] == "c0"
    shop.connection.execute("UPDATE silver.customer_orders SET revenue = 90000 WHERE customer_id IN ('c1', 'c2')")
    assert queue(shop)[0][1] == "a0"


def test_without_levels_a_chance_of_99_in_100_is_the_threshold() -> None:
    shop = halves(7.0)
    shop.connection.execute("DROP TABLE silver.identity_levels")
    assert queue(shop) == [("bridge", "a0", "b0", 3)]


def test_a_shop_without_pairs_has_an_empty_queue() -> None:
    assert queue(Tables(["a till"]).customers("a")) == []
