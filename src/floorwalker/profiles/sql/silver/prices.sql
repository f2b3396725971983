-- Prices of products by validity: [valid_from, valid_to), per currency; of one day the word received last.
WITH told AS (
  SELECT product_id, price, currency, COALESCE(valid_from, occurred_on) AS valid_from, received_at, occurred_at, event_id
  FROM bronze.prices
),
newest AS (
  SELECT product_id, price, currency, valid_from
  FROM told
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY product_id, currency, valid_from ORDER BY received_at DESC, occurred_at DESC, event_id
  ) = 1
)
SELECT product_id, price, currency, valid_from,
  LEAD(valid_from, 1, DATE '9999-12-31') OVER (PARTITION BY product_id, currency ORDER BY valid_from) AS valid_to
FROM newest
