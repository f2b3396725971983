"""Features of a store: what it sells, to whom, when, and what comes back."""

from functools import partial

from floorwalker.profiles.catalogue.sources import LINES, ORDERS, RETURNS, WEEKDAY
from floorwalker.profiles.features.definition import (
    Feature,
    Window,
    count,
    days,
    distinct,
    first_day,
    last_day,
    over,
    top,
    top_share,
    total,
)

_feature = partial(Feature, group="sales")
_counted = partial(_feature, type="integer", default=0, tests=("not_negative",))

FEATURES = [
    *over(_counted("orders", "How many receipts were there {window}?", source=ORDERS, aggregate=count(), unit="orders"), 7, 30, 365),
    *over(_feature("revenue", "How much was sold {window}?", "money", ORDERS, total("amount", "money"), default=0, unit="reporting currency"), 7, 30, 365),
    *over(_feature("units", "How many pieces were sold {window}?", "quantity", ORDERS, total("units", "quantity"), default=0, unit="pieces"), 30, 365),
    *over(_counted("customers", "How many known customers bought here {window}?", source=ORDERS, aggregate=distinct("customer_id"), unit="customers", group="customers"), 30, 365),
    _counted("named_orders_365d", "How many receipts of the last year have a known customer?", source=ORDERS, aggregate=count("customer_id IS NOT NULL"), window=Window(365), unit="orders", group="customers"),
    _feature("named_share_365d", "Which share of its receipts has a known customer?", "number", expression="named_orders_365d / orders_365d", unit="share", group="customers", tests=("share",)),
    _feature("orders_per_customer_365d", "How often does a known customer come in a year?", "number", expression="named_orders_365d / customers_365d", unit="orders per customer", group="customers"),
    _feature("average_order_365d", "How much is a receipt on average?", "number", expression="revenue_365d / orders_365d", unit="reporting currency"),
    _feature("units_per_order_365d", "How many pieces has a receipt?", "number", expression="units_365d / orders_365d", unit="pieces"),
    _feature("revenue_previous_30d", "How much was sold in the 30 days before the last 30?", "money", ORDERS, total("amount", "money"), window=Window(30, skip=30), default=0, unit="reporting currency"),
    _feature("revenue_trend", "Does it sell more than in the 30 days before?", "money", expression="revenue_30d - revenue_previous_30d", default=0, unit="reporting currency"),
    _counted("open_days_90d", "On how many of the last 90 days did it sell?", source=ORDERS, aggregate=days(), window=Window(90), unit="days"),
    _feature("first_sale_on", "On which day did it first sell?", "date", ORDERS, first_day()),
    _feature("last_sale_on", "On which day did it last sell?", "date", ORDERS, last_day()),
    _feature("days_since_sale", "How many days ago did it last sell?", "integer", expression="DAYS(last_sale_on, as_of)", unit="days"),
    _counted("weekend_orders_365d", "How many receipts of the last year were on a Saturday or Sunday?", source=ORDERS, aggregate=count(f"{WEEKDAY} >= 5"), window=Window(365), unit="orders", group="time"),
    _feature("weekend_share_365d", "Which share of its receipts is of the weekend?", "number", expression="weekend_orders_365d / orders_365d", unit="share", group="time", tests=("share",)),
    _feature("busiest_weekday", "On which weekday does it sell most (0 is Monday)?", "text", ORDERS, top(WEEKDAY), group="time"),
    _feature("busiest_hour", "At which hour does it sell most?", "text", ORDERS, top("CAST(occurred_hour AS VARCHAR)"), group="time"),
    _counted("products_365d", "How many different products did it sell in the last year?", source=LINES, aggregate=distinct("product_id"), window=Window(365), unit="products", group="range"),
    _feature("top_product_365d", "What does it sell most?", "text", LINES, top("product_id"), window=Window(365), group="range"),
    _feature("top_product_share_365d", "Which share of its lines is that?", "number", LINES, top_share("product_id"), window=Window(365), unit="share", group="range", tests=("share",)),
    _feature("discount_365d", "How much discount did it give in the last year?", "money", ORDERS, total("discount", "money"), window=Window(365), default=0, unit="reporting currency", group="price"),
    _feature("discount_rate_365d", "Which share of the full price did discounts take off?", "number", expression="discount_365d / NULLIF(revenue_365d + discount_365d, 0)", unit="share", group="price", tests=("share",)),
    *over(_counted("returns", "How many lines were brought back here {window}?", source=RETURNS, aggregate=count("is_cancellation = FALSE"), unit="lines", group="returns"), 30, 365),
    _feature("returned_amount_365d", "How much money was given back in the last year?", "money", RETURNS, total("amount_reporting", "money", "is_cancellation = FALSE"), window=Window(365), default=0, unit="reporting currency", group="returns"),
    _feature("returned_share_365d", "Which part of its sales comes back?", "number", expression="returned_amount_365d / revenue_365d", unit="quotient", group="returns"),
]  # fmt: skip
