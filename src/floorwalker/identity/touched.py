"""What a run can change: the records that any evidence connects with what has changed, and no others.

In: what has come and gone since the last run (`arrivals`), what stands of people's decisions, and the tables of the
last run. Out: identity_touched (record_id), and a view of the records in which the rules find everything they need to
know about these.

A component never sees another, so resolving the touched components alone gives what resolving everything would. Whether
a value is a hub is a matter of all who hold it: so the holders of every value that a touched record has are looked at
too, and left out again before anything is resolved.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from floorwalker.identity import anonymous, arrivals, calibration, manual, rescoring, resolver, rules
from floorwalker.identity.arrivals import sharing
from floorwalker.identity.decisions import ANCHORS
from floorwalker.identity.partition import below_level

if TYPE_CHECKING:
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.matching.model import Model
    from floorwalker.identity.settings import IdentitySettings
    from floorwalker.identity.standing import Standing

SHARE = 0.3
"""When more of all records than this are touched, all are resolved anew: that is as quick."""
EVIDENCE = "silver.identity_evidence_previous"
TABLES = (
    "touched", "touched_customers", "edges", "frontier", "looked_at", *arrivals.TABLES, *rescoring.TABLES,
)  # fmt: skip
"""Temporary tables of this module and those it stands on, without their prefix."""


def find(context: StepContext, decided: Sequence[Standing], settings: IdentitySettings) -> tuple[Model | None] | None:
    """Make identity_claims, identity_touched (record_id) and identity_touched_customers (customer_id, of the last run);
    the model by which pairs are weighed (or that there is none). None when all must be resolved."""
    if not context.standing or not arrivals.find(context):
        return None
    connection = context.connection
    _make_seeds(connection, settings)
    weighed = rescoring.rescore(context, settings)
    if weighed is None or not calibration.stands(context.project.state, weighed[0], _known(connection), settings):
        return None
    _make_claims(connection, decided, settings)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_touched AS
        WITH now AS (
            SELECT d.decision_id, c.record_id FROM identity_claims c JOIN identity_decisions d USING (decision)
        ), before AS (
            SELECT rule_version AS decision_id, record_id FROM {EVIDENCE} WHERE rule = '{manual.RULE}'
            UNION SELECT rule_version, identifier_key FROM {EVIDENCE} WHERE rule = '{manual.RULE}'
        ), other AS (
            SELECT decision_id FROM (FROM now EXCEPT FROM before)
            UNION SELECT decision_id FROM (FROM before EXCEPT FROM now)
        )
        SELECT record_id FROM (FROM now UNION FROM before) SEMI JOIN other USING (decision_id)
        UNION FROM identity_seeds
        UNION SELECT record_a FROM identity_new_pairs UNION SELECT record_b FROM identity_new_pairs
    """)
    _spread(connection, settings)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_touched_customers AS
        WITH had AS (
            SELECT DISTINCT customer_id FROM silver.customer_map_previous SEMI JOIN identity_touched USING (record_id)
        )
        FROM had UNION SELECT customer_id FROM silver.customer_aliases_previous WHERE alias_of IN (FROM had)
    """)
    ((touched, all_records),) = connection.execute(
        "SELECT (SELECT count(*) FROM identity_touched), (SELECT count(*) FROM silver.customer_map_previous)"
    ).fetchall()
    return weighed if touched <= SHARE * all_records else None


def _make_seeds(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    arrivals.look_at(connection, settings)
    with narrowed(connection, "identity_looked_at"):
        rules.make_people(connection)
        rules.make_hubs(connection, settings)
    arrivals.make_seeds(connection, settings)


def _known(connection: duckdb.DuckDBPyConnection) -> int:
    """Records that name anybody."""
    return connection.execute(f"SELECT count(*) FROM silver.normalised_records WHERE {rules.KNOWN}").fetchall()[0][0]


def others(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Records and customers of the last run that are not touched."""
    ((records, customers),) = connection.execute("""
        SELECT count(*), count(DISTINCT customer_id) FROM silver.customer_map_previous
        WHERE record_id NOT IN (FROM identity_touched)
    """).fetchall()
    return records, customers


