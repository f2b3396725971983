-- A product in a store on a day: sold, returned, price, promotion; stock on the day it was counted. '' is no store: web and app.
WITH sold AS (
  SELECT product_id, COALESCE(store_id, '') AS store_id, occurred_on, COUNT(DISTINCT order_key) AS orders,
    CAST(SUM(quantity) AS DECIMAL(28,3)) AS units, CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS revenue,
    CAST(SUM(discount_reporting) AS DECIMAL(28,4)) AS discount
  FROM silver.order_lines
  WHERE is_sale
  GROUP BY product_id, COALESCE(store_id, ''), occurred_on
),
back AS (
  SELECT product_id, COALESCE(store_id, '') AS store_id, occurred_on, CAST(SUM(quantity) AS DECIMAL(28,3)) AS returned_units,
    CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS returned_amount
  FROM silver.returns
  GROUP BY product_id, COALESCE(store_id, ''), occurred_on
),
days AS (
  SELECT COALESCE(s.product_id, b.product_id) AS product_id, COALESCE(s.store_id, b.store_id) AS store_id,
    COALESCE(s.occurred_on, b.occurred_on) AS occurred_on, COALESCE(s.orders, 0) AS orders,
    COALESCE(s.units, CAST(0 AS DECIMAL(28,3))) AS units, COALESCE(s.revenue, CAST(0 AS DECIMAL(28,4))) AS revenue, COALESCE(s.discount, CAST(0 AS DECIMAL(28,4))) AS discount,
    COALESCE(b.returned_units, CAST(0 AS DECIMAL(28,3))) AS returned_units, COALESCE(b.returned_amount, CAST(0 AS DECIMAL(28,4))) AS returned_amount
  FROM sold AS s
  FULL JOIN back AS b ON b.product_id = s.product_id AND b.store_id = s.store_id AND b.occurred_on = s.occurred_on
),
promoted AS (
  SELECT d.product_id, d.store_id, d.occurred_on, MAX(p.display) AS display, MAX(p.mailer) AS mailer
  FROM days AS d
  JOIN silver.promotions AS p ON p.product_id = d.product_id
  WHERE (p.store_id IS NULL OR p.store_id = d.store_id) AND d.occurred_on >= p.starts_on
    AND (p.ends_on IS NULL OR d.occurred_on <= p.ends_on)
  GROUP BY d.product_id, d.store_id, d.occurred_on
),
priced AS (
  SELECT d.product_id, d.store_id, d.occurred_on, MAX(p.price) AS list_price
  FROM days AS d
  CROSS JOIN meta.run AS q
  JOIN silver.prices AS p ON p.product_id = d.product_id AND p.currency = q.reporting_currency
  WHERE d.occurred_on >= p.valid_from AND d.occurred_on < p.valid_to
  GROUP BY d.product_id, d.store_id, d.occurred_on
)
SELECT d.product_id, d.store_id, d.occurred_on, d.orders, d.units, d.revenue, d.discount, d.returned_units, d.returned_amount,
  CASE WHEN d.units > 0 THEN CAST(d.revenue / d.units AS DECIMAL(18,4)) END AS price, l.list_price,
  p.product_id IS NOT NULL AS on_promotion, p.display, p.mailer, k.quantity AS stock
FROM days AS d
LEFT JOIN promoted AS p ON p.product_id = d.product_id AND p.store_id = d.store_id AND p.occurred_on = d.occurred_on
LEFT JOIN priced AS l ON l.product_id = d.product_id AND l.store_id = d.store_id AND l.occurred_on = d.occurred_on
LEFT JOIN silver.stock AS k
  ON k.product_id = d.product_id AND k.store_id = d.store_id AND CAST(k.occurred_at AS DATE) = d.occurred_on
