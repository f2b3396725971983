-- Favourite categories, brand, channel, country and sizes of each customer, by number of lines; ties by name.
WITH lines AS (
  SELECT l.customer_id, l.channel, l.country, l.size, l.market, p.category, p.brand_name, p.garment, p.price_rank
  FROM silver.order_lines AS l
  LEFT JOIN silver.product_price_ranks AS p ON p.product_id = l.product_id
  WHERE l.is_sale AND l.customer_id IS NOT NULL
),
counted AS (
  SELECT customer_id, 'category' AS about, category AS word, COUNT(*) AS n FROM lines WHERE category IS NOT NULL GROUP BY customer_id, category
  UNION ALL
  SELECT customer_id, 'brand', brand_name, COUNT(*) FROM lines WHERE brand_name IS NOT NULL GROUP BY customer_id, brand_name
  UNION ALL
  SELECT customer_id, 'channel', channel, COUNT(*) FROM lines WHERE channel IS NOT NULL GROUP BY customer_id, channel
  UNION ALL
  SELECT customer_id, 'country', country, COUNT(*) FROM lines WHERE country IS NOT NULL GROUP BY customer_id, country
  UNION ALL
  SELECT customer_id, 'market', market, COUNT(*) FROM lines WHERE market IS NOT NULL GROUP BY customer_id, market
  UNION ALL
  SELECT customer_id, 'size_' || garment, size, COUNT(*) FROM lines
  WHERE size IS NOT NULL AND garment IN ('top', 'bottom', 'shoe') GROUP BY customer_id, garment, size
),
ranked AS (
  SELECT customer_id, about, word, n, ROW_NUMBER() OVER (PARTITION BY customer_id, about ORDER BY n DESC, word) AS place
  FROM counted
),
prices AS (
  SELECT customer_id, CAST(COUNT(*) AS DOUBLE) AS line_count, 1 - CAST(SUM(CAST(price_rank AS DECIMAL(18,6))) AS DOUBLE) / COUNT(price_rank) AS price_sensitivity
  FROM lines
  GROUP BY customer_id
)
SELECT
  r.customer_id,
  MAX(CASE WHEN r.about = 'category' AND r.place = 1 THEN r.word END) AS favourite_category,
  MAX(CASE WHEN r.about = 'category' AND r.place = 2 THEN r.word END) AS second_category,
  MAX(CASE WHEN r.about = 'brand' AND r.place = 1 THEN r.word END) AS favourite_brand,
  MAX(CASE WHEN r.about = 'brand' AND r.place = 1 THEN r.n END) / MAX(p.line_count) AS brand_affinity,
  MAX(CASE WHEN r.about = 'channel' AND r.place = 1 THEN r.word END) AS preferred_channel,
  MAX(CASE WHEN r.about = 'country' AND r.place = 1 THEN r.word END) AS order_country,
  MAX(CASE WHEN r.about = 'market' AND r.place = 1 THEN r.word END) AS order_market,
  MAX(CASE WHEN r.about = 'size_top' AND r.place = 1 THEN r.word END) AS size_top,
  MAX(CASE WHEN r.about = 'size_bottom' AND r.place = 1 THEN r.word END) AS size_bottom,
  MAX(CASE WHEN r.about = 'size_shoe' AND r.place = 1 THEN r.word END) AS size_shoe,
  MAX(p.price_sensitivity) AS price_sensitivity
FROM ranked AS r
JOIN prices AS p ON p.customer_id = r.customer_id
WHERE r.place <= 2
GROUP BY r.customer_id
