-- What systems said of their customers, row by row, with the customer: circumstances, and which ways to reach there are.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, m.customer_id, e.record_id, e.gender, e.birth_date,
  e.postcode, e.city, e.country, e.language, e.age_band, e.income_band, e.home_ownership, e.marital_status, e.household_size,
  e.children, e.household_type, e.email IS NOT NULL AS has_email, e.phone IS NOT NULL AS has_phone,
  e.loyalty_id IS NOT NULL AS has_loyalty_id, e.account_id IS NOT NULL AS has_account
FROM bronze.customers AS e
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
