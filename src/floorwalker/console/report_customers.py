"""The report's numbers about people: records in, customers out, and what identity did in between.

In: `Tables` and the facts of the run. Out: dictionaries of plain numbers, each with `missing`: why it is empty, or "".
No name, e-mail or other personal value is read here: counts only.
"""

from __future__ import annotations

from typing import Any

from floorwalker.console.facts import Facts
from floorwalker.console.tables import Tables

RECORD_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 9), (10, 19), (20, None))
"""Records per customer, as (from, to) of the classes shown."""


def channels(tables: Tables) -> dict[str, Any]:
    """Rows, distinct records and customers per channel and source, largest first."""
    missing = tables.missing(
        "gold.channel_records", "records by channel", "channel", "source", "rows", "records", "customers"
    )
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            "SELECT coalesce(channel, '(none)') AS channel, coalesce(source, '(none)') AS source, \"rows\", records, "
            'customers FROM gold.channel_records ORDER BY "rows" DESC, channel, source'
        ),
    }


def class_name(low: int, high: int | None) -> str:
    """
    >>> class_name(1, 1), class_name(5, 6), class_name(20, None)
    ('1', '5–6', '20+')
    """
    if high is None:
        return f"{low}+"
    return str(low) if low == high else f"{low}–{high}"


def _classes(column: str) -> str:
    """SQL that puts a count into its class."""
    whens = " ".join(
        f"WHEN {column} >= {low}" + ("" if high is None else f" AND {column} <= {high}") + f" THEN {position}"
        for position, (low, high) in enumerate(RECORD_CLASSES)
    )
    return f"CASE {whens} END"


def identity(tables: Tables, facts: Facts) -> dict[str, Any]:
    """How many records a customer is made of, in how many channels they are known, and which rules joined them."""
    return {
        "records": _records(tables),
        "channels": _known_in(tables, "channels"),
        "sources": _known_in(tables, "sources"),
        "rules": _rules(tables),
        "refused": _refused(tables),
        "summary": _summary(tables),
        "truth": _truth(facts),
    }


def _records(tables: Tables) -> dict[str, Any]:
    missing = tables.missing("gold.customers", "customers", "records")
    if missing:
        return {"missing": missing, "rows": []}
    found = {
        row["class"]: row
        for row in tables.rows(
            f"SELECT {_classes('records')} AS class, count(*) AS customers, sum(records)::BIGINT AS records "
            "FROM gold.customers WHERE records >= 1 GROUP BY class ORDER BY class"
        )
    }
    last = max(found, default=-1)
    rows = [
        {
            "label": class_name(low, high),
            "customers": found.get(position, {}).get("customers", 0),
            "records": found.get(position, {}).get("records", 0),
        }
        for position, (low, high) in enumerate(RECORD_CLASSES)
        if position <= last
    ]
    totals = tables.one(
        "SELECT count(*) AS customers, coalesce(sum(records), 0)::BIGINT AS records, "
        "coalesce(max(records), 0)::BIGINT AS largest, count(*) FILTER (records > 1) AS joined FROM gold.customers"
    )
    return {"missing": "", "rows": rows, **totals}


def _known_in(tables: Tables, column: str) -> dict[str, Any]:
    """Customers, and what they bring in, by the number of channels (or sources) they are known in."""
    missing = tables.missing("gold.customers", f"customers by number of {column}", column, "revenue")
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            f"""
            WITH known AS (
                SELECT
                    CASE WHEN trim(coalesce({column}, '')) = '' THEN 0
                        ELSE length({column}) - length(replace({column}, ',', '')) + 1 END AS places,
                    coalesce(revenue, 0) AS revenue
                FROM gold.customers
            )
            SELECT places::INTEGER AS places, count(*) AS customers, sum(revenue) AS revenue,
                count(*) / sum(count(*)) OVER () AS customer_share,
                sum(revenue) / nullif(sum(sum(revenue)) OVER (), 0) AS revenue_share
            FROM known WHERE places > 0 GROUP BY places ORDER BY places
            """
        ),
    }


def _rules(tables: Tables) -> dict[str, Any]:
    missing = tables.missing("silver.identity_evidence", "evidence by rule", "rule", "accepted")
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            "SELECT rule, min(tier)::INTEGER AS tier, count(*) FILTER (accepted) AS accepted, "
            "count(*) FILTER (NOT accepted) AS refused, count(DISTINCT record_id) FILTER (accepted) AS records "
            "FROM silver.identity_evidence GROUP BY rule ORDER BY accepted DESC, rule"
        ),
    }


def _refused(tables: Tables) -> dict[str, Any]:
    missing = tables.missing("silver.identity_evidence", "refused evidence", "reason", "accepted")
    if missing:
        return {"missing": missing, "rows": []}
    rows = tables.rows(
        "SELECT coalesce(nullif(reason, ''), '(no reason given)') AS reason, count(*) AS pieces "
        "FROM silver.identity_evidence WHERE NOT accepted GROUP BY 1 ORDER BY pieces DESC, 1"
    )
    return {"missing": "" if rows else "No evidence was refused.", "rows": rows}


def _summary(tables: Tables) -> dict[str, Any]:
    missing = tables.missing("silver.identity_summary", "summary of identity", "name", "value")
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            "SELECT name::VARCHAR AS name, value FROM silver.identity_summary "
            # Shown by rule and by reason already.
            "WHERE NOT starts_with(name, 'accepted.') AND NOT starts_with(name, 'refused.') ORDER BY name, value"
        ),
    }


def _truth(facts: Facts) -> dict[str, Any]:
    given = facts.get("identity")
    if not given:
        return {
            "missing": "No precision or recall: who is who is not known in this data, so joins cannot be judged.",
            "rows": [],
        }
    naive = given.get("naive") or {}
    return {
        "missing": "",
        "naive_name": naive.get("name", "plain rule"),
        "rows": [
            {"measure": measure, "ours": given.get(measure), "naive": naive.get(measure)}
            for measure in ("precision", "recall", "f1")
            if given.get(measure) is not None
        ],
        "largest_cluster": given.get("largest_cluster"),
        "naive_largest_cluster": naive.get("largest_cluster"),
    }
