"""Events as rows: what an SDK said once may be a line of an order, a visit and a redeemed coupon.

In: a table of events (`frames_to_rows.SCHEMA`) and a table `words` (word, name, feeds): which word of an SDK is which
event, and which kinds of record it feeds. Out: SQL of the rows: `row_kind`, when and who, and the event's properties,
one of its products, traits and context as JSON text, from which the mapping takes what it needs.

The first of events with one message id counts. When it happened follows the rule of `events.stamps`. What a browser
asks for with every request (`gpc`) is one row an hour and visitor, the same one whichever request is read first.

    connection.execute(f"CREATE TEMP TABLE rows AS {flatten_sql('events', 'words')}")
"""

from __future__ import annotations

from floorwalker.events.language.words import Words
from floorwalker.events.stamps import AHEAD, FAR, ISO, MILLISECONDS, NUMBER

_AHEAD = f"INTERVAL {int(AHEAD.total_seconds())} SECONDS"
LINES = ("order_lines", "returns")
"""Kinds with a row per product."""
CALLS = "call:"
"""Before the type of a call in `words`: `call:page`."""


def fed(words: Words) -> list[tuple[str, str, str]]:
    """(word, name, kind): which word of an SDK is which event, and feeds which kind of record."""
    return [
        (word, one.event or one.name, kind)
        for one in (*words.events.values(), *words.calls.values())
        for word in ((one.name, *one.aliases) if one.call == "track" else (CALLS + one.call,))
        for kind in dict.fromkeys(one.feeds)
    ]


def time_sql(text: str) -> str:
    """SQL: a time as SDKs write it; the same as `stamps.parse`."""
    number, iso = f"TRY_CAST({text} AS DOUBLE)", f"regexp_replace({text}, '([+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    return (
        f"CASE WHEN regexp_full_match({text}, '{NUMBER}') AND abs({number}) < {FAR!r} THEN"
        f" to_timestamp(CASE WHEN abs({number}) >= {MILLISECONDS!r} THEN {number} / 1000 ELSE {number} END)"
        f" WHEN regexp_full_match({text}, '{ISO}') THEN TRY_CAST({iso} AS TIMESTAMPTZ) END"
    )


def said_sql(events: str) -> str:
    """SQL: the events that count, read; one per message id and source, the first that came."""
    return f"""
        WITH read AS (
            SELECT *, TRY_CAST(raw AS JSON) AS e, TRY_CAST(nullif(shared, '') AS JSON) AS batch FROM {events}
            WHERE refused IS NULL AND json_valid(raw)
        ), named AS (
            SELECT partition, "offset", place, source, market, gpc,
                   coalesce(nullif(call, ''), e->>'$.type') AS call,
                   coalesce(nullif(trim(e->>'$.messageId'), ''), assigned) AS message_id,
                   nullif(trim(e->>'$.event'), '') AS event, nullif(trim(e->>'$.name'), '') AS title,
                   nullif(trim(e->>'$.userId'), '') AS user_id, nullif(trim(e->>'$.anonymousId'), '') AS anonymous_id,
                   nullif(trim(e->>'$.previousId'), '') AS previous_id, nullif(trim(e->>'$.groupId'), '') AS group_id,
                   e->'$.properties' AS p, coalesce(e->'$.context', '{{}}'::JSON) AS own,
                   coalesce(batch, '{{}}'::JSON) AS batch,
                   CASE WHEN json_type(e->'$.traits') = 'OBJECT' THEN e->'$.traits' END AS traits,
                   make_timestamptz(received_us) AS received,
                   {time_sql("coalesce(e->>'$.originalTimestamp', e->>'$.timestamp')")} AS original,
                   {time_sql("coalesce(nullif(sent, ''), e->>'$.sentAt')")} AS sent
            FROM read
        ), timed AS (
            SELECT *, json_merge_patch(batch, own) AS context,
                   CASE WHEN original IS NULL THEN received WHEN sent IS NULL THEN original
                        ELSE received - (sent - original) END AS moment
            FROM named
        )
        SELECT * REPLACE (
                   CASE WHEN moment > received + {_AHEAD} AND original IS NOT NULL THEN received + {_AHEAD}
                        WHEN moment < '1970-01-01'::TIMESTAMPTZ THEN received ELSE moment END AS moment,
                   coalesce(traits, CASE WHEN json_type(context->'$.traits') = 'OBJECT' THEN context->'$.traits' END,
                            '{{}}'::JSON) AS traits,
                   CASE WHEN json_type(p) = 'OBJECT' THEN p ELSE '{{}}'::JSON END AS p
               )
        FROM timed
        QUALIFY row_number() OVER (PARTITION BY source, message_id ORDER BY received, partition, "offset", place) = 1
    """


