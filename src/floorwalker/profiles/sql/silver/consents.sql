-- The latest word of each record on each purpose. 'all' speaks for every purpose; an unsubscribe is a withdrawal.
WITH purposes AS (
  SELECT 'analytics' AS purpose UNION ALL SELECT 'personalization' UNION ALL SELECT 'marketing_email'
  UNION ALL SELECT 'marketing_sms' UNION ALL SELECT 'marketing_push' UNION ALL SELECT 'ads' UNION ALL SELECT 'profiling'
),
said AS (
  SELECT c.record_id, p.purpose, CASE WHEN c.status = 'granted' THEN 'granted' ELSE 'denied' END AS status,
    c.occurred_at, c.basis, c.event_id
  FROM bronze.consents AS c
  JOIN purposes AS p ON p.purpose = c.purpose OR c.purpose = 'all'
  WHERE c.record_id IS NOT NULL
  UNION ALL
  SELECT record_id, 'marketing_email', 'denied', occurred_at, 'unsubscribe', event_id
  FROM bronze.email_events
  WHERE event_name IN ('Unsubscribed', 'Email Marked as Spam') AND record_id IS NOT NULL
)
SELECT record_id, purpose, status, occurred_at AS since, basis
FROM said
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY record_id, purpose ORDER BY occurred_at DESC, status, event_id
) = 1
