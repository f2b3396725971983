"""What a customer asks customer service."""

from functools import partial

from floorwalker.profiles.catalogue.sources import TICKETS
from floorwalker.profiles.features.definition import (
    Feature,
    count,
    distinct,
    last_day,
    latest,
    over,
    smallest,
    top,
    total,
)

_feature = partial(Feature, group="service")

FEATURES = [
    *over(_feature("tickets", "How often did they ask customer service {window}?", "integer", TICKETS, distinct("ticket_id"), default=0, unit="tickets", tests=("not_negative",)), 90, 365, None),
    _feature("last_ticket_on", "On which day did they last ask?", "date", TICKETS, last_day()),
    _feature("days_since_ticket", "How many days ago did they last ask?", "integer", expression="DAYS(last_ticket_on, as_of)", unit="days"),
    _feature("satisfaction_sum", "What do their marks for customer service add up to?", "integer", TICKETS, total("satisfaction", "integer"), default=0, unit="marks"),
    _feature("marks_given", "How many marks did they give?", "integer", TICKETS, count("satisfaction IS NOT NULL"), default=0, unit="marks"),
    _feature("satisfaction", "How satisfied are they on average, from 1 to 5?", "number", expression="satisfaction_sum / marks_given", unit="mark"),
    _feature("worst_mark", "What was the worst mark they gave?", "integer", TICKETS, smallest("satisfaction", "integer"), unit="mark"),
    _feature("latest_mark", "Which mark did they give last?", "integer", TICKETS, latest("satisfaction", "integer"), unit="mark"),
    _feature("top_topic", "What do they ask about most?", "text", TICKETS, top("topic")),
    _feature("latest_topic", "What did they ask about last?", "text", TICKETS, latest("topic")),
    _feature("latest_ticket_status", "How does their latest ticket stand?", "text", TICKETS, latest("status")),
    _feature("tickets_per_order", "How often do they ask per order?", "number", expression="tickets / orders", unit="tickets per order"),
    _feature("asked_after_order", "Did they ask after their latest order?", "boolean", expression="last_ticket_on >= last_order_on"),
]  # fmt: skip
