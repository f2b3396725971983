"""Events as rows without a database are the rows that a run makes of them."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.app.collect.test_exporting import Shop
from tests.sources.collected.odd_events import Odd

from floorwalker.app.config import load_config
from floorwalker.app.intake import load_mappings
from floorwalker.app.state import open_state
from floorwalker.errors import ConfigError
from floorwalker.events.frames import Frame, Head, pack
from floorwalker.events.language.words import words
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.collected import COLLECTED
from floorwalker.sources.collected.live_rows import Collected, LiveRows, batch_context
from floorwalker.sources.mapping import Defaults, load_mapping, parse_mapping

_OF_THE_RUN = ("event_id", "source", "delivery_id", "schema_version", "received_at")
Found = Counter[tuple[Any, ...]]


def by_a_run(shop: Shop, frames: list[Frame]) -> tuple[Found, Found]:
    """Rows in the bronze tables, and what is in quarantine."""
    with shop.log.writer(0) as writer:
        for one in frames:
            writer.append([pack(one.head, one.events)])
    shop.take_in()
    rows: Found = Counter()
    with shop.lake.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for kind in KINDS.values():
            shop.lake.view(connection, f"bronze.{kind.name}")
            names = [name for name in kind.names if name not in _OF_THE_RUN]
            columns = ", ".join("epoch_us(occurred_at)" if name == "occurred_at" else f'"{name}"' for name in names)
            for row in connection.sql(f"SELECT {columns} FROM bronze.{kind.name}").fetchall():
                rows[kind.name, *sorted((name, repr(one)) for name, one in zip(names, row, strict=True)
                                        if one is not None)] += 1  # fmt: skip
    with open_state(shop.project) as state:
        aside = state.execute("SELECT kind, reason FROM quarantine WHERE file NOT LIKE 'log %'").fetchall()
    return rows, Counter(aside)


def by_one(shop: Shop, frames: list[Frame], source: str) -> tuple[Found, Found]:
    """The same without a database. Of equal message ids the first counts."""
    (mapping,) = [
        one for one in load_mappings(shop.project, load_config(shop.project).settings) if one.source == source
    ]
    reader = LiveRows(mapping, words())
    rows: Found = Counter()
    aside: Found = Counter()
    seen = set()
    for frame in frames:
        shared = batch_context(frame.head)
        for place, raw in enumerate(frame.events):
            found = reader.read(frame.head, place, raw, shared)
            if found is None or (found.source, found.message_id) in seen:
                continue
            seen.add((found.source, found.message_id))
            for kind, values in found.rows:
                told = sorted((name, repr(value)) for name, value in values.items() if value is not None)
                rows[kind, *told] += 1
            aside.update((kind, reason) for kind, reason in found.refused)
    return rows, aside


def compare(folder: Path, frames: list[Frame], mapping: str = "", source: str = "collector") -> int:
    shop = Shop(folder / "shop")
    if mapping:
        (shop.project.mappings / COLLECTED.name).write_text(mapping)
    run, run_aside = by_a_run(shop, frames)
    one, one_aside = by_one(shop, frames, source)
    shop.log.close()
    assert sorted((run - one).elements()) == sorted((one - run).elements())
    assert run_aside == one_aside
    return run.total()


@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(st.integers(0, 10**9), st.sampled_from([0.05, 0.2]))
def test_rows_are_those_of_a_run(tmp_path_factory: pytest.TempPathFactory, seed: int, oddness: float) -> None:
    frames = Odd(seed, oddness).frames(400)
    assert compare(tmp_path_factory.mktemp("same"), frames) > 200


OWN = """
source = "shop"
files = "state/collected/*/*.parquet"
order_scope = "web"
rest = "skip"
currency = "EUR"
language = "de"
purposes = ["analytics"]
time_zone = "America/New_York"
null_values = ["", "none", "a"]

[[maps]]
kind = "browse_events"
where = "row_kind = 'browse_events' AND market IS NULL"
[maps.columns]
occurred_at = "occurred_at"
event_name = { column = "event_name", map = { "Product Viewed" = "Product Clicked" }, default = "Store Visited" }
product_id = { expression = "coalesce(properties->>'$.product_id', properties->>'$.products[0].product_id')" }
price = { expression = "properties->>'$.price'", decimal = "," }
quantity = { expression = "CASE WHEN email IS NULL THEN 1 ELSE 2 END" }
category = { expression = "properties->'$.category'" }
url = { expression = "upper(context->>'$.page.url') || '#' || coalesce(device_id, '')" }
email = { column = "email", hash = "sha256" }
customer_ref = "account_id"

[[maps]]
kind = "collected_events"
where = "row_kind = 'browse_events' AND (starts_with(event_name, 'Product') OR channel = 'mobile')"
columns = { message_id = "message_id", event_type = "row_kind", properties = "properties", occurred_at = "occurred_at" }

[[maps]]
kind = "customers"
where = "row_kind = 'customers'"
[maps.columns]
occurred_at = "occurred_at"
account_id = "account_id"
email = { column = "EMAIL", map = { "GBP" = "x@y.de" } }
birth_date = { expression = "coalesce(traits->>'$.birthday', left(occurred_at, 10))" }
children = { expression = "traits->>'$.age'" }
gender = { value = "unknown" }
country = { expression = "traits->>'$.address.country'", default = "DE" }

