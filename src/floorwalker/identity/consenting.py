"""Fingerprints only of visitors who allow it.

In: `identity_normalised` (keys of records), silver.consents, a purpose. Out: `identity_normalised` without the
fingerprints of everybody else, before anything looks at them.

A fingerprint is made without the visitor's doing, so silence is a no, whatever `[absent]` in policies/consent.toml says
of the purpose. A record is its visitor's as far as its own identifiers go: its fingerprint counts if a consent given
under one of them (the same cookie, device, address …) grants the purpose, and none given under any of them refuses it,
nor anything that stops it (`governance.consent.refusals`). What a consent says is its record's latest word, so a
withdrawal takes the fingerprint away with the next run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floorwalker.governance.consent import refusals

if TYPE_CHECKING:
    import duckdb

_UNDER = ("fingerprint_key", "cookie_key", "device_key", "account_key", "loyalty_key", "ref_key", "email_key")
"""Keys under which a consent may be given. A phone is a household's: its word is not the visitor's."""

TABLE = "silver.consents"


def keep_allowed(connection: duckdb.DuckDBPyConnection, purpose: str) -> None:
    """Set fingerprint_key of identity_normalised to NULL where its visitor has not allowed `purpose`."""
    pairs = " UNION ALL ".join(
        f"SELECT record_id, '{key}|' || {key} AS said_under FROM identity_normalised WHERE {key} IS NOT NULL"
        for key in _UNDER
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE identity_allowed AS
        WITH under AS ({pairs}),
        said AS (
            SELECT u.said_under,
                   bool_or(c.status = 'granted' AND c.purpose = $purpose) AS grants,
                   bool_or(c.status IS DISTINCT FROM 'granted') AS refuses
            FROM {TABLE} c JOIN under u USING (record_id)
            WHERE c.purpose IN (SELECT unnest($stopping::VARCHAR[])) GROUP BY u.said_under
        )
        SELECT record_id FROM under JOIN said USING (said_under)
        GROUP BY record_id HAVING bool_or(grants) AND NOT bool_or(refuses)
        """,
        {"purpose": purpose, "stopping": list(refusals(purpose))},
    )
    connection.execute("""
        UPDATE identity_normalised SET fingerprint_key = NULL
        WHERE fingerprint_key IS NOT NULL AND record_id NOT IN (FROM identity_allowed)
    """)
    connection.execute("DROP TABLE identity_allowed")
