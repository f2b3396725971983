"""Households in a run: from the golden record and shared phones to household ids that last.

In: silver.golden_fields, silver.customer_identifiers, silver.customer_aliases, and the households last published
(silver.households_previous; empty on the first run). Out:

- silver.households          one row per customer who has an address or shares a phone: household_key, members
- silver.household_evidence  one row per customer and value that several share: whether it joins them, or why not

Customers are one household when their golden records have one family name at one address (house number and postcode),
or when they use one phone and their postcodes do not contradict it. A household keeps the id that most of its members
had (then the smaller id); a new id is a keyed hash of its smallest member. Nothing is random, and customers stay who
they are.

>>> household_step(HouseholdSettings()).writes
('silver.households', 'silver.household_evidence')
"""

from __future__ import annotations

import base64
import hmac

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from floorwalker.engines.steps import Step, StepContext
from floorwalker.identity.households import Shared, group, reasons
from floorwalker.identity.registry import keepers
from floorwalker.identity.settings import HouseholdSettings

VERSION = "1"
KINDS = ("address", "phone")
"""What joins persons, the surest first."""


def household_step(settings: HouseholdSettings) -> Step:
    """The step, for `settings`."""
    return Step(
        "identity.households",
        reads=(
            "silver.golden_fields",
            "silver.customer_identifiers",
            "silver.customer_aliases",
            "silver.households_previous",
        ),
        writes=("silver.households", "silver.household_evidence"),
        run=lambda context: _write(context, settings),
        version=VERSION,
        settings=msgspec.json.encode(settings).decode(),
        lineage=_lineage(),
    )


def _lineage() -> dict[str, dict[str, tuple[str, ...]]]:
    customer = ("silver.golden_fields.customer_id", "silver.customer_identifiers.customer_id")
    told = (
        *("silver.golden_fields.attribute", "silver.golden_fields.key"),
        *("silver.customer_identifiers.kind", "silver.customer_identifiers.key"),
    )
    found = (*customer, *told)
    return {
        "silver.households": {
            "customer_id": customer,
            "household_key": (*found, "silver.customer_aliases.alias_of"),
            "members": found,
        },
        "silver.household_evidence": {
            "customer_id": customer,
            "household_key": (*found, "silver.customer_aliases.alias_of"),
            "kind": (),
            **dict.fromkeys(("value_hash", "persons", "accepted", "reason"), told),
        },
    }


def new_household_id(secret: bytes, anchor: str, attempt: int = 0) -> str:
    """'h' and 26 characters of base 32 from a keyed hash of the anchor, a customer id.

    >>> new_household_id(b"key", "c1") == new_household_id(b"key", "c1") != new_household_id(b"key", "c1", 1)
    True
    """
    digest = hmac.digest(secret, f"household|{anchor}#{attempt}".encode(), "sha256")
    return "h" + base64.b32encode(digest[:20]).decode()[:26].lower()


