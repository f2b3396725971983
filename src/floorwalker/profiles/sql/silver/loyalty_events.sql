-- Loyalty programme: joined, earned, spent, changed tier.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, m.customer_id, e.record_id, e.event_name, e.points,
  e.tier, e.loyalty_id, e.store_id, e.order_id
FROM bronze.loyalty_events AS e
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
