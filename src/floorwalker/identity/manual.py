"""People's decisions in resolution: which records of today they speak of, as evidence and as cuts.

In: what stands (`decisions.active`) beside identity_people, identity_hubs and identity_pieces. Out: evidence of tier -1
in identity_pieces, `resolver.Cuts`, and rows of silver.identity_evidence.

    make_claims(connection, decided)     which records each decision speaks of
    place_claims(connection)             the same as rows of identity_people, and the links as pairs
    add_pieces(connection); cuts(connection); … resolve …; add_evidence(connection)

A record_id is a hash of a row's words, so a row told in other words is another record; the former one stays in the
lake. What a decision then means for the new one:

- A cut holds for it too, if it carries a number by which its source tells people apart (customer_ref, account_id) and
  which, when it was decided, only the records of one side had: a corrected row must not join the person it was cut
  from because its other words changed. It does not hold where a person has linked that very record.
- A link does not: evidence brings the new record to its old self, if the guards let it. A person has not seen these
  words, and what they say may be somebody else.
- Where a named record is gone altogether (bronze was loaded anew under another mapping), those that have its surest
  key take its place: customer_ref, account_id, loyalty_id, email, phone, the first of them that only its side has.

A value seen with too many people (a hub) stands for nobody. A decision rests while its records are gone and have left
no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from floorwalker.identity.decisions import ANCHORS, NUMBERS, Member
from floorwalker.identity.merging import MANUAL
from floorwalker.identity.resolver import Cuts
from floorwalker.identity.rules import KEYS

if TYPE_CHECKING:
    from floorwalker.identity.standing import Standing

RULE = "person"
LINK, CUT = "manual_link", "manual_cut"
"""`kind` of a decision in silver.identity_evidence."""
REASON = "a person's decision"
WEIGHT = "100 + epoch(d.made_at) / 1e9"
"""SQL: bits of a decision `d`; a later one has a little more, so that of two the later is taken first."""
MOST_PAIRS = 10_000
"""Pairs of a cut that are written as evidence; of a larger one, each record with the first of the other side."""

_KIND_OF = {column: kind for kind, column in KEYS.items()}


def make_claims(connection: duckdb.DuckDBPyConnection, decided: Sequence[Standing]) -> None:
    """identity_decisions(decision, decision_id, is_cut, made_at), and identity_claims(decision, is_cut, side,
    record_id): the records of identity_people that each decision speaks of. Reads identity_hubs."""
    stage_members(connection, decided)
    _find_records(connection)


def place_claims(connection: duckdb.DuckDBPyConnection) -> None:
    """identity_decided(decision, is_cut, side, rid): claims on the records of identity_people, which may be some of
    them only; and identity_links(rid, partner, decision, node): a pair for each record that a link ties to the first
    of its records."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_decided AS
        SELECT c.decision, c.is_cut, c.side, p.rid FROM identity_claims c JOIN identity_people p USING (record_id)
        ORDER BY c.decision, c.side, p.rid
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_links AS
        WITH linked AS (
            SELECT decision, rid, min(rid) OVER (PARTITION BY decision) AS partner
            FROM (SELECT DISTINCT decision, rid FROM identity_decided WHERE NOT is_cut)
        )
        SELECT l.rid, l.partner, l.decision,
               md5_number_lower('person|' || a.record_id || '|' || b.record_id) AS node
        FROM linked l JOIN identity_people a ON a.rid = l.partner JOIN identity_people b ON b.rid = l.rid
        WHERE l.rid <> l.partner
        QUALIFY row_number() OVER (PARTITION BY l.rid, l.partner ORDER BY l.decision DESC) = 1
        ORDER BY l.decision, l.rid
    """)


def add_pieces(connection: duckdb.DuckDBPyConnection) -> None:
    """Links join identity_pieces: evidence that comes before all other."""
    connection.execute(f"""
        INSERT INTO identity_pieces (rid, rule, tier, node, weight, blocked, partner)
        SELECT l.rid, '{RULE}', {MANUAL}, l.node, {WEIGHT}, NULL, l.partner
        FROM identity_links l JOIN identity_decisions d USING (decision)
    """)


def cuts(connection: duckdb.DuckDBPyConnection) -> Cuts:
    """What must stay apart."""
    found = connection.sql(
        "SELECT rid, decision, (side = 'b')::TINYINT AS side FROM identity_decided WHERE is_cut ORDER BY decision, rid"
    ).to_arrow_table()
    return Cuts(*(found[name].to_numpy().astype(kind) for name, kind in zip(found.column_names, _TYPES, strict=True)))


_TYPES = (np.int32, np.int32, np.int8)


def add_evidence(connection: duckdb.DuckDBPyConnection) -> None:
    """Decisions join identity_evidence; reads identity_verdicts for what became of links. A cut is a row per pair that
    it parts. `rule_version` is the decision's id, `first_seen` when it was made."""
    columns = (
        "record_id, rule, rule_version, tier, identifier_kind, identifier_key, weight, kind, source, first_seen,"
        " accepted, reason"
    )
    row = (
        f"a.record_id, '{RULE}', d.decision_id, {MANUAL}, 'record', b.record_id, {WEIGHT}, {{kind}}, a.source,"
        " d.made_at"
    )
    connection.execute(f"""
        INSERT INTO identity_evidence ({columns})
        SELECT {row.format(kind=f"'{LINK}'")}, v.reason = '', nullif(v.reason, '')
        FROM identity_links l
        JOIN identity_verdicts v ON v.rid = l.rid AND v.node = l.node
        JOIN identity_decisions d USING (decision)
        JOIN identity_people a ON a.rid = least(l.rid, l.partner)
        JOIN identity_people b ON b.rid = greatest(l.rid, l.partner)
    """)
    connection.execute(f"""
        INSERT INTO identity_evidence ({columns})
        WITH sides AS (
            SELECT decision, side, rid, row_number() OVER (PARTITION BY decision, side ORDER BY rid) AS place,
                   count(*) FILTER (side = 'a') OVER (PARTITION BY decision)
                   * count(*) FILTER (side = 'b') OVER (PARTITION BY decision) AS pairs
            FROM identity_decided WHERE is_cut
        )
        SELECT {row.format(kind=f"'{CUT}'")}, TRUE, '{REASON.replace("'", "''")}'
        FROM sides x JOIN sides y ON y.decision = x.decision AND x.side = 'a' AND y.side = 'b'
            AND (x.pairs <= {MOST_PAIRS} OR x.place = 1 OR y.place = 1)
        JOIN identity_decisions d ON d.decision = x.decision
        JOIN identity_people a ON a.rid = x.rid JOIN identity_people b ON b.rid = y.rid
    """)


