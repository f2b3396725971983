"""One stage of `benchmarks.lake`, alone in its process: what it starts and measures.

In: a stage, a project folder, the stage's own words. Out: a line of JSON: {seconds, cpu, peak_mb, …}.

    python -m benchmarks.lake_stages data    /tmp/shop 100000 5000          # silver tables
    python -m benchmarks.lake_stages build   /tmp/shop 2026-07-01           # all customer features, as in a run
    python -m benchmarks.lake_stages build   /tmp/shop 2026-07-01 asked     # only those that the controls make too
    python -m benchmarks.lake_stages add     /tmp/shop 1000 1000 5000       # rows of the newest day, late rows
    python -m benchmarks.lake_stages publish /tmp/shop 10                   # runs, each published; `read` meanwhile
    python -m benchmarks.lake_stages read    /tmp/shop /tmp/stop            # opens and reads until the file exists
    python -m benchmarks.lake_stages append  /tmp/shop 200 5000             # a table of many small files
    python -m benchmarks.lake_stages scan    /tmp/shop
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.lake_data import AS_OF, DERIVED, ONCE, add_to_silver, rows_sql, write_silver
from benchmarks.lake_script import NAMES
from benchmarks.measuring import told

from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, BuildResult, plan
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.sql import models

MEMORY, THREADS = "2.4GB", 2
"""Of four gigabytes the engine gets 60 %; the controls get the same."""
SILVER = (*ONCE, *DERIVED)
FEATURES, DAYS = "gold.customer_features", "silver.customer_orders_days"
FRAGMENTED = "silver.clicks"
SCANS = 5


def lake_of(folder: Path | str) -> Lake:
    return Lake(Project(Path(folder)), memory_limit=MEMORY, threads=THREADS)


def data(folder: str, events: str, customers: str) -> dict[str, Any]:
    return {"versions": write_silver(lake_of(folder), int(events), int(customers))}


def add(folder: str, new: str, late: str, customers: str) -> dict[str, Any]:
    return {"versions": add_to_silver(lake_of(folder), int(new), int(customers), late=int(late))}


def build(folder: str, as_of: str, which: str = "all") -> dict[str, Any]:
    result = features(lake_of(folder), dt.date.fromisoformat(as_of), which)
    return {
        "nodes": {node.name: node.seconds for node in result.nodes},
        "status": {node.name: node.status for node in result.nodes},
    }


def features(lake: Lake, as_of: dt.date, which: str = "all", run_id: str = "bench") -> BuildResult:
    """Bring the features up to date, as a run does: states of days, pivot, tests, Delta commits."""
    made = models(CUSTOMER if which == "all" else CUSTOMER.with_inputs(NAMES))
    return Build(lake, run_id, as_of).run(plan(made, [], SILVER, trusted={model.name for model in made}))


def features_count(lake: Lake) -> int:
    """How many features say something: at least two different values, or they count as unfilled or constant."""
    there = {field.name for field in lake.open(FEATURES).schema().fields}
    names = [one.name for one in CUSTOMER.features if one.name in there]
    differ = ", ".join(f"COALESCE(MIN({name}) <> MAX({name}), FALSE)" for name in names)
    with lake.connect() as connection:
        lake.view(connection, FEATURES)
        return sum(connection.execute(f"SELECT {differ} FROM {FEATURES}").fetchall()[0])


def publish(folder: str, runs: str) -> dict[str, Any]:
    """Runs one after the other: a few orders more each time, looked at from a day later, published, old files gone."""
    lake = lake_of(folder)
    took = []
    for number in range(int(runs)):
        begun = time.perf_counter()
        if number:
            with lake.connect() as connection:
                lake.view(connection, "silver.orders")
                more = f"SELECT * REPLACE ('x{number}' || order_key AS order_key) FROM silver.orders LIMIT 500"
                lake.append("silver.orders", connection.sql(more), connection)
        day = AS_OF + dt.timedelta(days=number)
        result = features(lake, day, run_id=f"run{number}")
        lake.publish(run_id=f"run{number}", as_of=day, versions=result.versions)
        lake.clean()
        took.append(time.perf_counter() - begun)
    return {"runs": len(took), "seconds_per_run": statistics.median(took)}


def read(folder: str, stop: str) -> dict[str, Any]:
    """Open the published tables and read, again and again; a read is torn when it fails or its tables do not agree."""
    lake = lake_of(folder)
    took, torn, seen = [], [], set()
    while not Path(stop).exists():
        if lake.pointer() is None:
            time.sleep(0.05)
            continue
        begun = time.perf_counter()
        problem, run = read_once(lake)
        took.append(1000 * (time.perf_counter() - begun))
        seen.add(run)
        torn += [problem] if problem else []
    ranked = sorted(took) or [0.0]
    return {
        "reads": len(took),
        "torn": len(torn),
        "why": torn[:3],
        "runs_seen": len(seen),
        "p50_ms": statistics.median(ranked),
        "p99_ms": ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))],
    }


def read_once(lake: Lake) -> tuple[str, str]:
    """(What is wrong with what a reader sees, empty when nothing is; the run it belongs to)."""
    try:
        with lake.read([FEATURES, DAYS]) as connection:
            ((run, day),) = connection.execute("SELECT run_id, as_of FROM meta.run").fetchall()
            ((first, last, orders),) = connection.execute(
                f"SELECT MIN(as_of), MAX(as_of), SUM(orders) FROM {FEATURES}"
            ).fetchall()
            ((counted,),) = connection.execute(f"SELECT SUM(n) FROM {DAYS} WHERE day < ?", [day]).fetchall()
    except Exception as error:  # whatever happens to a reader is what is counted here
        return f"{type(error).__name__}: {str(error).splitlines()[0]}", ""
    if not first == last == day:
        return f"features of {first} to {last} in a run of {day}", run
    return ("" if orders == counted else f"{orders} orders in features, {counted} in the states of days"), run


def append(folder: str, files: str, rows: str) -> dict[str, Any]:
    """A table written by many small deliveries."""
    lake = lake_of(folder)
    with lake.connect() as connection:
        for number in range(int(files)):
            sql = rows_sql("clicks", int(rows), 10_000, first=number * int(rows))
            lake.append(FRAGMENTED, connection.sql(sql), connection)
    return {}


def scan(folder: str) -> dict[str, Any]:
    """How long opening and reading it takes, the median of some; and what was read, which must stay the same."""
    lake = lake_of(folder)
    took, found = [], []
    for _ in range(SCANS):
        begun = time.perf_counter()
        with lake.connect() as connection:
            lake.view(connection, FRAGMENTED)
            found = connection.execute(
                f"SELECT COUNT(*), COUNT(DISTINCT customer_id), CAST(SUM(price) AS VARCHAR), MAX(occurred_at)::VARCHAR,"
                f" COUNT(*) FILTER (event_name = 'Product Added') FROM {FRAGMENTED}"
            ).fetchall()
        took.append(time.perf_counter() - begun)
    return {"scan_seconds": statistics.median(took), "found": found, "files": len(lake.files(FRAGMENTED))}


STAGES = {one.__name__: one for one in (data, add, build, publish, read, append, scan)}

if __name__ == "__main__":
    begun = time.perf_counter()
    told(begun, **STAGES[sys.argv[1]](*sys.argv[2:]))
