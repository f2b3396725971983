-- Orders that more than one source reports: the source with the best precedence is believed (`[orders] precedence`).
SELECT l.order_key, MIN(COALESCE(s.precedence, 1000)) AS precedence,
  MIN(LPAD(CAST(COALESCE(s.precedence, 1000) AS VARCHAR), 6, '0') || l.source) AS believed
FROM bronze.order_lines AS l
LEFT JOIN meta.sources AS s ON s.source = l.source
GROUP BY l.order_key
HAVING COUNT(DISTINCT l.source) > 1
