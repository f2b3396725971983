"""The control of `benchmarks.lake`: features of every source and kind, as an analyst would write them for DuckDB.

In: a lake's folder, a file to write, the day to look back from, memory limit and threads. Out: one Parquet file with a
row per customer, and a line of JSON: {seconds, cpu, peak_mb}.

    python -m benchmarks.lake_script /tmp/shop/state/lake /tmp/features.parquet 2026-07-01 2.4GB 2

One SQL text without a framework: rows straight to features, one GROUP BY per source with FILTER for the windows, one
more per word counted (a favourite, a share), joined at the end. It keeps no states of days, tests nothing and commits
nothing. `NAMES` are the questions it answers; the columns these are computed from come with them.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

import duckdb
from benchmarks.measuring import told
from deltalake import DeltaTable

_QUESTIONS = """
    orders_30d orders_90d orders_365d orders orders_90d_to_90d orders_season_last_year order_days_365d order_months_365d
    first_order_on days_since_order mean_days_between_orders longest_days_between_orders latest_days_between_orders
    deviation_days_between_orders revenue_30d revenue_365d average_order largest_order smallest_order first_order_amount
    latest_order_amount orders_store_365d revenue_share_web order_channels preferred_channel preferred_channel_share
    stores_visited favourite_store latest_order_channel weekend_order_share holiday_share discount_rate
    coupon_order_share is_one_time_buyer categories_bought_365d favourite_category favourite_category_365d
    favourite_category_share category_concentration latest_category changed_category repeat_purchase_share size_top
    price_level dearest_line returns_365d return_rate top_return_reason kept_revenue browse_days_30d browse_events_30d
    cart_value_30d latest_browse_channel has_open_cart sessions_90d bounce_share_90d views_7d products_viewed_90d
    viewed_category_90d view_to_cart_90d open_rate_90d days_since_open favourite_open_hour clicks_7d points_balance
    loyalty_tier loyalty_days campaigns_received_365d latest_campaign_type campaign_response tickets latest_topic
    worst_mark gender age registered_on addresses household_customers
