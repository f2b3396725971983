-- Sales to known customers per country, with each country's share.
WITH countries AS (
  SELECT COALESCE(country, 'unknown') AS country, COUNT(DISTINCT order_key) AS orders,
    COUNT(DISTINCT customer_id) AS customers, CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS revenue
  FROM silver.order_lines
  WHERE is_sale AND customer_id IS NOT NULL
  GROUP BY COALESCE(country, 'unknown')
)
SELECT country, orders, customers, revenue,
  CAST(revenue AS DOUBLE) / CAST(SUM(revenue) OVER () AS DOUBLE) AS share
FROM countries
