"""Who a customer is: what systems wrote down, where they live, with whom, and how they can be reached."""

from functools import partial

from floorwalker.profiles.catalogue.sources import HOUSEHOLDS, RECORDS
from floorwalker.profiles.features.definition import Feature, attribute, count, distinct, first_day, largest, latest

_feature = partial(Feature, group="person", purpose="profiling")
_word = partial(_feature, type="text", source=RECORDS)
_INTEGER = "CASE WHEN {} THEN 1 ELSE 0 END"

FEATURES = [
    _word("gender", "Which gender did they give?", aggregate=latest("gender")),
    _feature("birth_date", "When were they born?", "date", RECORDS, latest("birth_date", "date")),
    _feature("age", "How old are they (whole years, by days)?", "integer", expression="FLOOR(DAYS(birth_date, as_of) / 365.25)", unit="years"),
    _word("age_band", "In which age band are they?", aggregate=latest("age_band")),
    _word("income_band", "In which income band are they?", aggregate=latest("income_band")),
    _word("home_ownership", "Do they own their home?", aggregate=latest("home_ownership")),
    _word("marital_status", "Are they married?", aggregate=latest("marital_status")),
    _word("household_type", "What kind of household do they live in?", aggregate=latest("household_type"), group="household"),
    _feature("household_size", "How many people live in their household, as they said?", "integer", RECORDS, latest("household_size", "integer"), unit="people", group="household"),
    _feature("children", "How many children do they have, as they said?", "integer", RECORDS, latest("children", "integer"), unit="children", group="household"),
    _feature("household_customers", "How many customers are in their household?", "integer", HOUSEHOLDS, attribute("members"), default=1, unit="customers", group="household"),
    _word("home_country", "In which country do they live?", aggregate=latest("country"), group="geography"),
    _word("home_city", "In which town do they live?", aggregate=latest("city"), group="geography"),
    _word("postcode_area", "In which postcode area (first two characters) do they live?", aggregate=latest("SUBSTRING(postcode, 1, 2)"), group="geography"),
    _feature("addresses", "At how many postcodes have they lived?", "integer", RECORDS, distinct("postcode"), default=0, unit="postcodes", group="geography"),
    _feature("orders_abroad", "Do most of their orders go to another country than they live in?", "boolean", expression="order_country <> home_country", group="geography"),
    _word("language", "Which language do they speak?", aggregate=latest("language")),
    _feature("record_sources", "In how many systems are they known?", "integer", RECORDS, distinct("source"), default=0, unit="systems", purpose="analytics"),
    _feature("customer_records", "How many records of them are there?", "integer", RECORDS, count(), default=0, unit="records", purpose="analytics"),
    _feature("registered_on", "On which day were they first written down?", "date", RECORDS, first_day(), purpose="analytics"),
    _feature("days_since_registration", "For how many days have they been known by name?", "integer", expression="DAYS(registered_on, as_of)", unit="days", purpose="analytics"),
    _feature("days_to_first_order", "How many days after that did they first order?", "integer", expression="DAYS(registered_on, first_order_on)", unit="days", purpose="analytics"),
    _feature("email_known", "Is there an e-mail address (1 or 0)?", "integer", RECORDS, largest(_INTEGER.format("has_email"), "integer"), default=0, group="contact"),
    _feature("phone_known", "Is there a phone number (1 or 0)?", "integer", RECORDS, largest(_INTEGER.format("has_phone"), "integer"), default=0, group="contact"),
    _feature("card_known", "Do they have a loyalty card (1 or 0)?", "integer", RECORDS, largest(_INTEGER.format("has_loyalty_id"), "integer"), default=0, group="contact"),
    _feature("account_known", "Do they have an account (1 or 0)?", "integer", RECORDS, largest(_INTEGER.format("has_account"), "integer"), default=0, group="contact"),
    _feature("contact_ways", "In how many of these ways can they be reached or recognised?", "integer", expression="email_known + phone_known + card_known + account_known", default=0, unit="ways", group="contact"),
]  # fmt: skip
