-- Consent per customer and purpose: of what the customer's records last said the most restrictive, with its own day and basis.
SELECT m.customer_id, c.purpose, c.status, c.since, c.basis
FROM silver.consents AS c
JOIN silver.customer_map AS m ON m.record_id = c.record_id
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY m.customer_id, c.purpose ORDER BY c.status, c.since DESC, c.basis, c.record_id
) = 1
