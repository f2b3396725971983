-- What visitors did on the web and in the app, with the customer where one is known.
SELECT
  e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, m.customer_id, e.record_id, e.event_name, e.session_id,
  e.product_id, e.category, e.query
FROM bronze.browse_events AS e
LEFT JOIN silver.customer_map AS m ON m.record_id = e.record_id