def flatten_sql(said: str, words: str) -> str:
    """SQL: rows of the events in table `said` (`said_sql`). All columns are text."""
    lines = "SELECT unnest(CAST(f.p->'$.products' AS JSON[])) AS line"
    kinds = ", ".join(f"'{kind}'" for kind in LINES)
    return f"""
        WITH fed AS (
            SELECT s.*, w.name, w.kind
            FROM {said} s
            JOIN {words} w ON w.word = CASE s.call WHEN 'track' THEN s.event ELSE '{CALLS}' || s.call END
        ), whole AS (
            SELECT s.*, NULL::JSON AS line, coalesce(w.name, s.event, s.title) AS name, 'collected_events' AS kind
                FROM {said} s
                LEFT JOIN (SELECT DISTINCT word, name FROM {words}) w ON s.call = 'track' AND w.word = s.event
            UNION ALL BY NAME SELECT *, NULL::JSON AS line FROM fed
                WHERE kind NOT IN ({kinds}, 'consents', 'redemptions')
            UNION ALL BY NAME SELECT *, NULL::JSON AS line FROM fed
                WHERE kind = 'redemptions' AND coalesce(p->>'$.coupon', '') <> ''
            UNION ALL BY NAME SELECT f.*, l.line FROM fed f, LATERAL ({lines}) l
                WHERE f.kind IN ({kinds}) AND json_type(f.p->'$.products') = 'ARRAY'
            UNION ALL BY NAME SELECT *, NULL::JSON AS line, previous_id AS known_as, 'alias' AS name,
                    'customers' AS kind FROM {said} WHERE call = 'alias'
            UNION ALL BY NAME SELECT *, json_object('purpose', p->>'$.purpose', 'status', p->>'$.status') AS line
                FROM fed WHERE kind = 'consents' AND coalesce(p->>'$.purpose', '') <> ''
            UNION ALL BY NAME SELECT f.*, json_object('purpose', c.key, 'status',
                    CASE c.value WHEN 'true' THEN 'granted' ELSE 'denied' END) AS line
                FROM fed f, LATERAL (SELECT unnest(json_keys(f.context->'$.consent.categoryPreferences')) AS key,
                    unnest(json_extract_string(f.context->'$.consent.categoryPreferences', '$.*')) AS value) c
                WHERE f.kind = 'consents' AND json_type(f.context->'$.consent.categoryPreferences') = 'OBJECT'
            UNION ALL BY NAME SELECT *, json_object('purpose', 'marketing_email', 'status', 'withdrawn') AS line
                FROM fed WHERE kind = 'consents' AND name = 'Unsubscribed'
            UNION ALL BY NAME SELECT * REPLACE (date_trunc('hour', moment) AS moment, '{{}}'::JSON AS p),
                    json_object('purpose', 'ads', 'status', 'denied', 'method', 'Global Privacy Control') AS line,
                    'gpc' AS name, 'consents' AS kind
                FROM {said} WHERE gpc
                QUALIFY row_number() OVER (PARTITION BY source, user_id, anonymous_id, date_trunc('hour', moment)
                    ORDER BY moment, message_id) = 1
        )
        SELECT kind AS row_kind, name AS event_name, call AS event_type, message_id,
               strftime(moment AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS occurred_at,
               source AS collected_from, nullif(market, '') AS market,
               user_id AS account_id, coalesce(known_as, anonymous_id) AS anonymous_id, group_id,
               lower(coalesce(context->>'$.channel', '')) AS channel,
               coalesce(traits->>'$.email', p->>'$.email', context->>'$.traits.email') AS email,
               coalesce(traits->>'$.phone', p->>'$.phone', context->>'$.traits.phone') AS phone,
               coalesce(p->>'$.loyalty_id', traits->>'$.loyalty_id',
                        list_filter(CAST(CASE WHEN json_type(context->'$.externalIds') = 'ARRAY'
                            THEN context->'$.externalIds' ELSE '[]' END AS JSON[]),
                            lambda x: x->>'$.type' = 'loyalty_id')[1]->>'$.id') AS loyalty_id,
               context->>'$.device.id' AS device_id,
               p::VARCHAR AS properties, line::VARCHAR AS line, traits::VARCHAR AS traits, context::VARCHAR AS context
        FROM whole
    """
