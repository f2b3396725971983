-- The e-mail, phone and loyalty id to use for a customer: the one most records have, then the latest. Hashed ones cannot be written to.
WITH ranked AS (
  SELECT customer_id, kind, value, key, ROW_NUMBER() OVER (
      PARTITION BY customer_id, kind ORDER BY records DESC, last_seen DESC, value, key
    ) AS place
  FROM silver.customer_identifiers
  WHERE kind IN ('email', 'phone', 'loyalty_id') AND value NOT LIKE 'hash:%'
)
SELECT customer_id,
  MAX(CASE WHEN kind = 'email' THEN LOWER(value) END) AS email,
  MAX(CASE WHEN kind = 'phone' THEN key END) AS phone,
  MAX(CASE WHEN kind = 'loyalty_id' THEN value END) AS loyalty_id
FROM ranked
WHERE place = 1
GROUP BY customer_id
