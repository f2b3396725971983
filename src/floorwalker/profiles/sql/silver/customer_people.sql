-- Who a customer is: of each attribute the value of the record seen last that has one; ties by record.
WITH ranked AS (
  SELECT m.customer_id, r.record_id, r.source, r.channel, r.market, r.given_name, r.family_name, r.birth_date, r.gender,
    r.postcode, r.city, r.country, r.language, r.first_seen, r.last_seen,
    CASE WHEN COALESCE(r.customer_ref, r.account_id, r.loyalty_id, r.email, r.phone, r.family_name) IS NOT NULL
      THEN 1 ELSE 0 END AS named,
    LPAD(CAST(ROW_NUMBER() OVER (PARTITION BY m.customer_id ORDER BY r.last_seen DESC, r.record_id) AS VARCHAR), 9, '0') AS place
  FROM silver.customer_map AS m
  JOIN silver.identity_records AS r ON r.record_id = m.record_id
)
SELECT
  customer_id, COUNT(*) AS records, MAX(named) = 1 AS is_known, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,
  SUBSTRING(MIN(CASE WHEN market IS NOT NULL THEN place || market END), 10) AS market,
  -- a full name from one record, so that names of different people never mix
  SUBSTRING(MIN(CASE WHEN family_name IS NOT NULL THEN place || COALESCE(given_name, '') END), 10) AS given_name,
  SUBSTRING(MIN(CASE WHEN family_name IS NOT NULL THEN place || family_name END), 10) AS family_name,
  CAST(SUBSTRING(MIN(CASE WHEN birth_date IS NOT NULL THEN place || CAST(birth_date AS VARCHAR) END), 10) AS DATE) AS birth_date,
  SUBSTRING(MIN(CASE WHEN gender IS NOT NULL THEN place || gender END), 10) AS gender,
  SUBSTRING(MIN(CASE WHEN postcode IS NOT NULL THEN place || postcode END), 10) AS postcode,
  SUBSTRING(MIN(CASE WHEN postcode IS NOT NULL THEN place || COALESCE(city, '') END), 10) AS city,
  SUBSTRING(MIN(CASE WHEN country IS NOT NULL THEN place || country END), 10) AS country,
  SUBSTRING(MIN(CASE WHEN language IS NOT NULL THEN place || language END), 10) AS language
FROM ranked
GROUP BY customer_id
