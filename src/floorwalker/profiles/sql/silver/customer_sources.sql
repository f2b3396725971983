-- In which sources and channels a customer is known, as sorted comma lists.
WITH ordered AS (
  SELECT DISTINCT m.customer_id, 'source' AS about, r.source AS word
  FROM silver.customer_map AS m JOIN silver.identity_records AS r ON r.record_id = m.record_id
  UNION
  SELECT DISTINCT m.customer_id, 'channel', r.channel
  FROM silver.customer_map AS m JOIN silver.identity_records AS r ON r.record_id = m.record_id
  WHERE r.channel IS NOT NULL
)
SELECT customer_id,
  STRING_AGG(CASE WHEN about = 'source' THEN word END, ',' ORDER BY word) AS sources,
  STRING_AGG(CASE WHEN about = 'channel' THEN word END, ',' ORDER BY word) AS channels,
  COUNT(CASE WHEN about = 'channel' THEN 1 END) AS channel_count
FROM ordered
GROUP BY customer_id
