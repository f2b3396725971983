-- Sales per day, market, channel and country; days are the source's own.
SELECT occurred_on, market, channel, country, COUNT(DISTINCT order_key) AS orders,
  COUNT(DISTINCT customer_id) AS customers, CAST(SUM(quantity) AS DECIMAL(28,3)) AS units,
  CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS revenue
FROM silver.order_lines
WHERE is_sale
GROUP BY occurred_on, market, channel, country
