-- Where a product's price stands in its category: 0 the cheapest, 1 the dearest; 0.5 when it stands alone.
SELECT product_id, category, brand_name, garment,
  CASE WHEN COUNT(*) OVER (PARTITION BY category) > 1
    THEN PERCENT_RANK() OVER (PARTITION BY category ORDER BY price, product_id) ELSE 0.5 END AS price_rank
FROM silver.products
WHERE price > 0
