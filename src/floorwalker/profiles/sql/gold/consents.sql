-- Consent per customer and purpose: the most restrictive of what the customer's records last said.
SELECT m.customer_id, c.purpose, MIN(c.status) AS status, MAX(c.since) AS since, MAX(c.basis) AS basis
FROM silver.consents AS c
JOIN silver.customer_map AS m ON m.record_id = c.record_id
GROUP BY m.customer_id, c.purpose
