-- Contacts with customer service, each ticket once, as last told.
WITH newest AS (
  SELECT event_id, source, market, channel, occurred_at, occurred_on, record_id, ticket_id, topic, status, satisfaction, store_id,
    order_id
  FROM bronze.tickets
  QUALIFY ROW_NUMBER() OVER (PARTITION BY source, ticket_id ORDER BY received_at DESC, occurred_at DESC, event_id) = 1
)
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, m.customer_id, e.record_id, e.ticket_id, e.topic,
  e.status, e.satisfaction, e.store_id, e.order_id
FROM newest AS e
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
