"""A world for tests of features: one source of rows with a column of every type, and a feature of every kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import duckdb

from floorwalker.engines.lake import set_run
from floorwalker.profiles.features import definition as d
from floorwalker.profiles.features.sql import models

AS_OF = dt.date(2026, 3, 1)
COLUMNS = {
    "event_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "occurred_at": "TIMESTAMPTZ",
    "occurred_on": "DATE",
    "channel": "VARCHAR",
    "amount": "DECIMAL(18,4)",
    "pieces": "BIGINT",
    "flag": "BOOLEAN",
    "day_meant": "DATE",
}
THINGS = d.Source("things", "silver.things", where="pieces <> 13", about="things that happened")
PLACES = d.Source("places", "silver.places", batch_only="known after a run")


def features() -> d.FeatureSet:
    """Every kind of aggregate, every type, windows with and without a skip, and expressions over them."""
    counted = d.Feature("n", "How many {window}?", "integer", THINGS, d.count(), default=0)
    most = d.Feature("top_channel", "Where most {window}?", "text", THINGS, d.top("channel", "pieces > 1"))
    made: list[d.Feature] = [
        *d.over(counted, 7, 30, None, d.Window(30, 30)),
        *d.over(d.Feature("spent", "How much {window}?", "money", THINGS, d.total("amount", "money")), 30, None),
        *d.over(d.Feature("largest", "The most {window}?", "money", THINGS, d.largest("amount", "money")), 30, None),
        d.Feature("smallest", "The least?", "money", THINGS, d.smallest("amount", "money")),
        *d.over(d.Feature("latest_channel", "Where last {window}?", "text", THINGS, d.latest("channel")), 30, None),
        d.Feature("first_amount", "How much first?", "money", THINGS, d.earliest("amount", "money", "flag")),
        d.Feature("latest_flag", "Flagged last?", "text", THINGS, d.latest("flag")),
        d.Feature("latest_pieces", "How many last?", "integer", THINGS, d.latest("pieces", "integer")),
        d.Feature("latest_day", "Which day was meant last?", "date", THINGS, d.latest("day_meant", "date")),
        *d.over(d.Feature("days", "On how many days {window}?", "integer", THINGS, d.days(), default=0), 30, None),
        d.Feature("first_on", "When first?", "date", THINGS, d.first_day("channel = 'web'")),
        d.Feature("last_on", "When last?", "date", THINGS, d.last_day("amount > 10 OR flag")),
        d.Feature("longest", "The longest pause?", "integer", THINGS, d.longest_gap()),
        d.Feature("latest_pause", "The latest pause?", "integer", THINGS, d.latest_gap()),
        d.Feature("uneven", "How uneven?", "number", THINGS, d.gap_deviation()),
        *d.over(d.Feature("channels", "In how many {window}?", "integer", THINGS, d.distinct("channel")), 30, None),
        *d.over(most, 30, None),
        d.Feature("top_share", "Which share?", "number", THINGS, d.top_share("channel")),
        d.Feature("herfindahl", "How concentrated?", "number", THINGS, d.concentration("channel")),
        d.Feature("months", "How many months?", "integer", THINGS, d.distinct("CAST(MONTH(occurred_on) AS VARCHAR)")),
        d.Feature("average", "How much on average?", "number", expression="spent / n"),
        d.Feature("days_since", "How many days ago?", "integer", expression="DAYS(last_on, as_of)", default=9999),
        d.Feature("trend", "More than before?", "integer", expression="n_30d - n_30d_to_30d"),
        d.Feature("late", "Are they late?", "boolean", expression="days_since > 3 * longest", default=False),
        d.Feature("twice", "Of an expression?", "number", expression="average / (days_since + 1)"),
        d.Feature("members", "How many live there?", "integer", PLACES, d.attribute("members"), default=1),
    ]  # fmt: skip
    return d.FeatureSet(d.Entity("customer", "customer_id", "silver.people", live=True), made)


def row(number: int, customer: str, day: dt.date, second: int = 0, **values: Any) -> dict[str, Any]:
    """A row of silver.things."""
    at = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=second, microseconds=values.pop("micro", 0))
    full = {"channel": "web", "amount": Decimal("5.0000"), "pieces": 1, "flag": None, "day_meant": None, **values}
    return {"event_id": f"e{number}", "customer_id": customer, "occurred_at": at, "occurred_on": day, **full}


def connect(
    rows: Iterable[Mapping[str, Any]], customers: Iterable[str], as_of: dt.date = AS_OF
) -> duckdb.DuckDBPyConnection:
    """A connection with the rows, the customers, and every table that the features' models make of them."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for schema in ("silver", "gold", "meta"):
        connection.execute(f"CREATE SCHEMA {schema}")
    set_run(connection, "r1", as_of, "GBP")
    connection.execute(f"CREATE TABLE silver.things ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    for one in rows:
        marks = ", ".join("?" for _ in COLUMNS)
        connection.execute(f"INSERT INTO silver.things VALUES ({marks})", [one[name] for name in COLUMNS])
    connection.execute("CREATE TABLE silver.people (customer_id VARCHAR)")
    connection.execute("CREATE TABLE silver.places (customer_id VARCHAR, members BIGINT)")
    for one in customers:
        connection.execute("INSERT INTO silver.people VALUES (?)", [one])
    for model in models(features()):
        connection.execute(f"CREATE TABLE {model.name} AS {model.sql}")
    return connection


def served(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The table of features, by customer."""
    listed = list(names)
    found = connection.execute(f"SELECT customer_id, {', '.join(listed)} FROM gold.customer_features").fetchall()
    return {values[0]: dict(zip(listed, values[1:], strict=True)) for values in found}
