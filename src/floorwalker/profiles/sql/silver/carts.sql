-- Steps of known customers in cart and checkout.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, e.customer_id, e.session_id, e.event_name, e.product_id,
  COALESCE(p.category, e.category) AS category, e.quantity, e.price
FROM silver.browse_events AS e
LEFT JOIN silver.products AS p ON p.product_id = e.product_id
WHERE e.customer_id IS NOT NULL AND e.event_name IN (
  'Product Added', 'Product Removed', 'Wishlist Product Added to Cart', 'Cart Viewed', 'Checkout Started',
  'Checkout Step Viewed', 'Checkout Step Completed', 'Payment Info Entered'
)
