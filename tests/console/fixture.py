"""A shop that never was, as the tables a report reads: seeded, about three thousand customers on five channels.

`build(connection)` fills gold, silver and meta; `facts()` is what the command line would add. `online_retail` fills the
same tables, as far as they can be known, from a real invoice log.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

AS_OF = dt.date(2026, 10, 31)
COUNTRIES = (
    *("United Kingdom", "Germany", "France", "Netherlands", "Ireland", "Spain", "Belgium", "Sweden", "Portugal"),
    *("Switzerland", "Austria", "Denmark", "Norway", "United Arab Emirates and neighbouring territories"),
)
CHANNELS = ("store", "web", "app", "email", "loyalty")
SECRET_NAMES = ("Ermintrude", "Quackenbush")
"""A given and a family name that must never be seen in a report."""


def build(connection: duckdb.DuckDBPyConnection, customers: int = 3000, seed: int = 7) -> None:
    """Create every table the report reads."""
    for schema in ("bronze", "silver", "gold", "meta"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    random = np.random.default_rng(seed)
    _rows(connection, "meta.run", "run_id as_of reporting_currency", [("run-20261101-0412", AS_OF, "GBP")])
    _customers(connection, random, customers)
    _scores(connection)
    _days(connection, random)
    _rest(connection, random)


def _table(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, Any]) -> None:
    connection.register("incoming", pa.table(columns))
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")


def _rows(connection: duckdb.DuckDBPyConnection, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    _table(connection, name, dict(zip(columns.split(), map(list, zip(*rows, strict=True)), strict=True)))


def _customers(connection: duckdb.DuckDBPyConnection, random: np.random.Generator, n: int) -> None:
    orders = np.where(random.random(n) < 0.12, 0, random.geometric(0.28, n)) + (
        random.random(n) < 0.03
    ) * random.poisson(20, n)
    average = random.lognormal(4.2, 0.7, n)
    revenue = np.round(orders * average * random.lognormal(0, 0.25, n), 2)
    recency = np.minimum(random.exponential(110 / np.maximum(orders, 0.6) ** 0.5, n).astype(int) + 1, 720)
    records = np.minimum(1 + random.poisson(1.4 + 0.25 * orders), 60)
    places = np.minimum(records, 1 + random.binomial(4, 0.22 + 0.3 * (orders > 3), n))
    channels = [",".join(sorted(random.choice(CHANNELS, size=count, replace=False))) for count in places]
    _table(
        connection,
        "gold.customers",
        {
            "customer_id": [f"c{position:026d}" for position in range(n)],
            "given_name": [SECRET_NAMES[0]] * n,
            "family_name": [SECRET_NAMES[1]] * n,
            "email": [f"ermintrude.{position}@quackenbush.example" for position in range(n)],
            "sources": [text.replace("web", "shop") for text in channels],
            "channels": channels,
            "records": records,
            "recency_days": pa.array(recency, mask=orders == 0),
            "orders": orders,
            "revenue": revenue,
        },
    )
    connection.execute("ALTER TABLE gold.customers ALTER revenue TYPE DECIMAL(28,4)")


def _scores(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        CREATE TABLE gold.rfm AS
        WITH scored AS (
            SELECT customer_id, recency_days, orders AS frequency, revenue AS monetary,
                6 - ntile(5) OVER (ORDER BY recency_days, customer_id) AS r,
                ntile(5) OVER (ORDER BY orders, customer_id) AS f, ntile(5) OVER (ORDER BY revenue, customer_id) AS m
            FROM gold.customers WHERE orders > 0
        )
        SELECT *, concat(r, f, m) AS cell,
            CASE WHEN r >= 4 AND f >= 4 THEN 'Champions' WHEN r >= 3 AND f >= 4 THEN 'Loyal customers'
                WHEN r <= 2 AND f >= 4 THEN 'Cannot lose them' WHEN r >= 4 AND f = 1 THEN 'New customers'
                WHEN r >= 4 THEN 'Potential loyalists' WHEN r = 3 THEN 'Need attention'
                WHEN f >= 2 THEN 'Hibernating' ELSE 'Lost' END AS segment,
            CASE WHEN r = 5 AND f = 5 AND m = 5 THEN 'champion' WHEN r >= 4 AND f >= 4 THEN 'loyal'
                WHEN r = 5 AND f = 1 THEN 'new' WHEN r = 5 THEN 'promising' WHEN r = 4 AND f <= 1 THEN 'recent one-time'
                WHEN r = 4 THEN 'growing' WHEN r = 3 AND f >= 4 THEN 'cooling regular'
                WHEN r = 3 AND f >= 2 THEN 'cooling' WHEN r = 3 THEN 'one-time, cooling'
                WHEN r = 2 AND f >= 4 THEN 'at risk' WHEN r = 2 THEN 'about to be lost'
                ELSE 'lost' END AS lifecycle
        FROM scored ORDER BY customer_id""")
    connection.execute("""
        CREATE TABLE gold.segments AS
        SELECT 'High value, recent' AS segment, customer_id FROM gold.rfm WHERE m = 5 AND r >= 4
        UNION ALL SELECT 'Win-back', customer_id FROM gold.rfm WHERE r <= 2 AND m >= 4
        UNION ALL SELECT 'One-time buyers of the summer sale', customer_id FROM gold.rfm WHERE frequency = 1""")
    _rows(
        connection,
        "gold.cluster_profiles",
        "cluster name description customers revenue recency_days frequency monetary",
        [
            (0, "Regulars with large baskets", "Come often, bought lately.", 412, 512345.5, 11.0, 9.0, 1190.4),
            (1, "Steady", "A few orders a year, at full price.", 835, 261220.0, 34.0, 4.0, 290.1),
            (2, "Newcomers", "One or two orders, not long ago.", 690, 58110.25, 21.0, 1.0, 72.3),
            (3, "Gone quiet", "One order long ago.", 702, 49020.0, 251.0, 1.0, 61.0),
        ],
    )
    _rows(
        connection,
        "gold.clustering_quality",
        "method k silhouette stability_mean stability_min smallest chosen",
        [
            ("raw", 2, 0.896, 0.39, -0.01, 26, False),
            ("raw", 3, 0.594, 0.98, 0.92, 26, False),
            ("raw", 4, 0.616, 0.92, 0.83, 13, False),
            ("raw", 5, 0.617, 0.89, 0.66, 6, False),
            ("log", 2, 0.433, 0.98, 0.95, 1668, False),
            ("log", 3, 0.337, 0.89, 0.82, 760, False),
            ("log", 4, 0.332, 0.82, 0.67, 725, True),
            ("log", 5, 0.319, 0.90, 0.76, 344, False),
        ],
    )


