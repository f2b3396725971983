"""The silver tables that features count, each under the name its states have."""

from floorwalker.profiles.features.definition import Source

ORDERS = Source("orders", "silver.orders", about="orders")
PURCHASES = Source("purchases", "silver.purchases", about="lines of orders, with what is known of the product")
RETURNS = Source("returns", "silver.returns", about="goods brought back and lines cancelled")
BROWSING = Source("browsing", "silver.browse_events", about="what visitors did on the web and in the app")
SESSIONS = Source(
    "sessions",
    "silver.sessions",
    at="started_at",
    about="visits to the web shop and the app",
    batch_only="a visit is known when it is over",
)
VIEWS = Source("views", "silver.views", about="products looked at")
MAIL = Source("mail", "silver.email_events", about="what happened to e-mails")
LOYALTY = Source("loyalty", "silver.loyalty_events", about="what happened in the loyalty programme")
TICKETS = Source("tickets", "silver.tickets", about="contacts with customer service")
EXPOSURES = Source("exposures", "silver.exposures", about="campaigns that somebody was sent or shown")
REDEMPTIONS = Source("redemptions", "silver.redemptions", about="coupons that were redeemed")
RECORDS = Source("records", "silver.customer_records", about="what systems wrote down about a customer")
HOUSEHOLDS = Source("households", "silver.households", about="who lives together", batch_only="found by a run")
LINES = Source("lines", "silver.order_lines", where="is_sale", about="lines of orders")

WEEKDAY = "DAYS(CAST('1970-01-05' AS DATE), occurred_on) % 7"
"""0 on a Monday, 6 on a Sunday; the same on every engine."""
MONTH = "CAST(YEAR(occurred_on) * 12 + MONTH(occurred_on) AS VARCHAR)"
