-- One row per campaign: whom it reached, who used its coupons, what the reached bought from their first exposure to its last day.
WITH reached AS (
  SELECT campaign_id, customer_id, MIN(occurred_at) AS since, MIN(occurred_on) AS since_day
  FROM silver.exposures
  WHERE customer_id IS NOT NULL
  GROUP BY campaign_id, customer_id
),
shown AS (
  SELECT campaign_id, COUNT(*) AS exposures, COUNT(DISTINCT customer_id) AS exposed FROM silver.exposures GROUP BY campaign_id
),
used AS (
  SELECT campaign_id, COUNT(*) AS redemptions, COUNT(DISTINCT customer_id) AS redeemers, CAST(SUM(amount) AS DECIMAL(28,4)) AS redeemed_amount
  FROM silver.redemptions
  WHERE campaign_id IS NOT NULL
  GROUP BY campaign_id
),
bought AS (
  SELECT r.campaign_id, COUNT(DISTINCT o.customer_id) AS buyers, COUNT(*) AS orders, CAST(SUM(o.amount) AS DECIMAL(28,4)) AS revenue
  FROM reached AS r
  JOIN silver.campaigns AS c ON c.campaign_id = r.campaign_id
  JOIN silver.orders AS o ON o.customer_id = r.customer_id
  -- without a last day: a week from the exposure on
  WHERE o.occurred_at >= r.since AND o.occurred_on <= COALESCE(c.ends_on, CAST(r.since_day + INTERVAL 6 DAY AS DATE))
  GROUP BY r.campaign_id
),
products AS (
  SELECT campaign_id, COUNT(DISTINCT coupon_id) AS coupons, COUNT(DISTINCT product_id) AS products FROM silver.coupons GROUP BY campaign_id
)
SELECT c.campaign_id, c.campaign_name, c.campaign_type, c.starts_on, c.ends_on, COALESCE(p.coupons, 0) AS coupons,
  COALESCE(p.products, 0) AS products, COALESCE(s.exposures, 0) AS exposures, COALESCE(s.exposed, 0) AS exposed,
  COALESCE(u.redemptions, 0) AS redemptions, COALESCE(u.redeemers, 0) AS redeemers, u.redeemed_amount,
  COALESCE(b.buyers, 0) AS buyers, COALESCE(b.orders, 0) AS orders, COALESCE(b.revenue, CAST(0 AS DECIMAL(28,4))) AS revenue
FROM silver.campaigns AS c
LEFT JOIN shown AS s ON s.campaign_id = c.campaign_id
LEFT JOIN used AS u ON u.campaign_id = c.campaign_id
LEFT JOIN bought AS b ON b.campaign_id = c.campaign_id
LEFT JOIN products AS p ON p.campaign_id = c.campaign_id
