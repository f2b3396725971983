-- One row per customer: who they are, what they did, what they allow. The source of every segment, model and decision.
WITH allowed AS (
  SELECT customer_id,
    MIN(CASE WHEN purpose = 'personalization' THEN status END) AS personalization,
    MIN(CASE WHEN purpose = 'profiling' THEN status END) AS profiling,
    MIN(CASE WHEN purpose = 'marketing_email' THEN status END) AS marketing_email,
    MIN(CASE WHEN purpose = 'marketing_sms' THEN status END) AS marketing_sms,
    MIN(CASE WHEN purpose = 'marketing_push' THEN status END) AS marketing_push,
    MIN(CASE WHEN purpose = 'analytics' THEN status END) AS analytics,
    MIN(CASE WHEN purpose = 'ads' THEN status END) AS ads
  FROM gold.consents
  GROUP BY customer_id
)
SELECT
  p.customer_id, COALESCE(t.order_market, p.market) AS market, NULLIF(p.given_name, '') AS given_name, p.family_name,
  i.email, i.phone, NULLIF(p.city, '') AS city, p.postcode, COALESCE(p.country, t.order_country) AS country, p.gender,
  CAST(EXTRACT(YEAR FROM p.birth_date) AS INTEGER) AS birth_year, p.language, i.loyalty_id, a.loyalty_tier,
  COALESCE(a.loyalty_points, 0) AS loyalty_points, s.sources, s.channels, s.channel_count, p.is_known, p.records, p.first_seen,
  p.last_seen, h.household_key AS household_id, COALESCE(h.members, 1) AS household_members, o.first_order_on, o.last_order_on,
  CAST(DATE_DIFF('day', o.last_order_on, q.as_of) AS INTEGER) AS recency_days,
  COALESCE(o.orders, 0) AS orders, COALESCE(o.line_count, 0) AS lines,
  COALESCE(o.units, CAST(0 AS DECIMAL(28,3))) AS units, COALESCE(o.revenue, CAST(0 AS DECIMAL(28,4))) AS revenue,
  CAST(o.revenue / o.orders AS DECIMAL(28,4)) AS average_order, COALESCE(a.returns, 0) AS returns,
  COALESCE(a.returned_amount, CAST(0 AS DECIMAL(28,4))) AS returned_amount,
  COALESCE(o.orders_store, 0) AS orders_store, COALESCE(o.orders_web, 0) AS orders_web,
  COALESCE(o.orders_app, 0) AS orders_app,
  COALESCE(o.revenue_store, CAST(0 AS DECIMAL(28,4))) AS revenue_store,
  COALESCE(o.revenue_web, CAST(0 AS DECIMAL(28,4))) AS revenue_web,
  COALESCE(o.revenue_app, CAST(0 AS DECIMAL(28,4))) AS revenue_app,
  COALESCE(o.distinct_products, 0) AS distinct_products,
  t.favourite_category, t.second_category, t.favourite_brand, t.brand_affinity, t.preferred_channel, t.size_top,
  t.size_bottom, t.size_shoe, o.discount_affinity, t.price_sensitivity,
  COALESCE(a.views_30d, 0) AS views_30d, COALESCE(a.carts_30d, 0) AS carts_30d,
  GREATEST(COALESCE(a.last_browsed_on, o.last_online_order_on), COALESCE(o.last_online_order_on, a.last_browsed_on)) AS last_online_on,
  COALESCE(a.emails_received, 0) AS emails_received, COALESCE(a.emails_opened, 0) AS emails_opened,
  COALESCE(a.emails_clicked, 0) AS emails_clicked, COALESCE(a.tickets, 0) AS tickets,
  i.loyalty_id IS NOT NULL AS has_loyalty,
  COALESCE(c.personalization, 'unknown') AS personalization, COALESCE(c.profiling, 'unknown') AS profiling,
  COALESCE(c.marketing_email, 'unknown') AS marketing_email, COALESCE(c.marketing_sms, 'unknown') AS marketing_sms,
  COALESCE(c.marketing_push, 'unknown') AS marketing_push, COALESCE(c.analytics, 'unknown') AS analytics,
  COALESCE(c.ads, 'unknown') AS ads
FROM silver.customer_people AS p
CROSS JOIN meta.run AS q
LEFT JOIN silver.customer_sources AS s ON s.customer_id = p.customer_id
LEFT JOIN silver.customer_contacts AS i ON i.customer_id = p.customer_id
LEFT JOIN silver.households AS h ON h.customer_id = p.customer_id
LEFT JOIN silver.customer_orders AS o ON o.customer_id = p.customer_id
LEFT JOIN silver.customer_tastes AS t ON t.customer_id = p.customer_id
LEFT JOIN silver.customer_activity AS a ON a.customer_id = p.customer_id
LEFT JOIN allowed AS c ON c.customer_id = p.customer_id
