"""Orders of a customer: recency, frequency, money, by channel; cadence and season; discounts and coupons."""

from functools import partial

from floorwalker.profiles.catalogue.sources import MONTH, ORDERS, WEEKDAY
from floorwalker.profiles.features.definition import (
    Feature,
    Window,
    count,
    days,
    distinct,
    earliest,
    first_day,
    gap_deviation,
    largest,
    last_day,
    latest,
    latest_gap,
    longest_gap,
    over,
    smallest,
    top,
    top_share,
    total,
)

_counted = partial(Feature, type="integer", default=0, tests=("not_negative",), source=ORDERS, unit="orders")
_money = partial(Feature, type="money", source=ORDERS, unit="reporting currency")
_share = partial(Feature, type="number", unit="share", tests=("share",))
_ORDERS = "in orders"


def _channels() -> list[Feature]:
    made: list[Feature] = []
    for word, place in (("store", "in stores"), ("web", "on the web"), ("app", "in the app")):
        made += over(
            _counted(
                f"orders_{word}", f"How many orders did they place {place} {{window}}?",
                aggregate=count(f"channel = '{word}'"), group="channels",
            ),
            365, None,
        )  # fmt: skip
        made += over(
            _money(
                f"revenue_{word}", f"How much did they spend {place} {{window}}?", default=0,
                aggregate=total("amount", "money", f"channel = '{word}'"), group="channels",
            ),
            365, None,
        )  # fmt: skip
        made.append(
            _share(
                f"revenue_share_{word}", f"Which share of their spending happened {place}?",
                expression=f"revenue_{word} / revenue", group="channels",
            )
        )  # fmt: skip
        made.append(
            Feature(
                f"days_since_order_{word}", f"How many days ago did they last order {place}?", "integer",
                expression=f"DAYS(last_order_on_{word}, as_of)", unit="days", group="channels",
            )
        )  # fmt: skip
        made.append(
            Feature(
                f"last_order_on_{word}", f"On which day did they last order {place}?", "date", ORDERS,
                last_day(f"channel = '{word}'"), group="channels",
            )
        )  # fmt: skip
    return made


RECENCY = [
    Feature("first_order_on", "On which day did they first order?", "date", ORDERS, first_day(), group="recency"),
    Feature("last_order_on", "On which day did they last order?", "date", ORDERS, last_day(), group="recency"),
    Feature(
        "days_since_order", "How many days ago did they last order?", "integer",
        expression="DAYS(last_order_on, as_of)", unit="days", group="recency", tests=("not_negative",),
    ),
    Feature(
        "days_since_first_order", "For how many days have they been buying?", "integer",
        expression="DAYS(first_order_on, as_of)", unit="days", group="recency", tests=("not_negative",),
    ),
]  # fmt: skip

FREQUENCY = [
    *over(_counted("orders", "How many orders did they place {window}?", aggregate=count(), group="frequency"), 30, 90, 365, None),
    *over(_counted("order_days", "On how many days did they order {window}?", aggregate=days(), unit="days", group="frequency"), 365, None),
    _counted("order_months_365d", "In how many months of the last year did they order?", aggregate=distinct(MONTH), window=Window(365), unit="months", group="frequency"),
    Feature("is_one_time_buyer", "Did they order exactly once?", "boolean", expression="orders = 1", default=False, group="frequency"),
    _counted("orders_90d_to_90d", "How many orders did they place in the 90 days before the last 90?", aggregate=count(), window=Window(90, skip=90), group="frequency"),
    Feature("orders_trend", "Do they order more often than in the 90 days before?", "integer", expression="orders_90d - orders_90d_to_90d", default=0, unit="orders", group="frequency"),
]  # fmt: skip

