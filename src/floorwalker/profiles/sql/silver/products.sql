-- The newest row per product of the catalogue; products that only sales know get a row with the name on the line.
WITH catalogue AS (
  SELECT product_id, name, category, subcategory, brand_name, garment, color, size, price, cost, currency,
    COALESCE(is_active, TRUE) AS is_active, launched_on
  FROM bronze.products
  QUALIFY ROW_NUMBER() OVER (PARTITION BY product_id ORDER BY occurred_at DESC, received_at DESC, event_id) = 1
),
sold AS (
  SELECT product_id, product_name, unit_price, currency
  FROM bronze.order_lines
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY product_id ORDER BY CASE WHEN product_name IS NULL OR unit_price <= 0 THEN 1 ELSE 0 END, occurred_at DESC, event_id
  ) = 1
)
SELECT
  COALESCE(c.product_id, s.product_id) AS product_id, COALESCE(c.name, s.product_name) AS name, c.category,
  c.subcategory, c.brand_name, c.garment, c.color, c.size, COALESCE(c.price, s.unit_price) AS price, c.cost,
  COALESCE(c.currency, s.currency) AS currency, COALESCE(c.is_active, TRUE) AS is_active, c.launched_on
FROM catalogue AS c
FULL JOIN sold AS s ON s.product_id = c.product_id