def add_customers(connection: duckdb.DuckDBPyConnection) -> None:
    """The customers of this run join identity_touched_customers."""
    connection.execute("""
        INSERT INTO identity_touched_customers
        SELECT customer_id FROM (SELECT customer_id FROM identity_map UNION SELECT customer_id FROM identity_aliases)
        WHERE customer_id NOT IN (FROM identity_touched_customers)
    """)


@contextmanager
def narrowed(connection: duckdb.DuckDBPyConnection, records: str) -> Generator[None]:
    """In the block, the tables of records hold those of table `records` (record_id) only."""
    ((home,),) = connection.execute("SELECT current_database()").fetchall()
    connection.execute("ATTACH ':memory:' AS narrow; CREATE SCHEMA narrow.silver")
    for table, columns in (
        ("normalised_records", "*"),
        ("identity_records", "record_id, source, first_seen, last_seen"),
    ):
        connection.execute(
            f"CREATE TABLE narrow.silver.{table} AS SELECT {columns} FROM {home}.silver.{table}"
            f" SEMI JOIN {records} USING (record_id)"
        )
    connection.execute("USE narrow")
    try:
        yield
    finally:
        connection.execute(f"USE {home}; DETACH narrow")


def look_at(connection: duckdb.DuckDBPyConnection) -> None:
    """identity_looked_at(record_id): the touched records, and all who share a value with one of them."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE identity_said AS"
        " FROM silver.normalised_records SEMI JOIN identity_touched USING (record_id)"
    )
    sharing(connection, [*rules.KEYS.values(), rules.FINGERPRINT], "identity_said")


def keep(connection: duckdb.DuckDBPyConnection) -> None:
    """Leave the touched records in identity_people, numbered anew in the same order, and their evidence."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_edges AS
        SELECT rid AS old, row_number() OVER (ORDER BY rid)::INTEGER - 1 AS rid
        FROM identity_people SEMI JOIN identity_touched USING (record_id)
    """)
    for table, order in (("people", "rid"), ("pieces", "rule, node, rid")):
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE identity_{table} AS
            SELECT t.* REPLACE (e.rid AS rid) FROM identity_{table} t JOIN identity_edges e ON e.old = t.rid
            ORDER BY {order}
        """)


def _make_claims(
    connection: duckdb.DuckDBPyConnection, decided: Sequence[Standing], settings: IdentitySettings
) -> None:
    """identity_claims, from the records that decisions name and those that share a key with them."""
    manual.stage_members(connection, decided)
    if decided:
        sharing(connection, [*ANCHORS], "identity_members")
        with narrowed(connection, "identity_looked_at"):
            rules.make_people(connection)
            rules.make_hubs(connection, settings)
    manual.make_claims(connection, decided)


def _spread(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """Let identity_touched grow along all evidence that no hub blocks, accepted or not, until nothing is added."""
    said = sorted({*resolver.reasons(settings), *anonymous.reasons(settings), below_level(settings.level)} - {""})
    pair = "hash(rule, record_id, identifier_key)"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE identity_edges AS
        WITH pieces AS (FROM {EVIDENCE} WHERE reason IS NULL OR reason IN (SELECT unnest(?::VARCHAR[])))
        SELECT record_id, CASE identifier_kind WHEN 'record' THEN {pair} ELSE hash(rule, identifier_key) END AS node
        FROM pieces
        UNION ALL SELECT identifier_key, {pair} FROM pieces WHERE identifier_kind = 'record'
        """,
        [said],
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE identity_frontier AS FROM identity_touched")
    while connection.execute("SELECT count(*) FROM identity_frontier").fetchall() != [(0,)]:
        connection.execute("""
            CREATE OR REPLACE TEMP TABLE identity_frontier AS
            SELECT DISTINCT e.record_id
            FROM identity_edges e
            SEMI JOIN (FROM identity_edges SEMI JOIN identity_frontier USING (record_id)) USING (node)
            ANTI JOIN identity_touched t ON t.record_id = e.record_id
        """)
        connection.execute("INSERT INTO identity_touched FROM identity_frontier")
