-- Who lives together: customers with one family name at one address, by the newest record of each that has an address.
WITH addresses AS (
  SELECT m.customer_id,
    MD5(COALESCE(n.family_name_key, '') || '|' || n.address_key || '|' || n.postcode_key) AS household_key
  FROM silver.normalised_records AS n
  JOIN silver.customer_map AS m ON m.record_id = n.record_id
  JOIN silver.identity_records AS r ON r.record_id = n.record_id
  WHERE n.address_key IS NOT NULL AND n.postcode_key IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY m.customer_id ORDER BY r.last_seen DESC, n.record_id) = 1
)
SELECT customer_id, household_key, COUNT(*) OVER (PARTITION BY household_key) AS members
FROM addresses
