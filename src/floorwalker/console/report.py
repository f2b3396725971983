"""The report of a run: one HTML file that needs nothing else, and the same numbers as JSON beside it.

In: a connection that sees the published tables, and the facts of the run (`facts.Facts`). Out: two files.

    report_data(connection, facts)  → the numbers            (report_*.py: one module per part of the house)
    render(data)                    → the page, from exactly those numbers     (page_*.py, charts.py, templates/)
    build_report(connection, facts, out) → both files

>>> import duckdb
>>> data = report_data(duckdb.connect(), {"project": "Empty shop"})
>>> data["customers"]["records"]["missing"]
'No customers: this run has no table gold.customers.'
>>> "<h1>Empty shop</h1>" in render(data)
True
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from floorwalker.console import page, report_customers, report_revenue, report_segments, report_trust
from floorwalker.console.facts import Facts, check_facts
from floorwalker.console.tables import Tables

SCHEMA = 1
"""Version of report.json: goes up when a reader of the old one would misread the new one."""


def report_data(connection: duckdb.DuckDBPyConnection, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Every number of the report, JSON-ready. A table that is absent or empty leaves a sentence under `missing`."""
    told = check_facts(facts)
    tables = Tables(connection)
    channels = report_customers.channels(tables)
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "project": told.get("project") or "Floorwalker",
        "run": report_trust.run(tables, told),
        "channels": channels,
        "customers": report_customers.identity(tables, told),
        "rfm": report_segments.rfm(tables),
        "rule_segments": report_segments.rule_segments(tables),
        "clusters": report_segments.clusters(tables),
        "revenue": report_revenue.revenue(tables),
        "quality": report_trust.quality(tables, told),
        "recommender": report_trust.recommender(tables),
        "recommended": report_trust.recommended(tables),
        "decision": _decision(told),
        "audience": _audience(told),
    }
    data["headline"] = _headline(tables, told, data)
    return data


def _headline(tables: Tables, facts: Facts, data: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers that stand first; None where the run does not have one."""
    rows = data["channels"]["rows"]
    counted = sum(row["rows"] for row in rows) if rows else None
    return {
        **report_revenue.totals(tables),
        "records": facts.get("records_in", counted),
        "sources": len(facts.get("sources", [])) or len({row["source"] for row in rows}),
        "segments": len(data["rfm"]["segments"]) or None,
        "clusters": len(data["clusters"]["profiles"]),
        "rule_segments": len(data["rule_segments"]["rows"]),
        "lift": data["recommender"]["lift"],
        "audience": data["audience"]["exported"] if not data["audience"]["missing"] else None,
    }


def _decision(facts: Facts) -> dict[str, Any]:
    given = facts.get("decision")
    if not given or not given.get("items"):
        return {"missing": "No decision was asked for in this run.", "items": []}
    return {
        "missing": "",
        "customer_id": given.get("customer_id", ""),
        "surface": given.get("surface", ""),
        "policy": given.get("policy", ""),
        "personalised": given.get("personalised"),
        "items": [
            {
                "product_id": item.get("product_id", ""),
                "name": item.get("name") or item.get("product_id", ""),
                "price": None if item.get("price") is None else float(item["price"]),
                "reason": item.get("reason", ""),
            }
            for item in given["items"]
        ],
    }


def _audience(facts: Facts) -> dict[str, Any]:
    given = facts.get("audience")
    if not given:
        return {"missing": "No audience was exported in this run.", "exported": None, "excluded": []}
    excluded = sorted(given.get("excluded", {}).items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "missing": "",
        "name": given.get("name", "audience"),
        "candidates": given.get("candidates"),
        "exported": given.get("exported"),
        "excluded": [{"reason": reason, "customers": number} for reason, number in excluded],
    }


def render(data: Mapping[str, Any]) -> str:
    """The page for `report_data`, before or after a trip through JSON: the same text."""
    return page.html(data)


def build_report(connection: duckdb.DuckDBPyConnection, facts: Mapping[str, Any], out: Path) -> None:
    """Write the page to `out` and its numbers beside it (`report.html` → `report.json`). Folders are made."""
    data = report_data(connection, facts)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(data), encoding="utf-8")
    out.with_suffix(".json").write_text(
        json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
