-- Lines of orders, each sale once and as last corrected, with the customer and the amount in the reporting currency.
SELECT
  l.event_id, l.source, l.market, l.brand, l.channel, l.occurred_at, l.occurred_on, l.occurred_hour, l.order_key, l.order_id,
  l.line_no, m.customer_id, l.record_id, l.product_id, l.product_name, l.quantity, l.unit_price,
  COALESCE(l.discount, CAST(0 AS DECIMAL(18,4))) AS discount, l.amount, l.currency,
  CAST(l.amount * CASE WHEN l.currency = q.reporting_currency THEN CAST(1 AS DECIMAL(18,8)) ELSE r.rate END
    AS DECIMAL(18,4)) AS amount_reporting,
  CAST(COALESCE(l.discount, CAST(0 AS DECIMAL(18,4))) * CASE WHEN l.currency = q.reporting_currency
    THEN CAST(1 AS DECIMAL(18,8)) ELSE r.rate END AS DECIMAL(18,4)) AS discount_reporting,
  l.store_id, l.country, l.size, l.coupon, l.quantity > 0 AND l.unit_price > 0 AS is_sale
FROM bronze.order_lines AS l
CROSS JOIN meta.run AS q
LEFT JOIN silver.customer_map AS m ON m.record_id = l.record_id
LEFT JOIN meta.sources AS s ON s.source = l.source
LEFT JOIN silver.order_sources AS d ON d.order_key = l.order_key
LEFT JOIN silver.order_corrections AS c ON c.source = l.source AND c.order_key = l.order_key AND c.line_no = l.line_no
LEFT JOIN silver.exchange_rates AS r
  ON r.currency = l.currency AND l.occurred_on >= r.rate_date AND l.occurred_on < r.next_date
WHERE (d.order_key IS NULL OR d.believed = LPAD(CAST(COALESCE(s.precedence, 1000) AS VARCHAR), 6, '0') || l.source)
  AND (c.received_at IS NULL OR l.received_at = c.received_at)
