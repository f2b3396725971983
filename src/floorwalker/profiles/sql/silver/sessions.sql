-- Visits: events with one session id; without one, events of one visitor with less than 30 minutes between them.
WITH gaps AS (
  SELECT event_id, source, record_id, occurred_at,
    CASE WHEN DATE_DIFF('second', LAG(occurred_at) OVER (PARTITION BY source, record_id ORDER BY occurred_at, event_id),
      occurred_at) < 1800 THEN 0 ELSE 1 END AS begins
  FROM silver.browse_events
  WHERE session_id IS NULL AND record_id IS NOT NULL
),
numbered AS (
  SELECT event_id, source, record_id,
    CAST(SUM(begins) OVER (
      PARTITION BY source, record_id ORDER BY occurred_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS turn,
    CASE WHEN begins = 1 THEN event_id END AS first_event
  FROM gaps
),
keyed AS (
  -- a visit without an id is called after its first event: late events elsewhere leave its key alone
  SELECT event_id, source || '~' || MAX(first_event) OVER (PARTITION BY source, record_id, turn) AS session_key
  FROM numbered
),
events AS (
  SELECT source || ':' || session_id AS session_key, customer_id, channel, market, occurred_at, occurred_on, event_name
  FROM silver.browse_events
  WHERE session_id IS NOT NULL
  UNION ALL
  SELECT k.session_key, e.customer_id, e.channel, e.market, e.occurred_at, e.occurred_on, e.event_name
  FROM silver.browse_events AS e
  JOIN keyed AS k ON k.event_id = e.event_id
)
SELECT
  session_key, MAX(customer_id) AS customer_id, MAX(channel) AS channel, MAX(market) AS market,
  MIN(occurred_at) AS started_at, MAX(occurred_at) AS ended_at, MIN(occurred_on) AS occurred_on,
  CAST(DATE_DIFF('second', MIN(occurred_at), MAX(occurred_at)) AS BIGINT) AS seconds, COUNT(*) AS events,
  COUNT(CASE WHEN event_name = 'Product Viewed' THEN 1 END) AS views,
  COUNT(CASE WHEN event_name = 'Products Searched' THEN 1 END) AS searches,
  COUNT(CASE WHEN event_name = 'Product Added' THEN 1 END) AS adds,
  COUNT(CASE WHEN event_name = 'Checkout Started' THEN 1 END) AS checkouts,
  COUNT(CASE WHEN event_name = 'Order Completed' THEN 1 END) AS purchases
FROM events
GROUP BY session_key
