-- What each customer bought: counts, money and days, over sales (quantity and price above zero).
SELECT
  l.customer_id, MIN(l.occurred_on) AS first_order_on, MAX(l.occurred_on) AS last_order_on,
  COUNT(DISTINCT l.order_key) AS orders, COUNT(*) AS line_count, CAST(SUM(l.quantity) AS DECIMAL(28,3)) AS units,
  CAST(SUM(l.amount_reporting) AS DECIMAL(28,4)) AS revenue, COUNT(DISTINCT l.product_id) AS distinct_products,
  COUNT(DISTINCT CASE WHEN l.channel = 'store' THEN l.order_key END) AS orders_store,
  COUNT(DISTINCT CASE WHEN l.channel = 'web' THEN l.order_key END) AS orders_web,
  COUNT(DISTINCT CASE WHEN l.channel = 'app' THEN l.order_key END) AS orders_app,
  CAST(SUM(CASE WHEN l.channel = 'store' THEN l.amount_reporting ELSE 0 END) AS DECIMAL(28,4)) AS revenue_store,
  CAST(SUM(CASE WHEN l.channel = 'web' THEN l.amount_reporting ELSE 0 END) AS DECIMAL(28,4)) AS revenue_web,
  CAST(SUM(CASE WHEN l.channel = 'app' THEN l.amount_reporting ELSE 0 END) AS DECIMAL(28,4)) AS revenue_app,
  CAST(COUNT(CASE WHEN l.discount > 0 OR l.coupon IS NOT NULL THEN 1 END) AS DOUBLE) / COUNT(*) AS discount_affinity,
  MAX(CASE WHEN l.channel IN ('web', 'app') THEN l.occurred_on END) AS last_online_order_on
FROM silver.order_lines AS l
WHERE l.is_sale AND l.customer_id IS NOT NULL
GROUP BY l.customer_id