[[maps]]
kind = "returns"
where = "row_kind IN ('returns', 'order_lines')"
[maps.columns]
occurred_at = { expression = "coalesce(properties->>'$.returned_at', occurred_at)" }
order_id = { expression = "properties->>'$.order_id'" }
product_id = { expression = "coalesce(line->>'$.product_id', line->>'$.sku')" }
quantity = { expression = "line->>'$.quantity'" }
unit_price = { expression = "line->>'$.price'" }
is_cancellation = { expression = "event_name = 'Order Cancelled' OR email = 'GBP'" }
currency = { expression = "properties->>'$.currency'", default = "CHF" }
loyalty_id = "loyalty_id"
"""


@settings(max_examples=1, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 10**9))
def test_a_mapping_of_the_project_counts(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    frames = Odd(seed, 0.15).frames(600)
    assert compare(tmp_path_factory.mktemp("own"), frames, OWN, "shop") > 60


def read(event: Any, kinds: tuple[str, ...] | None = None, **head: Any) -> Collected:
    mapping = load_mapping(COLLECTED, Defaults(currency="EUR", time_zone="Europe/Berlin"))
    given = Head(received_at=1_772_366_400_000_000, source="web", assigned={0: "m0"}, **head)
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    found = LiveRows(mapping, words(), kinds).read(given, 0, raw, batch_context(given))
    assert found is not None
    return found


def test_an_order_is_lines_a_visit_and_a_coupon() -> None:
    order = {
        "type": "track", "event": "Completed Order", "userId": 7, "timestamp": "2026-02-28T23:30:00.000Z",
        "properties": {
            "order_id": "o1", "coupon": "C1", "products": [
                {"product_id": "p1", "price": 1.5, "quantity": "2"}, {"sku": "p2"}, None,
            ],
        },
    }  # fmt: skip
    found = read(order, ("order_lines", "redemptions", "browse_events"))
    assert (found.name, found.call, found.message_id) == ("Order Completed", "track", "m0")
    assert Counter(row.kind for row in found.rows) == {"order_lines": 1, "redemptions": 1, "browse_events": 1}
    (line,) = [row.values for row in found.rows if row.kind == "order_lines"]
    assert line["amount"] == Decimal("3.0000") and repr(line["quantity"]) == "Decimal('2.000')"
    assert (line["order_key"], line["currency"], line["account_id"]) == ("collector:o1", "EUR", "7")
    assert (line["occurred_on"], line["occurred_hour"]) == (dt.date(2026, 3, 1), 0)
    assert [one.reason for one in found.refused] == [
        "unit_price: missing", "product_id: missing; unit_price: missing",
    ]  # fmt: skip


def test_each_kind_of_record_is_made_of_its_event() -> None:
    for definition in (*words().events.values(), *words().calls.values()):
        found = read(definition.whole_example())
        made = {row.kind for row in found.rows}
        assert "collected_events" in made
        missing = set(definition.feeds) - made - {"redemptions", "consents"}
        assert not missing, (definition.name, missing, found.refused)


def test_consent_comes_in_four_ways() -> None:
    def purposes(event: dict[str, Any], **head: Any) -> list[tuple[Any, ...]]:
        found = read({"type": "track", "userId": "u", **event}, ("consents",), **head)
        return [(row.values["purpose"], row.values["status"], row.values["method"]) for row in found.rows]

    updated = {"event": "Consent Updated"}
    assert purposes(updated | {"properties": {"purpose": "Ads", "status": "denied"}}) == [("ads", "denied", None)]
    preferences = {"consent": {"categoryPreferences": {"analytics": True, "ads": "false", "profiling": None}}}
    assert purposes(updated | {"context": preferences}) == [
        ("analytics", "granted", None), ("ads", "denied", None),
    ]  # fmt: skip
    assert purposes({"event": "Unsubscribed"}) == [("marketing_email", "withdrawn", None)]
    assert purposes({"event": "Made Up"}, gpc=True) == [("ads", "denied", "Global Privacy Control")]


def test_an_alias_names_the_visitor_it_was() -> None:
    (row,) = read({"type": "alias", "userId": "u", "previousId": "a"}, ("customers",)).rows
    assert (row.values["account_id"], row.values["cookie_id"]) == ("u", "a")


def test_what_nobody_asks_for_is_not_made() -> None:
    event = {"type": "track", "event": "Product Viewed", "userId": "u"}
    assert read(event, ()).rows == [] and read(event, ("stock",)).name == "Product Viewed"
    assert read({"type": "track", "event": " Made Up ", "userId": "u"}, ()).name == "Made Up"


def test_events_that_do_not_count_are_none() -> None:
    reader = LiveRows(load_mapping(COLLECTED), words())
    head = Head(received_at=1, source="web", refused={0: "no"})
    assert reader.read(head, 0, b'{"type":"page","userId":"u"}') is None
    assert reader.read(head, 1, b"") is None and reader.read(head, 1, b"{") is None


@pytest.mark.parametrize(("entry", "told"), [
    ("{ expression = \"regexp_extract(properties->>'$.sku', 'a')\" }", "regexp_extract"),
    ('{ expression = "as_number(email)" }', "as_number"), ('"nobody"', "nobody"),
])  # fmt: skip
def test_a_mapping_that_needs_a_database_is_told_of(entry: str, told: str) -> None:
    text = f"""
        source = "shop"
        files = "x"
        [[maps]]
        kind = "stock"
        where = "row_kind = 'stock'"
        [maps.columns]
        product_id = {entry}
        quantity = {{ value = "1" }}
    """
    with pytest.raises(ConfigError, match="'product_id' of stock") as raised:
        LiveRows(parse_mapping(text), words())
    assert told in str(raised.value.why).lower() and raised.value.fix
