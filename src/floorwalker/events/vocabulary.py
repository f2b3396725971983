"""The vocabulary: every kind of record a source can be mapped to, with its columns.

In: nothing. Out: `KINDS`, from which mappings are checked, bronze tables are made and the documentation is written.

>>> KINDS["order_lines"].column("quantity").required
True
>>> "email" in KINDS["order_lines"].names
True
"""

from __future__ import annotations

from dataclasses import dataclass, field

SCHEMA_VERSION = 1
"""Version of the bronze tables, carried by every row."""

# Types a mapping can produce, and what they are in the lake. `id` is text cleaned of spreadsheet damage ("17850.0").
LAKE_TYPES = {
    "text": "VARCHAR",
    "id": "VARCHAR",
    "integer": "BIGINT",
    "quantity": "DECIMAL(18,3)",
    "money": "DECIMAL(18,4)",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Column:
    """One column of a kind. `personal`: it can name a person, so it is erased, never logged."""

    name: str
    type: str = "text"
    required: bool = False
    personal: bool = False
    values: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of record. `person`: it carries identifiers, hence a `record_id`."""

    name: str
    about: str
    own: tuple[Column, ...]
    person: bool = False
    key: tuple[str, ...] = ()
    """For records that describe a thing (a product, a store): the newest row per key is the thing's state."""
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        person = PERSON if self.person else ()
        object.__setattr__(self, "columns", COMMON + person + self.own)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


COMMON = (
    Column(
        "event_id", "id", about="the row's key: a hash of its content and its ordinal among equal rows of its delivery"
    ),
    Column("source", about="name of the source in its mapping"),
    Column("delivery_id", "id", about="the delivery that brought the row first"),
    Column("schema_version", "integer"),
    Column("occurred_at", "timestamp", about="when it happened, UTC"),
    Column("occurred_on", "date", about="the day it happened, in the source's time zone"),
    Column(
        "occurred_hour",
        "integer",
        about="the hour it happened, 0 to 23, in the source's time zone; empty where only the day is known",
    ),
    Column("received_at", "timestamp", about="when Floorwalker received the delivery, UTC"),
    Column("channel", about="store, web, app, email, loyalty, service, partner"),
    Column("market"),
    Column("brand"),
    Column("legal_entity"),
    Column("language"),
    Column(
        "purposes", about="purposes the record was collected for, space-separated; empty: the consent policy decides"
    ),
)

PERSON = (
    Column("record_id", "id", about="hash of who this row says it is: rows with the same words share it"),
    Column(
        "customer_ref", "id", personal=True, about="the source's own customer number; means nothing in another source"
    ),
    Column("account_id", "id", personal=True, about="login of the shop or app, verified"),
    Column("loyalty_id", "id", personal=True),
    Column("email", personal=True),
    Column("phone", personal=True),
    Column("device_id", "id", personal=True),
    Column("cookie_id", "id", personal=True),
)

BROWSE_EVENTS = (
    *("Page Viewed", "Screen Viewed", "Products Searched", "Product List Viewed", "Product List Filtered"),
    *("Promotion Viewed", "Promotion Clicked", "Product Clicked", "Product Viewed", "Product Added", "Product Removed"),
    *("Cart Viewed", "Checkout Started", "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered"),
    *("Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"),
    *("Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed"),
    *("Product Added to Wishlist", "Product Removed from Wishlist", "Wishlist Product Added to Cart"),
    *("Product Shared", "Cart Shared", "Product Reviewed"),
    # what the e-commerce vocabulary lacks
    *("Back In Stock Requested", "Recommendation Viewed", "Recommendation Clicked", "Store Visited"),
)
"""Names of things visitors do. Models look for these words: another spelling would count for nothing, silently."""

DEMOGRAPHICS = (
    Column("age_band", about="as the source writes it: 35-44"),
    Column("income_band", about="as the source writes it: 50-74K"),
    Column("home_ownership", about="owner, renter, … in the source's words"),
    Column("marital_status"),
    Column("household_size", "integer", about="persons in the household"),
    Column("children", "integer", about="children in the household"),
    Column("household_type", about="who lives there, in the source's words: 2 adults, no children"),
)
"""What is known of a customer's circumstances. It identifies nobody, so it is not part of a record's identity."""

_MONEY_OF = Column("currency", about="ISO 4217")
_ORDER = (
    Column("order_id", "id", required=True),
    Column("order_key", "id", about="order_id within its scope: the same sale reported by two sources has one key"),
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "order_lines",
            "a line of an order or receipt; an order is the lines with one order_key",
            (
                *_ORDER,
                Column("line_no", "id", about="the same line of an order in a later delivery replaces it"),
                Column("product_id", "id", required=True),
                Column("product_name"),
                Column("quantity", "quantity", required=True),
                Column("unit_price", "money", required=True, about="price of one piece before the line's discount"),
                Column("discount", "money", about="discount on the whole line"),
                Column("amount", "money", about="what the line cost: quantity × unit_price − discount unless mapped"),
                _MONEY_OF,
                Column("store_id", "id"),
                Column("country"),
                Column("size"),
                Column("coupon"),
            ),
            person=True,
        ),
        Kind(
            "returns",
            "goods brought back, or an order line cancelled; quantities and amounts are positive",
            (
                Column("return_id", "id", about="the same number and product in a later delivery replaces the row"),
                Column("order_id", "id"),
                Column("order_key", "id"),
                Column("product_id", "id", required=True),
                Column("product_name"),
                Column("quantity", "quantity", required=True),
                Column("unit_price", "money"),
                Column("amount", "money", about="money given back: quantity × unit_price unless mapped"),
                _MONEY_OF,
                Column("store_id", "id"),
                Column("country"),
                Column("reason"),
                Column("is_cancellation", "boolean"),
            ),
            person=True,
        ),
        Kind(
            "customers",
            "what one system knows about one of its customers",
            (
                Column("given_name", personal=True),
                Column("family_name", personal=True),
                Column("birth_date", "date", personal=True),
                Column("gender"),
                Column("address", personal=True),
                Column("postcode", personal=True),
                Column("city"),
                Column("country"),
                *DEMOGRAPHICS,
            ),
            person=True,
        ),
        Kind(
            "consents",
            "a person gave, refused or withdrew consent for a purpose; an unsubscribe is a withdrawal",
            (
                Column(
                    "purpose",
                    required=True,
                    values=(
                        "analytics",
                        "personalization",
                        "marketing_email",
                        "marketing_sms",
                        "marketing_push",
                        "ads",
                        "profiling",
                        "all",
                    ),
                ),
                Column("status", required=True, values=("granted", "denied", "withdrawn")),
                Column("basis", about="consent, contract, legitimate_interest"),
                Column("text_version"),
                Column("method", about="web form, till, call centre, unsubscribe link, …"),
            ),
            person=True,
        ),
        Kind(
            "browse_events",
            "what a visitor did on the web or in the app",
            (
                Column(
                    "event_name",
                    required=True,
                    values=BROWSE_EVENTS,
                    about="e-commerce vocabulary v2 and ours; a `map` in the mapping translates other names",
                ),
                Column("session_id", "id"),
                Column("product_id", "id"),
                Column("category"),
                Column("url"),
                Column("query"),
                Column("quantity", "quantity"),
                Column("price", "money"),
                _MONEY_OF,
            ),
            person=True,
        ),
        Kind(
            "email_events",
            "what happened to a message",
            (
                Column(
                    "event_name",
                    required=True,
                    values=(
                        "Email Sent",
                        "Email Delivered",
                        "Email Opened",
                        "Email Link Clicked",
                        "Email Bounced",
                        "Email Marked as Spam",
                        "Unsubscribed",
                    ),
                ),
                Column("message_id", "id"),
                Column("campaign_id", "id"),
                Column("campaign_name"),
                Column("link_url"),
            ),
            person=True,
        ),
        Kind(
            "loyalty_events",
            "joined, earned, spent, changed tier",
            (
                Column(
                    "event_name",
                    required=True,
                    values=("Loyalty Joined", "Points Earned", "Points Redeemed", "Tier Changed", "Loyalty Left"),
                ),
                Column("points", "integer"),
                Column("tier"),
                Column("store_id", "id"),
                Column("order_id", "id", about="the order that points were earned on or spent in"),
            ),
            person=True,
        ),
        Kind(
            "tickets",
            "a contact with customer service",
            (
                Column("ticket_id", "id", required=True, about="the newest row of a ticket is its state"),
                Column("topic"),
                Column("status"),
                Column("satisfaction", "integer", about="1 (bad) to 5 (good)"),
                Column("order_id", "id"),
                Column("store_id", "id", about="the store it is about"),
            ),
            person=True,
        ),
        Kind(
            "exposures",
            "a person was sent or shown a campaign",
            (
                Column("campaign_id", "id", required=True),
                Column("campaign_type"),
                Column("surface", about="where: mail, email, home page, till receipt, …"),
                Column("content", about="what was shown"),
                Column("variant", about="arm of a test"),
                Column("message_id", "id"),
            ),
            person=True,
        ),
        Kind(
            "redemptions",
            "a person used a coupon",
            (
                Column("coupon_id", "id", required=True),
                Column("campaign_id", "id"),
                Column("order_id", "id"),
                Column("order_key", "id"),
                Column("amount", "money", about="what the coupon took off"),
                _MONEY_OF,
            ),
            person=True,
        ),
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
                _MONEY_OF,
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
                _MONEY_OF,
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
                _MONEY_OF,
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
}
