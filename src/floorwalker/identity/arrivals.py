"""What has come and gone since the last run, and the records that it can concern first: those it shares a value with.

In: silver.normalised_records and silver.identity_records beside what the last run made its tables of, the hubs of the
last run, and identity_barred (see `statistics`). Out: temporary tables

    identity_changed(record_id)   records that came, went or say something else
    identity_seeds(record_id)     the same, and those whose evidence they change
    identity_closed(kind, code)   values that name nobody: those of the last run, and those that have become hubs

A value that named nobody before and names nobody now brings nobody together: who else holds it is not concerned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from floorwalker.identity import normalising, rules
from floorwalker.identity.guards import HUBS
from floorwalker.identity.records import COLUMNS

if TYPE_CHECKING:
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.settings import IdentitySettings

SHARE = 0.1
"""When more of all records than this have changed, all are resolved anew: that is as quick."""
TABLES = ("before", "changed", "seeds", "closed", "said", "news")
"""Temporary tables of this module, without their prefix."""
_SEEN = ("record_id", "source", "first_seen", "last_seen")
_WORDS = tuple(column for column in COLUMNS if column != "hashes")


def find(context: StepContext) -> bool:
    """Make identity_changed; False where nobody can tell, or it is too much."""
    connection = context.connection
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_before AS
        SELECT kind, ('0x' || code)::UBIGINT AS code, reason FROM {HUBS}_previous
    """)
    # What has been barred by a run that was never published concerns all who hold it.
    if connection.execute(
        "SELECT count(*) FROM identity_barred ANTI JOIN identity_before USING (kind, code)"
    ).fetchall() != [(0,)]:
        return False
    found = []
    for number, (table, columns) in enumerate(((normalising.NORMALISED, _WORDS), (normalising.RECORDS, _SEEN))):
        rows = context.changes(table, columns)
        if rows is None:
            return False
        rows.create_view(f"identity_changes_{number}", replace=True)
        found.append(f"SELECT record_id FROM identity_changes_{number}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_changed AS {' UNION '.join(found)}")
    ((changed, records),) = connection.execute(
        f"SELECT (SELECT count(*) FROM identity_changed), (SELECT count(*) FROM {normalising.PREVIOUS})"
    ).fetchall()
    return changed <= SHARE * records


def look_at(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """identity_said: what changed records say and said; identity_looked_at(record_id): who says any of it, too."""
    changed = "SEMI JOIN identity_changed USING (record_id)"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_said AS
        SELECT {", ".join(_WORDS)} FROM {normalising.NORMALISED} {changed}
        UNION ALL SELECT {", ".join(_WORDS)} FROM {normalising.PREVIOUS} {changed}
    """)
    keys = [*rules.KEYS.values(), *_words_alone(settings)]
    sharing(connection, keys, "identity_said")


def sharing(connection: duckdb.DuckDBPyConnection, keys: list[str], of: str) -> None:
    """identity_looked_at(record_id): the records of table `of`, and those with which they share a key (SQL)."""
    alike = " OR ".join(f"({key}) IN (SELECT {key} FROM {of} WHERE ({key}) IS NOT NULL)" for key in keys)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE identity_looked_at AS"
        f" SELECT record_id FROM {normalising.NORMALISED} WHERE record_id IN (SELECT record_id FROM {of}) OR {alike}"
    )


def make_seeds(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """identity_seeds and identity_closed; reads identity_people and identity_hubs of those that were looked at."""
    codes = " UNION ".join(
        f"SELECT '{kind}' AS kind, md5_number_lower('{kind}|' || {column}) AS code FROM identity_said"
        f" WHERE {column} IS NOT NULL"
        for kind, column in rules.KEYS.items()
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_news AS
        SELECT n.kind, n.code, h.reason AS closed,
               h.reason IS NOT NULL AND h.reason IS NOT DISTINCT FROM b.reason AS as_before
        FROM ({codes}) n
        LEFT JOIN identity_hubs h USING (kind, code)
        LEFT JOIN identity_before b ON b.kind = n.kind AND b.code = n.code
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_closed AS
        SELECT kind, code FROM identity_before ANTI JOIN identity_news USING (kind, code)
        UNION ALL SELECT kind, code FROM identity_news WHERE closed IS NOT NULL
    """)
    holders = [
        f"SELECT record_id FROM identity_people WHERE {kind}_code IN"
        f" (SELECT code FROM identity_news WHERE kind = '{kind}' AND NOT as_before)"
        for kind in rules.KEYS
    ]
    holders += [
        f"SELECT record_id FROM identity_people WHERE ({key}) IN"
        f" (SELECT {key} FROM identity_said WHERE ({key}) IS NOT NULL)"
        for key in _words_alone(settings)
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE identity_seeds AS FROM identity_changed UNION {' UNION '.join(holders)}"
    )


def _words_alone(settings: IdentitySettings) -> list[str]:
    """Keys of the rules in use that go by no identifier."""
    return [rule.key for rule in rules.chosen(settings) if rule.identifier_kind not in rules.KEYS]
