-- Order lines that one source told more than once: what its last delivery says of a line counts.
WITH told_again AS (
  SELECT source, order_key
  FROM bronze.order_lines
  WHERE line_no IS NOT NULL
  GROUP BY source, order_key
  HAVING MIN(received_at) < MAX(received_at)
)
SELECT l.source, l.order_key, l.line_no, MAX(l.received_at) AS received_at
FROM bronze.order_lines AS l
JOIN told_again AS a ON a.source = l.source AND a.order_key = l.order_key
WHERE l.line_no IS NOT NULL
GROUP BY l.source, l.order_key, l.line_no
HAVING MIN(l.received_at) < MAX(l.received_at)
