-- Customers by the month of their first order: how many of them buy again, months later; overall and by first channel.
WITH ranked AS (
  SELECT customer_id, channel, occurred_on,
    ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY occurred_on, occurred_at, order_key) AS place
  FROM silver.orders
  WHERE customer_id IS NOT NULL
),
first_orders AS (
  SELECT customer_id, COALESCE(channel, 'unknown') AS channel, CAST(DATE_TRUNC('month', occurred_on) AS DATE) AS cohort_month
  FROM ranked
  WHERE place = 1
),
members AS (
  SELECT customer_id, cohort_month, 'all' AS first_channel FROM first_orders
  UNION ALL
  SELECT customer_id, cohort_month, channel FROM first_orders
),
sizes AS (
  SELECT cohort_month, first_channel, COUNT(*) AS customers FROM members GROUP BY cohort_month, first_channel
),
bought AS (
  SELECT m.cohort_month, m.first_channel,
    CAST(DATE_DIFF('month', m.cohort_month, CAST(DATE_TRUNC('month', o.occurred_on) AS DATE)) AS BIGINT) AS months_since,
    COUNT(DISTINCT o.customer_id) AS active, COUNT(*) AS orders, CAST(SUM(o.amount) AS DECIMAL(28,4)) AS revenue
  FROM silver.orders AS o
  JOIN members AS m ON m.customer_id = o.customer_id
  GROUP BY m.cohort_month, m.first_channel,
    CAST(DATE_DIFF('month', m.cohort_month, CAST(DATE_TRUNC('month', o.occurred_on) AS DATE)) AS BIGINT)
)
SELECT b.cohort_month, b.first_channel, b.months_since, s.customers, b.active, b.orders, b.revenue,
  CAST(b.active AS DOUBLE) / s.customers AS retention
FROM bought AS b
JOIN sizes AS s ON s.cohort_month = b.cohort_month AND s.first_channel = b.first_channel
