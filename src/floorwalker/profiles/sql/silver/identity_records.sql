-- What each row says about a person, once per wording: rows with the same words in the same source share a record_id.
WITH words AS (
  SELECT
    record_id, MAX(source) AS source, MAX(channel) AS channel, MAX(market) AS market, MAX(customer_ref) AS customer_ref,
    MAX(account_id) AS account_id, MAX(loyalty_id) AS loyalty_id, MAX(email) AS email, MAX(phone) AS phone,
    MAX(device_id) AS device_id, MAX(cookie_id) AS cookie_id, MAX(given_name) AS given_name,
    MAX(family_name) AS family_name, MAX(birth_date) AS birth_date, MAX(gender) AS gender, MAX(address) AS address,
    MAX(postcode) AS postcode, MAX(city) AS city, MAX(country) AS country, MAX(language) AS language,
    MIN(occurred_at) AS first_seen, MAX(occurred_at) AS last_seen, COUNT(*) AS row_count
  FROM bronze.customers
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), MAX(country),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.order_lines
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), MAX(country),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.returns
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.consents
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.browse_events
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.email_events
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.loyalty_events
  WHERE record_id IS NOT NULL
  GROUP BY record_id
  UNION ALL
  SELECT
    record_id, MAX(source), MAX(channel), MAX(market), MAX(customer_ref), MAX(account_id), MAX(loyalty_id), MAX(email),
    MAX(phone), MAX(device_id), MAX(cookie_id), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS DATE),
    CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
    MAX(language), MIN(occurred_at), MAX(occurred_at), COUNT(*)
  FROM bronze.tickets
  WHERE record_id IS NOT NULL
  GROUP BY record_id
)
SELECT
  record_id, MAX(source) AS source, MAX(channel) AS channel, MAX(market) AS market, MAX(customer_ref) AS customer_ref,
  MAX(account_id) AS account_id, MAX(loyalty_id) AS loyalty_id, MAX(email) AS email, MAX(phone) AS phone,
  MAX(device_id) AS device_id, MAX(cookie_id) AS cookie_id, MAX(given_name) AS given_name,
  MAX(family_name) AS family_name, MAX(birth_date) AS birth_date, MAX(gender) AS gender, MAX(address) AS address,
  MAX(postcode) AS postcode, MAX(city) AS city, MAX(country) AS country, MAX(language) AS language,
  MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen, CAST(SUM(row_count) AS BIGINT) AS "rows"
FROM words
GROUP BY record_id
