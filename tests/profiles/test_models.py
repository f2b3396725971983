"""The models from bronze to gold, on a small world whose answers were worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from tests.bronze import write_bronze

from floorwalker.app.pipeline import REMEMBERED
from floorwalker.engines.lake import Lake
from floorwalker.engines.models import load_models
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, plan
from floorwalker.engines.steps import Step
from floorwalker.errors import DataTestError
from floorwalker.identity.golden import golden_step
from floorwalker.identity.household_steps import household_step
from floorwalker.identity.settings import GoldenSettings, HouseholdSettings
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
            "SELECT record_id, LOWER(given_name) AS given_name_key, LOWER(family_name) AS family_name_key, birth_date,"
            " LOWER(address) AS address_key, UPPER(postcode) AS postcode_key, email AS email_key, phone AS phone_key,"
            " loyalty_id AS loyalty_key FROM silver.identity_records"
        ),
    )
    context.write(
        "silver.customer_aliases",
        sql("SELECT NULL::VARCHAR AS customer_id, NULL::VARCHAR AS alias_of WHERE FALSE"),
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
    ("silver.customer_map", "silver.customer_identifiers", "silver.normalised_records", "silver.customer_aliases"),
    by_email_or_card,
)
STEPS = [IDENTITY, golden_step(GoldenSettings()), household_step(HouseholdSettings())]


def build(tmp_path, world) -> Lake:
    lake = Lake(Project(tmp_path), memory_limit="500MB", threads=1)
    versions = write_bronze(lake, world)
    graph = plan(load_models(SQL), STEPS, versions)
    build = Build(
        lake, "r1", AS_OF, "GBP", precedence=("shop", "till"), versions=versions,
        previous={"silver.households": None}, empty=REMEMBERED,
    )  # fmt: skip
    result = build.run(graph)
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


def test_a_merged_customer_allows_only_what_every_record_that_spoke_allows(tmp_path):
    """Five records of one person: consent does not survive like a name, by being newer or more often said."""

    def said(source, purpose, status, month):
        return {**ANN, "source": source, "purpose": purpose, "status": status, "basis": f"{source} {status}",
                "occurred_at": f"2026-{month:02}-01 00:00:00+00"}  # fmt: skip

    world = {
        "customers": [{**ANN, "source": "silent", "family_name": "Lee"}],
        "consents": [
            # the newest word, and most words, grant; one older record refused, another withdrew
            *(said(source, "marketing_email", "granted", 2) for source in ("web", "app", "crm")),
            said("till", "marketing_email", "denied", 1),
            said("web", "marketing_sms", "granted", 2), said("till", "marketing_sms", "withdrawn", 1),
            # granted by one, unknown to the others
            said("web", "analytics", "granted", 1),
            # the same record changed its mind: its own last word counts, in both directions
            said("web", "ads", "denied", 1), said("web", "ads", "granted", 2),
            said("app", "personalization", "granted", 1), said("app", "personalization", "withdrawn", 2),
            # 'all' speaks for every purpose, also against a newer grant of another record
            said("post", "all", "withdrawn", 1), said("post", "all", "granted", 2),
            said("call", "all", "granted", 1), said("web", "marketing_push", "granted", 1),
        ],
    }  # fmt: skip
    gold = build(tmp_path, world).read()
    found = {row[0]: row[1:] for row in gold.execute("SELECT purpose, status, basis FROM gold.consents").fetchall()}
    assert found == {
        "marketing_email": ("denied", "till denied"),
        "marketing_sms": ("denied", "till withdrawn"),
        "personalization": ("denied", "app withdrawn"),
        "analytics": ("granted", "post granted"),
        "ads": ("granted", "post granted"),
        "marketing_push": ("granted", "post granted"),
        "profiling": ("granted", "post granted"),
    }
    since = dict(gold.execute("SELECT purpose, STRFTIME(since, '%m') FROM gold.consents").fetchall())
    assert since["marketing_email"] == since["marketing_sms"] == "01", "the day of the word that counts"
    ann = one(gold, "SELECT * FROM gold.customers")
    assert (ann["marketing_email"], ann["marketing_sms"], ann["analytics"]) == ("denied", "denied", "granted")


def test_a_refusal_of_everything_by_one_record_refuses_everything(tmp_path):
    world = {
        "consents": [
            {**ANN, "source": "web", "purpose": "all", "status": "granted", "occurred_at": "2026-02-01 00:00:00+00"},
            {**ANN, "source": "call", "purpose": "all", "status": "denied", "occurred_at": "2026-01-01 00:00:00+00"},
            {**BOB, "source": "web", "purpose": "ads", "status": "granted"},
        ],
        "email_events": [{**BOB, "source": "mail", "event_name": "Unsubscribed"}],
    }
    gold = build(tmp_path, world).read()
    words = "SELECT customer_id, status, COUNT(*) FROM gold.consents GROUP BY ALL ORDER BY ALL"
    assert gold.execute(words).fetchall() == [
        ("c-L2", "denied", 1),
        ("c-L2", "granted", 1),
        ("c-ann@x.org", "denied", 7),
    ]
    bob = one(gold, "SELECT * FROM gold.customers WHERE customer_id = 'c-L2'")
    assert (bob["marketing_email"], bob["ads"], bob["analytics"]) == ("denied", "granted", "unknown")


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


@pytest.mark.parametrize(
    "rates",
    [
        [],
        # the day before the first rate is not the first rate's
        [{"currency": "EUR", "rate": 0.8, "rate_date": "2026-02-20"}],
        [{"currency": "USD", "rate": 0.8, "rate_date": "2026-01-01"}],
    ],
)
def test_an_amount_without_an_exchange_rate_stops_the_run(tmp_path, rates):
    with pytest.raises(DataTestError, match="exchange rate"):
        build(tmp_path, {**WORLD, "exchange_rates": rates})


def test_an_amount_without_a_currency_stops_the_run(tmp_path):
    line = {"order_id": "1", "product_id": "P1", "quantity": 1, "unit_price": 10, "currency": None}
    with pytest.raises(DataTestError, match="exchange rate"):
        build(tmp_path, {"order_lines": [line]})
    returned = {"product_id": "P1", "quantity": 1, "unit_price": 10, "currency": None}
    with pytest.raises(DataTestError, match="exchange rate"):
        build(tmp_path, {"returns": [returned]})


def test_a_rate_holds_until_the_next_and_the_last_delivered_counts(tmp_path):
    line = {"product_id": "P1", "quantity": 1, "unit_price": 10, "discount": 2, "currency": "EUR"}
    days = {"1": "2026-01-01", "2": "2026-01-20", "3": "2026-01-21", "4": "2026-12-31"}
    world = {
        "order_lines": [{**line, "order_id": no, "occurred_at": f"{day} 12:00:00+00"} for no, day in days.items()],
        "exchange_rates": [
            {"currency": "EUR", "rate": 0.5, "rate_date": "2026-01-01"},
            {"currency": "EUR", "rate": 0.7, "rate_date": "2026-01-21", "received_at": "2026-02-01 00:00:00+00"},
            {"currency": "EUR", "rate": 0.75, "rate_date": "2026-01-21", "received_at": "2026-02-02 00:00:00+00"},
        ],
    }
    rows = build(tmp_path, world).read().execute("SELECT order_key, amount, discount FROM silver.orders ORDER BY 1")
    assert [(key, str(amount), str(discount)) for key, amount, discount in rows.fetchall()] == [
        ("shop:1", "4.0000", "1.0000"),
        ("shop:2", "4.0000", "1.0000"),
        ("shop:3", "6.0000", "1.5000"),
        ("shop:4", "6.0000", "1.5000"),
    ]


VISITS = [
    *({"cookie_id": "k1", "session_id": "s1", "event_name": name, "occurred_at": f"2026-02-01 09:{minute}:00+00"}
      for name, minute in (("Products Searched", "00"), ("Product Viewed", "01"), ("Checkout Started", "59"))),
    # without an id: 29:59 apart is one visit, 30:00 is two
    *({"cookie_id": "k2", "event_name": "Product Added", "product_id": "P2", "quantity": 2, "price": 8,
       "currency": "EUR", "occurred_at": f"2026-02-01 {time}+00"} for time in ("10:00:00", "10:29:59", "10:59:59")),
    {"event_name": "Product Viewed", "product_id": "P2", "occurred_at": "2026-02-01 09:00:00+00"},
]  # fmt: skip


def test_visits_and_carts(tmp_path):
    rates = [{"currency": "EUR", "rate": 0.5, "rate_date": "2026-01-01"}]
    gold = build(tmp_path, {"browse_events": VISITS, "exchange_rates": rates}).read()
    visits = gold.execute(
        "SELECT customer_id, seconds, events, views, searches, adds, checkouts FROM silver.sessions ORDER BY 1, 2"
    ).fetchall()
    assert visits == [
        ("c-k1", 3540, 3, 1, 1, 0, 1),
        ("c-k2", 0, 1, 0, 0, 1, 0),
        ("c-k2", 1799, 2, 0, 0, 2, 0),
    ]
    keys = gold.execute("SELECT session_key FROM silver.sessions ORDER BY 1").fetchall()
    assert keys[0] == ("shop:s1",) and all(key.startswith("shop~") for (key,) in keys[1:])
    steps = gold.execute("SELECT event_name, quantity, price, COUNT(*) FROM silver.carts GROUP BY ALL ORDER BY 1")
    assert steps.fetchall() == [
        ("Checkout Started", None, None, 1),
        ("Product Added", Decimal("2.000"), Decimal("4.0000"), 3),
    ]


def test_campaigns_exposures_and_redemptions(tmp_path):
    sale = {**ANN, "product_id": "P1", "quantity": 1, "unit_price": 10, "channel": "store", "store_id": "S1"}
    world = {
        "campaigns": [{"campaign_id": "C1", "campaign_type": "A", "starts_on": "2026-01-01", "ends_on": "2026-01-31"}],
        "coupons": [{"coupon_id": "K1", "campaign_id": "C1", "product_id": "P1"}] * 2,
        "exposures": [{**ANN, "campaign_id": "C1", "occurred_at": "2026-01-05 00:00:00+00"},
                      {**BOB, "campaign_id": "C1", "occurred_at": "2026-01-05 00:00:00+00"},
                      {**BOB, "campaign_id": "E1", "message_id": "m2", "campaign_type": "push"}],
        "email_events": [{**ANN, "event_name": "Email Sent", "campaign_id": "E1", "campaign_name": "Hello",
                          "message_id": "m1", "occurred_at": "2026-01-10 09:00:00+00"},
                         {**ANN, "event_name": "Email Opened", "campaign_id": "E1", "message_id": "m1"},
                         # the same message as the exposure above: once
                         {**BOB, "event_name": "Email Sent", "campaign_id": "E1", "message_id": "m2"}],
        "redemptions": [{**ANN, "coupon_id": "K1", "amount": 2, "occurred_at": "2026-01-12 00:00:00+00"}],
        "order_lines": [{**sale, "order_id": "1", "occurred_at": "2026-01-04 10:00:00+00"},
                        {**sale, "order_id": "2", "occurred_at": "2026-01-17 10:00:00+00"},
                        {**sale, "order_id": "3", "occurred_at": "2026-01-31 23:00:00+00"},
                        {**sale, "order_id": "4", "occurred_at": "2026-02-01 10:00:00+00"}],
    }  # fmt: skip
    gold = build(tmp_path, world).read()
    columns = "campaign_id, campaign_type, exposures, exposed, redemptions, redeemed_amount, buyers, orders, revenue"
    assert gold.execute(f"SELECT {columns} FROM gold.campaigns ORDER BY 1").fetchall() == [
        ("C1", "A", 2, 2, 1, Decimal("2.0000"), 1, 2, Decimal("20.0000")),
        # no last day is known: the week from 10 January on has no order
        ("E1", "push", 2, 2, 0, None, 0, 0, Decimal("0.0000")),
    ]
    assert gold.execute("SELECT campaign_id, customer_id FROM silver.redemptions").fetchall() == [("C1", "c-ann@x.org")]
    assert gold.execute("SELECT COUNT(*) FROM silver.coupons").fetchall() == [(1,)]
    cohorts = (
        "SELECT first_channel, cohort_month, months_since, customers, active, orders FROM gold.cohorts ORDER BY ALL"
    )
    january = dt.date(2026, 1, 1)
    assert gold.execute(cohorts).fetchall() == [
        (channel, january, since, 1, 1, orders) for channel in ("all", "store") for since, orders in ((0, 3), (1, 1))
    ]


def test_a_product_in_a_store_on_a_day(tmp_path):
    world = {
        "stores": [{"store_id": "S1", "name": "High Street"}, {"store_id": "S2"}],
        "prices": [{"product_id": "P1", "price": 9, "valid_from": "2026-01-01"},
                   {"product_id": "P1", "price": 7, "valid_from": "2026-01-10"}],
        "promotions": [{"product_id": "P1", "store_id": "S1", "starts_on": "2026-01-10", "ends_on": "2026-01-11",
                        "display": "window"}],
        "order_lines": [{"product_id": "P1", "quantity": 2, "unit_price": 7, "discount": 1, "store_id": store,
                         "order_id": f"{store}{day}", "occurred_at": f"2026-01-{day} 10:00:00+00"}
                        for store, day in (("S1", "09"), ("S1", "10"), ("S2", "10"), (None, "11"))],
        "returns": [{"product_id": "P1", "quantity": 1, "unit_price": 6, "store_id": "S1",
                     "occurred_at": "2026-01-12 10:00:00+00"}],
    }  # fmt: skip
    gold = build(tmp_path, world).read()
    columns = "store_id, occurred_on, units, revenue, returned_units, price, list_price, on_promotion, display"
    found = gold.execute(f"SELECT {columns} FROM gold.sku_store_days ORDER BY 1, 2").fetchall()
    assert [(row[0], row[1].day, *map(str, row[2:])) for row in found] == [
        ("", 11, "2.000", "13.0000", "0.000", "6.5000", "7.0000", "False", "None"),
        ("S1", 9, "2.000", "13.0000", "0.000", "6.5000", "9.0000", "False", "None"),
        ("S1", 10, "2.000", "13.0000", "0.000", "6.5000", "7.0000", "True", "window"),
        ("S1", 12, "0.000", "0.0000", "1.000", "None", "7.0000", "False", "None"),
        ("S2", 10, "2.000", "13.0000", "0.000", "6.5000", "7.0000", "False", "None"),
    ]
    stores = gold.execute("SELECT store_id, name, orders, revenue, returns, revenue_7d FROM gold.stores ORDER BY 1")
    assert [tuple(map(str, row)) for row in stores.fetchall()] == [
        ("S1", "High Street", "2", "26.0000", "1", "0.0000"),
        ("S2", "None", "1", "13.0000", "0", "0.0000"),
    ]


def test_households_are_one_name_at_one_address(tmp_path):
    home = {"family_name": "Miller", "address": "1 High St", "postcode": "E1 1AA"}
    world = {
        "customers": [
            {"email": "a@x.org", **home}, {"email": "b@x.org", **home, "family_name": "MILLER"},
            {"email": "c@x.org", **home, "family_name": "Stone"}, {"email": "d@x.org", "family_name": "Miller"},
            # moved: the newest record with an address counts
            {"email": "a@x.org", "given_name": "Al", **home, "address": "9 Low St",
             "occurred_at": "2025-01-01 00:00:00+00"},
        ]
    }  # fmt: skip
    rows = build(tmp_path, world).read().execute("SELECT customer_id, members FROM silver.households ORDER BY 1")
    assert rows.fetchall() == [("c-a@x.org", 2), ("c-b@x.org", 2), ("c-c@x.org", 1)]


def test_an_empty_world_builds(tmp_path):
    assert build(tmp_path, {}).read().execute("SELECT COUNT(*) FROM gold.customers").fetchall() == [(0,)]
