-- Contacts with customer service.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, m.customer_id, e.record_id, e.ticket_id, e.topic,
  e.status, e.satisfaction
FROM bronze.tickets AS e
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