def _days(connection: duckdb.DuckDBPyConnection, random: np.random.Generator) -> None:
    days = np.arange(np.datetime64("2025-10-22"), np.datetime64("2026-10-31"))
    season = 1 + 0.35 * np.sin(np.arange(len(days)) / 58.0) + np.exp(-(((np.arange(len(days)) - 55) / 14.0) ** 2))
    columns: dict[str, list[Any]] = {"occurred_on": [], "channel": [], "country": [], "orders": [], "revenue": []}
    for channel, weight in (("store", 20.0), ("web", 13.0), ("app", 4.0)):
        orders = random.poisson(weight * season)
        columns["occurred_on"] += days.tolist()
        columns["channel"] += [channel] * len(days)
        columns["country"] += [COUNTRIES[0]] * len(days)
        columns["orders"] += orders.tolist()
        columns["revenue"] += np.round(orders * random.normal(78, 6, len(days)), 2).tolist()
    _table(connection, "gold.daily_revenue", columns)
    weights = np.array([0.62 * 0.5**position + 0.004 for position in range(len(COUNTRIES))])
    revenue = np.round(1_100_000 * weights / weights.sum(), 2)
    _table(
        connection,
        "gold.country_revenue",
        {
            "country": COUNTRIES,
            "orders": (revenue / 78).astype(int),
            "customers": (revenue / 380).astype(int),
            "revenue": revenue,
            "share": revenue / revenue.sum(),
        },
    )


