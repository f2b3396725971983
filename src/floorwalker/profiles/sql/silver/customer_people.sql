-- Who a customer is, one row each: the golden record of who they are, and since when and by how many records they are known.
WITH known AS (
  SELECT m.customer_id, COUNT(*) AS records, MIN(r.first_seen) AS first_seen, MAX(r.last_seen) AS last_seen,
    MAX(CASE WHEN COALESCE(r.customer_ref, r.account_id, r.loyalty_id, r.email, r.phone, r.family_name) IS NOT NULL
      THEN 1 ELSE 0 END) AS named
  FROM silver.customer_map AS m
  JOIN silver.identity_records AS r ON r.record_id = m.record_id
  GROUP BY m.customer_id
),
golden AS (
  SELECT customer_id, MAX(CASE WHEN attribute = 'market' THEN value END) AS market,
    MAX(CASE WHEN attribute = 'given_name' THEN value END) AS given_name,
    MAX(CASE WHEN attribute = 'family_name' THEN value END) AS family_name,
    MAX(CASE WHEN attribute = 'birth_date' THEN value END) AS birth_date,
    MAX(CASE WHEN attribute = 'gender' THEN value END) AS gender,
    MAX(CASE WHEN attribute = 'postcode' THEN value END) AS postcode,
    MAX(CASE WHEN attribute = 'city' THEN value END) AS city,
    MAX(CASE WHEN attribute = 'country' THEN record_id END) AS country_record,
    MAX(CASE WHEN attribute = 'language' THEN value END) AS language
  FROM silver.golden_fields
  GROUP BY customer_id
)
SELECT k.customer_id, k.records, k.named = 1 AS is_known, k.first_seen, k.last_seen, g.market, g.given_name, g.family_name,
  CAST(g.birth_date AS DATE) AS birth_date, g.gender, g.postcode, g.city, c.country, g.language
FROM known AS k
LEFT JOIN golden AS g ON g.customer_id = k.customer_id
-- From the record itself: a country names nobody, and lineage must be able to tell it from the fields that do.
LEFT JOIN silver.identity_records AS c ON c.record_id = g.country_record