CADENCE = [
    Feature(
        "mean_days_between_orders", "How many days usually lie between their order days?", "number",
        expression="DAYS(first_order_on, last_order_on) / (order_days - 1)", unit="days", group="cadence",
    ),
    Feature("longest_days_between_orders", "What was their longest pause between order days?", "integer", ORDERS, longest_gap(), unit="days", group="cadence"),
    Feature("latest_days_between_orders", "How many days lay between their last two order days?", "integer", ORDERS, latest_gap(), unit="days", group="cadence"),
    Feature("deviation_days_between_orders", "How irregular are their order days (standard deviation of the pauses)?", "number", ORDERS, gap_deviation(), unit="days", group="cadence"),
    Feature("overdue", "How long is their present pause, in usual pauses? Above 1 they are late.", "number", expression="days_since_order / mean_days_between_orders", unit="pauses", group="cadence"),
    Feature("regularity", "How even is their rhythm? 0 is a clock; 1 and above is chance.", "number", expression="deviation_days_between_orders / mean_days_between_orders", unit="coefficient of variation", group="cadence"),
    Feature("orders_a_year", "How many orders a year have they placed since their first?", "number", expression="365 * orders / GREATEST(days_since_first_order, 30)", default=0, unit="orders a year", group="cadence"),
    Feature("slowing", "Is their latest pause longer than usual (quotient)?", "number", expression="latest_days_between_orders / mean_days_between_orders", unit="quotient", group="cadence"),
]  # fmt: skip

MONEY = [
    *over(_money("revenue", "How much did they spend {window}?", aggregate=total("amount", "money"), default=0, group="money"), 30, 90, 365, None),
    *over(_money("largest_order", "What was their largest order {window}?", aggregate=largest("amount", "money"), group="money"), 365, None),
    _money("smallest_order", "What was their smallest order?", aggregate=smallest("amount", "money"), group="money"),
    _money("first_order_amount", "How much was their first order?", aggregate=earliest("amount", "money"), group="money"),
    _money("latest_order_amount", "How much was their latest order?", aggregate=latest("amount", "money"), group="money"),
    Feature("average_order", "How much is an order of theirs on average?", "number", expression="revenue / orders", unit="reporting currency", group="money"),
    Feature("average_order_365d", "How much was an order of theirs on average in the last 365 days?", "number", expression="revenue_365d / orders_365d", unit="reporting currency", group="money", family="average_order"),
    Feature("order_range", "How far apart are their smallest and largest orders, in average orders?", "number", expression="(largest_order - smallest_order) / average_order", unit="quotient", group="money"),
    Feature("latest_order_to_average", "Was their latest order large or small for them (quotient)?", "number", expression="latest_order_amount / average_order", unit="quotient", group="money"),
    _money("revenue_90d_to_90d", "How much did they spend in the 90 days before the last 90?", aggregate=total("amount", "money"), window=Window(90, skip=90), default=0, group="money"),
    Feature("revenue_trend", "Do they spend more than in the 90 days before?", "money", expression="revenue_90d - revenue_90d_to_90d", default=0, unit="reporting currency", group="money"),
    Feature("revenue_a_year", "How much a year have they spent since their first order?", "number", expression="365 * revenue / GREATEST(days_since_first_order, 30)", default=0, unit="reporting currency a year", group="money"),
    Feature("revenue_recent_share", "Which share of their spending is of the last year?", "number", expression="revenue_365d / revenue", unit="share", group="money", tests=("share",)),
    *over(Feature("units", "How many pieces did they buy {window}?", "quantity", ORDERS, total("units", "quantity"), default=0, unit="pieces", group="money"), 365, None),
    Feature("units_per_order", "How many pieces has an order of theirs?", "number", expression="units / orders", unit="pieces", group="money"),
    Feature("order_lines", "How many lines did they order ever?", "integer", ORDERS, total("lines", "integer"), default=0, unit="lines", group="money"),
    Feature("lines_per_order", "How many different things has an order of theirs?", "number", expression="order_lines / orders", unit="lines", group="money"),
]  # fmt: skip

CHANNELS = [
    *_channels(),
    *over(_counted("order_channels", "In how many channels did they order {window}?", aggregate=distinct("channel"), unit="channels", group="channels"), 365, None),
    Feature("preferred_channel", "Where do they order most often?", "text", ORDERS, top("channel"), group="channels"),
    _share("preferred_channel_share", "Which share of their orders happened in their preferred channel?", source=ORDERS, aggregate=top_share("channel"), group="channels"),
    Feature("first_order_channel", "Through which channel were they won?", "text", ORDERS, earliest("channel"), group="channels"),
    Feature("latest_order_channel", "Where did they order last?", "text", ORDERS, latest("channel"), group="channels"),
    Feature("changed_channel", "Did their latest order come through another channel than their first?", "boolean", expression="first_order_channel <> latest_order_channel", group="channels"),
    *over(_counted("stores_visited", "In how many stores did they buy {window}?", aggregate=distinct("store_id", "channel = 'store'"), unit="stores", group="geography"), 365, None),
    Feature("favourite_store", "In which store do they buy most often?", "text", ORDERS, top("store_id", "channel = 'store'"), group="geography"),
    _share("favourite_store_share", "Which share of their store orders happened in their favourite store?", source=ORDERS, aggregate=top_share("store_id", "channel = 'store'"), group="geography"),
    Feature("latest_store", "In which store did they buy last?", "text", ORDERS, latest("store_id", where="channel = 'store'"), group="geography"),
    Feature("order_country", "To which country do most of their orders go?", "text", ORDERS, top("country"), group="geography"),
    _counted("order_countries", "To how many countries did they order?", aggregate=distinct("country"), unit="countries", group="geography"),
]  # fmt: skip

