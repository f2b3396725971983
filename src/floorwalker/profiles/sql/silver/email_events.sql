-- What happened to messages, with the customer.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, e.occurred_hour, m.customer_id, e.record_id, e.event_name,
  e.message_id, e.campaign_id, e.campaign_name
FROM bronze.email_events AS e
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
