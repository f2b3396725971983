-- Browsing, e-mail, returns, service and loyalty of each customer, up to the day of the run.
WITH browsing AS (
  SELECT b.customer_id,
    COUNT(CASE WHEN b.event_name = 'Product Viewed' AND b.occurred_on >= q.as_of - INTERVAL 30 DAY THEN 1 END) AS views_30d,
    COUNT(CASE WHEN b.event_name = 'Product Added' AND b.occurred_on >= q.as_of - INTERVAL 30 DAY THEN 1 END) AS carts_30d,
    MAX(b.occurred_on) AS last_browsed_on
  FROM silver.browse_events AS b
  CROSS JOIN meta.run AS q
  WHERE b.customer_id IS NOT NULL
  GROUP BY b.customer_id
),
mail AS (
  SELECT customer_id,
    COUNT(DISTINCT CASE WHEN event_name IN ('Email Sent', 'Email Delivered') THEN COALESCE(message_id, event_id) END) AS emails_received,
    COUNT(DISTINCT CASE WHEN event_name = 'Email Opened' THEN COALESCE(message_id, event_id) END) AS emails_opened,
    COUNT(DISTINCT CASE WHEN event_name = 'Email Link Clicked' THEN COALESCE(message_id, event_id) END) AS emails_clicked
  FROM silver.email_events
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id
),
back AS (
  SELECT customer_id, COUNT(*) AS returns, CAST(SUM(amount_reporting) AS DECIMAL(28,4)) AS returned_amount
  FROM silver.returns
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id
),
service AS (
  SELECT customer_id, COUNT(DISTINCT ticket_id) AS tickets FROM silver.tickets WHERE customer_id IS NOT NULL GROUP BY customer_id
),
points AS (
  SELECT customer_id,
    CAST(SUM(CASE WHEN event_name = 'Points Redeemed' THEN -ABS(points) ELSE points END) AS BIGINT) AS loyalty_points
  FROM silver.loyalty_events
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id
),
tiers AS (
  SELECT customer_id, tier AS loyalty_tier
  FROM silver.loyalty_events
  WHERE customer_id IS NOT NULL AND tier IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY occurred_at DESC, event_id) = 1
),
everyone AS (
  SELECT customer_id FROM browsing UNION SELECT customer_id FROM mail UNION SELECT customer_id FROM back
  UNION SELECT customer_id FROM service UNION SELECT customer_id FROM points
)
SELECT e.customer_id, b.views_30d, b.carts_30d, b.last_browsed_on, mail.emails_received, mail.emails_opened,
  mail.emails_clicked, back.returns, back.returned_amount, s.tickets, p.loyalty_points, t.loyalty_tier
FROM everyone AS e
LEFT JOIN browsing AS b ON b.customer_id = e.customer_id
LEFT JOIN mail ON mail.customer_id = e.customer_id
LEFT JOIN back ON back.customer_id = e.customer_id
LEFT JOIN service AS s ON s.customer_id = e.customer_id
LEFT JOIN points AS p ON p.customer_id = e.customer_id
LEFT JOIN tiers AS t ON t.customer_id = e.customer_id