def _write(context: StepContext, settings: HouseholdSettings) -> None:
    connection = context.connection
    _make_persons(connection, settings)
    _make_groups(connection, settings)
    _make_ids(connection, context.project.secret)
    context.progress(0.7, "households found")
    context.write(
        "silver.households",
        connection.sql("""
            SELECT p.customer_id, i.household_key, count(*) OVER (PARTITION BY i.household_key) AS members
            FROM household_persons p JOIN household_labels l USING (person) JOIN household_ids i USING (label)
            ORDER BY p.customer_id
        """),
    )
    # The value itself is personal, and a plain hash of it could be guessed: keyed, twice, as HMAC is.
    key = hmac.digest(context.project.secret, b"household values", "sha256").hex()
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE household_told AS
        SELECT s.customer_id, i.household_key, s.kind, sha256(? || sha256(? || s.kind || '|' || s.value)) AS value_hash,
               s.persons, coalesce(s.blocked, v.reason, '') = '' AS accepted,
               nullif(coalesce(s.blocked, v.reason), '') AS reason
        FROM household_shared s
        LEFT JOIN household_verdicts v ON v.number = s.number
        LEFT JOIN household_persons p ON p.customer_id = s.customer_id
        LEFT JOIN household_labels l ON l.person = p.person
        LEFT JOIN household_ids i ON i.label = l.label
        """,
        [key, key],
    )
    context.write(
        "silver.household_evidence", connection.sql("FROM household_told ORDER BY customer_id, kind, value_hash")
    )
    for table in ("homes", "shared", "persons", "labels", "verdicts", "ids", "told"):
        connection.execute(f"DROP TABLE IF EXISTS household_{table}")
    context.progress(1.0, "households written")


def _make_persons(connection: duckdb.DuckDBPyConnection, settings: HouseholdSettings) -> None:
    """household_shared: (customer_id, kind, value, persons, blocked, number), a row per customer and shared value;
    household_persons: customers numbered by id, those with an address or a value that may join them."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE household_homes AS
        SELECT customer_id, max(key) FILTER (attribute = 'family_name') AS family,
               max(key) FILTER (attribute = 'address') AS address, max(key) FILTER (attribute = 'postcode') AS postcode
        FROM silver.golden_fields WHERE attribute IN ('family_name', 'address', 'postcode') GROUP BY customer_id
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE household_shared AS
        WITH phones AS (
            SELECT i.customer_id, i.key, h.postcode, count(*) OVER (PARTITION BY i.key) AS users
            FROM silver.customer_identifiers i LEFT JOIN household_homes h USING (customer_id) WHERE i.kind = 'phone'
        ), placed AS (
            SELECT p.*, s.places FROM phones p
            JOIN (SELECT key, count(DISTINCT postcode) AS places FROM phones WHERE users > 1 GROUP BY key) s USING (key)
        ), said AS (
            SELECT customer_id, 'address' AS kind, family || '|' || address || '|' || postcode AS value,
                   NULL AS blocked
            FROM household_homes WHERE family IS NOT NULL AND address IS NOT NULL AND postcode IS NOT NULL
            UNION ALL
            -- One phone in several places: those of one place are together, and of the others nobody knows.
            SELECT customer_id, 'phone', key || CASE WHEN places > 1 THEN '|' || coalesce(postcode, '') ELSE '' END,
                   CASE WHEN users > {settings.size} THEN '{reasons(settings.size)[1]}'
                        WHEN places > 1 AND postcode IS NULL THEN 'persons at different postcodes' END
            FROM placed
        ), counted AS (
            SELECT *, count(*) OVER (PARTITION BY kind, value) AS persons FROM said
        )
        SELECT customer_id, kind, value, persons,
               coalesce(blocked, CASE WHEN persons = 1 THEN 'persons at different postcodes' END) AS blocked,
               CASE WHEN blocked IS NULL AND persons > 1
                    THEN dense_rank() OVER (ORDER BY kind, value)::INTEGER END AS number
        FROM counted WHERE persons > 1 OR kind = 'phone'
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE household_persons AS
        SELECT customer_id, row_number() OVER (ORDER BY customer_id)::INTEGER - 1 AS person FROM (
            SELECT customer_id FROM household_homes WHERE address IS NOT NULL AND postcode IS NOT NULL
            UNION SELECT customer_id FROM household_shared WHERE number IS NOT NULL
        )
    """)


def _make_groups(connection: duckdb.DuckDBPyConnection, settings: HouseholdSettings) -> None:
    """household_labels(person, label) and household_verdicts(number, reason)."""
    rows = connection.execute("""
        SELECT p.person, s.number, s.kind FROM household_shared s JOIN household_persons p USING (customer_id)
        WHERE s.number IS NOT NULL ORDER BY s.number, p.person
    """).fetchnumpy()
    numbers, first, value = np.unique(np.asarray(rows["number"], np.int64), return_index=True, return_inverse=True)
    kinds = np.asarray([KINDS.index(kind) for kind in np.asarray(rows["kind"])[first]], dtype=np.int8)
    shared = Shared(np.asarray(rows["person"], np.int32), value.astype(np.int32), kinds)
    ((persons,),) = connection.execute("SELECT count(*) FROM household_persons").fetchall()
    labels, refused = group(persons, shared, settings.size)
    words = np.array(reasons(settings.size))
    _register(connection, "household_labels", {"person": np.arange(persons, dtype=np.int32), "label": labels})
    _register(connection, "household_verdicts", {"number": numbers, "reason": pa.array(words[refused].tolist())})
    # A phone that was refused gives no household to somebody of whom no address is known.
    connection.execute("""
        DELETE FROM household_persons p WHERE NOT EXISTS (
            SELECT 1 FROM household_homes h
            WHERE h.customer_id = p.customer_id AND h.address IS NOT NULL AND h.postcode IS NOT NULL
        ) AND NOT EXISTS (
            SELECT 1 FROM household_shared s JOIN household_verdicts v USING (number)
            WHERE s.customer_id = p.customer_id AND v.reason = ''
        )
    """)


def _make_ids(connection: duckdb.DuckDBPyConnection, secret: bytes) -> None:
    """household_ids(label, household_key): the last run's where there is one, one household to an id."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE household_overlap AS
        WITH pairs AS (
            SELECT l.label, old.household_key AS old_id, count(DISTINCT p.customer_id) AS persons
            FROM silver.households_previous old
            LEFT JOIN silver.customer_aliases a ON a.customer_id = old.customer_id
            JOIN household_persons p ON p.customer_id = coalesce(a.alias_of, old.customer_id)
            JOIN household_labels l ON l.person = p.person
            WHERE old.household_key LIKE 'h%'
            GROUP BY l.label, old.household_key
        )
        SELECT label, old_id, persons, count(*) OVER (PARTITION BY label) AS ids,
               count(*) OVER (PARTITION BY old_id) AS labels
        FROM pairs
    """)
    contested = connection.execute("""
        SELECT label, old_id FROM household_overlap WHERE ids > 1 OR labels > 1 ORDER BY persons DESC, old_id, label
    """).fetchall()
    kept = keepers(contested)
    _register(
        connection,
        "household_kept",
        {"label": pa.array(list(kept), pa.int32()), "household_key": pa.array(list(kept.values()), pa.string())},
    )
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE household_ids AS
        SELECT label, old_id AS household_key FROM household_overlap WHERE ids = 1 AND labels = 1
        UNION ALL SELECT label, household_key FROM household_kept
    """)
    used = {row[0] for row in connection.execute("SELECT household_key FROM silver.households_previous").fetchall()}
    waiting = connection.execute("""
        SELECT l.label, min(p.customer_id) AS anchor FROM household_labels l JOIN household_persons p USING (person)
        WHERE l.label NOT IN (SELECT label FROM household_ids) GROUP BY l.label ORDER BY l.label
    """).fetchall()
    new: list[str] = []
    for _, anchor in waiting:
        attempt = 0
        # The smallest member may have moved out of a household that keeps the id it was given.
        while (found := new_household_id(secret, anchor, attempt)) in used:
            attempt += 1
        used.add(found)
        new.append(found)
    _register(
        connection,
        "household_new",
        {"label": pa.array([label for label, _ in waiting], pa.int32()), "household_key": pa.array(new, pa.string())},
    )
    connection.execute("INSERT INTO household_ids SELECT label, household_key FROM household_new")
    for table in ("overlap", "kept", "new"):
        connection.execute(f"DROP TABLE household_{table}")


def _register(connection: duckdb.DuckDBPyConnection, table: str, columns: dict) -> None:
    arrow = pa.table(columns)
    connection.register("household_batch", arrow)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM household_batch")
    connection.unregister("household_batch")
