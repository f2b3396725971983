-- Who was sent or shown which campaign: what sources report as such, and e-mails sent.
WITH shown AS (
  SELECT event_id, source, market, channel, occurred_at, occurred_on, record_id, campaign_id, campaign_type
  FROM bronze.exposures
  UNION ALL
  SELECT e.event_id, e.source, e.market, e.channel, e.occurred_at, e.occurred_on, e.record_id, e.campaign_id, NULL
  FROM bronze.email_events AS e
  WHERE e.event_name = 'Email Sent' AND e.campaign_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM bronze.exposures AS x WHERE x.message_id = e.message_id)
)
SELECT
  s.event_id, s.source, s.market, s.channel, s.occurred_at, s.occurred_on, m.customer_id, s.record_id, s.campaign_id,
  COALESCE(s.campaign_type, c.campaign_type) AS campaign_type, c.ends_on
FROM shown AS s
LEFT JOIN silver.campaigns AS c ON c.campaign_id = s.campaign_id
LEFT JOIN silver.customer_map AS m ON m.record_id = s.record_id
