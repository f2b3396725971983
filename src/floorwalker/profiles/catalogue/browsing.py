"""What a customer looks for: visits, products viewed, carts and checkouts, and how far they get."""

from functools import partial

from floorwalker.profiles.catalogue.sources import BROWSING, SESSIONS, VIEWS
from floorwalker.profiles.features.definition import (
    Feature,
    Window,
    count,
    days,
    distinct,
    last_day,
    latest,
    over,
    top,
    top_share,
    total,
)

_counted = partial(
    Feature,
    type="integer",
    default=0,
    tests=("not_negative",),
    source=BROWSING,
    group="browsing",
    purpose="personalization",
)
_feature = partial(Feature, group="browsing", purpose="personalization")
_share = partial(_feature, type="number", unit="share", tests=("share",))


def _event(name: str) -> str:
    return f"event_name = '{name}'"


VISITS = [
    *over(_counted("browse_days", "On how many days did they browse {window}?", aggregate=days(), unit="days"), 7, 30, 90),
    _feature("last_browsed_on", "On which day did they last browse?", "date", BROWSING, last_day()),
    _feature("days_since_browsing", "How many days ago did they last browse?", "integer", expression="DAYS(last_browsed_on, as_of)", unit="days"),
    *over(_counted("browse_events", "How many things did they do on the web and in the app {window}?", aggregate=count(), unit="events"), 7, 30),
    _counted("app_events_90d", "How many things did they do in the app in the last 90 days?", aggregate=count("channel = 'app'"), window=Window(90), unit="events"),
    _counted("browse_events_90d", "How many things did they do on the web and in the app in the last 90 days?", aggregate=count(), window=Window(90), unit="events", family="browse_events"),
    _share("app_share_90d", "Which share of their browsing happens in the app?", expression="app_events_90d / browse_events_90d"),
    _counted("evening_events_90d", "How much did they do from 18 o'clock on in the last 90 days?", aggregate=count("occurred_hour >= 18"), window=Window(90), unit="events"),
    _share("evening_browse_share_90d", "Which share of their browsing happens in the evening?", expression="evening_events_90d / browse_events_90d"),
    _feature("latest_browse_channel", "Where did they browse last?", "text", BROWSING, latest("channel")),
    *over(_counted("sessions", "How many visits did they make {window}?", source=SESSIONS, aggregate=count(), unit="visits"), 30, 90),
    _feature("session_seconds_90d", "How long did their visits of the last 90 days last together?", "integer", SESSIONS, total("seconds", "integer"), window=Window(90), default=0, unit="seconds"),
    _feature("seconds_per_session_90d", "How long does a visit of theirs last?", "number", expression="session_seconds_90d / sessions_90d", unit="seconds"),
    _counted("bounces_90d", "How many visits ended after one look?", source=SESSIONS, aggregate=count("events = 1"), window=Window(90), unit="visits"),
    _share("bounce_share_90d", "Which share of their visits ended after one look?", expression="bounces_90d / sessions_90d"),
    _counted("buying_sessions_90d", "In how many visits of the last 90 days did they buy?", source=SESSIONS, aggregate=count("purchases > 0"), window=Window(90), unit="visits"),
    _share("session_conversion_90d", "Which share of their visits ended with an order?", expression="buying_sessions_90d / sessions_90d"),
    _counted("searching_sessions_90d", "In how many visits of the last 90 days did they search?", source=SESSIONS, aggregate=count("searches > 0"), window=Window(90), unit="visits"),
    _share("searching_share_90d", "Do they know what they want: which share of their visits has a search?", expression="searching_sessions_90d / sessions_90d"),
    _counted("searches_30d", "How often did they search in the last 30 days?", aggregate=count(_event("Products Searched")), window=Window(30), unit="searches"),
]  # fmt: skip

