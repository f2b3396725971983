"""The demo: a simulated retailer, from raw files to a decision, in one go.

In: a folder and a size. Out: a project in that folder with everything run, report.html and report.json, and the lines
of a summary.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from floorwalker.app.activation import export_to_file
from floorwalker.app.config import load_config
from floorwalker.app.lookup import normaliser
from floorwalker.app.output import plain
from floorwalker.app.pipeline import RunResult, run
from floorwalker.app.reporting import write_report
from floorwalker.app.scaffold import make_project
from floorwalker.app.truth import as_fact, identity_quality
from floorwalker.decisions.once import decide_once
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError
from floorwalker.sources.simulator import simulate

MARK = ".made-by-floorwalker-demo"
AUDIENCE = "winback_email"


def run_demo(
    folder: Path, *, customers: int, seed: int, progress: Callable[[str, float, str], None] = lambda *_: None
) -> list[str]:
    """Make the demo project anew in `folder` and run everything. Raises ConfigError rather than touch a folder that
    the demo has not made."""
    started = time.perf_counter()
    project = Project(_fresh(folder, seed))
    made = simulate(
        project.root / "data",
        customers=customers,
        seed=seed,
        progress=lambda done, text: progress("simulate", done, text),
    )
    settings = load_config(project).settings
    result = run(project, settings, progress=progress)
    with Lake(project).read() as connection:
        ours, control = identity_quality(connection, project.root / "data" / "truth")
        numbers = _numbers(connection)
    decision = decide_once(project, numbers["customer"], "home", 5, normalise=normaliser(project)).as_dict()
    audience = export_to_file(project, AUDIENCE, project.root / "exports" / f"{AUDIENCE}.csv")
    progress("report", 0.1, "")
    report = write_report(
        project,
        settings,
        result,
        more={
            "identity": as_fact(ours, control),
            "decision": _decision_fact(decision),
            "audience": _audience_fact(audience),
        },
    )
    progress("report", 1.0, "")
    seconds = time.perf_counter() - started
    return _summary(project, made.total, result, ours, control, numbers, decision, audience, report, seconds)


def _fresh(folder: Path, seed: int) -> Path:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise ConfigError(
                f"{folder}/ is not empty, and the demo did not make it", fix="choose another folder with --out"
            )
        shutil.rmtree(folder)
    make_project(folder, template="demo")
    (folder / MARK).touch()
    # Customer ids, samples and hold-outs hang on the project's key: with a fixed one, everybody's demo is the same. The
    # people in it are made up; a real project makes its own key.
    key = folder / "state" / "secret.key"
    key.parent.mkdir()
    key.write_text(hashlib.sha256(f"floorwalker demo {seed}".encode()).hexdigest())
    return folder


def _numbers(connection: Any) -> dict[str, Any]:
    """What the summary quotes from the published tables."""

    def one(query: str) -> tuple[Any, ...]:
        return connection.execute(query).fetchall()[0]

    customers, visitors, buyers, orders, revenue = one(
        "SELECT COUNT(CASE WHEN is_known THEN 1 END), COUNT(CASE WHEN NOT is_known THEN 1 END),"
        " COUNT(CASE WHEN orders > 0 THEN 1 END), CAST(SUM(orders) AS BIGINT),"
        " CAST(SUM(revenue) AS DECIMAL(28,2)) FROM gold.customers"
    )
    return {
        "customers": customers,
        "visitors": visitors,
        "buyers": buyers,
        "orders": orders,
        "revenue": revenue,
        "several": one("SELECT COUNT(*) FROM gold.customers WHERE channel_count > 1")[0],
        "segments": connection.execute(
            "SELECT segment, COUNT(*) FROM gold.rfm GROUP BY segment ORDER BY 2 DESC, 1 LIMIT 3"
        ).fetchall(),
        "cohorts": one("SELECT COUNT(*) FROM gold.cluster_profiles")[0],
        "recommender": connection.execute(
            "SELECT model, protocol, metric, value FROM gold.recommender_quality WHERE metric = 'ndcg@10'"
            " ORDER BY protocol, model"
        ).fetchall(),
        # someone who buys, browses and allows personalisation: the decision has facts to cite
        "customer": one(
            "SELECT c.customer_id FROM gold.customers AS c JOIN gold.recommendations AS r USING (customer_id)"
            " WHERE c.personalization = 'granted' AND c.orders >= 3 AND r.model = 'knn'"
            " ORDER BY c.last_order_on DESC, c.customer_id LIMIT 1"
        )[0],
    }


def _decision_fact(decision: dict[str, Any]) -> dict[str, Any]:
    return {
        "customer_id": decision["customer_id"],
        "surface": decision["surface"],
        "policy": f"version {decision['policy_version']}",
        "personalised": decision["personalized"],
        "items": [
            {
                "product_id": item["product_id"],
                "name": item["name"],
                "price": float(item["price"] or 0),
                "reason": item["reason"]["text"],
            }
            for item in decision["items"]
        ],
    }


def _audience_fact(audience: dict[str, Any]) -> dict[str, Any]:
    reasons = {
        "no consent": "without_consent",
        "suppressed": "suppressed",
        "no address": "without_address",
        "hold-out": "held_out",
        "same address twice": "duplicate_address",
    }
    return {
        "name": audience["audience"],
        "candidates": audience["candidates"],
        "exported": audience["exported"],
        "excluded": {words: audience[key] for words, key in reasons.items()},
    }


def _short(path: Path) -> Path:
    """The path from here, where that is shorter to read."""
    here = Path.cwd()
    full = path.resolve()
    return full.relative_to(here) if full.is_relative_to(here) else full


def _summary(
    project: Project,
    rows: int,
    result: RunResult,
    ours: Any,
    control: Any,
    numbers: dict[str, Any],
    decision: dict[str, Any],
    audience: dict[str, Any],
    report: Path,
    seconds: float,
) -> list[str]:
    segments = ", ".join(f"{name} {count:,}" for name, count in numbers["segments"])
    command = "floorwalker" if shutil.which("floorwalker") else _short(Path(sys.argv[0]))
    tests = result.build.tests
    lines = [
        "",
        f"records      {rows:,} rows in {len(result.sources)} feeds of {len({one.source for one in result.sources})}"
        f" systems; {sum(one.rows_quarantined for one in result.sources):,} quarantined",
        f"customers    {ours.records:,} customer records of {ours.people:,} people became {ours.customers:,} customers;"
        f" {numbers['several']:,} known in several channels, and {numbers['visitors']:,} visitors without a name",
        f"identity     precision {ours.precision:.3f}, recall {ours.recall:.3f}, largest {ours.largest} records"
        f"   (raw equality: {control.precision:.3f}, {control.recall:.3f}, {control.largest})",
        f"revenue      {plain(numbers['revenue'])} GBP in {numbers['orders']:,} orders of {numbers['buyers']:,} buyers",
        f"segments     {segments}, …; {numbers['cohorts']} cohorts by k-means",
    ]
    for protocol in dict.fromkeys(row[1] for row in numbers["recommender"]):
        models = ", ".join(f"{row[0]} {row[3]:.4f}" for row in numbers["recommender"] if row[1] == protocol)
        lines.append(f"recommender  NDCG@10, {protocol}: {models}")
    lines += [
        f"audience     {audience['audience']}: {audience['exported']:,} of {audience['candidates']:,}"
        f" ({audience['without_consent']:,} without consent, {audience['held_out']:,} held out)",
        f"data tests   {sum(test.status == 'pass' for test in tests)} passed,"
        f" {sum(test.status != 'pass' for test in tests)} not",
        f"decision     home page of {decision['customer_id']}:",
        *(f"               {item['name']}: {item['reason']['text']}" for item in decision["items"]),
        "",
        f"took {seconds:.0f} s: " + ", ".join(f"{stage} {spent:.0f} s" for stage, spent in result.seconds.items()),
        f"wrote {_short(report)} and {_short(report.with_suffix('.json'))}",
        "",
        f"next: look at {_short(report)} in a browser, then",
        *(
            f"  {command} -p {_short(project.root)} {words}"
            for words in (
                "segments list",
                f"customers show {decision['customer_id']}",
                f"decide --customer {decision['customer_id']} --surface email",
                f"erase --customer {decision['customer_id']} --dry-run",
                "serve --allow-loopback-without-key",
            )
        ),
    ]
    return lines
