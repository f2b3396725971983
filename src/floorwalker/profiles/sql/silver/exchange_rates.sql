-- One unit of a currency in the reporting currency, with the days on which the rate holds: [rate_date, next_date).
WITH newest AS (
  SELECT currency, rate_date, CAST(rate AS DECIMAL(18,8)) AS rate
  FROM bronze.exchange_rates
  QUALIFY ROW_NUMBER() OVER (PARTITION BY currency, rate_date ORDER BY received_at DESC, event_id) = 1
)
SELECT currency, rate, rate_date,
  LEAD(rate_date, 1, DATE '9999-12-31') OVER (PARTITION BY currency ORDER BY rate_date) AS next_date
FROM newest
