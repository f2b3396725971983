-- Goods brought back and lines cancelled, as last corrected, with the customer and the amount in the reporting currency.
WITH told AS (
  SELECT event_id, source, market, brand, channel, occurred_at, occurred_on, return_id, order_key, record_id, product_id, quantity,
    amount, currency, store_id, country, reason, is_cancellation
  FROM bronze.returns
  -- of a return's product, what the last delivery says; several rows in one delivery are several pieces
  QUALIFY RANK() OVER (PARTITION BY source, COALESCE(return_id, event_id), product_id ORDER BY received_at DESC) = 1
)
SELECT
  l.event_id, l.source, l.market, l.brand, l.channel, l.occurred_at, l.occurred_on, l.return_id, l.order_key,
  m.customer_id, l.record_id, l.product_id, l.quantity, l.amount, l.currency,
  CAST(l.amount * CASE WHEN l.currency = q.reporting_currency THEN CAST(1 AS DECIMAL(18,8)) ELSE r.rate END
    AS DECIMAL(18,4)) AS amount_reporting,
  l.store_id, l.country, l.reason, COALESCE(l.is_cancellation, FALSE) AS is_cancellation
FROM told AS l
CROSS JOIN meta.run AS q
LEFT JOIN silver.customer_map AS m ON m.record_id = l.record_id
LEFT JOIN silver.exchange_rates AS r
  ON r.currency = l.currency AND l.occurred_on >= r.rate_date AND l.occurred_on < r.next_date
