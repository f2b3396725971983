-- Per source: rows that name a person, distinct wordings, and the customers they turned out to be.
SELECT COALESCE(r.channel, 'unknown') AS channel, r.source, CAST(SUM(r."rows") AS BIGINT) AS "rows",
  COUNT(*) AS records, COUNT(DISTINCT m.customer_id) AS customers
FROM silver.identity_records AS r
JOIN silver.customer_map AS m ON m.record_id = r.record_id
GROUP BY COALESCE(r.channel, 'unknown'), r.source
