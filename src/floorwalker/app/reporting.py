"""What a run says of itself: the lines on the screen, and the report people look at.

In: a project, its published tables and, right after a run, the run's result. Out: text lines; report.html and
report.json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker import __version__
from floorwalker.app.output import plain
from floorwalker.app.quality import current
from floorwalker.app.state import open_state
from floorwalker.console.report import build_report
from floorwalker.engines.lake import Lake
from floorwalker.events.quarantine import count_quarantine
from floorwalker.governance.quality.history import skew_words
from floorwalker.sources.deliveries import sources_read

if TYPE_CHECKING:
    from floorwalker.app.pipeline import RunResult
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project
    from floorwalker.governance.quality.anomalies import Anomaly

NEXT = (
    "floorwalker status",
    "floorwalker segments list",
    "floorwalker customers search NAME-OR-EMAIL",
    "floorwalker decide --customer CUSTOMER --surface home",
    "floorwalker audience list",
    "floorwalker serve --allow-loopback-without-key",
)


def headline(project: Project, result: RunResult) -> list[str]:
    """A run in a few lines, with the real numbers of the published tables."""
    read = sum(source.rows_read for source in result.sources)
    lines = []
    for source in result.sources:
        for file, error in source.refused.items():
            lines.append(f"refused {file}: {error}")
        for file in source.waiting:
            lines.append(f"waiting {file}: it is not whole yet")
    quarantined = sum(source.rows_quarantined for source in result.sources)
    lines.append(
        f"read {read:,} rows: {result.rows_new:,} new, {sum(one.rows_known for one in result.sources):,} known,"
        f" {quarantined:,} quarantined"
    )
    with Lake(project).read() as connection:
        for _, step, rows, customers in connection.execute(
            'SELECT position, step, "rows", customers FROM gold.funnel ORDER BY position'
        ).fetchall():
            lines.append(
                f"  {step:<32}{rows:>12,} lines" + (f"{customers:>10,} customers" if customers is not None else "")
            )
        totals = connection.execute(
            "SELECT COUNT(*), COUNT(CASE WHEN orders > 0 THEN 1 END), CAST(COALESCE(SUM(orders), 0) AS BIGINT),"
            " CAST(COALESCE(SUM(revenue), 0) AS DECIMAL(28,4)), (SELECT reporting_currency FROM meta.run)"
            " FROM gold.customers"
        ).fetchall()[0]
        products = connection.execute(
            "SELECT COUNT(DISTINCT product_id) FROM silver.order_lines WHERE is_sale AND customer_id IS NOT NULL"
        ).fetchall()[0][0]
        lines.append(
            f"  {totals[0]:,} customers, {totals[1]:,} of them bought: {totals[2]:,} orders, {products:,} products,"
            f" revenue {plain(totals[3])} {totals[4]}"
        )
        if any(node.name == "identity.resolve" and node.status == "built" for node in result.build.nodes):
            moved = ids_line(dict(connection.execute("FROM silver.identity_summary").fetchall()))
            lines += [moved] if moved else []
    built = f"{result.build.built} tables built" if result.build.built else "nothing to build"
    lines += [f"held back {name}: {reason}" for name, reason in sorted(result.build.held_back.items())]
    lines += told(result.anomalies)
    lines += result.notes
    lines.append(f"{result.status}: {built}, {sum(result.seconds.values()):.1f} s, run {result.run_id}")
    return lines


def ids_line(summary: Mapping[str, float]) -> str:
    """How customer ids moved in a run, from silver.identity_summary; '' where none was before.

    >>> ids_line({"ids.stability": 0.99951, "ids.kept": 900, "ids.created": 12, "ids.merged": 3, "ids.split": 0})
    '  ids: 99.95 % of the records kept their customer; 12 created, 3 merged'
    """
    if not summary.get("ids.kept"):
        return ""
    # Rounded down: 100 % is said of all, and of nothing less.
    share = math.floor(summary["ids.stability"] * 10_000) / 100
    moved = (("created", "created"), ("merged", "merged"), ("split", "split"), ("revived", "given back"))
    counts = [f"{count:,.0f} {word}" for name, word in moved if (count := summary.get(f"ids.{name}", 0))]
    return f"  ids: {share:g} % of the records kept their customer" + (f"; {', '.join(counts)}" if counts else "")


def told(anomalies: Sequence[Anomaly], most: int = 5) -> list[str]:
    """What is odd about a run, a line each."""
    lines = [f"odd ({one.severity}): {one.text}" for one in anomalies[:most]]
    if len(anomalies) > most:
        lines.append(f"and {len(anomalies) - most} more: floorwalker quality")
    return lines


def facts(project: Project, settings: Settings, result: RunResult | None) -> dict[str, Any]:
    """What the report is told besides the tables."""
    lake = Lake(project)
    pointer = lake.pointer()
    with open_state(project) as state:
        read = sources_read(state)
        quarantined = count_quarantine(state)
        watched = current(state)
    told: dict[str, Any] = {
        "project": settings.project.name,
        "version": __version__,
        "sources": [
            {"name": one["source"], "rows": one["rows_read"], "quarantined": one["quarantined"]} for one in read
        ],
        "records_in": sum(one["rows_read"] for one in read),
        "quarantine": [{"source": one.source, "reason": one.reason, "rows": one.rows} for one in quarantined],
        "next": list(NEXT),
    }
    if watched["run_id"]:
        told |= {"anomalies": watched["anomalies"], "freshness": watched["freshness"]}
    if watched["skew"]:
        told["skew"] = skew_words(watched["skew"])
    if pointer:
        told |= {"run_id": pointer.run_id, "started": pointer.published_at, "tables": pointer.tables}
        told["data_tests"] = [
            test for table, version in pointer.tables.items() for test in _tests_of(lake, table, version)
        ]
    if result:
        told["seconds"] = result.seconds
    return told


def _tests_of(lake: Lake, table: str, version: int) -> list[dict[str, Any]]:
    """Results of a table's tests, which travel in the commit that they let through."""
    info = lake.commit_info(table) if lake.version(table) == version else {}
    return json.loads(info.get("tests", "[]"))


def write_report(
    project: Project,
    settings: Settings,
    result: RunResult | None,
    *,
    out: Path | None = None,
    more: dict[str, Any] | None = None,
) -> Path:
    """Write the report of the published run; `more`: facts that only the caller knows. Returns its path."""
    path = out or project.root / "report.html"
    with Lake(project).read() as connection:
        build_report(connection, facts(project, settings, result) | (more or {}), path)
    return path