def _rest(connection: duckdb.DuckDBPyConnection, random: np.random.Generator) -> None:
    _rows(
        connection,
        "gold.channel_records",
        "channel source rows records customers",
        [
            ("web", "shop", 182340, 5210, 2411),
            ("store", "tills", 64210, 3120, 1904),
            ("app", "app", 41200, 1730, 902),
            ("email", "newsletter", 22031, 2440, 2103),
            ("loyalty", "loyalty", 2310, 2310, 1842),
            ("service", "tickets from the help desk of the store chain", 640, 610, 402),
        ],
    )
    _rows(
        connection,
        "gold.funnel",
        "position step rows customers",
        [
            (1, "accepted", 541909, None),
            (2, "customer known", 406829, 4372),
            (3, "not cancelled or returned", 397924, 4339),
            (4, "quantity and price above zero", 397884, 4338),
        ],
    )
    _rows(
        connection,
        "silver.identity_summary",
        "name value",
        [
            ("records", 12420.0),
            ("customers", 3000.0),
            ("customers.one_record", 392.0),
            ("largest_customer", 21.0),
            ("accepted.email", 5200.0),
            ("hubs.phone", 14.0),
            ("ids.kept", 2980.0),
            ("ids.created", 20.0),
            ("ids.stability", 0.9931),
        ],
    )
    rules = (
        *(("email_exact", 1, 5200, 40), ("loyalty_id", 1, 3900, 3), ("phone_exact", 2, 2100, 310)),
        *(("account_id", 1, 1800, 0), ("device_and_name", 3, 640, 220), ("name_address_birth_date", 3, 410, 88)),
    )
    rows: dict[str, list[Any]] = {"record_id": [], "rule": [], "tier": [], "accepted": [], "reason": []}
    for rule, tier, accepted, refused in rules:
        total = accepted + refused
        rows["record_id"] += [f"{value:032x}" for value in random.integers(0, 12420, total)]
        rows["rule"] += [rule] * total
        rows["tier"] += [tier] * total
        rows["accepted"] += [True] * accepted + [False] * refused
        rows["reason"] += [""] * accepted + [
            "blocked value" if place % 3 else "learned hub" for place in range(refused)
        ]
    _table(connection, "silver.identity_evidence", rows)
    quality = [
        (model, protocol, metric, value, 1804)
        for protocol, factor in (("time split 28 days", 1.0), ("leave-one-out B", 1.3))
        for model, level in (("knn", 0.083), ("popular", 0.044), ("popular_recent", 0.052))
        for metric, value in (
            ("ndcg@10", level * factor),
            ("ndcg@10 low", level * factor * 0.93),
            ("ndcg@10 high", level * factor * 1.07),
            ("recall@20", level * factor * 1.9),
            ("mrr@20", level * factor * 0.8),
            ("coverage@10", 0.612 if model == "knn" else 0.009),
            ("served", 0.98 if model == "knn" else 1.0),
        )
    ]
    names = ("model", "protocol", "metric", "value", "users")
    _table(connection, "gold.recommender_quality", dict(zip(names, zip(*quality, strict=True), strict=True)))
    connection.execute("""
        CREATE TABLE gold.products AS
        SELECT 'p' || i AS product_id, 'Product ' || i AS name FROM range(1200) AS numbers(i)""")
    connection.execute("""
        CREATE TABLE gold.recommendations AS
        SELECT customer_id, place::INTEGER AS rank, 'p' || ((hash(customer_id) + place * 37) % 760) AS product_id,
            1.0 / place AS score, CASE WHEN orders > 0 THEN 'knn' ELSE 'popular' END AS model
        FROM gold.customers, range(1, 6) AS places(place)""")


