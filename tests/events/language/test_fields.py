"""What a value may be, type by type, and what is said of one that it may not be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.events.language.made_up import WORDS, objects

from floorwalker.events.language.fields import HINTS, SAID, TESTS, Fields
from floorwalker.events.language.words import Property, Type

GOOD = {
    "text": ["", "a"],
    "id": ["P-10", 17, 17.0],
    "integer": [3, 3.0, -1],
    "quantity": [2, 0.5, "0.5", Decimal("0.5")],
    "money": [9.99, 10, "9.99", "-1", Decimal("9.99")],
    "number": [4.5, 4],
    "boolean": [True, False],
    "date": ["2026-03-02", "2026-03-02T00:00:00Z"],
    "timestamp": [
        "2026-03-02T10:15:00.123Z",
        "2026-03-02 10:15:00+01:00",
        "2026-03-02T10:15:00+0100",
        "2026-03-02T10:15",
    ],
    "list": [["a"], []],
    "object": [{}, {"a": 1}],
}
BAD = {
    "text": [1, True, {}, []],
    "id": [17.5, True, {}],
    "integer": [3.5, "3", True],
    "quantity": ["two", True, ""],
    "money": ["9,99", "£9.99", "1e3", True, "9.99\n", "٣"],
    "number": ["4.5", True],
    "boolean": [1, "true"],
    "date": ["02/03/2026", "2026-13-02", 20260302],
    "timestamp": ["2026-03-02", "2026-03-02T25:00:00Z", 1772446500],
    "list": ["a", {}, [1]],
    "object": ["{}", []],
}


@pytest.mark.parametrize("kind", Type.__args__)
def test_types(kind):
    assert kind in SAID and kind in HINTS and kind in TESTS
    one = Property("x", kind, of="text" if kind == "list" else "")
    fields = Fields([one], {})
    assert [value for value in GOOD[kind] if not fields.holds({"x": value})] == []
    assert [value for value in BAD[kind] if fields.holds({"x": value})] == []
    for value in BAD[kind]:
        assert [fault.kind for fault in fields.faults({"x": value}, "")] == ["wrong_type"]


def test_null_and_empty_are_absent():
    fields = Fields([Property("x", "money", required=True), Property("y", "money")], {})
    assert fields.holds({"x": 1, "y": None})
    for value in ({}, {"x": None}, {"x": ""}):
        assert [(one.kind, one.where) for one in fields.faults(value, "properties")] == [("missing", "properties.x")]


def test_allowed_values():
    fields = Fields([Property("x", values=("a", "b"))], {})
    assert fields.holds({"x": "a"}) and not fields.holds({"x": "c"}) and not fields.holds({"x": ["a"]})
    assert [one.fix for one in fields.faults({"x": "secret"}, "")] == ["send one of a, b"]


def test_lists_say_which_item():
    fields = Fields([Property("products", "list", of="item"), Property("keys", "list", of="id")], WORDS.sets)
    value = {"products": [{"product_id": 1}, {"price": "cheap"}, 7], "keys": ["a", {}]}
    assert [(one.where, one.what) for one in fields.faults(value, "p")] == [
        ("p.products[1].price", "is text, not an amount of money"),
        ("p.products[1].product_id", "is missing"),
        ("p.products[2]", "is a number, not an object"),
        ("p.keys[1]", "is an object, not an id: a text or a whole number"),
    ]


@given(st.sampled_from(list(WORDS.events)).flatmap(
    lambda name: st.tuples(st.just(name), objects(WORDS.events[name].properties))))  # fmt: skip
def test_quick_and_slow_agree(pair):
    name, value = pair
    fields = Fields(WORDS.events[name].properties, WORDS.sets)
    assert fields.holds(value) == (not list(fields.faults(value, "properties")))
