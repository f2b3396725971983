"""Normalising in a run: all records, or those that have come, gone or met another since the last.

In: silver.identity_records and, from the last run, silver.normalised_records. Out: silver.normalised_records, whole or
merged; the same either way.

A record's keys depend on its own words alone, but where it came hashed: then on whether any record says the same thing
in clear. So with the records that have changed go the hashed ones whose clear value has come or gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from floorwalker.identity.records import HASHABLE, OUTPUT, hash_code, normalise_records, own_token, schemes

if TYPE_CHECKING:
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.hashed import Scheme
    from floorwalker.identity.settings import IdentitySettings

RECORDS, NORMALISED = "silver.identity_records", "silver.normalised_records"
PREVIOUS = f"{NORMALISED}_previous"
SHARE = 0.3
"""When more of all records than this have changed, all are normalised: that is as quick."""
_READS = ("record_id", "source", "market", "country", *OUTPUT.values())
"""What of a record its keys depend on."""


def normalise(context: StepContext, settings: IdentitySettings) -> None:
    """Write silver.normalised_records."""
    connection = context.connection
    known = _find(context, settings)
    if known is None:
        context.write(NORMALISED, normalise_records(connection, settings))
    else:
        _make_rows(connection, settings, known, "identity_renewed")
        if _meet(connection, known):
            # What they say in clear is as it was: whoever is normalised already does not look at them again.
            _make_rows(connection, settings, known, "identity_met")
            connection.execute("INSERT INTO identity_renewed FROM identity_met")
        rows = connection.sql("FROM identity_rows ORDER BY record_id")
        context.merge(NORMALISED, ["record_id"], connection.sql("FROM identity_renewed"), rows)
        for table in ("renewed", "renewed_records", "met", "rows"):
            connection.execute(f"DROP TABLE IF EXISTS identity_{table}")
    connection.execute("DROP TABLE IF EXISTS identity_normalised")
    context.progress(1.0, "records normalised")


def _find(context: StepContext, settings: IdentitySettings) -> dict[str, list[Scheme]] | None:
    """identity_renewed(record_id): records that are not what they were. Returns the hash schemes of all records, per
    field; None when all records must be normalised."""
    # What a visitor allows is said in other records than the visit's.
    news = context.standing and not settings.fingerprint_purpose
    connection = context.connection
    rows = context.changes(RECORDS, _read(connection)) if news else None
    if rows is None:
        return None
    rows.create_view("identity_changes", replace=True)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE identity_renewed AS SELECT DISTINCT record_id FROM identity_changes"
    )
    ((renewed, records),) = connection.execute(
        f"SELECT (SELECT count(*) FROM identity_renewed), (SELECT count(*) FROM {PREVIOUS})"
    ).fetchall()
    if renewed > SHARE * records:
        return None
    known = {field: schemes(connection, field, RECORDS) for field in HASHABLE}
    before = f"(SELECT {', '.join(HASHABLE)} FROM {RECORDS} ANTI JOIN identity_renewed USING (record_id))"
    # Under a scheme that nobody used before, all clear values have to be hashed.
    if any(found and set(found) - set(schemes(connection, field, before)) for field, found in known.items()):
        return None
    return known


def _read(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns of records that are there: a table made by an older version has fewer."""
    columns = set(connection.table(RECORDS).columns)
    return [column for column in _READS if column in columns]


def _make_rows(
    connection: duckdb.DuckDBPyConnection, settings: IdentitySettings, known: dict[str, list[Scheme]], of: str
) -> None:
    """The normalised records of table `of` join identity_rows."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_renewed_records AS
        SELECT {", ".join(_read(connection))} FROM {RECORDS} SEMI JOIN {of} USING (record_id)
    """)
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS identity_rows AS FROM {PREVIOUS} WHERE FALSE")
    others = f"FROM {PREVIOUS} ANTI JOIN identity_renewed USING (record_id)"
    standing = {
        field: f"SELECT unnest(hashes), {key} FROM (({others}) UNION ALL BY NAME FROM identity_rows)"
        f" WHERE hashes IS NOT NULL AND {key} IS NOT NULL AND record_id NOT IN (FROM {of})"
        for key, field in OUTPUT.items()
        if known.get(field)
    }
    found = normalise_records(connection, settings, "identity_renewed_records", known, standing)
    found.create_view("identity_found", replace=True)
    connection.execute("INSERT INTO identity_rows BY NAME FROM identity_found")


def _meet(connection: duckdb.DuckDBPyConnection, known: dict[str, list[Scheme]]) -> bool:
    """identity_met(record_id): hashed records whose clear value may have come or gone with those in identity_renewed;
    are there any? Reads identity_rows."""
    hashing = [field for field, found in known.items() if found]
    if not hashing:
        return False
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_codes AS
        SELECT unnest(hashes) AS code FROM identity_rows
        UNION SELECT unnest(hashes) FROM {PREVIOUS} SEMI JOIN identity_renewed USING (record_id)
    """)
    found = " UNION ".join(
        f"SELECT record_id FROM {RECORDS} WHERE starts_with(lower(trim({field})), 'hash:')"
        f" AND {hash_code(field, own_token(field))} IN (FROM identity_codes)"
        for field in hashing
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_met AS ({found}) EXCEPT FROM identity_renewed")
    connection.execute("DROP TABLE identity_codes")
    return connection.execute("SELECT count(*) FROM identity_met").fetchall() != [(0,)]
