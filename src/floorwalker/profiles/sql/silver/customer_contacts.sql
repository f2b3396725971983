-- The e-mail, phone and loyalty id to use for a customer, from the golden record. Hashed ones cannot be written to.
SELECT customer_id,
  MAX(CASE WHEN attribute = 'email' THEN LOWER(TRIM(value)) END) AS email,
  MAX(CASE WHEN attribute = 'phone' THEN key END) AS phone,
  MAX(CASE WHEN attribute = 'loyalty_id' THEN value END) AS loyalty_id
FROM silver.golden_fields
WHERE attribute IN ('email', 'phone', 'loyalty_id')
GROUP BY customer_id
