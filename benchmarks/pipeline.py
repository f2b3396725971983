"""Raw files to gold on about one million simulated events: time and memory per stage, and against one plain script.

In: nothing; the simulator writes the files of 25,600 customers (1.0 million rows of orders, returns, clicks, e-mails,
loyalty and tickets, 1.14 million with customers and catalogue). Out: a table and `benchmarks/results/pipeline.json`.
Run: `make bench-pipeline`.

Every figure is of a fresh process: `seconds` from its start to its end as its parent sees it, `cpu` its own seconds of
processor, `peak_mb` the most memory it held. Stages run one after the other on the same project; `pipeline_1m` is a
whole first run in one process, serving bundle included.

**The control** is `benchmarks.plain_sql`: one DuckDB script without a framework that makes the same bronze, silver and
gold tables of the same files, with the same threads and memory limit. Identity, RFM, clusters, segments and
recommendations are Python in both worlds, so they are timed on neither side: ours leaves the models out and takes the
time of identity's steps off, the control reads the customers that identity found. Ours and the control run in turn,
`ROUNDS` times; `ratio_to_plain_sql` is the ratio of the medians of wall time, `.cpu` the same of processor time, which
a busy machine disturbs less. Both must agree on every table's columns and rows and on every sum of money and
quantities, or the benchmark stops.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.report import Report
from deltalake import DeltaTable

from floorwalker.app.config import load_config
from floorwalker.app.scaffold import make_project
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.sources.simulator import simulate

CUSTOMERS = 25_600
ROUNDS = 3
GOAL = 1.3
STAGES = ("sources", "identity", "silver", "gold", "models", "bundle")
EVENTS = ("order_lines", "returns", "browse_events", "email_events", "loyalty_events", "tickets")
IDENTITY = ("identity.normalise", "identity.resolve", "identity.golden", "silver.golden_fields", "identity.households")
"""Who is who, which of a customer's values count, and who lives together: timed on neither side."""


def main() -> int:
    """Measure, compare, report; 1 when the goal was missed."""
    report = Report("pipeline")
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-") as folder:
        project = Project(make_project(Path(folder) / "shop", template="demo"))
        made = simulate(project.root / "data", customers=CUSTOMERS, seed=1)
        report.add("load_at_start", os.getloadavg()[0], "processes")
        stages = {stage: measure("benchmarks.pipeline_stages", stage, str(project.root)) for stage in STAGES}
        report.add("rows", made.total, "rows")
        report.add("events", event_rows(project), "rows")
        whole = on_fresh_state(project, "run")
        ours, control = in_turn(project, Path(folder) / "plain")
        found = differences(project.lake, Path(folder) / "plain")
    if found:
        raise SystemExit("the control made other tables:\n  " + "\n  ".join(found))
    for row in ("seconds", "cpu", "peak_mb"):
        report.add(f"pipeline_1m.{row}", whole[row], UNITS[row])
    for stage, figures in stages.items():
        for row in ("seconds", "cpu", "peak_mb"):
            report.add(f"stage.{stage}.{row}", figures[row], UNITS[row])
    for name, runs in (("ours", ours), ("plain_sql", control)):
        for row in ("seconds", "cpu", "peak_mb"):
            report.add(f"{name}.{row}", median(runs, row), UNITS[row])
    report.add("ratio_to_plain_sql", median(ours, "seconds") / median(control, "seconds"), "×", at_most=GOAL)
    report.add("ratio_to_plain_sql.cpu", median(ours, "cpu") / median(control, "cpu"), "×")
    return report.finish()


UNITS = {"seconds": "s", "cpu": "CPU s", "peak_mb": "MB"}


def measure(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in a fresh process; its own figures, with `seconds` as seen from here."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": time.perf_counter() - start}


def on_fresh_state(project: Project, stage: str) -> dict[str, Any]:
    """A stage on a project that has never been run."""
    shutil.rmtree(project.state, ignore_errors=True)
    return measure("benchmarks.pipeline_stages", stage, str(project.root))


def in_turn(project: Project, out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ours and the control, one after the other, `ROUNDS` times, each from nothing."""
    settings = load_config(project).settings.engine
    threads = Lake(project, threads=settings.threads).threads
    ours, control = [], []
    for _ in range(ROUNDS):
        ours.append(without_identity(on_fresh_state(project, "sql")))
        shutil.rmtree(out, ignore_errors=True)
        paths = [str(path) for path in (project.root / "data", out, project.lake)]
        control.append(measure("benchmarks.plain_sql", *paths, settings.memory_limit, str(threads)))
    return ours, control


def without_identity(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures less the time of identity's nodes (their peak stays in)."""
    steps = [figures["nodes"][name] for name in IDENTITY]
    return {
        **figures,
        "seconds": figures["seconds"] - sum(wall for wall, _ in steps),
        "cpu": figures["cpu"] - sum(cpu for _, cpu in steps),
    }


def median(runs: list[dict[str, Any]], row: str) -> float:
    return statistics.median(run[row] for run in runs)


def event_rows(project: Project) -> int:
    """Rows of what happened, in bronze: catalogue, customers and consents are not events."""
    with Lake(project).connect() as connection:
        return sum(
            connection.execute(f"SELECT count(*) FROM {relation(project.lake / 'bronze' / kind)}").fetchall()[0][0]
            for kind in EVENTS
        )


def differences(ours: Path, control: Path) -> list[str]:
    """What differs between the control's tables and ours: columns, rows, values present, sums of money and pieces."""
    found = []
    for folder in sorted(control.glob("*/*")):
        name = f"{folder.parent.name}/{folder.name}"
        left, right = summary(ours / name), summary(folder)
        found += [
            f"{name}.{key}: ours {left.get(key)}, control {right.get(key)}"
            for key in sorted(left.keys() | right.keys())
            if left.get(key) != right.get(key)
        ]
    return found


def summary(table: Path) -> dict[str, Any]:
    """A table's rows, types, and per column how many values it has; of decimals also the sum."""
    fields = {field.name: str(field.type) for field in DeltaTable(table).schema().fields}
    wanted = {"*": "count(*)"}
    for name, kind in fields.items():
        wanted[f"{name} values"] = f'count("{name}")'
        if "decimal" in kind:
            wanted[f"{name} sum"] = f'coalesce(sum("{name}"), 0)'
    row = duckdb.execute(f"SELECT {', '.join(wanted.values())} FROM {relation(table)}").fetchall()[0]
    return {**{f"{name} type": kind for name, kind in fields.items()}, **dict(zip(wanted, row, strict=True))}


def relation(table: Path) -> str:
    """SQL of a Delta table's newest rows. A table of one empty write has no file: then a SELECT of nothing."""
    delta = DeltaTable(table)
    files = delta.file_uris()
    if files:
        return f"read_parquet({files})"
    nothing = ", ".join(f'CAST(NULL AS DECIMAL(38,4)) AS "{field.name}"' for field in delta.schema().fields)
    return f"(SELECT {nothing} WHERE FALSE)"


if __name__ == "__main__":
    raise SystemExit(main())