"""
NAMES = tuple(_QUESTIONS.split())
TABLES = (
    "orders", "purchases", "returns", "browse_events", "sessions", "views", "email_events", "loyalty_events",
    "exposures", "redemptions", "tickets", "customer_records", "households", "customer_people",
)  # fmt: skip

SQL = """
WITH orders AS NOT MATERIALIZED (
  SELECT *, DATE_DIFF('day', occurred_on, $as_of) AS age
  FROM silver.orders WHERE customer_id IS NOT NULL AND occurred_on < $as_of
),
purchases AS NOT MATERIALIZED (
  SELECT *, DATE_DIFF('day', occurred_on, $as_of) AS age
  FROM silver.purchases WHERE customer_id IS NOT NULL AND occurred_on < $as_of
),
browsing AS NOT MATERIALIZED (
  SELECT *, DATE_DIFF('day', occurred_on, $as_of) AS age
  FROM silver.browse_events WHERE customer_id IS NOT NULL AND occurred_on < $as_of
),
views AS NOT MATERIALIZED (
  SELECT *, DATE_DIFF('day', occurred_on, $as_of) AS age
  FROM silver.views WHERE customer_id IS NOT NULL AND occurred_on < $as_of
),
mail AS NOT MATERIALIZED (
  SELECT *, DATE_DIFF('day', occurred_on, $as_of) AS age
  FROM silver.email_events WHERE customer_id IS NOT NULL AND occurred_on < $as_of
),
o AS (
  SELECT
    customer_id,
    MIN(occurred_on) AS first_order_on,
    MAX(occurred_on) AS last_order_on,
    COUNT(*) AS orders,
    COUNT(*) FILTER (age <= 30) AS orders_30d,
    COUNT(*) FILTER (age <= 90) AS orders_90d,
    COUNT(*) FILTER (age <= 365) AS orders_365d,
    COUNT(*) FILTER (age > 90 AND age <= 180) AS orders_90d_to_90d,
    COUNT(*) FILTER (age > 335 AND age <= 395) AS orders_season_last_year,
    COUNT(DISTINCT occurred_on) AS order_days,
    COUNT(DISTINCT occurred_on) FILTER (age <= 365) AS order_days_365d,
    COUNT(DISTINCT DATE_TRUNC('month', occurred_on)) FILTER (age <= 365) AS order_months_365d,
    SUM(amount) AS revenue,
    SUM(amount) FILTER (age <= 30) AS revenue_30d,
    SUM(amount) FILTER (age <= 365) AS revenue_365d,
    SUM(amount) FILTER (channel = 'web') AS revenue_web,
    SUM(amount) FILTER (MONTH(occurred_on) >= 11) AS revenue_holidays,
    SUM(discount) AS discount,
    MAX(amount) AS largest_order,
    MIN(amount) AS smallest_order,
    ARG_MIN(amount, (occurred_at, CAST(amount AS VARCHAR))) AS first_order_amount,
    ARG_MAX(amount, (occurred_at, CAST(amount AS VARCHAR))) AS latest_order_amount,
    ARG_MAX(channel, (occurred_at, channel)) AS latest_order_channel,
    COUNT(*) FILTER (channel = 'store' AND age <= 365) AS orders_store_365d,
    COUNT(*) FILTER (ISODOW(occurred_on) >= 6) AS weekend_orders,
    COUNT(*) FILTER (coupon_lines > 0) AS coupon_orders
  FROM orders GROUP BY customer_id
),
gaps AS (
  SELECT customer_id, MAX(gap) AS longest_days_between_orders, ARG_MAX(gap, day) AS latest_days_between_orders,
    STDDEV_SAMP(gap) AS deviation_days_between_orders
  FROM (
    SELECT customer_id, occurred_on AS day,
      DATE_DIFF('day', LAG(occurred_on) OVER (PARTITION BY customer_id ORDER BY occurred_on), occurred_on) AS gap
    FROM (SELECT DISTINCT customer_id, occurred_on FROM orders)
  ) GROUP BY customer_id
),
channels AS (
  SELECT customer_id, COUNT(*) AS order_channels, ARG_MAX(channel, (n, seen, channel)) AS preferred_channel,
    MAX(n) / SUM(n) AS preferred_channel_share
  FROM (SELECT customer_id, channel, COUNT(*) AS n, MAX(occurred_on) AS seen FROM orders GROUP BY ALL)
  GROUP BY customer_id
),
stores AS (
  SELECT customer_id, COUNT(*) AS stores_visited, ARG_MAX(store_id, (n, seen, store_id)) AS favourite_store
  FROM (
    SELECT customer_id, store_id, COUNT(*) AS n, MAX(occurred_on) AS seen
    FROM orders WHERE channel = 'store' AND store_id IS NOT NULL GROUP BY ALL
  ) GROUP BY customer_id
),
p AS (
  SELECT
    customer_id,
    COUNT(*) AS lines_bought,
    COUNT(DISTINCT product_id) AS products_bought,
    ARG_MAX(category, (occurred_at, category)) AS latest_category,
    SUM(price_rank) AS price_rank_sum,
    COUNT(price_rank) AS priced_lines,
    MAX(amount) AS dearest_line
  FROM purchases GROUP BY customer_id
),
categories AS (
  SELECT customer_id,
    COUNT(*) FILTER (n_365d > 0) AS categories_bought_365d,
    ARG_MAX(category, (n, seen, category)) AS favourite_category,
    ARG_MAX(category, (n_365d, seen, category)) FILTER (n_365d > 0) AS favourite_category_365d,
    MAX(n) / SUM(n) AS favourite_category_share,
    SUM(n * n) / (SUM(n) * SUM(n)) AS category_concentration
  FROM (
    SELECT customer_id, category, COUNT(*) AS n, COUNT(*) FILTER (age <= 365) AS n_365d, MAX(occurred_on) AS seen
    FROM purchases WHERE category IS NOT NULL GROUP BY ALL
  ) GROUP BY customer_id
),
sizes AS (
  SELECT customer_id, ARG_MAX(size, (n, seen, size)) AS size_top
  FROM (
    SELECT customer_id, size, COUNT(*) AS n, MAX(occurred_on) AS seen
    FROM purchases WHERE garment = 'top' AND size IS NOT NULL GROUP BY ALL
  ) GROUP BY customer_id
),
r AS (
  SELECT customer_id, COUNT(*) AS returns,
    COUNT(*) FILTER (DATE_DIFF('day', occurred_on, $as_of) <= 365) AS returns_365d,
    SUM(amount_reporting) AS returned_amount
  FROM silver.returns WHERE NOT is_cancellation AND occurred_on < $as_of GROUP BY customer_id
),
reasons AS (
  SELECT customer_id, ARG_MAX(reason, (n, seen, reason)) AS top_return_reason
  FROM (
    SELECT customer_id, reason, COUNT(*) AS n, MAX(occurred_on) AS seen
    FROM silver.returns WHERE NOT is_cancellation AND reason IS NOT NULL AND occurred_on < $as_of GROUP BY ALL
  ) GROUP BY customer_id
),
b AS (
  SELECT
    customer_id,
    COUNT(DISTINCT occurred_on) FILTER (age <= 30) AS browse_days_30d,
    COUNT(*) FILTER (age <= 30) AS browse_events_30d,
    ARG_MAX(channel, (occurred_at, channel)) AS latest_browse_channel,
    COUNT(*) FILTER (event_name = 'Product Added' AND age <= 90) AS cart_adds_90d,
    MAX(occurred_on) FILTER (event_name = 'Product Added') AS last_cart_on,
    SUM(price) FILTER (event_name = 'Product Added' AND age <= 30) AS cart_value_30d
  FROM browsing GROUP BY customer_id
),
s AS (
  SELECT customer_id, COUNT(*) AS sessions_90d, COUNT(*) FILTER (events = 1) AS bounces_90d
  FROM silver.sessions
  WHERE occurred_on < $as_of AND DATE_DIFF('day', occurred_on, $as_of) <= 90 GROUP BY customer_id
),
v AS (
  SELECT customer_id, COUNT(*) AS views_90d, COUNT(*) FILTER (age <= 7) AS views_7d,
    COUNT(DISTINCT product_id) AS products_viewed_90d
  FROM views WHERE age <= 90 GROUP BY customer_id
),
looks AS (
  SELECT customer_id, ARG_MAX(category, (n, seen, category)) AS viewed_category_90d
  FROM (
    SELECT customer_id, category, COUNT(*) AS n, MAX(occurred_on) AS seen
    FROM views WHERE age <= 90 AND category IS NOT NULL GROUP BY ALL
  ) GROUP BY customer_id
),
m AS (
  SELECT
    customer_id,
    COUNT(DISTINCT COALESCE(message_id, event_id))
      FILTER (event_name IN ('Email Sent', 'Email Delivered') AND age <= 90) AS emails_received_90d,
    COUNT(DISTINCT COALESCE(message_id, event_id))
      FILTER (event_name = 'Email Opened' AND age <= 90) AS emails_opened_90d,
    MAX(occurred_on) FILTER (event_name = 'Email Opened') AS last_open_on,
    COUNT(*) FILTER (event_name = 'Email Link Clicked' AND age <= 7) AS clicks_7d
  FROM mail GROUP BY customer_id
),
hours AS (
  SELECT customer_id, ARG_MAX(hour, (n, seen, hour)) AS favourite_open_hour
  FROM (
    SELECT customer_id, CAST(occurred_hour AS VARCHAR) AS hour, COUNT(*) AS n, MAX(occurred_on) AS seen
    FROM mail WHERE event_name = 'Email Opened' GROUP BY ALL
  ) GROUP BY customer_id
),
l AS (
  SELECT
    customer_id,
    SUM(points) FILTER (event_name = 'Points Earned') AS points_earned,
    SUM(ABS(points)) FILTER (event_name = 'Points Redeemed') AS points_spent,
    SUM(points) FILTER (event_name NOT IN ('Points Earned', 'Points Redeemed')) AS points_other,
    ARG_MAX(tier, (occurred_at, tier)) AS loyalty_tier,
    MIN(occurred_on) AS loyalty_joined_on
  FROM silver.loyalty_events WHERE occurred_on < $as_of GROUP BY customer_id
),
e AS (
  SELECT customer_id, COUNT(DISTINCT campaign_id) AS campaigns_received,
    COUNT(DISTINCT campaign_id) FILTER (DATE_DIFF('day', occurred_on, $as_of) <= 365) AS campaigns_received_365d,
    ARG_MAX(campaign_type, (occurred_at, campaign_type)) AS latest_campaign_type
  FROM silver.exposures WHERE occurred_on < $as_of GROUP BY customer_id
),
c AS (
  SELECT customer_id, COUNT(DISTINCT campaign_id) AS coupon_campaigns
  FROM silver.redemptions WHERE occurred_on < $as_of GROUP BY customer_id
),
t AS (
  SELECT customer_id, COUNT(DISTINCT ticket_id) AS tickets, MIN(satisfaction) AS worst_mark,
    ARG_MAX(topic, (occurred_at, topic)) AS latest_topic
  FROM silver.tickets WHERE occurred_on < $as_of GROUP BY customer_id
),
k AS (
  SELECT customer_id, ARG_MAX(gender, (occurred_at, gender)) AS gender,
    ARG_MAX(birth_date, (occurred_at, birth_date)) AS birth_date, MIN(occurred_on) AS registered_on,
    COUNT(DISTINCT postcode) AS addresses
  FROM silver.customer_records WHERE occurred_on < $as_of GROUP BY customer_id
),
joined AS (
  SELECT x.customer_id, o.* EXCLUDE (customer_id) REPLACE (
      COALESCE(orders, 0) AS orders, COALESCE(orders_30d, 0) AS orders_30d, COALESCE(orders_90d, 0) AS orders_90d,
      COALESCE(orders_365d, 0) AS orders_365d, COALESCE(orders_90d_to_90d, 0) AS orders_90d_to_90d,
      COALESCE(orders_season_last_year, 0) AS orders_season_last_year, COALESCE(order_days, 0) AS order_days,
      COALESCE(order_days_365d, 0) AS order_days_365d, COALESCE(order_months_365d, 0) AS order_months_365d,
      COALESCE(revenue, 0) AS revenue, COALESCE(revenue_30d, 0) AS revenue_30d,
      COALESCE(revenue_365d, 0) AS revenue_365d, COALESCE(revenue_web, 0) AS revenue_web,
      COALESCE(revenue_holidays, 0) AS revenue_holidays, COALESCE(discount, 0) AS discount,
      COALESCE(orders_store_365d, 0) AS orders_store_365d, COALESCE(weekend_orders, 0) AS weekend_orders,
      COALESCE(coupon_orders, 0) AS coupon_orders
    ),
    longest_days_between_orders, latest_days_between_orders, deviation_days_between_orders,
    COALESCE(order_channels, 0) AS order_channels, preferred_channel, preferred_channel_share,
    COALESCE(stores_visited, 0) AS stores_visited, favourite_store,
    COALESCE(lines_bought, 0) AS lines_bought, COALESCE(products_bought, 0) AS products_bought, latest_category,
    COALESCE(price_rank_sum, 0) AS price_rank_sum, COALESCE(priced_lines, 0) AS priced_lines, dearest_line,
    COALESCE(categories_bought_365d, 0) AS categories_bought_365d, favourite_category, favourite_category_365d,
    favourite_category_share, category_concentration, size_top,
    COALESCE(returns, 0) AS returns, COALESCE(returns_365d, 0) AS returns_365d,
    COALESCE(returned_amount, 0) AS returned_amount, top_return_reason,
    COALESCE(browse_days_30d, 0) AS browse_days_30d, COALESCE(browse_events_30d, 0) AS browse_events_30d,
    latest_browse_channel, COALESCE(cart_adds_90d, 0) AS cart_adds_90d, last_cart_on,
    COALESCE(cart_value_30d, 0) AS cart_value_30d,
    COALESCE(sessions_90d, 0) AS sessions_90d, COALESCE(bounces_90d, 0) AS bounces_90d,
    COALESCE(views_90d, 0) AS views_90d, COALESCE(views_7d, 0) AS views_7d,
    COALESCE(products_viewed_90d, 0) AS products_viewed_90d, viewed_category_90d,
    COALESCE(emails_received_90d, 0) AS emails_received_90d, COALESCE(emails_opened_90d, 0) AS emails_opened_90d,
    last_open_on, COALESCE(clicks_7d, 0) AS clicks_7d, favourite_open_hour,
    COALESCE(points_earned, 0) AS points_earned, COALESCE(points_spent, 0) AS points_spent,
    COALESCE(points_other, 0) AS points_other, loyalty_tier, loyalty_joined_on,
    COALESCE(campaigns_received, 0) AS campaigns_received,
    COALESCE(campaigns_received_365d, 0) AS campaigns_received_365d, latest_campaign_type,
    COALESCE(coupon_campaigns, 0) AS coupon_campaigns,
    COALESCE(tickets, 0) AS tickets, worst_mark, latest_topic,
    gender, birth_date, registered_on, COALESCE(addresses, 0) AS addresses,
    COALESCE(members, 1) AS household_customers
  FROM silver.customer_people AS x
  LEFT JOIN o USING (customer_id)
  LEFT JOIN gaps USING (customer_id)
  LEFT JOIN channels USING (customer_id)
  LEFT JOIN stores USING (customer_id)
  LEFT JOIN p USING (customer_id)
  LEFT JOIN categories USING (customer_id)
  LEFT JOIN sizes USING (customer_id)
  LEFT JOIN r USING (customer_id)
  LEFT JOIN reasons USING (customer_id)
  LEFT JOIN b USING (customer_id)
  LEFT JOIN s USING (customer_id)
  LEFT JOIN v USING (customer_id)
  LEFT JOIN looks USING (customer_id)
  LEFT JOIN m USING (customer_id)
  LEFT JOIN hours USING (customer_id)
  LEFT JOIN l USING (customer_id)
  LEFT JOIN e USING (customer_id)
  LEFT JOIN c USING (customer_id)
  LEFT JOIN t USING (customer_id)
  LEFT JOIN k USING (customer_id)
  LEFT JOIN silver.households AS h USING (customer_id)
)
SELECT *,
  DATE_DIFF('day', last_order_on, $as_of) AS days_since_order,
  orders = 1 AS is_one_time_buyer,
  DATE_DIFF('day', first_order_on, last_order_on) / NULLIF(order_days - 1, 0) AS mean_days_between_orders,
  revenue / NULLIF(orders, 0) AS average_order,
  revenue_web / NULLIF(revenue, 0) AS revenue_share_web,
  weekend_orders / NULLIF(orders, 0) AS weekend_order_share,
  revenue_holidays / NULLIF(revenue, 0) AS holiday_share,
  discount / NULLIF(revenue + discount, 0) AS discount_rate,
  coupon_orders / NULLIF(orders, 0) AS coupon_order_share,
  favourite_category_365d <> favourite_category AS changed_category,
  (lines_bought - products_bought) / NULLIF(lines_bought, 0) AS repeat_purchase_share,
  price_rank_sum / NULLIF(priced_lines, 0) AS price_level,
  returns / NULLIF(lines_bought, 0) AS return_rate,
  revenue - returned_amount AS kept_revenue,
  COALESCE(last_cart_on > COALESCE(last_order_on, DATE '1900-01-01'), FALSE) AS has_open_cart,
  bounces_90d / NULLIF(sessions_90d, 0) AS bounce_share_90d,
  cart_adds_90d / NULLIF(views_90d, 0) AS view_to_cart_90d,
  emails_opened_90d / NULLIF(emails_received_90d, 0) AS open_rate_90d,
  DATE_DIFF('day', last_open_on, $as_of) AS days_since_open,
  points_earned + points_other - points_spent AS points_balance,
  DATE_DIFF('day', loyalty_joined_on, $as_of) AS loyalty_days,
  coupon_campaigns / NULLIF(campaigns_received, 0) AS campaign_response,
  FLOOR(DATE_DIFF('day', birth_date, $as_of) / 365.25) AS age
FROM joined
"""


def run(lake: Path, out: Path, as_of: dt.date, memory_limit: str, threads: int) -> None:
    """Write the features of every customer, as of a day."""
    with duckdb.connect(
        config={"memory_limit": memory_limit, "threads": str(threads), "temp_directory": str(out.parent)}
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; CREATE SCHEMA silver")
        for table in TABLES:
            files = DeltaTable(lake / "silver" / table).file_uris()
            connection.execute(f"CREATE VIEW silver.{table} AS SELECT * FROM read_parquet({files})")
        sql = SQL.replace("$as_of", f"DATE '{as_of}'")
        connection.execute(f"COPY ({sql}) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")


if __name__ == "__main__":
    begun = time.perf_counter()
    run(Path(sys.argv[1]), Path(sys.argv[2]), dt.date.fromisoformat(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
    told(begun)
