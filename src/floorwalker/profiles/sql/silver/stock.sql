-- The newest count per product and place; an empty store_id is the web warehouse.
SELECT product_id, COALESCE(store_id, '') AS store_id, quantity, occurred_at
FROM bronze.stock
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY product_id, COALESCE(store_id, '') ORDER BY occurred_at DESC, received_at DESC, event_id
) = 1
