"""What a customer brings back or cancels."""

from functools import partial

from floorwalker.profiles.catalogue.sources import RETURNS
from floorwalker.profiles.features.definition import Feature, count, distinct, last_day, latest, over, top, total

_BACK = "is_cancellation = FALSE"
_counted = partial(Feature, type="integer", default=0, tests=("not_negative",), source=RETURNS, group="returns")
_share = partial(Feature, type="number", unit="share", group="returns")

FEATURES = [
    *over(_counted("returns", "How many lines did they bring back {window}?", aggregate=count(_BACK), unit="lines"), 90, 365, None),
    *over(Feature("returned_amount", "How much money did they get back {window}?", "money", RETURNS, total("amount_reporting", "money", _BACK), default=0, unit="reporting currency", group="returns"), 365, None),
    _share("return_rate", "How many lines do they bring back per line bought?", expression="returns / lines_bought", unit="lines per line"),
    _share("returned_share", "Which part of their spending do they get back?", expression="returned_amount / revenue", unit="quotient"),
    Feature("last_return_on", "On which day did they last bring something back?", "date", RETURNS, last_day(_BACK), group="returns"),
    Feature("days_since_return", "How many days ago did they last bring something back?", "integer", expression="DAYS(last_return_on, as_of)", unit="days", group="returns"),
    _counted("cancellations", "How many lines did they cancel?", aggregate=count("is_cancellation"), unit="lines"),
    _share("cancellation_rate", "How many lines do they cancel per line bought?", expression="cancellations / lines_bought", unit="lines per line"),
    Feature("cancelled_amount", "How much was what they cancelled?", "money", RETURNS, total("amount_reporting", "money", "is_cancellation"), default=0, unit="reporting currency", group="returns"),
    Feature("top_return_reason", "Why do they bring things back?", "text", RETURNS, top("reason", _BACK), group="returns"),
    Feature("latest_return_reason", "Why did they last bring something back?", "text", RETURNS, latest("reason", where=_BACK), group="returns"),
    _counted("return_reasons", "How many different reasons did they give?", aggregate=distinct("reason", _BACK), unit="reasons"),
    _counted("products_returned", "How many different products did they bring back?", aggregate=distinct("product_id", _BACK), unit="products"),
    _counted("returns_store", "How many lines did they bring back to a store?", aggregate=count(f"{_BACK} AND channel = 'store'"), unit="lines"),
    _share("returns_store_share", "Which share of what they bring back goes to a store?", expression="returns_store / returns", tests=("share",)),
    Feature("kept_revenue", "How much did they spend, less what they got back?", "money", expression="revenue - returned_amount", default=0, unit="reporting currency", group="returns"),
]  # fmt: skip
