"""Features of a product: demand and its trend, price, who buys it, returns and interest."""

from functools import partial

from floorwalker.profiles.catalogue.sources import BROWSING, LINES, RETURNS
from floorwalker.profiles.features.definition import (
    Feature,
    Window,
    count,
    days,
    distinct,
    first_day,
    last_day,
    latest,
    over,
    top,
    top_share,
    total,
)

_feature = partial(Feature, group="demand")
_counted = partial(_feature, type="integer", default=0, tests=("not_negative",))
_PIECES = total("quantity", "quantity")

FEATURES = [
    *over(_feature("units", "How many pieces were sold {window}?", "quantity", LINES, _PIECES, default=0, unit="pieces"), 7, 30, 90, 365, None),
    *over(_feature("revenue", "How much was sold {window}?", "money", LINES, total("amount_reporting", "money"), default=0, unit="reporting currency"), 30, 365, None),
    *over(_counted("orders", "In how many orders was it {window}?", source=LINES, aggregate=distinct("order_key"), unit="orders"), 30, 365),
    *over(_counted("customers", "How many known customers bought it {window}?", source=LINES, aggregate=distinct("customer_id"), unit="customers"), 30, 365, None),
    _counted("selling_days_90d", "On how many of the last 90 days was it sold?", source=LINES, aggregate=days(), window=Window(90), unit="days"),
    _feature("first_sold_on", "On which day was it first sold?", "date", LINES, first_day()),
    _feature("last_sold_on", "On which day was it last sold?", "date", LINES, last_day()),
    _feature("days_since_sale", "How many days ago was it last sold?", "integer", expression="DAYS(last_sold_on, as_of)", unit="days"),
    _feature("days_on_sale", "For how many days has it been sold?", "integer", expression="DAYS(first_sold_on, as_of)", unit="days"),
    _feature("units_previous_30d", "How many pieces were sold in the 30 days before the last 30?", "quantity", LINES, _PIECES, window=Window(30, skip=30), default=0, unit="pieces"),
    _feature("units_trend", "Does it sell more than in the 30 days before (pieces)?", "quantity", expression="units_30d - units_previous_30d", default=0, unit="pieces"),
    _feature("units_a_week", "How many pieces are sold in a week of the last 90 days?", "number", expression="units_90d * 7 / 90", default=0, unit="pieces a week"),
    _feature("units_season_last_year", "How many pieces were sold in the 30 days that lie ahead, a year ago?", "quantity", LINES, _PIECES, window=Window(30, skip=335), default=0, unit="pieces"),
    _feature("price_paid_90d", "What was paid for a piece on average in the last 90 days?", "number", expression="revenue_90d / units_90d", unit="reporting currency", group="price"),
    _feature("revenue_90d", "How much was sold in the last 90 days?", "money", LINES, total("amount_reporting", "money"), window=Window(90), default=0, unit="reporting currency", group="price", family="revenue"),
    _feature("discounted_lines_90d", "How many lines were sold with a discount in the last 90 days?", "integer", LINES, count("discount > 0"), window=Window(90), default=0, unit="lines", group="price"),
    _feature("lines_90d", "How many lines were sold in the last 90 days?", "integer", LINES, count(), window=Window(90), default=0, unit="lines", group="price"),
    _feature("discounted_share_90d", "Which share of its lines had a discount?", "number", expression="discounted_lines_90d / lines_90d", unit="share", group="price", tests=("share",)),
    _feature("latest_price", "At which price was it last sold?", "money", LINES, latest("unit_price", "money"), unit="currency of the sale", group="price"),
    _feature("repeat_rate", "How often does a customer buy it (orders of a year per customer)?", "number", expression="orders_365d / customers_365d", unit="orders per customer", group="buyers"),
    _feature("top_store", "Which store sells most lines of it?", "text", LINES, top("store_id", "channel = 'store'"), group="places"),
    _feature("stores", "In how many stores was it sold?", "integer", LINES, distinct("store_id", "channel = 'store'"), default=0, unit="stores", group="places"),
    _feature("top_channel", "In which channel is it sold most?", "text", LINES, top("channel"), group="places"),
    _feature("top_channel_share", "Which share of its lines is sold there?", "number", LINES, top_share("channel"), unit="share", group="places", tests=("share",)),
    *over(_counted("views", "How often was it looked at {window}?", source=BROWSING, aggregate=count("event_name = 'Product Viewed'"), unit="views", group="interest"), 7, 30),
    _counted("viewers_30d", "How many known customers looked at it in the last 30 days?", source=BROWSING, aggregate=distinct("customer_id", "event_name = 'Product Viewed'"), window=Window(30), unit="customers", group="interest"),
    _counted("cart_adds_30d", "How often was it put into a cart in the last 30 days?", source=BROWSING, aggregate=count("event_name = 'Product Added'"), window=Window(30), unit="times", group="interest"),
    _feature("view_to_cart_30d", "How many looks end in a cart?", "number", expression="cart_adds_30d / views_30d", unit="adds per view", group="interest"),
    _feature("units_per_view_30d", "How many pieces are sold per look?", "number", expression="units_30d / views_30d", unit="pieces per view", group="interest"),
    _counted("returns", "How many lines came back?", source=RETURNS, aggregate=count("is_cancellation = FALSE"), unit="lines", group="returns"),
    _feature("lines", "How many lines were sold ever?", "integer", LINES, count(), default=0, unit="lines", group="returns", family="lines_90d"),
    _feature("return_rate", "How many lines come back per line sold?", "number", expression="returns / lines", unit="lines per line", group="returns"),
    _feature("top_return_reason", "Why does it come back?", "text", RETURNS, top("reason", "is_cancellation = FALSE"), group="returns"),
]  # fmt: skip
