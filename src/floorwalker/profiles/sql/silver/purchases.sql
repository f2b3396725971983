-- Sale lines of known customers, with what the catalogue says of the product.
SELECT
  l.event_id, l.order_key, l.source, l.market, l.channel, l.store_id, l.occurred_at, l.occurred_on, l.customer_id, l.product_id,
  p.category, p.subcategory, p.brand_name, p.garment, l.size, p.color, l.quantity, l.amount_reporting AS amount,
  l.discount_reporting AS discount, CAST(k.price_rank AS DECIMAL(9,6)) AS price_rank, p.launched_on
FROM silver.order_lines AS l
LEFT JOIN silver.products AS p ON p.product_id = l.product_id
LEFT JOIN silver.product_price_ranks AS k ON k.product_id = l.product_id
WHERE l.is_sale AND l.customer_id IS NOT NULL