SEASON = [
    _share("weekend_order_share", "Which share of their orders falls on a Saturday or Sunday?", expression="weekend_orders / orders", group="season"),
    _counted("weekend_orders", "How many orders did they place on a Saturday or Sunday?", aggregate=count(f"{WEEKDAY} >= 5"), group="season"),
    Feature("favourite_weekday", "On which weekday do they order most often (0 is Monday)?", "text", ORDERS, top(WEEKDAY), group="season"),
    _counted("evening_orders", "How many orders did they place from 18 o'clock on?", aggregate=count("occurred_hour >= 18"), group="season"),
    _share("evening_order_share", "Which share of their orders falls into the evening?", expression="evening_orders / orders", group="season"),
    _counted("morning_orders", "How many orders did they place before noon?", aggregate=count("occurred_hour < 12"), group="season"),
    _share("morning_order_share", "Which share of their orders falls into the morning?", expression="morning_orders / orders", group="season"),
    _money("revenue_holidays", "How much did they spend in Novembers and Decembers?", aggregate=total("amount", "money", "MONTH(occurred_on) >= 11"), default=0, group="season"),
    _share("holiday_share", "Which share of their spending falls into November and December?", expression="revenue_holidays / revenue", group="season"),
    _money("revenue_summer", "How much did they spend from June to August?", aggregate=total("amount", "money", "MONTH(occurred_on) BETWEEN 6 AND 8"), default=0, group="season"),
    _share("summer_share", "Which share of their spending falls into June to August?", expression="revenue_summer / revenue", group="season"),
    _counted("orders_season_last_year", "How many orders did they place at this time last year (60 days around it)?", aggregate=count(), window=Window(60, skip=335), group="season"),
]  # fmt: skip

DISCOUNTS = [
    *over(_money("discount", "How much discount did they get {window}?", aggregate=total("discount", "money"), default=0, group="discounts"), 365, None),
    _share("discount_rate", "Which share of the full price did discounts take off?", expression="discount / NULLIF(revenue + discount, 0)", group="discounts"),
    *over(_counted("discounted_orders", "How many orders with a discount did they place {window}?", aggregate=count("discounted_lines > 0"), group="discounts"), 365, None),
    _share("discounted_order_share", "Which share of their orders had a discount?", expression="discounted_orders / orders", group="discounts"),
    *over(_counted("coupon_orders", "How many orders with a coupon did they place {window}?", aggregate=count("coupon_lines > 0"), group="discounts"), 365, None),
    _share("coupon_order_share", "Which share of their orders had a coupon?", expression="coupon_orders / orders", group="discounts"),
    _money("full_price_revenue", "How much did they spend in orders without any discount?", aggregate=total("amount", "money", "discounted_lines = 0"), default=0, group="discounts"),
    _share("full_price_share", "Which share of their spending came without any discount?", expression="full_price_revenue / revenue", group="discounts"),
    Feature("days_since_discounted_order", "How many days ago did they last order with a discount?", "integer", expression="DAYS(last_discounted_order_on, as_of)", unit="days", group="discounts"),
    Feature("last_discounted_order_on", "On which day did they last order with a discount?", "date", ORDERS, last_day("discounted_lines > 0"), group="discounts"),
    Feature("discount_appetite", "Are discounted orders of theirs larger than others (quotient of the averages)?", "number", expression="(discounted_revenue / discounted_orders) / (full_price_revenue / (orders - discounted_orders))", unit="quotient", group="discounts"),
    _money("discounted_revenue", "How much did they spend in orders with a discount?", aggregate=total("amount", "money", "discounted_lines > 0"), default=0, group="discounts"),
]  # fmt: skip

FEATURES = [*RECENCY, *FREQUENCY, *CADENCE, *MONEY, *CHANNELS, *SEASON, *DISCOUNTS]
