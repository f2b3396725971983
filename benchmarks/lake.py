"""Silver to all customer features in Delta: a full build, an increment, the next day; readers meanwhile; compaction.

In: nothing; `lake_data` makes silver tables of 1 M events of 50,000 customers and of 10 M events of 500,000. Out: a
table and `benchmarks/results/lake.json`. Run: `make bench-lake`; smaller: `python -m benchmarks.lake --events 100000`.

Every figure is of a fresh process with two threads and 2.4 GB for the engine (60 % of 4 GB): `seconds` from its start
to its end as its parent sees it, `cpu` its own seconds of processor, `peak_mb` the most memory it held. Rows without a
size in their name are of the largest size.

- `full_…`: every feature of nothing but silver: states per customer and day (twelve tables), the pivot over them, the
  tests declared beside the features, and a Delta commit for each table.
- `incremental_1pct…`: then 1 % new events of the newest day and 1 % late ones, spread over the year before it, same
  day of the run. `.merged` is how many tables were merged rather than built anew. Up to 1 M all tables are then built
  from nothing and must be equal, row for row. `next_day_…`: then the run looks back from a day later.
- `ratio_to_duckdb_script`: `lake_script`, one SQL text as an analyst writes it, against our models restricted to the
  same features, in turn, `ROUNDS` times, medians. Ours writes, tests and commits twelve tables, the script one Parquet
  file; nothing of that is taken off. `ratio_to_polars`: the same against `lake_polars`, which has no memory limit.
  Both controls must give the same value of every feature for every customer (doubles to 1e-9), or the benchmark stops.
- `read_while_write.…`: a process that opens and reads the published features and states while another publishes runs.
  A read is torn when it fails, or shows two runs at once.
- `compaction.…`: a table of many small appends, opened and scanned, before and after `floorwalker lake compact`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.lake_data import AS_OF
from benchmarks.lake_script import NAMES
from benchmarks.lake_stages import FEATURES, MEMORY, THREADS, features_count, lake_of
from benchmarks.pipeline import UNITS, measure, median, relation
from benchmarks.report import Report

from floorwalker.app.cli import COMMANDS
from floorwalker.app.scaffold import make_project
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.sql import models

EVENTS_PER_CUSTOMER = 20
ROUNDS = 3
GOALS = {"seconds": 90, "peak_mb": 4096}
RATIO_GOAL = 1.5
FEATURES_GOAL = 180
GOALS_AT = 10_000_000
"""Goals of speed are for this many events: below, what a process costs to start is most of it."""
PROOF_AT_MOST = 1_000_000
STAGES = "benchmarks.lake_stages"


class Told(Report):
    """Says each row as it comes, too: half an hour of measuring may end early."""

    def add(
        self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        super().add(name, value, unit, at_least=at_least, at_most=at_most)
        say(f"{name} = {self.rows[-1].value:g} {unit}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare, report; 1 when a goal was missed."""
    options = _options(arguments)
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    # Ended from outside, it takes its tables and the process it started with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    report = Told("lake")
    report.add("load_at_start", os.getloadavg()[0], "processes")
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-", dir=options.scratch) as scratch:
        sizes = sorted(options.events)
        for events in sizes:
            name, last = label(events), events == sizes[-1]
            folder = Path(scratch) / name
            proof = events <= PROOF_AT_MOST
            of_size(report, folder, events, options.rounds, suffix="" if last else f"_{name}", proof=proof)
            shutil.rmtree(folder)
        read_while_write(report, Path(scratch) / "readers", min(sizes[0], 100_000), options.runs)
        compaction(report, Path(scratch) / "shop", sizes[0], options.small_files)
    return report.finish(options.results) if options.results else report.finish()


