-- One row per product: catalogue, sales, views and stock.
WITH sold AS (
  SELECT l.product_id, CAST(SUM(l.quantity) AS DECIMAL(28,3)) AS units, COUNT(DISTINCT l.order_key) AS orders,
    COUNT(DISTINCT l.customer_id) AS customers, CAST(SUM(l.amount_reporting) AS DECIMAL(28,4)) AS revenue,
    CAST(SUM(CASE WHEN l.occurred_on >= q.as_of - INTERVAL 7 DAY THEN l.quantity ELSE 0 END) AS DECIMAL(28,3)) AS units_7d,
    CAST(SUM(CASE WHEN l.occurred_on >= q.as_of - INTERVAL 30 DAY THEN l.quantity ELSE 0 END) AS DECIMAL(28,3)) AS units_30d,
    MAX(l.occurred_on) AS last_sold_on
  FROM silver.order_lines AS l
  CROSS JOIN meta.run AS q
  WHERE l.is_sale
  GROUP BY l.product_id
),
seen AS (
  SELECT b.product_id, COUNT(*) AS views_30d
  FROM silver.browse_events AS b
  CROSS JOIN meta.run AS q
  WHERE b.event_name = 'Product Viewed' AND b.product_id IS NOT NULL AND b.occurred_on >= q.as_of - INTERVAL 30 DAY
  GROUP BY b.product_id
),
pieces AS (
  SELECT product_id, CAST(SUM(quantity) AS DECIMAL(28,3)) AS stock FROM silver.stock GROUP BY product_id
)
SELECT p.product_id, p.name, p.category, p.subcategory, p.brand_name, p.garment, p.color, p.size, p.price, p.cost,
  p.currency, p.is_active, p.launched_on,
  COALESCE(s.units_7d, CAST(0 AS DECIMAL(28,3))) AS units_7d, COALESCE(s.units_30d, CAST(0 AS DECIMAL(28,3))) AS units_30d,
  COALESCE(s.units, CAST(0 AS DECIMAL(28,3))) AS units, COALESCE(s.orders, 0) AS orders,
  COALESCE(s.customers, 0) AS customers, COALESCE(s.revenue, CAST(0 AS DECIMAL(28,4))) AS revenue,
  COALESCE(v.views_30d, 0) AS views_30d, k.stock, s.last_sold_on
FROM silver.products AS p
LEFT JOIN sold AS s ON s.product_id = p.product_id
LEFT JOIN seen AS v ON v.product_id = p.product_id
LEFT JOIN pieces AS k ON k.product_id = p.product_id
