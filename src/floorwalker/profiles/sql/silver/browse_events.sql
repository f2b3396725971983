-- What visitors did on the web and in the app, with the customer where one is known; prices in the reporting currency.
WITH rates AS (
  -- one row per currency and day, so that events find their rate by equality
  SELECT d.currency, d.occurred_on, r.rate
  FROM (SELECT DISTINCT currency, occurred_on FROM bronze.browse_events WHERE price IS NOT NULL) AS d
  JOIN silver.exchange_rates AS r
    ON r.currency = d.currency AND d.occurred_on >= r.rate_date AND d.occurred_on < r.next_date
)
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, e.occurred_hour, m.customer_id, e.record_id,
  e.event_name, e.session_id, e.product_id, e.category, e.query, e.quantity,
  CAST(e.price * CASE WHEN COALESCE(e.currency, q.reporting_currency) = q.reporting_currency
    THEN CAST(1 AS DECIMAL(18,8)) ELSE r.rate END AS DECIMAL(18,4)) AS price
FROM bronze.browse_events AS e
CROSS JOIN meta.run AS q
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
LEFT JOIN rates AS r ON r.currency = e.currency AND r.occurred_on = e.occurred_on
