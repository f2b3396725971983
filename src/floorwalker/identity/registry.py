"""Customer ids that last: from a partition to ids, given the last run's.

In: `identity_partition(rid, label)` beside `identity_people`, and the last run's map, aliases and history. Out:
`identity_map(record_id, customer_id)`, `identity_aliases(customer_id, alias_of, since_run, since)` and a `Churn`.

A customer keeps the id that most of its records had (then the id seen earliest, then the smaller); where it splits, no
anonymous visit carries its id off from a record that names somebody. Of several ids that
merge, the losers become aliases; of a split, the part with most records keeps the id. Where a customer splits into
which others had been merged, each part goes back to the id that most of its records had before that, so that a merge
undone gives the ids of before. Nothing is random: a new id is a keyed hash of the customer's smallest record, and an
alias whose customer is split off again gets its own id back.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

_ID_LENGTH = 26


@dataclass(frozen=True)
class Churn:
    """How ids moved since the last run. `stability`: share of the records of both runs that kept their customer_id."""

    kept: int
    created: int
    merged: int
    split: int
    revived: int
    stability: float


def new_id(secret: bytes, anchor: str, attempt: int = 0) -> str:
    """'c' and 26 characters of base 32 (130 bits) from a keyed hash of the anchor record.

    >>> new_id(b"key", "a" * 32) == new_id(b"key", "a" * 32) != new_id(b"key", "a" * 32, 1)
    True
    """
    text = anchor if not attempt else f"{anchor}#{attempt}"
    digest = hmac.digest(secret, text.encode(), "sha256")
    return "c" + base64.b32encode(digest[:20]).decode()[:_ID_LENGTH].lower()


def customer_of(connection: duckdb.DuckDBPyConnection, customer_id: str) -> str:
    """The customer an id stands for today: itself, or what it was merged into (silver.customer_aliases)."""
    row = connection.execute(
        "SELECT alias_of FROM silver.customer_aliases WHERE customer_id = ?", [customer_id]
    ).fetchone()
    return row[0] if row else customer_id


def keepers(overlaps: Iterable[tuple[int, str]]) -> dict[int, str]:
    """label -> old id, one to one, from (label, old id) pairs in order of preference.

    >>> keepers([(1, "ca"), (2, "ca"), (1, "cb"), (2, "cb")])
    {1: 'ca', 2: 'cb'}
    """
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for label, old in overlaps:
        if label not in chosen and old not in taken:
            chosen[label] = old
            taken.add(old)
    return chosen


def assign_ids(
    connection: duckdb.DuckDBPyConnection,
    secret: bytes,
    run_id: str,
    as_of: dt.date,
    others: tuple[int, int] = (0, 0),
) -> Churn:
    """Make identity_map and identity_aliases; reads silver.customer_map_previous, silver.customer_aliases_previous and
    silver.customer_map_history_previous. `others`: records and customers that are not looked at, because nothing about
    them has changed."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_overlap AS
        WITH pairs AS (
            SELECT p.label, old.customer_id AS old_id, count(*) AS records, min(s.first_seen) AS first_seen,
                   bool_or(s.known) AS known
            FROM identity_partition p
            JOIN identity_people s ON s.rid = p.rid
            JOIN silver.customer_map_previous old ON old.record_id = s.record_id
            GROUP BY p.label, old.customer_id
        )
        SELECT label, old_id, records, known, min(first_seen) OVER (PARTITION BY old_id) AS id_seen,
               count(*) OVER (PARTITION BY label) AS ids, count(*) OVER (PARTITION BY old_id) AS labels
        FROM pairs
    """)
    _count_founders(connection)
    contested = connection.execute("""
        WITH offers AS (
            SELECT label, old_id, FALSE AS former, known, records, id_seen,
                   CASE WHEN old_id IN (SELECT alias_of FROM identity_merged) THEN coalesce(founders, 0)
                        ELSE records END AS founders
            FROM identity_overlap
            LEFT JOIN (SELECT label, old_id, founders FROM identity_founders WHERE NOT former) USING (label, old_id)
            WHERE ids > 1 OR labels > 1
            UNION ALL
            SELECT label, old_id, TRUE, known, founders, NULL, founders FROM identity_founders WHERE former
        )
        SELECT label, old_id, former FROM offers
        ORDER BY known DESC, founders DESC,
                 founders / nullif(sum(founders) OVER (PARTITION BY old_id), 0) DESC NULLS LAST,
                 records DESC, former, id_seen NULLS LAST, old_id, label
    """).fetchall()
    aliases = {old_id for _, old_id, former in contested if former}
    contested = [(label, old_id) for label, old_id, _ in contested]
    kept = keepers(contested)
    _register(connection, "identity_kept", {"label": list(kept), "old_id": list(kept.values())})
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_ids AS
        SELECT label, old_id AS customer_id FROM identity_overlap WHERE ids = 1 AND labels = 1
        UNION ALL SELECT label, old_id FROM identity_kept
    """)
    created, revived = _create(connection, secret)
    revived += len(aliases & set(kept.values()))
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_map AS
        SELECT s.record_id, i.customer_id
        FROM identity_partition p JOIN identity_people s USING (rid) JOIN identity_ids i USING (label)
    """)
    merged = _make_aliases(connection, run_id, as_of)
    kept_count, split, same, both = connection.execute("""
        SELECT (SELECT count(DISTINCT customer_id) FROM identity_ids
                SEMI JOIN identity_overlap o ON o.old_id = customer_id),
               (SELECT count(DISTINCT old_id) FROM identity_overlap WHERE labels > 1),
               count(*) FILTER (m.customer_id = old.customer_id), count(*)
        FROM identity_map m JOIN silver.customer_map_previous old USING (record_id)
    """).fetchone() or (0, 0, 0, 0)
    for table in ("identity_overlap", "identity_kept", "identity_ids", "identity_merged", "identity_founders"):
        connection.execute(f"DROP TABLE {table}")
    records, customers = others
    stability = (same + records) / (both + records) if both + records else 1.0
    return Churn(kept_count + customers, created, merged, split, revived, stability)


def _count_founders(connection: duckdb.DuckDBPyConnection) -> None:
    """identity_merged(customer_id, alias_of, first_merge): aliases of customers that split now.
    identity_founders(label, old_id, founders, former, known): how many records of each part had which id before, and
    whether one names somebody; `former` ids are aliases today.

    A record that came after the merges is no founder: it must not carry off an id."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_merged AS
        SELECT customer_id, alias_of, min((since, since_run)) OVER (PARTITION BY alias_of) AS first_merge
        FROM silver.customer_aliases_previous
        WHERE alias_of IN (SELECT old_id FROM identity_overlap WHERE labels > 1)
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_founders AS
        WITH today AS (
            SELECT p.label, s.record_id, s.known, h.customer_id, (h.since, h.since_run) AS since
            FROM identity_partition p JOIN identity_people s USING (rid)
            JOIN silver.customer_map_history_previous h ON h.record_id = s.record_id AND h.until_run IS NULL
            WHERE h.customer_id IN (SELECT alias_of FROM identity_merged)
        ), before AS (
            SELECT DISTINCT t.label, t.record_id, t.known, m.customer_id AS old_id
            FROM today t JOIN identity_merged m ON m.alias_of = t.customer_id
            JOIN silver.customer_map_history_previous h ON h.record_id = t.record_id AND h.customer_id = m.customer_id
        )
        SELECT label, old_id, count(*) AS founders, TRUE AS former, bool_or(known) AS known
        FROM before GROUP BY label, old_id
        UNION ALL
        SELECT t.label, t.customer_id, count(DISTINCT t.record_id), FALSE, bool_or(t.known)
        FROM today t JOIN identity_merged m ON m.alias_of = t.customer_id AND t.since < m.first_merge
        WHERE t.record_id NOT IN (SELECT record_id FROM before) GROUP BY t.label, t.customer_id
    """)


def _register(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, list]) -> None:
    """A temporary table of integers ('label', 'attempt') and text."""
    types = {"label": pa.int32(), "attempt": pa.int32()}
    arrow = pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()})
    connection.register("identity_batch", arrow)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM identity_batch")
    connection.unregister("identity_batch")


def _create(connection: duckdb.DuckDBPyConnection, secret: bytes) -> tuple[int, int]:
    """Ids for the labels that kept none: (created, revived). An id in use moves the hash on by one."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_used AS
        SELECT DISTINCT customer_id FROM silver.customer_map_previous
    """)
    waiting = connection.sql("""
        SELECT p.label, s.record_id AS anchor FROM (SELECT DISTINCT label FROM identity_partition) p
        JOIN identity_people s ON s.rid = p.label
        WHERE p.label NOT IN (SELECT label FROM identity_ids) ORDER BY p.label
    """).to_arrow_table()
    labels, anchors = waiting["label"].to_pylist(), waiting["anchor"].to_pylist()
    total, revived, attempt = len(labels), 0, 0
    while labels:
        _register(
            connection,
            "identity_offer",
            {
                "label": labels,
                "anchor": anchors,
                "customer_id": [new_id(secret, anchor, attempt) for anchor in anchors],
            },
        )
        # An alias may be given back, but only under its first hash: that one is its own record's.
        aliases = "SELECT customer_id FROM silver.customer_aliases_previous"
        used = "SELECT customer_id FROM identity_used" + (f" UNION ALL {aliases}" if attempt else "")
        connection.execute(f"""
            INSERT INTO identity_ids
            SELECT label, customer_id FROM identity_offer WHERE customer_id NOT IN ({used}) ORDER BY label
        """)
        if not attempt:
            ((revived,),) = connection.execute(f"""
                SELECT count(*) FROM identity_offer
                WHERE customer_id IN ({aliases}) AND customer_id NOT IN (SELECT customer_id FROM identity_used)
            """).fetchall()
        left = connection.execute(f"""
            SELECT label, anchor FROM identity_offer WHERE customer_id IN ({used}) ORDER BY label
        """).fetchall()
        connection.execute("INSERT INTO identity_used SELECT customer_id FROM identity_offer")
        labels, anchors = [row[0] for row in left], [row[1] for row in left]
        attempt += 1
    connection.execute("DROP TABLE IF EXISTS identity_offer")
    connection.execute("DROP TABLE identity_used")
    return total - revived, revived


def _make_aliases(connection: duckdb.DuckDBPyConnection, run_id: str, as_of: dt.date) -> int:
    """identity_aliases: this run's losers, and older aliases pointed at today's customer; returns the losers."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_losers AS
        SELECT o.old_id AS customer_id, i.customer_id AS alias_of
        FROM (SELECT *, row_number() OVER (PARTITION BY old_id ORDER BY records DESC, label) AS place
              FROM identity_overlap) o
        JOIN identity_ids i USING (label)
        WHERE o.place = 1 AND o.old_id NOT IN (SELECT customer_id FROM identity_ids)
    """)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE identity_aliases AS
        SELECT customer_id, alias_of, ?::VARCHAR AS since_run, ?::DATE AS since FROM identity_losers
        UNION ALL
        SELECT a.customer_id, coalesce(l.alias_of, a.alias_of),
               CASE WHEN l.alias_of IS NULL THEN a.since_run ELSE ?::VARCHAR END,
               CASE WHEN l.alias_of IS NULL THEN a.since ELSE ?::DATE END
        FROM silver.customer_aliases_previous a
        LEFT JOIN identity_losers l ON l.customer_id = a.alias_of
        WHERE a.customer_id NOT IN (SELECT customer_id FROM identity_ids)
          AND a.customer_id NOT IN (SELECT customer_id FROM identity_losers)
          AND coalesce(l.alias_of, a.alias_of) IN (SELECT customer_id FROM identity_ids)
        """,
        [run_id, as_of, run_id, as_of],
    )
    merged = connection.execute("SELECT count(*) FROM identity_losers").fetchone()
    connection.execute("DROP TABLE identity_losers")
    return merged[0] if merged else 0
