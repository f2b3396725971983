-- Coupons used, with the customer; the campaign is the coupon's where the row names none and it has only one.
WITH campaigns AS (
  SELECT coupon_id, MAX(campaign_id) AS campaign_id FROM silver.coupons GROUP BY coupon_id HAVING COUNT(DISTINCT campaign_id) = 1
)
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, m.customer_id, e.record_id, e.coupon_id,
  COALESCE(e.campaign_id, c.campaign_id) AS campaign_id,
  CAST(e.amount * CASE WHEN e.currency = q.reporting_currency THEN CAST(1 AS DECIMAL(18,8)) ELSE r.rate END
    AS DECIMAL(18,4)) AS amount
FROM bronze.redemptions AS e
CROSS JOIN meta.run AS q
LEFT JOIN campaigns AS c ON c.coupon_id = e.coupon_id
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
LEFT JOIN silver.exchange_rates AS r
  ON r.currency = e.currency AND e.occurred_on >= r.rate_date AND e.occurred_on < r.next_date
