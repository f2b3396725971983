"""Every shipped mapping against a sample in its layout: recognised, read whole, with columns left out and put in."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from floorwalker.errors import NotFoundError
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.exports import Export, export_named, exports, held_against, recognise
from floorwalker.sources.guide.preview import preview
from floorwalker.sources.mapping import needs_time, parse_mapping

SAMPLES = Path(__file__).parent / "samples"
ALONE = [one for one in exports() if not one.companion]
# What the samples hold: rows that come in, by the kinds they become, and rows that are skipped.
EXPECTED = {
    "klaviyo_consents": ({"consents": 2}, 1),
    "klaviyo_profiles": ({"customers": 3}, 0),
    "lightspeed_sales": ({"returns": 1, "order_lines": 1}, 2),
    "loyalty_partner": ({"loyalty_events": 4}, 0),
    "magento_customers": ({"customers": 2}, 0),
    "magento_orders": ({"order_lines": 2}, 1),
    "mailchimp_audience": ({"customers": 2}, 0),
    "mailchimp_consents": ({"consents": 2}, 0),
    "salesforce_contacts": ({"customers": 1}, 1),
    "shopify_customers": ({"customers": 2}, 0),
    "shopify_orders": ({"order_lines": 3}, 0),
    "shopify_products": ({"products": 2}, 1),
    "shopify_products_older": ({"products": 2}, 1),
    "square_items": ({"returns": 1, "order_lines": 2}, 0),
    "woocommerce_customers": ({"customers": 2}, 0),
    "woocommerce_orders": ({"order_lines": 2}, 1),
    "woocommerce_products": ({"products": 2}, 0),
    "zendesk_tickets": ({"tickets": 2}, 0),
}


def sample_of(name: str) -> Path:
    owner = next((one.name for one in exports() if name in one.also), name)
    return SAMPLES / f"{owner}.csv"


def header_of(name: str) -> list[str]:
    with sample_of(name).open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def test_each_export_says_what_it_rests_on() -> None:
    assert {one.name for one in exports()} == set(EXPECTED)
    for one in exports():
        assert one.documentation.startswith("https://") or one.name == "loyalty_partner"
        assert one.looked_up == "2026-11-28"
        assert ("NOT VERIFIED" in one.text) is (not one.verified), one.name
        assert set(one.mapping.names) <= set(one.columns), one.name
        assert "[export]" not in one.text


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_its_sample_is_read_whole(name: str) -> None:
    export = export_named(name)
    assert list(export.columns) == header_of(name)
    found = preview(duckdb.connect(), export.mapping, sample_of(name))
    accepted, skipped = EXPECTED[name]
    assert found.refused == {}
    assert (found.accepted, found.skipped) == (accepted, skipped)


@pytest.mark.parametrize("export", ALONE, ids=lambda one: one.name)
def test_it_is_recognised_with_columns_missing_and_more(export: Export) -> None:
    header = header_of(export.name)
    whole = recognise(header)
    assert whole is not None
    assert (whole.export.name, whole.missing, whole.more) == (export.name, (), ())
    assert whole.text == export.text
    keep: set[str] = set()
    for item in export.mapping.maps:
        kind = KINDS[item.kind]
        needed = {column.name for column in kind.columns if column.required}
        needed |= {"occurred_at"} if needs_time(kind) else set()
        keep |= {*item.names, *(name for one in item.columns if one.target in needed for name in one.names)}
    # Every fourth column that can be missed is, and two are there that nobody knows.
    gone = [name for name in header if name not in keep][::4]
    narrower = [name for name in header if name not in gone] + ["Our own", "Another"]
    found = recognise([name.upper() for name in narrower])
    assert found is not None
    assert found.export.name == export.name
    assert set(found.missing) == set(gone)
    assert parse_mapping(found.text).kinds == export.mapping.kinds


def test_what_is_too_far_off_is_not_recognised() -> None:
    assert recognise(["Name", "Email", "Phone", "Total"]) is None
    shopify = export_named("shopify_orders")
    assert held_against(shopify, [name for name in shopify.columns if name != "Lineitem quantity"]) is None
    assert held_against(shopify, shopify.columns[: len(shopify.columns) // 2]) is None
    assert held_against(shopify, [*shopify.columns, *(f"own {n}" for n in range(200))]) is None
    with pytest.raises(NotFoundError, match="shopify_order'"):
        export_named("shopify_order")
