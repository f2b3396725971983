"""Silver tables of a made-up retailer, as large as asked: what `benchmarks.lake` measures on.

In: a DuckDB connection, a lake, how many events and customers. Out: Delta tables of silver, made by arithmetic on row
numbers: the same at every run, skewed like trade (a few customers have many events), two years long.

Of 100 events 25 are order lines, 40 clicks, 20 e-mail events, the rest loyalty, returns, campaigns, tickets and records.
Orders, purchases, visits and views follow from lines and clicks, as in the product.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import duckdb

from floorwalker.engines.lake import Lake

AS_OF = dt.date(2026, 7, 1)
DAYS = 730
SHARES = {
    "lines": 0.25,
    "clicks": 0.40,
    "mail": 0.20,
    "loyalty": 0.05,
    "returns": 0.02,
    "exposures": 0.03,
    "redemptions": 0.005,
    "tickets": 0.005,
    "records": 0.04,
}  # fmt: skipVISITS = {"lines": 3, "clicks": 8, "mail": 3}
"""Rows of one order, one visit, one message: one person at one time."""


VISITS = {"lines": 3, "clicks": 8, "mail": 3}
"""Rows of one order, one visit, one message: one person at one time."""


def _pick(seed: str, n: int) -> str:
    return f"CAST(hash('{seed}', i) % {n} AS BIGINT)"


def _customer(seed: str, customers: int) -> str:
    """A customer id, the same for the rows of one visit; squaring a uniform number makes few customers busy and many quiet."""
    uniform = f"(CAST(hash('{seed}', visit) % 1000003 AS DOUBLE) / 1000003)"
    return f"'c2' || substr(md5(CAST(CAST(floor({uniform} * {uniform} * {customers}) AS BIGINT) AS VARCHAR)), 1, 25)"


def _moment(seed: str, first_day: int, days: int) -> str:
    start = AS_OF - dt.timedelta(days=DAYS)
    return (
        f"TIMESTAMPTZ '{start} 00:00:00+00' + to_days(CAST({first_day} + hash('{seed}d', visit) % {days} AS INTEGER))"
        f" + to_seconds(CAST(hash('{seed}s', visit) % 84000 AS BIGINT) + 30 * (i % 60))"
    )


def rows_sql(part: str, count: int, customers: int, *, first: int = 0, first_day: int = 0, days: int = DAYS) -> str:
    """Rows `first` … `first + count` of one part, as a SELECT; their days lie in [first_day, first_day + days)."""
    base = (
        f"SELECT md5('{part}' || i) AS event_id, 'bench' AS source, 'UK' AS market, moment AS occurred_at,"
        f" CAST(moment AS DATE) AS occurred_on, CAST(EXTRACT(HOUR FROM moment) AS BIGINT) AS occurred_hour, customer_id, i"
        f" FROM (SELECT i, {_moment(part, first_day, days)} AS moment, {_customer(part, customers)} AS customer_id"
        f" FROM (SELECT i, i // {VISITS.get(part, 1)} AS visit FROM range({first}, {first + count}) AS r(i)))"
    )
    channel = f"['store', 'web', 'app'][1 + {_pick('channel', 3)}]"
    product = f"'p' || {_pick('product', 20000)}"
    columns = {
        "lines": f"{channel} AS channel, 'o' || CAST(i // 3 AS VARCHAR) AS order_key, 's' || {_pick('store', 200)} AS store_id, {product} AS product_id,"
        f" CAST(1 + hash('q', i) % 3 AS DECIMAL(18,3)) AS quantity, CAST(5 + hash('a', i) % 9000 / 100 AS DECIMAL(18,4)) AS amount,"
        f" CAST(CASE WHEN hash('x', i) % 4 = 0 THEN 2.5 ELSE 0 END AS DECIMAL(18,4)) AS discount, hash('y', i) % 10 = 0 AS coupon",
        "clicks": f"{channel} AS channel, 'v' || CAST(i // 8 AS VARCHAR) AS session_id, {product} AS product_id,"
        f" ['Product Viewed', 'Product Viewed', 'Product Viewed', 'Page Viewed', 'Product Added', 'Products Searched', 'Checkout Started', 'Order Completed'][1 + {_pick('e', 8)}] AS event_name,"
        f" CAST(5 + hash('p', i) % 9000 / 100 AS DECIMAL(18,4)) AS price, CAST(1 AS DECIMAL(18,3)) AS quantity",
        "mail": f"'email' AS channel, ['Email Sent', 'Email Delivered', 'Email Opened', 'Email Link Clicked'][1 + {_pick('e', 4)}] AS event_name,"
        f" 'm' || CAST(i // 3 AS VARCHAR) AS message_id, 'k' || {_pick('k', 120)} AS campaign_id",
        "loyalty": f"'loyalty' AS channel, ['Points Earned', 'Points Earned', 'Points Redeemed', 'Tier Changed'][1 + {_pick('e', 4)}] AS event_name,"
        f" CAST(hash('p', i) % 200 AS BIGINT) AS points, CASE WHEN hash('t', i) % 5 = 0 THEN ['silver', 'gold'][1 + {_pick('tier', 2)}] END AS tier",
        "returns": f"{channel} AS channel, {product} AS product_id, CAST(1 AS DECIMAL(18,3)) AS quantity,"
        f" CAST(5 + hash('a', i) % 9000 / 100 AS DECIMAL(18,4)) AS amount_reporting, ['size', 'colour', 'damaged'][1 + {_pick('r', 3)}] AS reason,"
        " hash('z', i) % 6 = 0 AS is_cancellation",
        "exposures": f"'email' AS channel, 'k' || {_pick('k', 120)} AS campaign_id, ['A', 'B'][1 + {_pick('t', 2)}] AS campaign_type",
        "redemptions": f"'store' AS channel, 'k' || {_pick('k', 120)} AS campaign_id, 'cp' || {_pick('c', 900)} AS coupon_id",
        "tickets": f"'service' AS channel, 't' || i AS ticket_id, ['delivery', 'size', 'refund'][1 + {_pick('t', 3)}] AS topic,"
        f" ['open', 'closed'][1 + {_pick('s', 2)}] AS status, CAST(1 + hash('m', i) % 5 AS BIGINT) AS satisfaction",
        "records": f"'web' AS channel, ['f', 'm'][1 + {_pick('g', 2)}] AS gender, DATE '1950-01-01' + to_days(CAST(hash('b', i) % 20000 AS INTEGER)) AS birth_date,"
        f" 'AB' || {_pick('pc', 99)} AS postcode, 'town' || {_pick('c', 300)} AS city, ['GB', 'NL', 'DE'][1 + {_pick('co', 3)}] AS country, 'en' AS language,"
        " '35-44' AS age_band, '50-74K' AS income_band, 'owner' AS home_ownership, 'married' AS marital_status, CAST(1 + hash('h', i) % 5 AS BIGINT) AS household_size,"
        " CAST(hash('ch', i) % 3 AS BIGINT) AS children, 'family' AS household_type, TRUE AS has_email, hash('ph', i) % 2 = 0 AS has_phone,"
        " hash('lo', i) % 3 = 0 AS has_loyalty_id, hash('ac', i) % 2 = 0 AS has_account",
    }[part]
    return f"SELECT e.* EXCLUDE (i), {columns} FROM ({base}) AS e"


# How the product's own silver tables follow from lines and clicks, on these columns.
_ATTRIBUTES = (
    "'c' || CAST(hash(product_id) % 40 AS VARCHAR) AS category, 'sc' || CAST(hash('s', product_id) % 200 AS VARCHAR) AS subcategory,"
    " 'b' || CAST(hash('b', product_id) % 120 AS VARCHAR) AS brand_name, ['top', 'bottom', 'shoe', 'bag'][1 + CAST(hash('g', product_id) % 4 AS BIGINT)] AS garment,"
    " ['black', 'blue', 'red', 'green'][1 + CAST(hash('co', product_id) % 4 AS BIGINT)] AS color,"
    " CAST(CAST(hash('pr', product_id) % 1000 AS DECIMAL(9,6)) / 1000 AS DECIMAL(9,6)) AS price_rank"
)
DERIVED = {
    "silver.order_lines": "SELECT event_id, source, market, channel, occurred_at, occurred_on, order_key, customer_id, product_id,"
    " quantity, amount AS unit_price, discount, amount AS amount_reporting, store_id, TRUE AS is_sale FROM lines",
    "silver.orders": "SELECT order_key, MAX(source) AS source, MAX(market) AS market, MAX(channel) AS channel, MIN(occurred_at) AS occurred_at,"
    " MIN(occurred_on) AS occurred_on, MIN(occurred_hour) AS occurred_hour, MAX(customer_id) AS customer_id, MAX(store_id) AS store_id, 'GB' AS country,"
    " COUNT(*) AS lines, CAST(SUM(quantity) AS DECIMAL(28,3)) AS units, CAST(SUM(amount) AS DECIMAL(28,4)) AS amount,"
    " CAST(SUM(discount) AS DECIMAL(28,4)) AS discount, COUNT(CASE WHEN discount > 0 THEN 1 END) AS discounted_lines,"
    " COUNT(CASE WHEN coupon THEN 1 END) AS coupon_lines FROM lines GROUP BY order_key, customer_id",
    "silver.purchases": "SELECT event_id, order_key, source, market, channel, store_id, occurred_at, occurred_on, customer_id, product_id,"
    f" quantity, amount, discount, 'S' || CAST(hash(customer_id) % 6 AS VARCHAR) AS size, DATE '2025-01-01' AS launched_on, {_ATTRIBUTES} FROM lines",
    "silver.browse_events": "SELECT * FROM clicks",
    "silver.views": "SELECT event_id, source, market, channel, occurred_at, occurred_on, customer_id, session_id, product_id, price,"
    f" {_ATTRIBUTES} FROM clicks WHERE event_name = 'Product Viewed'",
    "silver.sessions": "SELECT session_id AS session_key, customer_id, MAX(channel) AS channel, MIN(occurred_at) AS started_at, MIN(occurred_on) AS occurred_on,"
    " CAST(DATE_DIFF('second', MIN(occurred_at), MAX(occurred_at)) AS BIGINT) AS seconds, COUNT(*) AS events,"
    " COUNT(CASE WHEN event_name = 'Products Searched' THEN 1 END) AS searches, COUNT(CASE WHEN event_name = 'Order Completed' THEN 1 END) AS purchases"
    " FROM clicks GROUP BY session_id, customer_id, occurred_on",
    "silver.email_events": "SELECT * FROM mail",
    "silver.loyalty_events": "SELECT * FROM loyalty",
    "silver.returns": "SELECT * FROM returns",
    "silver.exposures": "SELECT * FROM exposures",
    "silver.redemptions": "SELECT * FROM redemptions",
    "silver.tickets": "SELECT * FROM tickets",
    "silver.customer_records": "SELECT * FROM records",
}  # fmt: skip
"""Silver tables by name, made of the parts."""

ONCE = {
    "silver.customer_people": "SELECT {id} AS customer_id FROM range(0, {customers}) AS r(i)",
    "silver.households": "SELECT {id} AS customer_id, md5(CAST(i // 3 AS VARCHAR)) AS household_key, CAST(3 AS BIGINT) AS members FROM range(0, {customers}) AS r(i) WHERE i % 2 = 0",
}


def write_silver(lake: Lake, events: int, customers: int) -> dict[str, int]:
    """Write every silver table; returns their versions."""
    with lake.connect() as connection:
        own_id = "'c2' || substr(md5(CAST(i AS VARCHAR)), 1, 25)"
        versions = {
            name: lake.replace(name, connection.sql(sql.format(id=own_id, customers=customers)), connection)[0]
            for name, sql in ONCE.items()
        }
        return versions | _write(connection, lake.replace, events, customers)


def add_to_silver(lake: Lake, events: int, customers: int, *, late: int) -> dict[str, int]:
    """Append `events` rows of the newest day and `late` rows of the year before it, as a day's delivery brings them."""
    with lake.connect() as connection:
        _write(connection, lake.append, events, customers, first=10**9, first_day=DAYS - 1, days=1)
        return _write(connection, lake.append, late, customers, first=2 * 10**9, first_day=DAYS - 360, days=350)


def _write(
    connection: duckdb.DuckDBPyConnection,
    write: Callable[..., tuple[int, int]],
    events: int,
    customers: int,
    **days: Any,
) -> dict[str, int]:
    for part, share in SHARES.items():
        sql = rows_sql(part, int(events * share), customers, **days)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {part} AS {sql}")
    versions = {name: write(name, connection.sql(sql), connection)[0] for name, sql in DERIVED.items()}
    for part in SHARES:
        connection.execute(f"DROP TABLE {part}")
    return versions
