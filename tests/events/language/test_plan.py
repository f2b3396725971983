"""Judging: the protocol, the plan, and that nothing that comes can upset it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.events.language.made_up import JSON, WORDS, events

from floorwalker.events.language.paths import without
from floorwalker.events.language.plan import LONGEST, Plan
from floorwalker.events.language.plan_file import parse_plan
from floorwalker.events.language.verdict import Rule

OPEN = Plan()
STRICT = parse_plan("""
unknown_events = "quarantine"
unknown_properties = "drop"
wrong_types = "quarantine"
missing_properties = "quarantine"
drop = ["context.ip", "context.traits.email", "properties.coupon", "traits.age"]
[events."Product Shared"]
drop = ["recipient"]
require = ["share_via"]
[events."Order Completed"]
drop = ["products.name", "products.image_url", "affiliation"]
unknown_properties = "quarantine"
[events."Cart Viewed"]
action = "drop"
[events."Product Clicked"]
action = "quarantine"
[calls.identify]
drop = ["phone"]
require = ["email"]
""")


def viewed(**more):
    return {"type": "track", "event": "Product Viewed", "userId": "7", "properties": {"product_id": "P-10"}} | more


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (viewed(userId=None), "userId and anonymousId are missing"),
        (viewed(userId=""), "userId and anonymousId are missing"),
        (viewed(userId=" \t"), "userId and anonymousId are missing"),
        (viewed(event=" "), "event is missing"),
        (viewed(userId={"id": 7}), "userId and anonymousId are missing"),
        (viewed(event=None), "event is missing"),
        (viewed(event=""), "event is missing"),
        (viewed(event=["Product Viewed"]), "event is a list, not the name of an event"),
        (viewed(type=None), "type is missing"),
        (viewed(type="buy"), "type is no call of the protocol"),
        (viewed(type=["track"]), "type is no call of the protocol"),
        (viewed(properties=[1]), "properties is a list, not an object"),
        (viewed(context="web"), "context is text, not an object"),
        ({"type": "group", "userId": "7"}, "groupId is missing"),
        ({"type": "group", "userId": "7", "groupId": None}, "groupId is missing"),
        ({"type": "alias", "userId": "7"}, "previousId is missing"),
        ({"type": "identify", "userId": "7", "traits": "ann"}, "traits is text, not an object"),
        ({"type": "identify", "userId": "7", "context": {"traits": []}}, "context.traits is a list, not an object"),
        ([viewed()], "is a list, not an object"),
        (None, "is null, not an object"),
        ("ann@example.com", "is text, not an object"),
    ],
)
def test_what_the_protocol_needs(event, reason):
    verdict = OPEN.judge(event)
    assert (verdict.action, verdict.reason) == ("quarantine", reason)
    assert all(one.fix for one in verdict.problems)


@pytest.mark.parametrize(
    "event",
    [
        viewed(),
        viewed(userId=None, anonymousId="v-1"),
        viewed(userId=7),
        viewed(event="Viewed Product"),
        {"type": "identify", "userId": "7", "context": {"traits": {"email": "ann@example.com"}}, "traits": None},
        {"type": "page", "anonymousId": "v-1", "name": "Shoes"},
        {"type": "alias", "userId": "7", "previousId": "v-1"},
        {"type": "group", "userId": "7", "groupId": 3},
        {"type": "track", "event": "Stock Changed", "properties": {"product_id": 1, "quantity": 3}},
    ],
)
def test_what_is_taken_without_a_word(event):
    verdict = OPEN.judge(event)
    assert (verdict.action, verdict.problems, verdict.dropped) == ("allow", (), ())


def test_names_are_those_of_the_vocabulary():
    assert OPEN.judge(viewed(event="Viewed Product")).name == "Product Viewed"
    assert OPEN.judge({"type": "page", "userId": "7"}).name == "Page Viewed"
    assert OPEN.judge({"type": "identify", "userId": "7"}).name == ""
    assert OPEN.judge(viewed(event="Locker Opened")).name == ""


def test_wrong_and_missing_properties_are_warnings_unless_the_plan_says_otherwise():
    event = viewed(properties={"price": "cheap"}, timestamp="soon")
    verdict = OPEN.judge(event)
    assert verdict.action == "allow" and {one.severity for one in verdict.problems} == {"warning"}
    assert [one.where for one in verdict.problems] == ["properties.price", "properties.product_id", "timestamp"]
    for default in (Rule(wrong_types="quarantine"), Rule(missing_properties="quarantine")):
        assert Plan(default=default).judge(event).action == "quarantine"


def test_unknown_events():
    event = viewed(event="product_viewed")
    verdict = OPEN.judge(event)
    assert verdict.action == "allow" and [one.kind for one in verdict.problems] == ["unknown_event"]
    assert verdict.problems[0].fix == "did you mean 'Product Viewed'?"
    assert Plan(unknown_events="drop").judge(event).action == "drop"
    verdict = Plan(unknown_events="quarantine").judge(viewed(event="x" * 5000))
    assert verdict.action == "quarantine" and len(verdict.reason) < LONGEST + 40


def test_events_that_the_plan_drops_or_refuses():
    verdict = STRICT.judge(viewed(event="Cart Viewed"))
    assert (verdict.action, verdict.reason) == ("drop", "the plan drops Cart Viewed")
    verdict = STRICT.judge(viewed(event="Clicked Product"))
    assert (verdict.action, verdict.reason) == ("quarantine", "the plan puts Product Clicked into quarantine")


def test_what_is_taken_out():
    event = viewed(
        event="Completed Order",
        context={"ip": "1.2.3.4", "traits": {"email": "ann@example.com"}, "page": {}},
        properties={
            "order_id": 1,
            "affiliation": "x",
            "products": [{"product_id": 1, "price": 2, "quantity": 1, "name": "Mug"}],
            "coupon": "A",
        },
    )
    verdict = STRICT.judge(event)
    assert verdict.action == "allow" and set(verdict.dropped) == {
        *("context.ip", "context.traits.email", "properties.coupon", "properties.affiliation"),
        "properties.products.name",
    }
    less = without(event, verdict.dropped)
    assert less["context"] == {"traits": {}, "page": {}}
    assert less["properties"] == {"order_id": 1, "products": [{"product_id": 1, "price": 2, "quantity": 1}]}


def test_unknown_properties():
    event = viewed(properties={"product_id": 1, "a.b": 2, "colour": "red"})
    assert STRICT.judge(event).dropped == ("properties.a\\.b", "properties.colour")
    assert without(event, STRICT.judge(event).dropped)["properties"] == {"product_id": 1}
    assert OPEN.undefined(event) == ["a.b", "colour"]
    refused = Plan(default=Rule(unknown_properties="quarantine")).judge(event)
    assert refused.action == "quarantine" and len(refused.problems) == 2


def test_traits_are_dropped_and_required_in_both_places():
    for more in ({"traits": {"phone": 1, "email": "a"}}, {"context": {"traits": {"phone": 1, "email": "a"}}},
                 {"traits": {"phone": 1}, "context": {"traits": {"email": "a"}}}):  # fmt: skip
        event = {"type": "identify", "userId": "7", **more}
        plan = parse_plan('[calls.identify]\ndrop = ["phone"]\nrequire = ["email"]')
        verdict = plan.judge(event)
        assert verdict.action == "allow" and "phone" not in str(without(event, verdict.dropped))
        assert plan.judge({"type": "identify", "userId": "7", "traits": {}}).action == "quarantine"


def test_no_message_quotes_a_value():
    secret = "ann@example.com"
    for name in WORDS.events:
        one = WORDS.events[name]
        event = viewed(event=name, properties={has.name: {secret: secret} for has in one.properties}, context=secret,
                       timestamp=secret, anonymousId=[secret])  # fmt: skip
        for plan in (OPEN, STRICT):
            assert secret not in repr(plan.judge(event))


@settings(deadline=None)
@given(JSON | events() | st.dictionaries(st.sampled_from(["type", "event", "properties", "context", "traits"]), JSON))
def test_nothing_upsets_it(event):
    for plan in (OPEN, STRICT):
        verdict = plan.judge(event)
        assert (verdict.action == "allow") == (verdict.reason == "")
        assert (verdict.action == "quarantine") == any(one.severity == "error" for one in verdict.problems)
        plan.undefined(event)


@settings(deadline=None, max_examples=300)
@given(events())
def test_what_is_taken_out_changes_no_verdict(event):
    for plan in (OPEN, STRICT):
        verdict = plan.judge(event)
        again = plan.judge(without(event, verdict.dropped))
        assert again.dropped == ()
        assert (again.action, again.reason, again.problems) == (verdict.action, verdict.reason, verdict.problems)
