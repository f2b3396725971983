-- Campaigns: the newest word on each; those that only e-mails or exposures name begin with their first one.
WITH listed AS (
  SELECT campaign_id, campaign_name, campaign_type, starts_on, ends_on
  FROM bronze.campaigns
  QUALIFY ROW_NUMBER() OVER (PARTITION BY campaign_id ORDER BY occurred_at DESC, received_at DESC, event_id) = 1
),
named AS (
  SELECT campaign_id, campaign_name, 'email' AS campaign_type, occurred_on FROM bronze.email_events WHERE campaign_id IS NOT NULL
  UNION ALL
  SELECT campaign_id, NULL, campaign_type, occurred_on FROM bronze.exposures
),
seen AS (
  SELECT campaign_id, MAX(campaign_name) AS campaign_name, MAX(campaign_type) AS campaign_type, MIN(occurred_on) AS starts_on
  FROM named
  GROUP BY campaign_id
)
SELECT
  COALESCE(l.campaign_id, s.campaign_id) AS campaign_id, COALESCE(l.campaign_name, s.campaign_name) AS campaign_name,
  COALESCE(l.campaign_type, s.campaign_type) AS campaign_type, COALESCE(l.starts_on, s.starts_on) AS starts_on, l.ends_on
FROM listed AS l
FULL JOIN seen AS s ON s.campaign_id = l.campaign_id
