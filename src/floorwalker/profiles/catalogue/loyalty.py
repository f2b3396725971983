"""Loyalty programme, campaigns and coupons."""

from functools import partial

from floorwalker.profiles.catalogue.sources import EXPOSURES, LOYALTY, REDEMPTIONS
from floorwalker.profiles.features.definition import (
    Feature,
    count,
    distinct,
    first_day,
    last_day,
    latest,
    over,
    total,
)

_feature = partial(Feature, group="loyalty")
_points = partial(_feature, type="integer", source=LOYALTY, default=0, unit="points")
_EARNED = "event_name = 'Points Earned'"
_SPENT = "event_name = 'Points Redeemed'"

FEATURES = [
    *over(_points("points_earned", "How many points did they earn {window}?", aggregate=total("points", "integer", _EARNED)), 90, 365, None),
    *over(_points("points_spent", "How many points did they spend {window}?", aggregate=total("ABS(points)", "integer", _SPENT)), 365, None),
    _points("points_other", "How many points did they get or lose in other ways?", aggregate=total("points", "integer", "event_name NOT IN ('Points Earned', 'Points Redeemed')")),
    _feature("points_balance", "How many points have they left?", "integer", expression="points_earned + points_other - points_spent", default=0, unit="points"),
    _feature("points_spent_share", "Which part of their points do they use?", "number", expression="points_spent / points_earned", unit="points per point"),
    _feature("points_per_order", "How many points does an order bring them?", "number", expression="points_earned / orders", unit="points"),
    _feature("loyalty_tier", "Which tier have they reached?", "text", LOYALTY, latest("tier")),
    _feature("tier_changes", "How often did their tier change?", "integer", LOYALTY, count("event_name = 'Tier Changed'"), default=0, unit="times", tests=("not_negative",)),
    _feature("loyalty_joined_on", "On which day were they first seen in the programme?", "date", LOYALTY, first_day()),
    _feature("loyalty_days", "For how many days have they been in the programme?", "integer", expression="DAYS(loyalty_joined_on, as_of)", unit="days"),
    _feature("last_points_on", "On which day did something last happen to their points?", "date", LOYALTY, last_day()),
    _feature("days_since_points", "For how many days has nothing happened to their points?", "integer", expression="DAYS(last_points_on, as_of)", unit="days"),
    _feature("redemptions_of_points", "How often did they spend points?", "integer", LOYALTY, count(_SPENT), default=0, unit="times", tests=("not_negative",)),
    _feature("joined_before_buying", "Were they in the programme before their first order?", "boolean", expression="loyalty_joined_on < first_order_on"),
    *over(_feature("campaigns_received", "By how many campaigns were they reached {window}?", "integer", EXPOSURES, distinct("campaign_id"), default=0, unit="campaigns", group="campaigns"), 90, 365, None),
    _feature("last_campaign_on", "On which day did a campaign last reach them?", "date", EXPOSURES, last_day(), group="campaigns"),
    _feature("days_since_campaign", "How many days ago did a campaign last reach them?", "integer", expression="DAYS(last_campaign_on, as_of)", unit="days", group="campaigns"),
    _feature("latest_campaign_type", "Which kind of campaign reached them last?", "text", EXPOSURES, latest("campaign_type"), group="campaigns"),
    *over(_feature("coupons_redeemed", "How many coupons did they redeem {window}?", "integer", REDEMPTIONS, count(), default=0, unit="coupons", group="campaigns"), 365, None),
    _feature("coupon_campaigns", "In how many campaigns did they redeem a coupon?", "integer", REDEMPTIONS, distinct("campaign_id"), default=0, unit="campaigns", group="campaigns"),
    _feature("campaign_response", "In which part of the campaigns that reached them did they redeem a coupon?", "number", expression="coupon_campaigns / campaigns_received", unit="campaigns per campaign", group="campaigns"),
    _feature("last_redemption_on", "On which day did they last redeem a coupon?", "date", REDEMPTIONS, last_day(), group="campaigns"),
    _feature("days_since_redemption", "How many days ago did they last redeem a coupon?", "integer", expression="DAYS(last_redemption_on, as_of)", unit="days", group="campaigns"),
]  # fmt: skip
