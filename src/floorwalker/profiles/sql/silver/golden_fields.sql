-- The golden record: of each attribute of a customer the value that wins, the record it stands in, and why ([identity.golden]).
WITH said AS (
  SELECT m.customer_id, r.record_id, r.source, r.last_seen, r.birth_date, r.country, r.market, n.given_name_key, n.family_name_key,
    n.birth_date AS birth_key, n.address_key, n.postcode_key, n.email_key, n.phone_key, n.loyalty_key,
    -- what says nothing ('n/a', 'test') is not said at all; a hash cannot be written to
    CASE WHEN n.given_name_key IS NOT NULL THEN r.given_name END AS given_name,
    CASE WHEN n.family_name_key IS NOT NULL THEN r.family_name END AS family_name,
    CASE WHEN n.postcode_key IS NOT NULL THEN r.postcode END AS postcode,
    CASE WHEN LOWER(TRIM(r.gender)) NOT IN ('u', 'unknown', 'n/a', 'na', 'none', 'null', '-', '?') THEN r.gender END AS gender,
    CASE WHEN LOWER(TRIM(r.address)) NOT IN ('unknown', 'n/a', 'na', 'none', 'null', '-', '?') THEN r.address END AS address,
    CASE WHEN LOWER(TRIM(r.city)) NOT IN ('unknown', 'n/a', 'na', 'none', 'null', '-', '?') THEN r.city END AS city,
    CASE WHEN LOWER(TRIM(r.language)) NOT IN ('unknown', 'n/a', 'na', 'none', 'null', '-', '?', 'und') THEN r.language END AS language,
    CASE WHEN LOWER(r.email) NOT LIKE 'hash:%' THEN r.email END AS email,
    CASE WHEN LOWER(r.phone) NOT LIKE 'hash:%' THEN r.phone END AS phone,
    CASE WHEN LOWER(r.loyalty_id) NOT LIKE 'hash:%' THEN r.loyalty_id END AS loyalty_id,
    COALESCE(s.unverified, 1) AS unverified, COALESCE(s.place, 1000000) AS place,
    COALESCE(DATE_DIFF('second', r.last_seen, CAST('2100-01-01 00:00:00+00' AS TIMESTAMPTZ)), 9999999999) AS age
  FROM silver.customer_map AS m
  JOIN silver.identity_records AS r ON r.record_id = m.record_id
  JOIN silver.normalised_records AS n ON n.record_id = m.record_id
  LEFT JOIN silver.golden_sources AS s ON s.source = r.source
),
told AS (
  SELECT *,
    CASE WHEN given_name IS NULL THEN 1 ELSE 0 END + CASE WHEN family_name IS NULL THEN 1 ELSE 0 END
    + CASE WHEN birth_date IS NULL THEN 1 ELSE 0 END + CASE WHEN gender IS NULL THEN 1 ELSE 0 END
    + CASE WHEN address IS NULL THEN 1 ELSE 0 END + CASE WHEN postcode IS NULL THEN 1 ELSE 0 END
    + CASE WHEN city IS NULL THEN 1 ELSE 0 END + CASE WHEN country IS NULL THEN 1 ELSE 0 END
    + CASE WHEN language IS NULL THEN 1 ELSE 0 END + CASE WHEN email IS NULL THEN 1 ELSE 0 END
    + CASE WHEN phone IS NULL THEN 1 ELSE 0 END + CASE WHEN loyalty_id IS NULL THEN 1 ELSE 0 END AS gaps
  FROM said
),
-- What each record offers. `same` is equal where records say the same. `flaw` is 0 for a value as it should be, and no policy
-- prefers a worse one: an initial, a form's default date, part of an address; 9 (the country of an order) only stands in where
-- there is nothing else. `gaps` is what the record leaves out.
offers AS (
  SELECT customer_id, record_id, 'name' AS attribute, unverified, place, age, gaps,
    COALESCE(given_name_key, '') || '|' || COALESCE(family_name_key, '') AS same,
    CASE WHEN family_name_key IS NULL THEN 3 WHEN given_name_key IS NULL THEN 2
      WHEN LENGTH(given_name_key) = 1 AND given_name_key BETWEEN 'a' AND 'z' THEN 1
      WHEN LENGTH(family_name_key) = 1 AND family_name_key BETWEEN 'a' AND 'z' THEN 1 ELSE 0 END AS flaw
  FROM told
  WHERE given_name IS NOT NULL OR family_name IS NOT NULL
  UNION ALL
  -- nobody is born before 1900, nor after the record was written
  SELECT customer_id, record_id, 'birth_date', unverified, place, age, gaps, CAST(birth_date AS VARCHAR),
    CASE WHEN birth_key IS NULL THEN 1 ELSE 0 END
  FROM told
  WHERE birth_date > DATE '1900-01-01' AND (last_seen IS NULL OR birth_date <= CAST(last_seen AS DATE))
  UNION ALL
  SELECT customer_id, record_id, 'address', unverified, place, age, gaps,
    COALESCE(address_key, LOWER(address), '') || '|' || COALESCE(postcode_key, '') || '|'
      || CASE WHEN COALESCE(address, postcode) IS NULL THEN LOWER(COALESCE(city, '') || '|' || COALESCE(country, '')) ELSE '' END,
    CASE WHEN address_key IS NOT NULL AND postcode IS NOT NULL THEN 0 WHEN address IS NOT NULL AND postcode IS NOT NULL THEN 1
      WHEN postcode IS NOT NULL THEN 2 WHEN address IS NOT NULL THEN 3 WHEN city IS NOT NULL THEN 4 ELSE 9 END
  FROM told
  WHERE COALESCE(address, postcode, city, country) IS NOT NULL
  UNION ALL
  SELECT customer_id, record_id, 'gender', unverified, place, age, gaps, LOWER(gender), 0 FROM told WHERE gender IS NOT NULL
  UNION ALL
  SELECT customer_id, record_id, 'language', unverified, place, age, gaps, LOWER(language), 0 FROM told WHERE language IS NOT NULL
  UNION ALL
  SELECT customer_id, record_id, 'market', unverified, place, age, gaps, market, 0 FROM told WHERE market IS NOT NULL
  UNION ALL
  -- a hub's value is no customer's: silver.customer_identifiers leaves it out
  SELECT t.customer_id, t.record_id, i.kind, t.unverified, t.place, t.age, t.gaps, i.key, 0
  FROM told AS t
  JOIN silver.customer_identifiers AS i ON i.customer_id = t.customer_id AND i.key = t.email_key
  WHERE i.kind = 'email' AND t.email IS NOT NULL
  UNION ALL
  SELECT t.customer_id, t.record_id, i.kind, t.unverified, t.place, t.age, t.gaps, i.key, 0
  FROM told AS t
  JOIN silver.customer_identifiers AS i ON i.customer_id = t.customer_id AND i.key = t.phone_key
  WHERE i.kind = 'phone' AND t.phone IS NOT NULL
  UNION ALL
  SELECT t.customer_id, t.record_id, i.kind, t.unverified, t.place, t.age, t.gaps, i.key, 0
  FROM told AS t
  JOIN silver.customer_identifiers AS i ON i.customer_id = t.customer_id AND i.key = t.loyalty_key
  WHERE i.kind = 'loyalty_id' AND t.loyalty_id IS NOT NULL
),
-- The criteria of each record in the attribute's own order, smaller is better.
weighed AS (
  SELECT o.customer_id, o.attribute, o.same, o.record_id, o.flaw,
    CASE 1 WHEN p.verified THEN o.unverified WHEN p.source THEN o.place WHEN p.recency THEN o.age WHEN p.completeness THEN o.gaps
      ELSE 0 END AS mark_1,
    CASE 2 WHEN p.verified THEN o.unverified WHEN p.source THEN o.place WHEN p.recency THEN o.age WHEN p.completeness THEN o.gaps
      ELSE 0 END AS mark_2,
    CASE 3 WHEN p.verified THEN o.unverified WHEN p.source THEN o.place WHEN p.recency THEN o.age WHEN p.completeness THEN o.gaps
      ELSE 0 END AS mark_3,
    CASE 4 WHEN p.verified THEN o.unverified WHEN p.source THEN o.place WHEN p.recency THEN o.age WHEN p.completeness THEN o.gaps
      ELSE 0 END AS mark_4,
    CASE 5 WHEN p.verified THEN o.unverified WHEN p.source THEN o.place WHEN p.recency THEN o.age WHEN p.completeness THEN o.gaps
      ELSE 0 END AS mark_5
  FROM offers AS o
  JOIN silver.golden_policy AS p ON p.attribute = o.attribute
),
-- Of the records that say the same the best one speaks for all.
spoken AS (
  SELECT w.*, COUNT(*) OVER (PARTITION BY w.customer_id, w.attribute, w.same) AS records
  FROM weighed AS w
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY w.customer_id, w.attribute, w.same ORDER BY w.flaw, w.mark_1, w.mark_2, w.mark_3, w.mark_4, w.mark_5, w.record_id
  ) = 1
),
-- How many records say it is the value's, not the record's.
counted AS (
  SELECT s.customer_id, s.attribute, s.record_id, s.flaw, s.records, p.verified, p.source, p.recency, p.completeness,
    CASE WHEN p.frequency = 1 THEN -s.records ELSE s.mark_1 END AS mark_1,
    CASE WHEN p.frequency = 2 THEN -s.records ELSE s.mark_2 END AS mark_2,
    CASE WHEN p.frequency = 3 THEN -s.records ELSE s.mark_3 END AS mark_3,
    CASE WHEN p.frequency = 4 THEN -s.records ELSE s.mark_4 END AS mark_4,
    CASE WHEN p.frequency = 5 THEN -s.records ELSE s.mark_5 END AS mark_5
  FROM spoken AS s
  JOIN silver.golden_policy AS p ON p.attribute = s.attribute
),
ranked AS (
  SELECT c.*, COUNT(*) OVER (PARTITION BY customer_id, attribute) - 1 AS others,
    COUNT(CASE WHEN flaw < 9 THEN 1 END) OVER (PARTITION BY customer_id, attribute) - 1 AS proper_others,
    ROW_NUMBER() OVER (PARTITION BY customer_id, attribute ORDER BY flaw, mark_1, mark_2, mark_3, mark_4, mark_5, record_id) AS nth
  FROM counted AS c
),
-- The winner (w) beside the next best value (n).
pairs AS (
  SELECT customer_id, attribute, MAX(verified) AS verified, MAX(source) AS source_rank, MAX(recency) AS recency,
    MAX(completeness) AS completeness, MAX(others) AS others, MAX(proper_others) AS proper_others,
    MAX(CASE WHEN nth = 1 THEN record_id END) AS record_id, MAX(CASE WHEN nth = 1 THEN records END) AS records,
    MAX(CASE WHEN nth = 1 THEN flaw END) AS w_flaw, MAX(CASE WHEN nth = 2 THEN flaw END) AS n_flaw,
    MAX(CASE WHEN nth = 1 THEN mark_1 END) AS w_1, MAX(CASE WHEN nth = 2 THEN mark_1 END) AS n_1,
    MAX(CASE WHEN nth = 1 THEN mark_2 END) AS w_2, MAX(CASE WHEN nth = 2 THEN mark_2 END) AS n_2,
    MAX(CASE WHEN nth = 1 THEN mark_3 END) AS w_3, MAX(CASE WHEN nth = 2 THEN mark_3 END) AS n_3,
    MAX(CASE WHEN nth = 1 THEN mark_4 END) AS w_4, MAX(CASE WHEN nth = 2 THEN mark_4 END) AS n_4,
    MAX(CASE WHEN nth = 1 THEN mark_5 END) AS w_5, MAX(CASE WHEN nth = 2 THEN mark_5 END) AS n_5
  FROM ranked
  WHERE nth <= 2
  GROUP BY customer_id, attribute
),
-- The first criterion in which they differ decided.
won AS (
  SELECT customer_id, attribute AS part_of, record_id, records, verified, source_rank, recency, completeness,
    CASE WHEN w_flaw < 9 THEN proper_others ELSE others END AS alternatives,
    CASE WHEN n_flaw IS NULL OR (n_flaw = 9 AND w_flaw < 9) THEN -1 WHEN w_flaw < n_flaw THEN 0 WHEN w_1 < n_1 THEN 1
      WHEN w_2 < n_2 THEN 2 WHEN w_3 < n_3 THEN 3 WHEN w_4 < n_4 THEN 4 WHEN w_5 < n_5 THEN 5 ELSE 6 END AS decided
  FROM pairs
),
fields AS (
  SELECT 'name' AS part_of, 'given_name' AS attribute
  UNION ALL SELECT 'name', 'family_name' UNION ALL SELECT 'birth_date', 'birth_date' UNION ALL SELECT 'gender', 'gender'
  UNION ALL SELECT 'address', 'address' UNION ALL SELECT 'address', 'postcode' UNION ALL SELECT 'address', 'city'
  UNION ALL SELECT 'address', 'country' UNION ALL SELECT 'language', 'language' UNION ALL SELECT 'market', 'market'
  UNION ALL SELECT 'email', 'email' UNION ALL SELECT 'phone', 'phone' UNION ALL SELECT 'loyalty_id', 'loyalty_id'
),
shown AS (
  SELECT w.customer_id, f.attribute, f.part_of,
    CASE f.attribute WHEN 'given_name' THEN t.given_name WHEN 'family_name' THEN t.family_name
      WHEN 'birth_date' THEN CAST(t.birth_date AS VARCHAR) WHEN 'gender' THEN t.gender WHEN 'address' THEN t.address
      WHEN 'postcode' THEN t.postcode WHEN 'city' THEN t.city WHEN 'country' THEN t.country WHEN 'language' THEN t.language
      WHEN 'market' THEN t.market WHEN 'email' THEN t.email WHEN 'phone' THEN t.phone WHEN 'loyalty_id' THEN t.loyalty_id END AS value,
    CASE f.attribute WHEN 'given_name' THEN t.given_name_key WHEN 'family_name' THEN t.family_name_key
      WHEN 'address' THEN t.address_key WHEN 'postcode' THEN t.postcode_key WHEN 'email' THEN t.email_key
      WHEN 'phone' THEN t.phone_key WHEN 'loyalty_id' THEN t.loyalty_key END AS key,
    w.record_id, t.source,
    CASE w.decided WHEN -1 THEN 'only value' WHEN 0 THEN 'better formed' WHEN 6 THEN 'tie' WHEN w.verified THEN 'verified'
      WHEN w.source_rank THEN 'source rank' WHEN w.recency THEN 'newest' WHEN w.completeness THEN 'most complete'
      ELSE 'most records' END AS reason,
    w.alternatives, w.records, t.last_seen
  FROM won AS w
  JOIN fields AS f ON f.part_of = w.part_of
  JOIN told AS t ON t.record_id = w.record_id
)
SELECT customer_id, attribute, part_of, value, key, record_id, source, reason, alternatives, records, last_seen
FROM shown
WHERE value IS NOT NULL