TABLES = ("decisions", "members", "claims", "decided", "links")
"""Temporary tables of this module, without their prefix."""


def stage_members(connection: duckdb.DuckDBPyConnection, decided: Sequence[Standing]) -> None:
    """identity_decisions and identity_members: what stands, numbered by age."""
    made = pa.table(
        {
            "decision": pa.array(range(len(decided)), pa.int32()),
            "decision_id": pa.array([one.decision_id for one in decided], pa.string()),
            "is_cut": pa.array([one.kind == "cut" for one in decided], pa.bool_()),
            "made_at": pa.array([one.at for one in decided], pa.string()),
        }
    )
    rows = [
        (number, one.kind == "cut", side, *member)
        for number, one in enumerate(decided)
        for side, listed in (("a", one.a), ("b", one.b))
        for member in listed
    ]
    names = ("decision", "is_cut", "side", *Member._fields)
    types = (pa.int32(), pa.bool_(), *[pa.string()] * (len(names) - 2))
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    named = pa.table(
        {name: pa.array(list(column), kind) for name, column, kind in zip(names, columns, types, strict=True)}
    )
    for table, arrow, select in (
        ("decisions", made, "* REPLACE (made_at::TIMESTAMPTZ AS made_at)"),
        ("members", named, "*"),
    ):
        connection.register("identity_batch", arrow)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_{table} AS SELECT {select} FROM identity_batch")
        connection.unregister("identity_batch")


def _find_records(connection: duckdb.DuckDBPyConnection) -> None:
    keys = " UNION ALL ".join(
        f"SELECT decision, is_cut, side, record_id, {strength} AS strength,"
        f" {column in NUMBERS} AND contains(own_numbers, '{column}') AS own,"
        f" md5_number_lower('{_KIND_OF[column]}|' || {column}) AS code FROM identity_members WHERE {column} <> ''"
        for strength, column in enumerate(ANCHORS)
    )
    today = " UNION ALL ".join(
        f"SELECT record_id, {strength} AS strength, {_KIND_OF[column]}_code AS code FROM identity_people"
        f" WHERE {_KIND_OF[column]}_code IN (SELECT code FROM anchors WHERE strength = {strength})"
        for strength, column in enumerate(ANCHORS)
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_claims AS
        WITH named AS (
            SELECT decision, is_cut, side, record_id FROM identity_members
            SEMI JOIN identity_people USING (record_id)
        ), gone AS (
            SELECT decision, side, record_id FROM identity_members
            ANTI JOIN identity_people USING (record_id)
        ), anchors AS (
            -- What only one side of a cut has, and no crowd.
            SELECT *, count(DISTINCT side) OVER (PARTITION BY decision, strength, code) AS sides
            FROM ({keys}) WHERE code NOT IN (SELECT code FROM identity_hubs)
            QUALIFY sides = 1 OR NOT is_cut
        ), today AS ({today}
        ), replaced AS (
            SELECT a.decision, a.is_cut, a.side, t.record_id
            FROM gone g JOIN anchors a USING (decision, side, record_id) JOIN today t USING (strength, code)
            QUALIFY a.strength = min(a.strength) OVER (PARTITION BY a.decision, a.side, a.record_id)
        ), worded_anew AS (
            SELECT a.decision, a.is_cut, a.side, t.record_id
            FROM anchors a JOIN today t USING (strength, code)
            WHERE a.is_cut AND a.own
              AND t.record_id NOT IN (SELECT record_id FROM named WHERE NOT is_cut)
        ), found AS (
            SELECT *, TRUE AS certain FROM named
            UNION ALL SELECT *, FALSE FROM replaced
            UNION ALL SELECT *, FALSE FROM worded_anew
        )
        SELECT decision, is_cut, side, record_id FROM found
        GROUP BY decision, is_cut, side, record_id
        -- Between the sides stands nobody, but the records that were named where they were.
        QUALIFY bool_or(certain) OR NOT is_cut OR count(*) OVER (PARTITION BY decision, record_id) = 1
        ORDER BY decision, side, record_id
    """)
