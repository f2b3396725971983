"""How a customer answers e-mails."""

from functools import partial

from floorwalker.profiles.catalogue.sources import MAIL
from floorwalker.profiles.features.definition import Feature, Window, count, distinct, last_day, latest, over, top

_feature = partial(Feature, group="e-mail", purpose="personalization")
_counted = partial(_feature, type="integer", default=0, tests=("not_negative",), source=MAIL, unit="e-mails")
_rate = partial(_feature, type="number")
_SENT = "event_name IN ('Email Sent', 'Email Delivered')"
_OPENED = "event_name = 'Email Opened'"
_CLICKED = "event_name = 'Email Link Clicked'"

FEATURES = [
    *over(_counted("emails_received", "How many e-mails did they get {window}?", aggregate=distinct("COALESCE(message_id, event_id)", _SENT)), 30, 90, None),
    *over(_counted("emails_opened", "How many e-mails did they open {window}?", aggregate=distinct("COALESCE(message_id, event_id)", _OPENED)), 30, 90, None),
    *over(_counted("emails_clicked", "How many e-mails did they click in {window}?", aggregate=distinct("COALESCE(message_id, event_id)", _CLICKED)), 30, 90, None),
    _rate("open_rate_90d", "Which share of the e-mails of the last 90 days did they open?", expression="emails_opened_90d / emails_received_90d", unit="e-mails per e-mail"),
    _rate("open_rate", "Which share of all e-mails did they open?", expression="emails_opened / emails_received", unit="e-mails per e-mail", family="open_rate_90d"),
    _rate("click_rate", "Which share of all e-mails did they click in?", expression="emails_clicked / emails_received", unit="e-mails per e-mail"),
    _rate("click_to_open", "Which share of the e-mails that they opened did they click in?", expression="emails_clicked / emails_opened", unit="e-mails per e-mail"),
    _rate("open_rate_trend", "Do they open more than they used to (last 90 days less ever)?", expression="open_rate_90d - open_rate", unit="shares"),
    _feature("last_open_on", "On which day did they last open an e-mail?", "date", MAIL, last_day(_OPENED)),
    _feature("days_since_open", "How many days ago did they last open an e-mail?", "integer", expression="DAYS(last_open_on, as_of)", unit="days"),
    _feature("last_click_on", "On which day did they last click in an e-mail?", "date", MAIL, last_day(_CLICKED)),
    _feature("days_since_click", "How many days ago did they last click in an e-mail?", "integer", expression="DAYS(last_click_on, as_of)", unit="days"),
    _feature("last_email_on", "On which day did they last get an e-mail?", "date", MAIL, last_day(_SENT)),
    _feature("days_since_email", "How many days ago did they last get an e-mail?", "integer", expression="DAYS(last_email_on, as_of)", unit="days"),
    _feature("favourite_open_hour", "At which hour do they open e-mails most often?", "text", MAIL, top("CAST(occurred_hour AS VARCHAR)", _OPENED)),
    _counted("campaigns_clicked", "In how many campaigns did they click?", aggregate=distinct("campaign_id", _CLICKED), unit="campaigns"),
    _feature("latest_campaign_clicked", "In which campaign did they click last?", "text", MAIL, latest("campaign_id", where=_CLICKED)),
    _counted("emails_bounced", "How many e-mails to them came back?", aggregate=count("event_name = 'Email Bounced'")),
    _counted("unsubscribes", "How often did they unsubscribe or complain?", aggregate=count("event_name IN ('Unsubscribed', 'Email Marked as Spam')"), unit="times"),
    _counted("evening_opens", "How often did they open an e-mail from 18 o'clock on?", aggregate=count(f"{_OPENED} AND occurred_hour >= 18"), unit="times"),
    _counted("opens", "How often did they open an e-mail, counting each time?", aggregate=count(_OPENED), unit="times"),
    _rate("evening_open_share", "Which share of their opening happens in the evening?", expression="evening_opens / opens", unit="share", tests=("share",)),
    _rate("email_pressure", "How many e-mails do they get per order of the last 90 days?", expression="emails_received_90d / GREATEST(orders_90d, 1)", default=0, unit="e-mails per order"),
    _counted("clicks_7d", "How often did they click in an e-mail in the last 7 days?", aggregate=count(_CLICKED), window=Window(7), unit="times"),
]  # fmt: skip
