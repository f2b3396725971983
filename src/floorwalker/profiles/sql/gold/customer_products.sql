-- What a customer bought and viewed, per product.
WITH bought AS (
  SELECT customer_id, product_id, CAST(SUM(quantity) AS DECIMAL(28,3)) AS units, COUNT(DISTINCT order_key) AS orders,
    CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS revenue, MAX(occurred_at) AS last_bought_at
  FROM silver.order_lines
  WHERE is_sale AND customer_id IS NOT NULL
  GROUP BY customer_id, product_id
),
viewed AS (
  SELECT customer_id, product_id, COUNT(*) AS views, MAX(occurred_at) AS last_viewed_at
  FROM silver.browse_events
  WHERE event_name IN ('Product Viewed', 'Product Added') AND customer_id IS NOT NULL AND product_id IS NOT NULL
  GROUP BY customer_id, product_id
)
SELECT COALESCE(b.customer_id, v.customer_id) AS customer_id, COALESCE(b.product_id, v.product_id) AS product_id,
  COALESCE(b.units, CAST(0 AS DECIMAL(28,3))) AS units, COALESCE(b.orders, 0) AS orders,
  COALESCE(b.revenue, CAST(0 AS DECIMAL(28,4))) AS revenue, b.last_bought_at, COALESCE(v.views, 0) AS views,
  v.last_viewed_at,
  GREATEST(COALESCE(b.last_bought_at, v.last_viewed_at), COALESCE(v.last_viewed_at, b.last_bought_at)) AS last_at
FROM bought AS b
FULL JOIN viewed AS v ON v.customer_id = b.customer_id AND v.product_id = b.product_id
