-- Orders: one row per order with a sale, its lines added up in the reporting currency.
SELECT
  order_key, MAX(source) AS source, MAX(market) AS market, MAX(channel) AS channel, MIN(occurred_at) AS occurred_at,
  MIN(occurred_on) AS occurred_on,
  -- the hour of the earliest line by its local day and hour, packed into one number
  CAST(MOD(MIN(DATE_DIFF('day', DATE '1900-01-01', occurred_on) * 100 + occurred_hour), 100) AS BIGINT) AS occurred_hour,
  MAX(customer_id) AS customer_id, MAX(record_id) AS record_id, MAX(store_id) AS store_id, MAX(country) AS country,
  COUNT(*) AS lines, CAST(SUM(quantity) AS DECIMAL(28,3)) AS units, COUNT(DISTINCT product_id) AS products,
  CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS amount, CAST(SUM(discount_reporting) AS DECIMAL(28,4)) AS discount,
  COUNT(CASE WHEN discount > 0 THEN 1 END) AS discounted_lines, COUNT(coupon) AS coupon_lines
FROM silver.order_lines
WHERE is_sale
GROUP BY order_key
