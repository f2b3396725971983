"""The models from bronze to gold, on a small world whose answers were worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from tests.bronze import write_bronze

from floorwalker.engines.lake import Lake
from floorwalker.engines.models import load_models
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, plan
from floorwalker.engines.steps import Step
from floorwalker.errors import DataTestError
from floorwalker.profiles import SQL

AS_OF = dt.date(2026, 3, 1)
ANN, BOB = {"email": "ann@x.org"}, {"loyalty_id": "L2"}

WORLD = {
    "customers": [
        {**ANN, "given_name": "Ann", "family_name": "Old", "postcode": "E1", "occurred_at": "2025-01-01 00:00:00+00"},
        {
            **ANN,
            "given_name": "Ann",
            "family_name": "New",
            "city": "Leeds",
            "birth_date": "1990-05-06",
            "occurred_at": "2026-01-01 00:00:00+00",
            "source": "crm",
            "channel": "service",
        },
    ],
    "products": [
        {"product_id": "P1", "name": "Shirt", "category": "tops", "brand_name": "Oak", "garment": "top", "price": 10},
        {"product_id": "P2", "name": "Coat", "category": "tops", "brand_name": "Elm", "garment": "top", "price": 90},
        {
            "product_id": "P1",
            "name": "Shirt 2",
            "category": "tops",
            "brand_name": "Oak",
            "garment": "top",
            "price": 11,
            "occurred_at": "2026-02-01 00:00:00+00",
        },
    ],
    "order_lines": [
        {
            **ANN,
            "order_id": "1",
            "product_id": "P1",
            "quantity": 2,
            "unit_price": 10,
            "size": "M",
            "occurred_at": "2026-01-10 10:00:00+00",
        },
        {
            **ANN,
            "order_id": "1",
            "product_id": "P2",
            "quantity": 1,
            "unit_price": 90,
            "discount": 9,
            "size": "M",
            "occurred_at": "2026-01-10 10:00:00+00",
        },
        {
            **ANN,
            "order_id": "2",
            "product_id": "P1",
            "quantity": 1,
            "unit_price": 0,
            "occurred_at": "2026-01-11 10:00:00+00",
        },
        {
            **BOB,
            "order_id": "7",
            "product_id": "P9",
            "product_name": "Mug",
            "quantity": 3,
            "unit_price": 2,
            "channel": "store",
            "source": "till",
            "currency": "EUR",
            "occurred_at": "2026-02-19 23:30:00+00",
        },
        {"order_id": "8", "product_id": "P1", "quantity": 1, "unit_price": 10, "channel": "store", "source": "till"},
        # the web order 1 again, as the till's back office reports it
        {
            "order_id": "1",
            "order_key": "shop:1",
            "product_id": "P1",
            "quantity": 2,
            "unit_price": 10,
            "source": "till",
            "occurred_at": "2026-01-10 11:00:00+00",
        },
    ],
    "exchange_rates": [
        {"currency": "EUR", "rate": 0.5, "rate_date": "2026-01-01"},
        {"currency": "EUR", "rate": 0.8, "rate_date": "2026-02-19"},
        {"currency": "EUR", "rate": 0.9, "rate_date": "2026-02-20"},
    ],
    "returns": [{**ANN, "product_id": "P1", "quantity": 1, "unit_price": 10, "order_id": "1"}],
    "browse_events": [
        {
            "cookie_id": "k1",
            **ANN,
            "event_name": "Product Viewed",
            "product_id": "P2",
            "occurred_at": "2026-02-20 09:00:00+00",
        },
        {
            "cookie_id": "k1",
            **ANN,
            "event_name": "Product Added",
            "product_id": "P2",
            "occurred_at": "2026-02-20 09:05:00+00",
        },
        {"cookie_id": "k9", "event_name": "Product Viewed", "product_id": "P2"},
    ],
    "consents": [
        {**ANN, "purpose": "all", "status": "granted", "occurred_at": "2026-01-01 00:00:00+00"},
        {**ANN, "purpose": "ads", "status": "withdrawn", "occurred_at": "2026-01-02 00:00:00+00"},
        {**ANN, "purpose": "marketing_sms", "status": "denied", "source": "crm"},
    ],
    "email_events": [
        {**ANN, "event_name": "Email Sent", "message_id": "m1"},
        {**ANN, "event_name": "Email Opened", "message_id": "m1"},
        {**ANN, "event_name": "Email Opened", "message_id": "m1", "occurred_at": "2026-01-03 00:00:00+00"},
        {**ANN, "event_name": "Unsubscribed", "message_id": "m1", "occurred_at": "2026-01-04 00:00:00+00"},
    ],
    "loyalty_events": [
        {**BOB, "event_name": "Points Earned", "points": 50, "tier": "silver"},
        {**BOB, "event_name": "Points Redeemed", "points": 20},
    ],
    "tickets": [{**ANN, "ticket_id": "t1", "topic": "late"}],
    "stock": [
        {"product_id": "P1", "store_id": "S1", "quantity": 5, "occurred_at": "2026-01-01 00:00:00+00"},
        {"product_id": "P1", "store_id": "S1", "quantity": 0, "occurred_at": "2026-02-01 00:00:00+00"},
        {"product_id": "P1", "quantity": 7},
    ],
    "stock_adjustments": [{"product_id": "P1", "quantity": -1}],
}


def by_email_or_card(context) -> None:
    """Stands in for identity: one customer per e-mail, else card, else cookie."""
    sql = context.connection.sql
    context.write(
        "silver.customer_map",
        sql(
            "SELECT record_id, COALESCE('c-' || email, 'c-' || loyalty_id, 'c-' || cookie_id) AS customer_id"
            " FROM silver.identity_records"
        ),
    )
    context.write(
        "silver.normalised_records",
        sql(
            "SELECT record_id, LOWER(family_name) AS family_name_key, LOWER(address) AS address_key,"
            " UPPER(postcode) AS postcode_key FROM silver.identity_records"
        ),
    )
    context.write(
        "silver.customer_identifiers",
        sql(
            "SELECT 'c-' || email AS customer_id, 'email' AS kind, MAX(email) AS value, MAX(email) AS key,"
            " COUNT(*) AS records, 'shop' AS sources, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen"
            " FROM silver.identity_records WHERE email IS NOT NULL GROUP BY email"
            " UNION ALL SELECT 'c-' || loyalty_id, 'loyalty_id', loyalty_id, loyalty_id, 1, 'till', first_seen,"
            " last_seen FROM silver.identity_records WHERE loyalty_id IS NOT NULL AND email IS NULL"
        ),
    )


IDENTITY = Step(
    "identity",
    ("silver.identity_records",),
    ("silver.customer_map", "silver.customer_identifiers", "silver.normalised_records"),
    by_email_or_card,
)


def build(tmp_path, world) -> Lake:
    lake = Lake(Project(tmp_path), memory_limit="500MB", threads=1)
    versions = write_bronze(lake, world)
    graph = plan(load_models(SQL), [IDENTITY], versions)
    result = Build(lake, "r1", AS_OF, "GBP", precedence=("shop", "till"), versions=versions).run(graph)
    lake.publish(run_id="r1", as_of=AS_OF, versions=result.versions)
    return lake


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    return build(tmp_path_factory.mktemp("world"), WORLD).read()


def one(connection, query: str) -> dict:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    assert len(rows) == 1, rows
    return dict(zip(names, rows[0], strict=True))


def test_a_customer_s_behaviour(gold):
    ann = one(gold, "SELECT * FROM gold.customers WHERE customer_id = 'c-ann@x.org'")
    assert ann["orders"] == 1
    assert ann["lines"] == 2
    assert ann["revenue"] == Decimal("101.0000")
    assert ann["average_order"] == Decimal("101.0000")
    assert (ann["first_order_on"], ann["recency_days"]) == (dt.date(2026, 1, 10), 50)
    assert (ann["returns"], ann["returned_amount"]) == (1, Decimal("10.0000"))
    assert (ann["discount_affinity"], ann["size_top"]) == (0.5, "M")
    # the shirt is the cheapest of its category (rank 0), the coat the dearest (rank 1)
    assert ann["price_sensitivity"] == pytest.approx(0.5)
    assert (ann["favourite_category"], ann["favourite_brand"], ann["brand_affinity"]) == ("tops", "Elm", 0.5)
    assert (ann["views_30d"], ann["carts_30d"], ann["last_online_on"]) == (1, 1, dt.date(2026, 2, 20))
    assert (ann["emails_received"], ann["emails_opened"], ann["tickets"]) == (1, 1, 1)


def test_a_customer_s_person_is_the_newest_word_per_attribute(gold):
    ann = one(gold, "SELECT * FROM gold.customers WHERE customer_id = 'c-ann@x.org'")
    assert (ann["given_name"], ann["family_name"], ann["birth_year"]) == ("Ann", "New", 1990)
    assert (ann["postcode"], ann["city"]) == ("E1", None)
    assert (ann["sources"], ann["channels"]) == ("crm,shop", "service,web")


def test_money_in_another_currency_is_converted_at_the_rate_of_its_day(gold):
    bob = one(gold, "SELECT * FROM gold.customers WHERE customer_id = 'c-L2'")
    assert bob["revenue"] == Decimal("4.8000")
    assert (bob["orders_store"], bob["revenue_store"], bob["loyalty_points"], bob["loyalty_tier"]) == (
        1,
        Decimal("4.8000"),
        30,
        "silver",
    )


def test_the_same_sale_counts_once_by_the_source_believed_first(gold):
    lines = gold.execute(
        "SELECT source, COUNT(*) FROM silver.order_lines WHERE order_key = 'shop:1' GROUP BY 1"
    ).fetchall()
    assert lines == [("shop", 2)]


def test_consent_is_the_most_restrictive_of_all_words(gold):
    ann = one(gold, "SELECT * FROM gold.customers WHERE customer_id = 'c-ann@x.org'")
    assert (ann["personalization"], ann["ads"], ann["marketing_sms"], ann["marketing_email"]) == (
        "granted",
        "denied",
        "denied",
        "denied",
    )
    bob = one(gold, "SELECT * FROM gold.customers WHERE customer_id = 'c-L2'")
    assert bob["personalization"] == "unknown"


def test_products_and_stock_show_their_newest_state(gold):
    shirt = one(gold, "SELECT * FROM gold.products WHERE product_id = 'P1'")
    assert (shirt["name"], shirt["price"], shirt["stock"]) == ("Shirt 2", Decimal("11.0000"), Decimal("7.000"))
    assert (shirt["units"], shirt["units_30d"]) == (Decimal("3.000"), Decimal("0.000"))
    assert one(gold, "SELECT name FROM gold.products WHERE product_id = 'P9'") == {"name": "Mug"}
    places = gold.execute("SELECT store_id, quantity FROM gold.stock ORDER BY 1").fetchall()
    assert places == [("", Decimal("7.000")), ("S1", Decimal("0.000"))]


def test_the_funnel_counts_every_accepted_line(gold):
    steps = gold.execute('SELECT step, "rows", customers FROM gold.funnel ORDER BY position').fetchall()
    assert steps == [
        ("accepted", 8, None),
        ("customer known", 5, 2),
        ("not cancelled or returned", 4, 2),
        ("quantity and price above zero", 3, 2),
    ]


def test_bought_and_viewed_products_of_a_customer(gold):
    rows = gold.execute(
        "SELECT product_id, units, orders, views FROM gold.customer_products"
        " WHERE customer_id = 'c-ann@x.org' ORDER BY product_id"
    ).fetchall()
    assert rows == [("P1", Decimal("2.000"), 1, 0), ("P2", Decimal("1.000"), 1, 2)]


def test_an_amount_without_an_exchange_rate_stops_the_run(tmp_path):
    with pytest.raises(DataTestError, match="exchange rate"):
        build(tmp_path, {**WORLD, "exchange_rates": []})


def test_an_empty_world_builds(tmp_path):
    assert build(tmp_path, {}).read().execute("SELECT COUNT(*) FROM gold.customers").fetchall() == [(0,)]