LOOKS = [
    *over(_counted("views", "How many products did they look at {window}?", source=VIEWS, aggregate=count(), unit="views"), 7, 30, 90),
    *over(_counted("products_viewed", "How many different products did they look at {window}?", source=VIEWS, aggregate=distinct("product_id"), unit="products"), 30, 90),
    _feature("repeat_view_share_90d", "Which share of what they looked at had they seen before?", "number", expression="(views_90d - products_viewed_90d) / views_90d", unit="share", tests=("share",)),
    *over(_counted("categories_viewed", "Into how many categories did they look {window}?", source=VIEWS, aggregate=distinct("category"), unit="categories"), 30, 90),
    *over(_feature("viewed_category", "Into which category did they look most {window}?", "text", VIEWS, top("category")), 30, 90),
    _share("viewed_category_share_90d", "Which share of their looks went there?", source=VIEWS, aggregate=top_share("category"), window=Window(90)),
    _feature("viewed_brand_90d", "At which brand did they look most in the last 90 days?", "text", VIEWS, top("brand_name"), window=Window(90)),
    _counted("brands_viewed_90d", "At how many brands did they look in the last 90 days?", source=VIEWS, aggregate=distinct("brand_name"), window=Window(90), unit="brands"),
    _feature("latest_category_viewed", "Into which category did they look last?", "text", VIEWS, latest("category")),
    _feature("latest_product_viewed", "Which product did they look at last?", "text", VIEWS, latest("product_id")),
    _feature("most_viewed_product_30d", "Which product did they look at most in the last 30 days?", "text", VIEWS, top("product_id"), window=Window(30)),
    _feature("viewed_rank_sum_90d", "What do the price ranks of what they looked at add up to?", "rank", VIEWS, total("price_rank", "rank"), window=Window(90), default=0, unit="ranks"),
    _counted("viewed_priced_90d", "Of how many looks is the price rank known?", source=VIEWS, aggregate=count("price_rank IS NOT NULL"), window=Window(90), unit="views"),
    _share("viewed_price_level_90d", "How dear is what they look at within its category: 0 the cheapest, 1 the dearest?", expression="viewed_rank_sum_90d / viewed_priced_90d"),
    _feature("aspiration", "Do they look at dearer things than they buy (price levels)?", "number", expression="viewed_price_level_90d - price_level", unit="ranks"),
    _feature("browses_other_category", "Do they look most into a category that is not their favourite?", "boolean", expression="viewed_category_90d <> favourite_category"),
]  # fmt: skip

INTENT = [
    *over(_counted("cart_adds", "How often did they put something into the cart {window}?", aggregate=count(_event("Product Added")), unit="times", group="intent"), 7, 30, 90),
    _feature("last_cart_on", "On which day did they last put something into the cart?", "date", BROWSING, last_day(_event("Product Added")), group="intent"),
    _feature("days_since_cart", "How many days ago did they last put something into the cart?", "integer", expression="DAYS(last_cart_on, as_of)", unit="days", group="intent"),
    _feature("cart_product", "What did they last put into the cart?", "text", BROWSING, latest("product_id", where=_event("Product Added")), group="intent"),
    _feature("cart_value_30d", "What was put into the cart in the last 30 days worth?", "money", BROWSING, total("price", "money", _event("Product Added")), window=Window(30), default=0, unit="price as shown", group="intent"),
    *over(_counted("checkouts", "How often did they begin to pay {window}?", aggregate=count(_event("Checkout Started")), unit="times", group="intent"), 30, 90),
    *over(_counted("online_orders_tracked", "How often did they get through to the end {window}?", aggregate=count(_event("Order Completed")), unit="times", group="intent"), 90),
    _feature("has_open_cart", "Did they put something into the cart after their last order?", "boolean", expression="last_cart_on > COALESCE(last_order_on, CAST('1900-01-01' AS DATE))", default=False, group="intent"),
    _feature("view_to_cart_90d", "How many looks end in the cart?", "number", expression="cart_adds_90d / views_90d", unit="adds per view", group="intent"),
    _feature("cart_to_checkout_90d", "How often do they go on from the cart to pay?", "number", expression="checkouts_90d / cart_adds_90d", unit="checkouts per add", group="intent"),
    _feature("checkout_completion_90d", "How often do they finish when they begin to pay?", "number", expression="online_orders_tracked_90d / checkouts_90d", unit="orders per checkout", group="intent"),
    _feature("views_trend", "Do they look at more than usual (last 7 days, against a week of the last 90)?", "number", expression="views_7d / (views_90d * 7 / 90)", unit="quotient", group="intent"),
    _feature("browsing_without_buying_days", "For how many days have they browsed since their last order?", "integer", expression="GREATEST(DAYS(last_order_on, last_browsed_on), 0)", unit="days", group="intent"),
    _feature("views_per_order_365d", "How much do they look before they buy (looks of 90 days per order of a year)?", "number", expression="views_90d / orders_365d", unit="views per order", group="intent"),
    _feature("cart_category_viewed", "Is the category they looked into last the one they look into most?", "boolean", expression="latest_category_viewed = viewed_category_90d", group="intent"),
]  # fmt: skip

FEATURES = [*VISITS, *LOOKS, *INTENT]