def of_size(report: Report, folder: Path, events: int, rounds: int, *, suffix: str, proof: bool) -> None:
    """Everything that is measured on one size of silver."""
    name, customers = label(events), max(events // EVENTS_PER_CUSTOMER, 1)
    say(f"{name}: making silver")
    measure(STAGES, "data", str(folder), str(events), str(customers))
    silver = sum(file.stat().st_size for file in folder.rglob("*.parquet")) / 2**20
    report.add(f"silver_{name}.mb", silver, "MB on disk")
    compared(report, folder, rounds, suffix, events)

    say(f"{name}: full")
    forget(folder)
    full = build(folder, AS_OF)
    goals = GOALS if events == GOALS_AT else {}
    for row in UNITS:
        report.add(f"full_{name}.{row}", full[row], UNITS[row], at_most=goals.get(row))
    report.add(f"full_{name}.pivot", full["nodes"][FEATURES], "s")
    report.add(f"features{suffix}.count", features_count(lake_of(folder)), "features", at_least=FEATURES_GOAL)

    say(f"{name}: increment")
    percent = str(max(events // 100, 1))
    measure(STAGES, "add", str(folder), percent, percent, str(customers))
    increment = build(folder, AS_OF)
    for row in UNITS:
        report.add(f"incremental_1pct{suffix}.{row}", increment[row], UNITS[row])
    report.add(f"incremental_1pct{suffix}.share_of_full", increment["seconds"] / full["seconds"], "×")
    merged = sum(status == "incremental" for status in increment["status"].values())
    report.add(f"incremental_1pct{suffix}.merged", merged, "tables")
    if proof:
        equals_full(folder)
    say(f"{name}: next day")
    next_day = build(folder, AS_OF + dt.timedelta(days=1))
    for row in UNITS:
        report.add(f"next_day_{name}.{row}", next_day[row], UNITS[row])


def build(folder: Path, as_of: dt.date, which: str = "all") -> dict[str, Any]:
    return measure(STAGES, "build", str(folder), str(as_of), which)


def forget(folder: Path) -> None:
    """Remove every table made of silver, so that the next build starts from nothing."""
    for table in built_tables():
        shutil.rmtree(lake_of(folder).path(table), ignore_errors=True)


def built_tables() -> list[str]:
    return [model.name for model in models(CUSTOMER)]


# -- controls ---------------------------------------------------------------------------------------------------------


def compared(report: Report, folder: Path, rounds: int, suffix: str, events: int) -> None:
    """Ours and the controls in turn, each from nothing; then whether they say the same."""
    name, lake, out = label(events), folder / "state" / "lake", folder / "controls"
    out.mkdir()
    limits = (str(AS_OF), MEMORY, str(THREADS))
    has_polars = importlib.util.find_spec("polars") is not None
    if not has_polars:
        say('not compared with Polars: pip install "polars>=2,<3"')
    runs: dict[str, list[dict[str, Any]]] = {"asked": [], "duckdb_script": [], "polars": []}
    for number in range(rounds):
        say(f"{name}: ours and the controls, round {number + 1} of {rounds}")
        forget(folder)
        runs["asked"].append(build(folder, AS_OF, "asked"))
        runs["duckdb_script"].append(
            measure("benchmarks.lake_script", str(lake), str(out / "duckdb_script.parquet"), *limits)
        )
        if has_polars:
            try:
                runs["polars"].append(
                    measure("benchmarks.lake_polars", str(lake), str(out / "polars.parquet"), str(AS_OF))
                )
            except subprocess.CalledProcessError as error:
                say(f"{name}: Polars ended with {error.returncode}: no ratio")
                has_polars = False
    ours = relation(lake_of(folder).path(FEATURES))
    for control in ("duckdb_script", "polars"):
        if len(runs[control]) == rounds:
            same_features(folder, ours, f"read_parquet('{out / control}.parquet')", control)
    for who, measured in runs.items():
        if len(measured) == rounds:
            for row in UNITS:
                report.add(f"{who}_{name}.{row}", median(measured, row), UNITS[row])
    goal = RATIO_GOAL if events == GOALS_AT else None
    for control in ("duckdb_script", "polars"):
        if len(runs[control]) == rounds:
            for row, bar in (("seconds", goal if control == "duckdb_script" else None), ("cpu", None)):
                ratio = median(runs["asked"], row) / median(runs[control], row)
                title = f"ratio_to_{control}{suffix}" + ("" if row == "seconds" else f".{row}")
                report.add(title, ratio, "×", at_most=bar)
    shutil.rmtree(out)


def same_features(folder: Path, ours: str, control: str, who: str) -> None:
    """Stops unless a control has every feature asked, with our value for every customer."""
    with lake_of(folder).connect() as connection:
        found = differences(connection, ours, control)
    if found:
        raise SystemExit(f"{who} says otherwise:\n  " + "\n  ".join(found))


def differences(connection: duckdb.DuckDBPyConnection, ours: str, control: str) -> list[str]:
    """Features that the control lacks, or of which it has another value, and of how many customers."""
    wanted = [one.name for one in CUSTOMER.with_inputs(NAMES).features]
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {ours}").fetchall()}
    there = {name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {control}").fetchall()}
    shared = [name for name in wanted if name in there]
    counts = ", ".join(f"COUNT(*) FILTER ({_differs(name, types[name])})" for name in shared)
    row = connection.execute(
        f"SELECT COUNT(*) FILTER (o.customer_id IS NULL OR c.customer_id IS NULL), {counts}"
        f" FROM {ours} AS o FULL JOIN {control} AS c ON c.customer_id = o.customer_id"
    ).fetchall()[0]
    found = [f"{name}: not there" for name in wanted if name not in there]
    return found + [f"{name}: {n} customers" for name, n in zip(["customer_id", *shared], row, strict=True) if n]


def _differs(name: str, kind: str) -> str:
    if kind != "DOUBLE":
        return f"o.{name} IS DISTINCT FROM c.{name}"
    near = f"ABS(o.{name} - c.{name}) <= 1e-9 * GREATEST(ABS(o.{name}), 1)"
    return f"NOT COALESCE({near}, o.{name} IS NULL AND c.{name} IS NULL)"


# -- the same as a full rebuild ---------------------------------------------------------------------------------------


def equals_full(folder: Path) -> None:
    """Stops unless every table is what a build from nothing makes of the same silver."""
    lake, aside = lake_of(folder), folder / "aside"
    for table in built_tables():
        shutil.copytree(lake.path(table), aside / table)
    forget(folder)
    build(folder, AS_OF)
    with lake.connect() as connection:
        found = unequal(connection, {table: (aside / table, lake.path(table)) for table in built_tables()})
    shutil.rmtree(aside)
    if found:
        raise SystemExit("the increment is not what a full build makes:\n  " + "\n  ".join(found))


def unequal(connection: duckdb.DuckDBPyConnection, tables: dict[str, tuple[Path, Path]]) -> list[str]:
    """Tables with rows that only one side has."""
    found = []
    for table, (left, right) in tables.items():
        one, other = relation(left), relation(right)
        ((more,), (fewer,)) = [
            connection.execute(f"SELECT COUNT(*) FROM (SELECT * FROM {a} EXCEPT ALL SELECT * FROM {b})").fetchall()[0]
            for a, b in ((one, other), (other, one))
        ]
        found += [f"{table}: {more} rows too many, {fewer} missing"] if more or fewer else []
    return found


# -- readers and small files ------------------------------------------------------------------------------------------


def read_while_write(report: Report, folder: Path, events: int, runs: int) -> None:
    """One process reads what is published while another publishes."""
    say("reading while writing")
    measure(STAGES, "data", str(folder), str(events), str(max(events // EVENTS_PER_CUSTOMER, 1)))
    stop = folder / "stop"
    reader = subprocess.Popen(
        [sys.executable, "-m", STAGES, "read", str(folder), str(stop)], stdout=subprocess.PIPE, text=True
    )
    try:
        written = measure(STAGES, "publish", str(folder), str(runs))
    finally:
        stop.touch()
        told, _ = reader.communicate()
    if reader.returncode:
        raise SystemExit("the reader ended early")
    read = json.loads(told.splitlines()[-1])
    for problem in read["why"]:
        say(f"torn: {problem}")
    report.add("read_while_write.runs", written["runs"], "runs")
    report.add("read_while_write.runs_seen", read["runs_seen"], "runs")
    report.add("read_while_write.reads", read["reads"], "reads")
    report.add("read_while_write.torn", read["torn"], "reads", at_most=0)
    report.add("read_while_write.p50_ms", read["p50_ms"], "ms")
    report.add("read_while_write.p99_ms", read["p99_ms"], "ms")
    shutil.rmtree(folder)


def compaction(report: Report, folder: Path, events: int, files: int) -> None:
    """A table of many small files, before and after the product's own command."""
    if "lake" not in COMMANDS:
        say("compaction is not measured: this version has no command `lake`")
        return
    say("compaction")
    make_project(folder, template="demo")
    measure(STAGES, "append", str(folder), str(files), str(max(events // files, 1)))
    before = measure(STAGES, "scan", str(folder))
    subprocess.run(
        [sys.executable, "-m", "floorwalker.app.cli", "-p", str(folder), "lake", "compact"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = measure(STAGES, "scan", str(folder))
    if before["found"] != after["found"]:
        raise SystemExit(f"compaction changed the rows: {before['found']} became {after['found']}")
    report.add("compaction.files_before", before["files"], "files")
    report.add("compaction.files_after", after["files"], "files")
    report.add("compaction.scan_before", before["scan_seconds"], "s")
    report.add("compaction.scan_after", after["scan_seconds"], "s")
    report.add("compaction.scan_gain", before["scan_seconds"] / after["scan_seconds"], "×")
    shutil.rmtree(folder)


# -- words ------------------------------------------------------------------------------------------------------------


def label(events: int) -> str:
    """How a size is called in the names of rows.

    >>> label(1_000_000), label(100_000), label(1_500)
    ('1m', '100k', '1500')
    """
    for letter, unit in (("m", 1_000_000), ("k", 1000)):
        if events and events % unit == 0:
            return f"{events // unit}{letter}"
    return str(events)


def say(text: str) -> None:
    sys.stderr.write(f"bench-lake: {text}\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.lake", description="Silver to features in Delta.")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000], help="sizes to measure")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds against the controls")
    parser.add_argument("--runs", type=int, default=20, help="runs to publish while a reader reads")
    parser.add_argument("--small-files", type=int, default=200, help="appends of the table that is compacted")
    parser.add_argument("--scratch", type=Path, help="where the tables go meanwhile: 4 GB at 10 M events")
    parser.add_argument("--results", type=Path, help="where lake.json goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
