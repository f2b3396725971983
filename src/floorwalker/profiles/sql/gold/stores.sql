-- One row per store: the catalogue, sales, customers and returns, in all and in the last 7 and 30 days.
WITH sold AS (
  SELECT o.store_id, COUNT(*) AS orders, COUNT(DISTINCT o.customer_id) AS customers, CAST(SUM(o.units) AS DECIMAL(28,3)) AS units,
    CAST(SUM(o.amount) AS DECIMAL(28,4)) AS revenue, CAST(SUM(o.discount) AS DECIMAL(28,4)) AS discount,
    CAST(SUM(CASE WHEN o.customer_id IS NOT NULL THEN o.amount ELSE 0 END) AS DECIMAL(28,4)) AS known_revenue,
    COUNT(CASE WHEN o.occurred_on >= q.as_of - INTERVAL 7 DAY THEN 1 END) AS orders_7d,
    COUNT(CASE WHEN o.occurred_on >= q.as_of - INTERVAL 30 DAY THEN 1 END) AS orders_30d,
    COUNT(DISTINCT CASE WHEN o.occurred_on >= q.as_of - INTERVAL 30 DAY THEN o.customer_id END) AS customers_30d,
    CAST(SUM(CASE WHEN o.occurred_on >= q.as_of - INTERVAL 7 DAY THEN o.amount ELSE 0 END) AS DECIMAL(28,4)) AS revenue_7d,
    CAST(SUM(CASE WHEN o.occurred_on >= q.as_of - INTERVAL 30 DAY THEN o.amount ELSE 0 END) AS DECIMAL(28,4)) AS revenue_30d,
    MIN(o.occurred_on) AS first_sale_on, MAX(o.occurred_on) AS last_sale_on
  FROM silver.orders AS o
  CROSS JOIN meta.run AS q
  WHERE o.store_id IS NOT NULL
  GROUP BY o.store_id
),
back AS (
  SELECT r.store_id, COUNT(*) AS returns, CAST(SUM(r.amount_reporting) AS DECIMAL(28,4)) AS returned_amount,
    CAST(SUM(CASE WHEN r.occurred_on >= q.as_of - INTERVAL 30 DAY THEN r.amount_reporting ELSE 0 END) AS DECIMAL(28,4)) AS returned_30d
  FROM silver.returns AS r
  CROSS JOIN meta.run AS q
  WHERE r.store_id IS NOT NULL
  GROUP BY r.store_id
),
everywhere AS (
  SELECT store_id FROM silver.stores UNION SELECT store_id FROM sold UNION SELECT store_id FROM back
)
SELECT e.store_id, s.name, s.city, s.region, s.country, s.time_zone, s.latitude, s.longitude, s.opened_on,
  COALESCE(o.orders, 0) AS orders, COALESCE(o.customers, 0) AS customers, COALESCE(o.units, CAST(0 AS DECIMAL(28,3))) AS units,
  COALESCE(o.revenue, CAST(0 AS DECIMAL(28,4))) AS revenue, COALESCE(o.discount, CAST(0 AS DECIMAL(28,4))) AS discount,
  COALESCE(o.known_revenue, CAST(0 AS DECIMAL(28,4))) AS known_revenue, CAST(o.revenue / o.orders AS DECIMAL(28,4)) AS average_order,
  COALESCE(b.returns, 0) AS returns, COALESCE(b.returned_amount, CAST(0 AS DECIMAL(28,4))) AS returned_amount,
  COALESCE(o.orders_7d, 0) AS orders_7d, COALESCE(o.revenue_7d, CAST(0 AS DECIMAL(28,4))) AS revenue_7d,
  COALESCE(o.orders_30d, 0) AS orders_30d, COALESCE(o.customers_30d, 0) AS customers_30d,
  COALESCE(o.revenue_30d, CAST(0 AS DECIMAL(28,4))) AS revenue_30d, COALESCE(b.returned_30d, CAST(0 AS DECIMAL(28,4))) AS returned_30d,
  o.first_sale_on, o.last_sale_on
FROM everywhere AS e
LEFT JOIN silver.stores AS s ON s.store_id = e.store_id
LEFT JOIN sold AS o ON o.store_id = e.store_id
LEFT JOIN back AS b ON b.store_id = e.store_id
