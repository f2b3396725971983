-- Pieces on hand per product and place; an empty store_id is the web warehouse.
SELECT product_id, store_id, quantity, occurred_at AS counted_at FROM silver.stock
