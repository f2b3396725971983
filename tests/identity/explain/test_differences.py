"""Why two are not one: every kind of obstacle, the decisive one first."""

from __future__ import annotations

import pytest
from tests.identity.conftest import Identify
from tests.identity.explain.tables import Tables, no_keys
from tests.identity.population import record

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import WhyNot, find, why_not


def told(shop: Tables, a: str, b: str, **more: object) -> WhyNot:
    connection = shop.connection
    return why_not(connection, find(connection, a, no_keys), find(connection, b, no_keys), clear=True, **more)


def test_two_cards_are_two_people() -> None:
    shop = Tables(["a till loyalty_id=l1 phone=+441", "b web loyalty_id=l2 phone=+441"])
    shop.tie("a", "phone_alone", "+441").tie("b", "phone_alone", "+441", refused="limit loyalty_id 1")
    found = told(shop.customers("a", "b"), "c1", "c2")
    assert not found.same
    assert found.obstacles[0].kind == "refused"
    assert found.obstacles[0].facts[0].a == ["l1"]
    assert found.obstacles[0].text == (
        "they share the phone number that only one first initial uses +441, but together they would hold more than 1 "
        "loyalty card (loyalty cards: l1; l2)"
    )
    assert found.text.startswith("c1 and c2 are two customers: they share the phone number")


def test_a_shared_address_that_went_to_a_third() -> None:
    shop = Tables(["a till email=x given_name=ann", "b web email=x given_name=bob", "c app email=x given_name=cleo"])
    for one, refused in (("a", ""), ("b", "different first names"), ("c", "different first names")):
        shop.tie(one, "email", "x", refused=refused)
    found = told(shop.customers("a", "b", "c"), "b", "c")
    assert found.obstacles[0].owner == "c1"
    assert "it went to a third customer" in found.obstacles[0].text
    assert told(shop, "b", "c", visible=lambda some: set(some) - {"c1"}).obstacles[0].owner == ""


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("learned hub: more than 3 names", "the value names nobody: it is used under more than 3 names"),
        ("birth date", "their birth dates differ by more than a slip"),
        ("limit records 60", "together they would hold more than 60 records"),
        ("quarantined on 2026-01-05", "quarantined on 2026-01-05"),
    ],
)
def test_reasons_are_said_in_words(reason: str, words: str) -> None:
    shop = Tables(["a till email=x birth_date=1980-01-02", "b web email=x birth_date=1950-03-04"])
    shop.tie("a", "email", "x", refused=reason).tie("b", "email", "x", refused=reason)
    assert words in told(shop.customers("a", "b"), "a", "b").obstacles[0].text


def test_a_persons_decision_counts_before_all_else() -> None:
    shop = Tables(["a till email=x", "b web email=x"])
    shop.tie("a", "email", "x").tie("b", "email", "x", refused="a person's decision").person("a", "b", cut=True)
    assert [one.kind for one in told(shop.customers("a", "b"), "a", "b").obstacles] == ["cut", "refused"]


def test_a_model_that_is_not_sure_enough() -> None:
    shop = Tables(["a till given_name=ann", "b web given_name=anne"]).customers("a", "b")
    shop.levels(transactional=None, crm=6.6, ads=4.2)
    found = told(shop.below("b", "a", 3.0), "c1", "c2")
    assert found.obstacles[0].kind == "below"
    assert found.obstacles[0].weight == 3.0
    assert found.obstacles[0].text == (
        "a model gives their most alike records +3.0 bits (probability 0.8889): too little (needed: ads +4.2, crm "
        "+6.6, transactional takes no such pairs)"
    )


def test_a_model_that_is_sure_and_was_not_believed() -> None:
    shop = Tables(["a till loyalty_id=l1", "b web loyalty_id=l2"]).customers("a", "b")
    found = told(shop.model("a", "b", 12.0, refused="limit loyalty_id 1"), "a", "b")
    assert found.obstacles[0].kind == "refused"
    assert found.obstacles[0].facts[0].b == ["l2"]


def test_a_pair_that_no_table_has_is_weighed_while_one_waits() -> None:
    shop = Tables(["a till given_name=ann", "b web given_name=ann"]).customers("a", "b")
    asked = []

    def score(_: object, pairs: list[tuple[str, str]]) -> list[dict[str, object]]:
        asked.extend(pairs)
        row = {"weight": -3.0, "probability": 0.11, "model": "m1", "against_strangers": -3.0}
        return [{"record_a": a, "record_b": b, **row} for a, b in pairs]

    found = told(shop, "a", "b", score=score)
    assert asked == [("a", "b")]
    assert "-3.0 bits" in found.obstacles[0].text
    assert found.obstacles[1].text == "they have the same first name ann, which is no evidence by itself"


def test_nothing_in_common() -> None:
    shop = Tables(["a till email=x", "b web email=y"]).customers("a", "b")
    assert told(shop, "a", "b").obstacles[0].kind == "nothing"


def test_two_that_are_one_after_all() -> None:
    shop = Tables(["a till", "b web", "c app"])
    shop.tie("a", "loyalty_id", "l").tie("b", "loyalty_id", "l").model("b", "c", 9.0)
    found = told(shop.customers("a b c"), "a", "c")
    assert found.same
    assert found.through == ["loyalty card l", "alike in the model's eyes"]


def test_whom_words_mean() -> None:
    shop = Tables(["a till email=x@y.example", "b web email=x@y.example", "c app phone=+441"]).customers("a", "b", "c")
    connection = shop.connection
    connection.execute("INSERT INTO silver.customer_aliases VALUES ('old', 'c3', 'r1', '2026-01-01')")
    assert find(connection, "record:a", no_keys).customers == ["c1"]
    assert find(connection, "old", no_keys).became == "c3"
    assert find(connection, "+44 1", lambda kind, value: ["+441"] if kind == "phone" else []).kind == "phone"
    shared = find(connection, "x@y.example", no_keys)
    assert (shared.kind, shared.customers) == ("email", ["c1", "c2"])
    with pytest.raises(NotFoundError, match="2 customers answer"):
        why_not(connection, shared, find(connection, "c", no_keys))
    with pytest.raises(NotFoundError, match="nobody answers"):
        find(connection, "zoe@y.example", no_keys)
    with pytest.raises(NotFoundError) as error:
        find(connection, "emial:zoe@y.example", no_keys)
    assert "did you mean 'email'?" in error.value.fix


def test_of_what_the_resolver_refuses_the_cause_is_found(identify: Identify) -> None:
    """Father and son of one name at one address, and two who share a phone and hold a card each."""
    import datetime as dt

    home = {"family_name": "Lee", "address": "10 High Street", "postcode": "SW1A 1AA"}
    found = identify(
        [
            record("a", given_name="John", birth_date=dt.date(1950, 3, 4), **home),
            record("b", given_name="John", birth_date=dt.date(1980, 5, 6), **home),
            record("c", phone="020 7946 0018", loyalty_id="L1234567"),
            record("d", phone="020 7946 0018", loyalty_id="L7654321", given_name="Ann", family_name="Lee"),
        ]
    )
    connection = found.context.connection

    def first(a: str, b: str) -> str:
        return why_not(connection, find(connection, a, no_keys), find(connection, b, no_keys)).obstacles[0].reason

    assert first("a", "b") == "birth date"
    assert first("c", "d") == "limit loyalty_id 1"
