"""Definitions that cannot be meant are refused, with what is wrong and what was perhaps meant."""

from __future__ import annotations

import datetime as dt

import pytest

from floorwalker.errors import ModelError, NotFoundError
from floorwalker.profiles.features import definition as d
from floorwalker.profiles.features.live import Updater
from floorwalker.profiles.features.sql import models
from floorwalker.profiles.features.states import bucket_id

ORDERS = d.Source("orders", "silver.orders")
PEOPLE = d.Entity("customer", "customer_id", "silver.customer_people")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "Orders"}, "lower-case letter"),
        ({"type": "int"}, "unknown type 'int'"),
        ({"purpose": "marketing"}, "unknown purpose"),
        ({"description": ""}, "which question"),
        ({"expression": "orders + 1"}, "not both"),
        ({"aggregate": None}, "needs an aggregate"),
        ({"source": None}, "needs a source"),
        ({"aggregate": d.Aggregate("average")}, "unknown aggregate 'average'"),
        ({"aggregate": d.Aggregate("top")}, "needs a key"),
        ({"aggregate": d.Aggregate("latest")}, "needs a column"),
        ({"aggregate": d.total("price", "number")}, "only exact numbers"),
        ({"aggregate": d.longest_gap(), "window": d.Window(30)}, "has no window"),
    ],
)
def test_what_cannot_be_meant(given, message):
    right = {"name": "orders", "description": "How many?", "type": "integer", "source": ORDERS, "aggregate": d.count()}
    with pytest.raises(ModelError, match=message):
        d.Feature(**{**right, **given})


def test_a_quotient_does_not_become_a_whole_number_by_itself():
    with pytest.raises(ModelError, match="FLOOR"):
        d.Feature("half", "Half?", "integer", expression="a / 2")


def counted(name: str, **rest) -> d.Feature:
    return d.Feature(name, "How many?", "integer", ORDERS, d.count(), **rest)


def test_sets_refuse_doubles_unknown_names_and_circles():
    with pytest.raises(ModelError, match="two features are called 'a'"):
        d.FeatureSet(PEOPLE, [counted("a"), counted("a")])
    with pytest.raises(ModelError, match="reads 'ordrs'") as raised:
        d.FeatureSet(PEOPLE, [counted("orders"), d.Feature("x", "x?", "number", expression="ordrs / 2")])
    assert "did you mean 'orders'" in str(raised.value)
    with pytest.raises(ModelError, match="in a circle"):
        d.FeatureSet(
            PEOPLE, [d.Feature("x", "x?", "number", expression="y"), d.Feature("y", "y?", "number", expression="x")]
        )


def test_levels_follow_what_is_read():
    made = d.FeatureSet(
        PEOPLE,
        [
            d.Feature("c", "c?", "number", expression="b + 1"),
            d.Feature("b", "b?", "number", expression="a / 2"),
            counted("a"),
        ],
    )
    assert [[one.name for one in level] for level in made.levels] == [["a"], ["b"], ["c"]]
    assert [one.name for one in made.with_inputs(["b"]).features] == ["b", "a"]


def test_what_reads_a_batch_only_feature_is_batch_only_itself():
    made = d.FeatureSet(
        PEOPLE, [counted("a", batch_only="why not"), d.Feature("b", "b?", "number", expression="a / 2")]
    )
    assert made.reason_batch_only("b") == "why not"


def test_unknown_names_get_a_hint():
    with pytest.raises(NotFoundError) as raised:
        d.FeatureSet(PEOPLE, [counted("orders")]).feature("order")
    assert "did you mean 'orders'" in str(raised.value)


@pytest.mark.parametrize(
    ("window", "first", "last", "suffix"),
    [(d.Window(30), 1, 30, "_30d"), (d.Window(90, 90), 91, 180, "_90d_to_90d"), (d.EVER, 1, 10**6, "")],
)
def test_windows(window, first, last, suffix):
    assert window.holds(first) and window.holds(last) and not window.holds(first - 1)
    assert window.days is None or not window.holds(last + 1)
    assert window.suffix == suffix


def test_an_expression_where_rows_are_counted_says_what_is_missing():
    share = d.Feature("share", "Which share?", "number", expression="1")
    with pytest.raises(ModelError, match="feature 'share' counts no rows") as caught:
        bucket_id(share)
    assert caught.value.why and caught.value.fix


def test_pauses_under_two_conditions_are_refused():
    orders = d.Source("orders", "silver.orders")
    two = [
        d.Feature("pause", "How long?", "integer", orders, d.longest_gap()),
        d.Feature("web_pause", "How long?", "integer", orders, d.longest_gap("channel = 'web'")),
    ]
    with pytest.raises(ModelError, match="one condition only") as caught:
        models(d.FeatureSet(d.Entity("customer", "customer_id", "silver.customer_people"), two))
    assert "'pause', 'web_pause'" in caught.value.why and "same where" in caught.value.fix


def test_what_holds_on_the_day_of_the_run_is_not_served_live():
    homes = d.Source("homes", "silver.households")
    one = d.Feature("home_size", "How many?", "integer", homes, d.attribute("members"))
    some = d.FeatureSet(d.Entity("customer", "customer_id", "silver.customer_people"), [one])
    assert some.reason_batch_only("home_size") == "it is what holds on the day of the run"
    assert Updater(some).values(Updater(some).empty(), dt.date(2026, 1, 1)) == {}
