-- What each row says about a person, once per wording: rows with the same words in the same source share a record_id.
WITH words AS (
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, given_name, family_name, birth_date, gender, address, postcode, city, country, language, occurred_at
  FROM bronze.customers
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, country, language, occurred_at
  FROM bronze.order_lines
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, country, language, occurred_at
  FROM bronze.returns
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.consents
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.browse_events
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.email_events
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.loyalty_events
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.tickets
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.exposures
  UNION ALL
  SELECT record_id, source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id,
    fingerprint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, language, occurred_at
  FROM bronze.redemptions
)
SELECT
  record_id,
  MAX(source) AS source, MAX(channel) AS channel, MAX(market) AS market, MAX(customer_ref) AS customer_ref,
  MAX(account_id) AS account_id, MAX(loyalty_id) AS loyalty_id, MAX(email) AS email, MAX(phone) AS phone,
  MAX(device_id) AS device_id, MAX(cookie_id) AS cookie_id, MAX(fingerprint) AS fingerprint,
  MAX(given_name) AS given_name, MAX(family_name) AS family_name, MAX(birth_date) AS birth_date, MAX(gender) AS gender, MAX(address) AS address,
  MAX(postcode) AS postcode, MAX(city) AS city, MAX(country) AS country, MAX(language) AS language,
  MIN(occurred_at) AS first_seen, MAX(occurred_at) AS last_seen, COUNT(*) AS "rows"
FROM words
WHERE record_id IS NOT NULL
GROUP BY record_id
