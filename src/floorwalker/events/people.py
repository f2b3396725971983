"""Kinds of record that name people: what they bought, brought back, looked at, were sent, said and allowed.

In: nothing. Out: `PEOPLE`, part of the vocabulary, and the words that some of its columns are limited to.

>>> [kind.name for kind in PEOPLE][:3], all(kind.person for kind in PEOPLE)
(['order_lines', 'returns', 'customers'], True)
"""

from __future__ import annotations

from floorwalker.events.kinds import MONEY_OF, Column, Kind

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
_ORDER = (
    Column("order_id", "id", required=True),
    Column("order_key", "id", about="order_id within its scope: the same sale reported by two sources has one key"),
)

PEOPLE = (
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
            MONEY_OF,
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
            MONEY_OF,
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
            MONEY_OF,
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
        "collected_events",
        "an event as a shop's SDK sent it, whole",
        (
            Column("message_id", "id", required=True, about="the SDK's own id: an event sent twice has one"),
            Column("event_type", required=True, about="track, identify, page, screen, group, alias"),
            Column("event_name", about="in the event language; as it was sent where that knows no such word"),
            Column("collected_from", about="name of the key that it came with"),
            Column("properties", personal=True, about="JSON: the properties, or the traits of an identify"),
            Column("url", personal=True),
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
            MONEY_OF,
        ),
        person=True,
    ),
)
