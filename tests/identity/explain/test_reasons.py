"""Why records are one person: the fewest, most trusted pieces, each record once, nothing shown that must not be."""

from __future__ import annotations

import msgspec
import pytest
from tests.identity.conftest import Identify
from tests.identity.explain.tables import Tables
from tests.identity.population import population

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import why
from floorwalker.identity.explain.pieces import pieces, record_ids
from floorwalker.identity.explain.tree import span, walk


def ann() -> Tables:
    """Two tills by card, a web shop by e-mail, a partner by name, a visit by cookie; a store's e-mail on the till."""
    shop = Tables(
        [
            "t1 till loyalty_id=l7 email=info@shop.example",
            "t2 till loyalty_id=l7 email=ann@a.example phone=+441",
            "w1 web email=ann@a.example phone=+441 cookie_id=k1",
            "p1 partner given_name=ann",
            "v1 clicks cookie_id=k1",
        ]
    )
    shop.tie("t1", "loyalty_id", "l7").tie("t2", "loyalty_id", "l7")
    shop.tie("t2", "email", "ann@a.example").tie("w1", "email", "ann@a.example")
    shop.tie("t2", "phone_initial", "+441|a").tie("w1", "phone_initial", "+441|a")
    shop.tie("t1", "email", "info@shop.example", refused="learned hub: more than 3 names")
    shop.tie("t1", "email_initial", "info@shop.example|a", refused="learned hub: more than 3 names")
    shop.tie("w1", "cookie_id", "k1").tie("v1", "cookie_id", "k1")
    shop.model("p1", "w1", 7.5)
    return shop.customers("t1 t2 w1 p1 v1")


def test_the_story_begins_with_the_strongest_and_brings_each_record_once() -> None:
    found = why(ann().connection, "c1", clear=True)
    assert [(link.rule, link.value, [one.record_id for one in link.records]) for link in found.links] == [
        ("loyalty_id", "l7", ["t2"]),
        ("email", "ann@a.example", ["w1"]),
        ("model", "", ["p1"]),
        ("cookie_id", "k1", ["v1"]),
    ]
    assert found.start.record_id == "t1"
    assert found.links[0].text == "loyalty card l7: 2 records of till, since 2 January 2026"
    assert [link.from_record for link in found.links] == ["t1", "t2", "w1", "w1"]
    assert found.parts == 1


def test_what_agrees_besides_and_what_was_not_believed_stand_apart() -> None:
    found = why(ann().connection, "c1", clear=True)
    assert [(link.rule, link.count) for link in found.also] == [("phone_initial", 2)]
    (refused,) = found.refused
    assert refused.value == "info@shop.example"
    assert refused.text.endswith("the value names nobody: it is used under more than 3 names")


def test_identifiers_are_masked_unless_asked_for() -> None:
    text = msgspec.json.encode(why(ann().connection, "c1")).decode()
    for secret in ("ann@", "info@", "+441", "k1"):
        assert secret not in text
    assert "a…@a.example" in text


def test_lists_are_bounded_and_say_what_they_leave_out() -> None:
    found = why(ann().connection, "c1", limit=1)
    assert len(found.links) == 1
    assert found.left_out == {"links": 3, "also": 0, "refused": 0}


def test_others_who_may_not_be_known_of_are_not_counted() -> None:
    shop = ann()
    shop.connection.execute("INSERT INTO silver.identity_records (record_id, market) VALUES ('z', 'FR')")
    shop.seen["z"] = shop.seen["t1"]
    shop.tie("z", "email", "info@shop.example", refused="learned hub: more than 3 names")
    shop.connection.execute("INSERT INTO silver.customer_map VALUES ('z', 'c2')")
    assert why(shop.connection, "c1").refused[0].others == 1
    assert why(shop.connection, "c1", visible=lambda some: {"c1"} & set(some)).refused[0].others == 0


def test_a_persons_link_comes_first_and_a_cut_ties_nothing() -> None:
    shop = Tables(["a till", "b web", "c app", "d app"])
    shop.tie("a", "loyalty_id", "l").tie("c", "loyalty_id", "l").person("a", "b").person("a", "d")
    found = why(shop.person("a", "c", cut=True).customers("a b c d").connection, "c1")
    assert [(link.rule, link.value, link.new) for link in found.links] == [("person", "d7", 2), ("loyalty_id", "…", 1)]
    assert found.links[0].text == "a person's decision d7: 3 records of app, till and web, since 1 January 2026"
    assert found.links[0].strength == "decided by a person"


def test_one_record_alone() -> None:
    found = why(Tables(["a till"]).customers("a").connection, "c1")
    assert (found.links, found.parts) == ([], 1)
    assert found.text == "1 record of till: nothing ties another to it"


def test_nobody() -> None:
    with pytest.raises(NotFoundError):
        why(Tables([]).connection, "c9")


def test_of_a_population_every_customer_is_told_whole(identify: Identify) -> None:
    """As many new records as there are but one, from records known before, and no weaker piece where a stronger one
    would do."""
    connection = identify(population(3000, seed=3)[0]).context.connection
    customers = connection.execute(
        "SELECT customer_id FROM silver.customer_map GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 60"
    ).fetchall()
    for (customer,) in customers:
        ids = record_ids(connection, customer)
        evidence = pieces(connection, ids)
        found = span(ids, evidence)
        assert [len(part) for part in found.parts] == [len(ids)]
        start = found.tree[0].record_id
        known = {start}
        for record, news in walk(found.tree, start):
            assert record in known
            fresh = {end for one in news for end in (one.record_id, one.partner) if end} - {record}
            assert fresh.isdisjoint(known)
            known |= fresh
        assert known == set(ids)
        # Without a piece of the tree, only pieces less trusted than it can connect the same two sides.
        for piece in found.tree:
            rest = [one for one in evidence if one.accepted and one.place < piece.place]
            apart = span(ids, rest)
            assert len(span(ids, [*rest, piece]).parts) <= len(apart.parts)
