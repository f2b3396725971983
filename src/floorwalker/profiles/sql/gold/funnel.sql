-- What becomes of the transaction lines that were accepted: known customers, not cancelled, really sold.
WITH counted AS (
  SELECT 2 AS position, 'customer known' AS step, COUNT(*) AS n, COUNT(DISTINCT customer_id) AS customers
  FROM (
    SELECT customer_id FROM silver.order_lines WHERE customer_id IS NOT NULL
    UNION ALL SELECT customer_id FROM silver.returns WHERE customer_id IS NOT NULL
  ) AS known
  UNION ALL
  SELECT 3, 'not cancelled or returned', COUNT(*), COUNT(DISTINCT customer_id) FROM silver.order_lines WHERE customer_id IS NOT NULL
  UNION ALL
  SELECT 4, 'quantity and price above zero', COUNT(*), COUNT(DISTINCT customer_id) FROM silver.order_lines
  WHERE customer_id IS NOT NULL AND is_sale
  UNION ALL
  SELECT 1, 'accepted', COUNT(*), CAST(NULL AS BIGINT)
  FROM (
    SELECT event_id FROM bronze.order_lines UNION ALL SELECT event_id FROM bronze.returns
    UNION ALL SELECT event_id FROM bronze.stock_adjustments
  ) AS accepted
)
SELECT CAST(position AS INTEGER) AS position, step, n AS "rows", customers FROM counted
