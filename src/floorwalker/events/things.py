"""Kinds of record about things: products, stores, stock, prices, campaigns, currencies. They name nobody.

In: nothing. Out: `THINGS`, part of the vocabulary.

>>> [kind.key for kind in THINGS if kind.name == "stock"], any(kind.person for kind in THINGS)
([('product_id', 'store_id')], False)
"""

from __future__ import annotations

from floorwalker.events.kinds import MONEY_OF, Column, Kind

THINGS = (
    Kind(
        "products",
        "a product as the shop's catalogue describes it",
        (
            Column("product_id", "id", required=True),
            Column("name"),
            Column("category"),
            Column("subcategory"),
            Column("brand_name", about="the product's own brand"),
            Column("garment", about="which size scale it has: top, bottom, shoe, …"),
            Column("color"),
            Column("size"),
            Column("price", "money"),
            Column("cost", "money"),
            MONEY_OF,
            Column("is_active", "boolean"),
            Column("launched_on", "date"),
        ),
        key=("product_id",),
    ),
    Kind(
        "stores",
        "a store",
        (
            Column("store_id", "id", required=True),
            Column("name"),
            Column("city"),
            Column("region"),
            Column("country"),
            Column("time_zone"),
            Column("latitude", "number"),
            Column("longitude", "number"),
            Column("opened_on", "date"),
        ),
        key=("store_id",),
    ),
    Kind(
        "stock",
        "pieces on hand of a product at a place",
        (
            Column("product_id", "id", required=True),
            Column("store_id", "id", about="empty: the web warehouse"),
            Column("quantity", "quantity", required=True),
        ),
        key=("product_id", "store_id"),
    ),
    Kind(
        "prices",
        "a product's price from a day on",
        (
            Column("product_id", "id", required=True),
            Column("price", "money", required=True),
            MONEY_OF,
            Column("valid_from", "date"),
        ),
    ),
    Kind(
        "campaigns",
        "a campaign and the days it runs",
        (
            Column("campaign_id", "id", required=True),
            Column("campaign_name"),
            Column("campaign_type"),
            Column("starts_on", "date"),
            Column("ends_on", "date", about="the last day"),
        ),
        key=("campaign_id",),
    ),
    Kind(
        "coupons",
        "a coupon of a campaign, and a product it is for",
        (
            Column("coupon_id", "id", required=True),
            Column("campaign_id", "id"),
            Column("product_id", "id", about="empty: any product"),
        ),
        key=("coupon_id", "campaign_id", "product_id"),
    ),
    Kind(
        "promotions",
        "a product on display or in the mailer, from a day to a day",
        (
            Column("product_id", "id", required=True),
            Column("store_id", "id", about="empty: every store"),
            Column("starts_on", "date", required=True),
            Column("ends_on", "date", about="the last day; empty: not known"),
            Column("display", about="where in the store it is shown; empty: nowhere"),
            Column("mailer", about="where in the mailer it stands; empty: nowhere"),
        ),
        key=("product_id", "store_id", "starts_on"),
    ),
    Kind(
        "stock_adjustments",
        "pieces written off, found or re-booked: neither sale nor return",
        (
            Column("reference", "id"),
            Column("product_id", "id", required=True),
            Column("quantity", "quantity", required=True),
            Column("amount", "money"),
            MONEY_OF,
            Column("store_id", "id"),
            Column("reason"),
        ),
    ),
    Kind(
        "exchange_rates",
        "one unit of a currency in the reporting currency, from a day on",
        (
            Column("currency", required=True),
            Column("rate", "number", required=True),
            Column("rate_date", "date", required=True),
        ),
        key=("currency", "rate_date"),
    ),
)
