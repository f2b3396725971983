"""The tables in which a run says what it found: evidence, identifiers, the curve of levels.

In: the temporary tables of the room once everything is resolved. Out: the temporary table identity_evidence, and SQL or
Arrow of silver.customer_identifiers and silver.identity_levels.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from floorwalker.identity import manual, resolver, rules
from floorwalker.identity.calibration import Pinned
from floorwalker.identity.records import OUTPUT


def make_evidence(connection: duckdb.DuckDBPyConnection, model: str) -> None:
    """identity_evidence: every piece with its verdict. `model`: the id of the one that weighed pairs."""
    key = " ".join(f"WHEN '{rule.name}' THEN {rule.key}" for rule in rules.RULES.values())
    kind = " ".join(f"WHEN '{rule.name}' THEN '{rule.identifier_kind}'" for rule in rules.RULES.values())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_evidence AS
        SELECT p.record_id, i.rule, '{rules.VERSION}' AS rule_version, i.tier::INTEGER AS tier,
               CASE i.rule {kind} END AS identifier_kind, CASE i.rule {key} END AS identifier_key, i.weight,
               'det' AS kind,
               p.source, p.first_seen, coalesce(v.reason = '', FALSE) AS accepted,
               nullif(coalesce(v.reason, i.blocked), '') AS reason
        FROM identity_pieces i
        JOIN identity_people p USING (rid)
        LEFT JOIN identity_verdicts v ON v.rid = i.rid AND v.node = i.node
        WHERE i.partner < 0
        UNION ALL
        SELECT a.record_id, 'model', '{model}', {resolver.PROBABLE}, 'record', b.record_id, e.weight, 'prob', a.source,
               a.first_seen, v.reason = '', nullif(v.reason, '')
        FROM identity_probable e
        JOIN identity_people a ON a.rid = e.rid_a
        JOIN identity_people b ON b.rid = e.rid_b
        JOIN identity_verdicts v ON v.rid = e.rid_a AND v.node = md5_number_lower(a.record_id || b.record_id)
    """)
    manual.add_evidence(connection)


def identifiers() -> str:
    """SQL: identifiers that name their customer: no hub's, and no device or cookie that is shared or another's."""
    parts = []
    for kind, column in rules.KEYS.items():
        field = OUTPUT[column]
        refused = (
            f"NOT EXISTS (SELECT 1 FROM identity_hubs h WHERE h.kind = '{kind}' AND h.code = p.{kind}_code)"
            if kind in resolver.COUNTED
            else f"NOT EXISTS (SELECT 1 FROM identity_evidence e WHERE e.record_id = p.record_id AND e.rule = '{kind}' "
            "AND NOT e.accepted)"
        )
        parts.append(f"""
            SELECT m.customer_id, '{kind}' AS kind, arg_max(r.{field}, (r.last_seen, r.record_id)) AS value,
                   p.{column} AS key, count(*) AS records,
                   string_agg(DISTINCT r.source, ',' ORDER BY r.source) AS sources,
                   min(r.first_seen) AS first_seen, max(r.last_seen) AS last_seen
            FROM identity_people p
            JOIN identity_map m USING (record_id)
            JOIN silver.identity_records r USING (record_id)
            WHERE p.{column} IS NOT NULL AND {refused}
            GROUP BY m.customer_id, p.{column}
        """)
    return " UNION ALL ".join(parts)


def curve(pinned: Pinned) -> pa.Table:
    """silver.identity_levels: the curve, and which step ends which level."""
    steps = pinned.steps
    ends = [
        sorted(name for name, cut in pinned.cuts.items() if (cut.tier, cut.weight) == (step.tier, step.weight))
        for step in steps
    ]
    return pa.table(
        {
            "step": pa.array(range(len(steps)), pa.int32()),
            "name": pa.array([step.name for step in steps], pa.string()),
            "tier": pa.array([step.tier for step in steps], pa.int32()),
            "weight": pa.array([step.weight for step in steps], pa.float64()),
            "customers": pa.array([step.customers for step in steps], pa.int64()),
            "pairs": pa.array([step.pairs for step in steps], pa.int64()),
            "wrong_pairs": pa.array([step.wrong for step in steps], pa.int64()),
            "precision": pa.array([step.precision for step in steps], pa.float64()),
            "recall": pa.array([step.recall for step in steps], pa.float64()),
            "levels": pa.array([",".join(names) or None for names in ends], pa.string()),
        }
    )
