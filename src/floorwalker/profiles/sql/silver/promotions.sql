-- Promotions: products on display or in the mailer, from a day to a day, the newest word on each.
SELECT product_id, store_id, starts_on, ends_on, display, mailer
FROM bronze.promotions
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY product_id, COALESCE(store_id, ''), starts_on ORDER BY occurred_at DESC, received_at DESC, event_id
) = 1
