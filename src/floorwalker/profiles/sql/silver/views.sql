-- Products that known customers looked at, with what the catalogue says of them.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, e.customer_id, e.session_id, e.product_id,
  COALESCE(p.category, e.category) AS category, p.brand_name,
  COALESCE(e.price, CASE WHEN p.currency = q.reporting_currency THEN p.price END) AS price,
  CAST(k.price_rank AS DECIMAL(9,6)) AS price_rank
FROM silver.browse_events AS e
CROSS JOIN meta.run AS q
LEFT JOIN silver.products AS p ON p.product_id = e.product_id
LEFT JOIN silver.product_price_ranks AS k ON k.product_id = e.product_id
WHERE e.event_name = 'Product Viewed' AND e.customer_id IS NOT NULL AND e.product_id IS NOT NULL