def facts() -> dict[str, Any]:
    """What the command line adds to the tables."""
    return {
        "project": "Marlow & Finch",
        "run_id": "run-20261101-0412",
        "started": "2026-11-01T04:12:09Z",
        "version": "0.1.0",
        "seconds": {
            "ingest": 21.4,
            "silver": 12.9,
            "identity": 9.1,
            "gold": 7.7,
            "segmentation": 5.2,
            "recommend": 14.8,
            "tests": 0.61,
            "publish": 0.2,
        },
        "records_in": 312_731,
        "sources": [
            {"name": "shop", "kind": "order_line", "rows": 182340, "quarantined": 31},
            {"name": "tills", "kind": "order_line", "rows": 64210, "quarantined": 12},
            {"name": "app", "kind": "browse", "rows": 41200, "quarantined": 0},
            {"name": "newsletter", "kind": "email", "rows": 22031, "quarantined": 4},
            {"name": "loyalty", "kind": "person", "rows": 2310, "quarantined": 0},
            {"name": "tickets", "kind": "ticket", "rows": 640, "quarantined": 0},
        ],
        "quarantine": [
            {"source": "shop", "reason": "the amount is no number", "rows": 31},
            {"source": "tills", "reason": "the day lies in the future", "rows": 12},
            {"source": "newsletter", "reason": "no identifier at all", "rows": 4},
        ],
        "identity": {
            "precision": 0.9962,
            "recall": 0.9314,
            "f1": 0.9627,
            "largest_cluster": 21,
            "naive": {
                "name": "same e-mail or phone",
                "precision": 0.802,
                "recall": 0.871,
                "f1": 0.8351,
                "largest_cluster": 412,
            },
        },
        "data_tests": [
            {
                "model": "gold.customers",
                "test": "customer_id is unique",
                "status": "pass",
                "failures": 0,
                "detail": "",
            },
            {
                "model": "gold.customers",
                "test": "customer_id is not null",
                "status": "pass",
                "failures": 0,
                "detail": "",
            },
            {
                "model": "gold.customers",
                "test": "revenue equals the sum of order lines",
                "status": "pass",
                "failures": 0,
                "detail": "",
            },
            {
                "model": "silver.order_lines",
                "test": "event_id is unique",
                "status": "pass",
                "failures": 0,
                "detail": "",
            },
            {
                "model": "silver.order_lines",
                "test": "every line has a product",
                "status": "fail",
                "failures": 12,
                "detail": "12 of 246,550 lines name a product that no feed has",
            },
            {
                "model": "silver.customer_map",
                "test": "every record once",
                "status": "pass",
                "failures": 0,
                "detail": "",
            },
        ],
        "decision": {
            "customer_id": "c" + "a7" * 13,
            "surface": "home",
            "policy": "default",
            "personalised": True,
            "items": [
                {
                    "product_id": "p11",
                    "name": "Merino crew-neck jumper, navy",
                    "price": 64.0,
                    "reason": "bought with the Oxford shirt you bought in September",
                },
                {
                    "product_id": "p7",
                    "name": "<script>alert('x')</script> Chelsea boot",
                    "price": 129.5,
                    "reason": "in your size at the store you visit most",
                },
                {
                    "product_id": "p902",
                    "name": "Wool scarf",
                    "price": 24.95,
                    "reason": "new in the category you buy most",
                },
                {"product_id": "p3", "name": "Leather care kit", "price": 11.0, "reason": "sells best this week"},
            ],
        },
        "audience": {
            "name": "Win-back by e-mail",
            "candidates": 512,
            "exported": 301,
            "excluded": {"no consent to marketing_email": 148, "hold-out": 51, "no e-mail address": 12},
        },
        "next": ["floorwalker serve", "floorwalker customer show c…", "floorwalker report --open"],
        "tables": {"gold.customers": 3, "gold.rfm": 3, "silver.customer_map": 3},
    }


def online_retail(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The tables that an invoice log can fill: customers, daily and country revenue, the funnel."""
    for schema in ("silver", "gold", "meta"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(f"""
        CREATE TEMP TABLE lines AS SELECT * FROM read_parquet('{path}') WHERE CustomerID IS NOT NULL
            AND NOT starts_with(InvoiceNo, 'C') AND Quantity > 0 AND UnitPrice > 0""")
    connection.execute("""
        CREATE TABLE meta.run AS
        SELECT 'run-online-retail' AS run_id, DATE '2011-12-10' AS as_of, 'GBP' AS reporting_currency""")
    connection.execute("""
        CREATE TABLE gold.customers AS
        SELECT CustomerID::VARCHAR AS customer_id, 'invoices' AS sources, 'web' AS channels, 1 AS records,
            date_diff('day', max(InvoiceDate)::DATE, DATE '2011-12-10') AS recency_days,
            count(DISTINCT InvoiceNo) AS orders, sum(Quantity * UnitPrice)::DECIMAL(28,4) AS revenue
        FROM lines GROUP BY 1""")
    connection.execute("""
        CREATE TABLE gold.daily_revenue AS
        SELECT InvoiceDate::DATE AS occurred_on, 'web' AS channel, Country AS country,
            count(DISTINCT InvoiceNo) AS orders, sum(Quantity * UnitPrice)::DECIMAL(28,4) AS revenue
        FROM lines GROUP BY ALL""")
    connection.execute("""
        CREATE TABLE gold.country_revenue AS
        SELECT Country AS country, count(DISTINCT InvoiceNo) AS orders, count(DISTINCT CustomerID) AS customers,
            sum(Quantity * UnitPrice)::DECIMAL(28,4) AS revenue,
            sum(Quantity * UnitPrice) / sum(sum(Quantity * UnitPrice)) OVER () AS share FROM lines GROUP BY 1""")
    _scores(connection)
