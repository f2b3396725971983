"""The figures of a run: silver.identity_summary(name, value), what the console shows and the guards watch.

In: the temporary tables of a run, how ids moved; where not all records were looked at, the tables as merged. Out: a
relation.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.identity import guards, manual, registry, rules, statistics
from floorwalker.identity.settings import IdentitySettings

_LARGEST = 1000
"""Customers of whom it is counted first what they say: no customer with fewer records can say more."""


def stage(connection: duckdb.DuckDBPyConnection, table: str, columns: pa.Table | dict[str, NDArray | pa.Array]) -> None:
    """A temporary table of these columns."""
    arrow = columns if isinstance(columns, pa.Table) else pa.table(columns)
    connection.register("identity_batch", arrow)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM identity_batch")
    connection.unregister("identity_batch")


def make(
    connection: duckdb.DuckDBPyConnection, churn: registry.Churn, settings: IdentitySettings, partial: bool
) -> duckdb.DuckDBPyRelation:
    """The figures. `partial`: not all records were looked at."""
    registered = {
        "ids.kept": churn.kept,
        "ids.created": churn.created,
        "ids.merged": churn.merged,
        "ids.split": churn.split,
        "ids.revived": churn.revived,
        "ids.stability": churn.stability,
    }
    stage(
        connection,
        "identity_churn",
        {"name": pa.array(list(registered)), "value": pa.array(list(registered.values()), pa.float64())},
    )
    customers, evidence, people = "identity_map", "identity_evidence", "identity_people"
    known, words = "known", "words"
    hubs = "identity_hubs"
    if partial:
        customers, evidence = "silver.customer_map", "silver.identity_evidence"
        people, known, words = "silver.normalised_records", rules.KNOWN, rules.WORDS
        hubs = guards.HUBS
    _count_sizes(connection, customers, people, known, words, settings)
    return connection.sql(f"""
        SELECT name, value::DOUBLE AS value FROM (
            SELECT 'records' AS name, count(*) AS value FROM {people}
            UNION ALL SELECT 'records.anonymous', count(*) FILTER (NOT ({known})) FROM {people}
            UNION ALL SELECT 'records.without_identifier', count(*) FROM {people}
                WHERE coalesce({", ".join(rules.KEYS.values())}) IS NULL
            UNION ALL SELECT CASE WHEN starts_with(reason, '{statistics.QUARANTINED}') THEN 'quarantined.'
                                  ELSE 'hubs.' END || kind, count(*) FROM {hubs} GROUP BY ALL
            UNION ALL SELECT 'customers', count(*) FROM identity_sizes
            UNION ALL SELECT 'customers.one_record', count(*) FILTER (records = 1) FROM identity_sizes
            UNION ALL SELECT 'largest_customer', coalesce(max(records), 0) FROM identity_sizes
            UNION ALL SELECT 'largest_customer.word_sets', coalesce(max(word_sets), 0) FROM identity_heavy
            UNION ALL SELECT 'customers.at_record_limit',
                count(*) FILTER (word_sets >= {settings.cluster_records}) FROM identity_heavy
            UNION ALL SELECT 'accepted.' || rule, count(*) FROM {evidence}
                WHERE accepted AND kind <> '{manual.CUT}' GROUP BY rule
            UNION ALL SELECT 'refused.' || reason, count(*) FROM {evidence} WHERE NOT accepted GROUP BY reason
            UNION ALL SELECT 'decisions.' || CASE kind WHEN '{manual.CUT}' THEN 'cut' ELSE 'link' END,
                count(DISTINCT rule_version) FROM {evidence} WHERE rule = '{manual.RULE}' GROUP BY kind
            UNION ALL SELECT name, value FROM identity_churn
        ) ORDER BY name
    """)


def _count_sizes(
    connection: duckdb.DuckDBPyConnection,
    customers: str,
    people: str,
    known: str,
    words: str,
    settings: IdentitySettings,
) -> None:
    """identity_sizes(customer_id, records), and identity_heavy(customer_id, word_sets): how many different sets of
    words the customers have who may have the most, or more than a customer should."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_sizes AS
        SELECT customer_id, count(*) AS records FROM {customers} GROUP BY customer_id
    """)
    heavy = f"""
        CREATE OR REPLACE TEMP TABLE identity_heavy AS
        SELECT customer_id, count(DISTINCT {words}) AS word_sets
        FROM (SELECT m.* FROM {customers} m SEMI JOIN ({{largest}}) USING (customer_id)) m
        JOIN {people} p USING (record_id) WHERE {known} GROUP BY customer_id
    """
    largest = f"SELECT customer_id, records FROM identity_sizes ORDER BY records DESC LIMIT {_LARGEST}"
    connection.execute(heavy.format(largest=largest))
    ((most, seen),) = connection.execute(
        "SELECT (SELECT coalesce(max(word_sets), 0) FROM identity_heavy),"
        f" (SELECT coalesce(min(records), 0) FROM ({largest}))"
    ).fetchall()
    # Whoever was not looked at has no more records than any of these.
    if (least := min(most, settings.cluster_records)) <= seen:
        connection.execute(heavy.format(largest=f"SELECT customer_id FROM identity_sizes WHERE records >= {least}"))
