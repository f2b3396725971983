"""The words: complete, each spelt one way, and the same as what the kinds of record call them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from floorwalker.errors import ConfigError
from floorwalker.events.language import words as module
from floorwalker.events.language.words import definition, definition_of, fold, suggestion, words
from floorwalker.events.vocabulary import BROWSE_EVENTS, KINDS

WORDS = words()
V2 = """Products Searched;
Product List Viewed; Product List Filtered; Promotion Viewed; Promotion Clicked; Product Clicked;
Product Viewed; Product Added; Product Removed; Cart Viewed; Checkout Started; Checkout Step Viewed; Order Updated;
Checkout Step Completed; Payment Info Entered; Order Completed; Order Refunded; Order Cancelled; Coupon Entered;
Coupon Applied; Coupon Denied; Coupon Removed; Product Added to Wishlist; Product Removed from Wishlist;
Wishlist Product Added to Cart; Product Shared; Cart Shared; Product Reviewed"""


@pytest.mark.parametrize("kind", ["browse_events", "email_events", "loyalty_events"])
def test_events_that_feed_a_kind_are_those_it_takes(kind):
    taken = KINDS[kind].column("event_name").values
    assert sorted(one.name for one in WORDS.events.values() if kind in one.feeds) == sorted(taken)


def test_the_e_commerce_events_are_whole():
    v2 = {" ".join(name.split()) for name in V2.split(";")}
    assert len(v2) == 28 and v2 <= set(BROWSE_EVENTS)
    assert {one.name for one in WORDS.events.values() if one.origin == "e-commerce v2"} == v2 | {
        "Page Viewed",
        "Screen Viewed",
    }


def test_values_are_those_of_the_kinds():
    for name in ("purpose", "status"):
        assert definition("Consent Updated").field(name).values == KINDS["consents"].column(name).values


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Completed Order", "Order Completed"),
        ("Viewed Product", "Product Viewed"),
        ("Viewed Product Category", "Product List Viewed"),
        ("Started Order", "Checkout Started"),
        ("Segment Consent Preference Updated", "Consent Updated"),
    ],
)
def test_aliases_lead_to_the_event(old, new):
    assert definition(old) is definition(new) is not None


def test_no_name_or_alias_means_two_things():
    spelt = [name for one in WORDS.events.values() for name in (one.name, *one.aliases)]
    assert len({fold(name) for name in spelt}) == len(spelt) == len(WORDS.names)


def test_another_spelling_is_suggested_and_not_taken():
    for spelt in ("product viewed", "Product  Viewed", "product_viewed", "productViewed", "Prodct Viewed"):
        assert definition(spelt) is None
        assert suggestion(spelt) == "Product Viewed"
    assert suggestion("Locker Opened") == suggestion("") == ""


def test_whoever_is_nobody_needs_no_id():
    assert [one.name for one in WORDS.events.values() if not one.person] == ["Stock Changed", "Price Changed"]


def test_every_event_says_what_it_is():
    for one in [*WORDS.events.values(), *WORDS.calls.values()]:
        assert one.about and one.group != "custom" and one.origin != "custom", one.name
        assert all(has.about or has.type == "text" or has.name for has in one.properties)
        assert set(one.example) <= {has.name for has in one.properties}, one.name
        assert all(one.example.get(has.name) is not None for has in one.properties if has.required), one.name


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ({"feds": []}, "unknown key 'feds'"),
        ({"feeds": ["order_line"]}, "no kind of record 'order_line'"),
        ({"use": ["prodct"]}, "no set of properties 'prodct'"),
        ({"required": ["x"]}, "no property 'x' to be required"),
        ({"properties": {"x": "id"}}, "property 'x' is no table"),
        ({"properties": {"x": {"typ": "id"}}}, "unknown key of property 'x' 'typ'"),
        ({"properties": {"x": {"type": "uuid"}}}, "'x': Invalid enum value 'uuid' - at `$.type`"),
        ({"properties": {"x": {"type": "list", "of": "itm"}}}, "property 'x' is a list of 'itm'"),
        ({"properties": {"x": {"type": "list"}}}, "property 'x' is a list of ''"),
        ({"properties": {"x": {"of": "item"}}}, "property 'x' is text, `of` is for lists"),
        ({"properties": {"x": {"type": "money", "values": ["1"]}}}, "property 'x' is money, `values` are for text"),
    ],
)
def test_what_cannot_be_meant_is_refused(written, what):
    with pytest.raises(ConfigError) as error:
        definition_of("X", written, WORDS.sets)
    assert error.value.what == what and (error.value.fix or "enum" in what)


def test_importing_reads_nothing_and_nothing_heavy():
    code = (
        "import sys, floorwalker.events.language.plan_file, floorwalker.events.language.words as w;"
        "assert w.words.cache_info().currsize == 0;"
        "print([m for m in ('duckdb','pyarrow','numpy','rich','sqlglot') if m in sys.modules])"
    )
    source = Path(module.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
