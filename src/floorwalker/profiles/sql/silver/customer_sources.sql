-- In which sources and channels a customer is known, as sorted comma lists.
WITH known AS (
  SELECT DISTINCT m.customer_id, r.source, r.channel
  FROM silver.customer_map AS m JOIN silver.identity_records AS r ON r.record_id = m.record_id
),
ordered AS (
  SELECT DISTINCT customer_id, 'source' AS about, source AS word FROM known
  UNION ALL
  SELECT DISTINCT customer_id, 'channel', channel FROM known WHERE channel IS NOT NULL
)
SELECT customer_id,
  STRING_AGG(CASE WHEN about = 'source' THEN word END, ',' ORDER BY word) AS sources,
  STRING_AGG(CASE WHEN about = 'channel' THEN word END, ',' ORDER BY word) AS channels,
  COUNT(CASE WHEN about = 'channel' THEN 1 END) AS channel_count
FROM ordered
GROUP BY customer_id
