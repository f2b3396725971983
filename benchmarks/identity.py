"""Who is who: accuracy, honesty and speed of the identity engine, beside rules alone, Splink's tutorial, raw equality.

In: nothing for retail, whose records the simulator makes (profile `research-hard`, frozen); the public sets from the
folder `FLOORWALKER_BENCH_DATA`. Out: a table and `benchmarks/results/identity.json`. Run: `make bench-identity`;
smaller: `python -m benchmarks.identity --only retail_10k febrl3 --seeds 1`. A set that is not there is told and left
out. With `--scratch FOLDER` an interrupted run goes on where it stopped, as long as the code is the same.

Everything runs with default settings: nothing is tuned to a set or a size. Every figure is of a fresh process with two
threads and 1.2 GB for DuckDB (60 % of 2 GB): `seconds` from its start to its end as its parent sees it, imports and the
writing of all tables included, `cpu` its own seconds of processor, `peak_mb` the most memory it held. Judging a result
against the truth is another process.

- `retail_10k`, `retail_100k`: five seeds; the row itself is the worst of them (the slowest, the largest), with `.mean`,
  `.min` and `.max` beside it. `retail_1m`: one seed. `.largest_person` is the truth's largest, `.blocking_recall` the
  share of true pairs that rules joined or that were weighed and found likely enough to be kept, `.calibration_error`
  how far the probabilities of the kept pairs are from the truth, `.<level>.precision_error` how far a level's precision
  is from what the product believes it to be.
- `retail_….deterministic`, `.splink_tutorial`, `.raw_equality`: the controls, on the same records: means of the seeds
  (`largest_cluster`, `peak_mb`: the most). `identity_splink` says what its tutorial does.
- `febrl…`, `fake_1000`, `historical_50k`: the generic matcher on tables of people. `dblp_acm` … `beer`: on papers,
  products and restaurants, over pairs labelled by hand; `test_` rows are of the published test split.
- `incremental_ratio`: 1 M records but for 1 %; then that 1 % comes, and identity runs again; its seconds against a full
  run's (`.cpu`: of processor, which a busy machine disturbs less). At 100 K the two partitions must be the same, given
  the statistics pinned by the first, or the benchmark stops.
- `online_stitch`: microseconds a call of the live stitcher takes when it knows a million identifiers.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.identity_data import SETS, missing
from benchmarks.identity_engine import OURS, PINNED, RECORDS, RETAIL, STITCHERS
from benchmarks.identity_generic import GENERIC
from benchmarks.identity_measures import worst
from benchmarks.identity_retail import truth_file
from benchmarks.pipeline import UNITS, measure
from benchmarks.report import Report

STAGES = "benchmarks.identity_stages"
SIZES = {"retail_10k": 10_000, "retail_100k": 100_000, "retail_1m": 1_000_000}
SEEDS = {"retail_10k": 5, "retail_100k": 5, "retail_1m": 1}
SPLINK_AT_MOST = 100_000
PROOF, DAY = "retail_100k", "retail_1m"
SECTIONS = (*SETS, *SIZES, "incremental", "online_stitch")
IDENTIFIERS = 1_000_000

AT_LEAST = {
    "febrl3.pair_f1": 0.9975,
    "febrl3_no_national_id.pair_f1": 0.979,
    "historical_50k.b_cubed_f1": 0.86,
    **{f"{size}.pair_precision": 0.965 for size in SIZES},
    **{f"{size}.pair_recall": 0.745 for size in SIZES},
}
AT_MOST = {
    **{f"{size}.largest_cluster": 30 for size in SIZES},
    "retail_1m.seconds": 180,
    "retail_1m.peak_mb": 2048,
    "incremental_ratio": 0.10,
    "online_stitch.p99_us": 1000,
}
GOAL_ROWS = ("pair_precision", "pair_recall", "b_cubed_f1", "largest_cluster", "seconds", "peak_mb")
"""Figures of retail that several seeds are told of one by one."""
COUNTS = ("records", "people", "customers", "pairs_weighed")
"""Figures without a worst: means of the seeds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare, report; 1 when a goal was missed."""
    options = _options(arguments)
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[threads] = "2"
    report = Told("identity")
    report.add("load_at_start", os.getloadavg()[0], "processes")
    with contextlib.ExitStack() as stack:
        scratch = options.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floorwalker-bench-")))
        runs = Runs(Path(scratch) / code())
        for section in [one for one in SECTIONS if one in options.only]:
            if section in SIZES:
                of_retail(report, runs, section, min(SEEDS[section], options.seeds))
            elif section in SETS:
                of_set(report, runs, section)
            elif section == "incremental":
                incremental(report, runs)
            else:
                online(report)
    return report.finish(options.results) if options.results else report.finish()


class Told(Report):
    """Says each row as it comes, too: measuring takes a while."""

    def add(
        self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        bars = {"at_least": AT_LEAST.get(name, at_least), "at_most": AT_MOST.get(name, at_most)}
        super().add(name, value, unit, **bars)
        say(f"{name} = {self.rows[-1].value:g} {unit}")


class Runs:
    """Finished stages of one state of the code, below a folder: what is there is not measured again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def kept(self, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `work` told, from its file if it was done before."""
        file = self.folder / f"{key}.json"
        if file.exists():
            return json.loads(file.read_text(encoding="utf-8"))
        say(key.replace("_", " "))
        told = work()
        new = file.with_suffix(".new")
        new.write_text(json.dumps(told), encoding="utf-8")
        new.replace(file)
        return told

    def records(self, size: str, seed: int, part: str = "all") -> Path:
        """The folder of a size's records."""
        folder = self.folder / f"{size}_{seed}_{part}"

        def make() -> dict[str, Any]:
            shutil.rmtree(folder, ignore_errors=True)
            return measure(STAGES, "records", str(folder), str(SIZES[size]), str(seed), part)

        self.kept(f"records_{size}_{seed}_{part}", make)
        return folder

    def retail(self, size: str, seed: int, method: str) -> dict[str, Any]:
        """An engine's figures on retail records, and what they are worth (`said`)."""

        def work() -> dict[str, Any]:
            folder = copied(self.records(size, seed), self.folder / "run")
            done = measure(STAGES, "retail", str(folder), method)
            done["said"] = measure(STAGES, "judge", str(folder), method)["said"]
            shutil.rmtree(folder)
            return done

        return self.kept(f"{size}_{seed}_{method}", work)

    def generic(self, name: str, method: str) -> dict[str, Any]:
        """The same on a public set."""

        def work() -> dict[str, Any]:
            folder = self.folder / "run"
            shutil.rmtree(folder, ignore_errors=True)
            done = measure(STAGES, "generic", str(folder), method, name)
            done["said"] = measure(STAGES, "judge_set", str(folder), name)["said"]
            shutil.rmtree(folder)
            return done

        return self.kept(f"{name}_{method}", work)


def copied(records: Path, folder: Path) -> Path:
    """A project that holds these records and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    table = Path("state/lake", *RECORDS.split("."))
    shutil.copytree(records / table, folder / table)
    shutil.copy(truth_file(records), truth_file(folder))
    return folder


def code() -> str:
    """A hash of all that figures depend on beside the machine: engines, simulator, benchmark, libraries."""
    root = Path(__file__).resolve().parents[1]
    parts = ("src/floorwalker/identity", "src/floorwalker/sources/simulator", "src/floorwalker/engines")
    files = [file for part in parts for file in (root / part).rglob("*") if file.suffix in (".py", ".txt")]
    files += root.glob("benchmarks/identity*.py")
    digest = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in ("duckdb", "splink", "pyarrow")).encode())
    for file in sorted(files):
        digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


# -- the parts --------------------------------------------------------------------------------------------------------


def of_retail(report: Report, runs: Runs, size: str, seeds: int) -> None:
    """The product on a size of retail records, and the controls."""
    done = [runs.retail(size, seed, OURS) for seed in range(1, seeds + 1)]
    ours = [figures(one) for one in done]
    for name in ours[0]:
        values = [one[name] for one in ours]
        report.add(f"{size}.{name}", statistics.fmean(values) if name in COUNTS else worst(name, values), unit_of(name))
        if seeds > 1 and name in GOAL_ROWS:
            for how, of in (("mean", statistics.fmean), ("min", min), ("max", max)):
                report.add(f"{size}.{name}.{how}", of(values), unit_of(name))
    for step in done[0]["nodes"]:
        report.add(f"{size}.step.{step}", statistics.fmean(one["nodes"][step] for one in done), "s")
    controls = [method for method in RETAIL if method != OURS]
    controls += ["splink_tutorial"] if SIZES[size] <= SPLINK_AT_MOST else []
    for method in [*controls, "raw_equality"]:
        found = [figures(runs.retail(size, seed, method)) for seed in range(1, seeds + 1)]
        tell_control(report, f"{size}.{method}", found)


def of_set(report: Report, runs: Runs, name: str) -> None:
    """The generic matcher on a public set, and the rules where they apply."""
    if reason := missing(name):
        say(f"{name} is left out: {reason}")
        return
    for row, value in figures(runs.generic(name, OURS)).items():
        report.add(f"{name}.{row}", value, unit_of(row))
    if SETS[name]().truth is not None:
        controls = [method for method in GENERIC if method != OURS]
        for method in controls:
            tell_control(report, f"{name}.{method}", [figures(runs.generic(name, method))])


def tell_control(report: Report, prefix: str, found: list[dict[str, float]]) -> None:
    for row in found[0]:
        if row not in (*COUNTS, "largest_person"):
            values = [one[row] for one in found]
            of = max if row in ("largest_cluster", "peak_mb") else statistics.fmean
            report.add(f"{prefix}.{row}", of(values), unit_of(row))


def incremental(report: Report, runs: Runs) -> None:
    """A day that brings 1 % of the records, against a full run; at a smaller size, that both come to the same."""
    proof = runs.kept(f"incremental_{PROOF}", lambda: a_day(runs, PROOF, compared=True))
    if not proof["same"]:
        raise SystemExit("an incremental run does not come to what a full run comes to")
    day = runs.kept(f"incremental_{DAY}", lambda: a_day(runs, DAY, compared=False))
    full = runs.retail(DAY, 1, OURS)
    report.add("incremental_ratio", day["seconds"] / full["seconds"], "×")
    report.add("incremental_ratio.cpu", day["cpu"] / full["cpu"], "×")
    for row in UNITS:
        report.add(f"incremental_day.{row}", day[row], UNITS[row])
    report.add("incremental_day.records", day["new"], "records")
    report.add("incremental_ratio_100k", proof["seconds"] / proof["full"], "×")


def a_day(runs: Runs, size: str, *, compared: bool) -> dict[str, Any]:
    """Run on all records but 1 %, bring those, run again: the figures of the second run."""
    folder = copied(runs.records(size, 1, "old"), runs.folder / "day")
    measure(STAGES, "retail", str(folder), OURS)
    added = measure(STAGES, "add", str(folder), str(SIZES[size]), "1")
    day = measure(STAGES, "retail", str(folder), OURS) | {"new": added["records"]}
    if compared:
        whole = copied(runs.records(size, 1), runs.folder / "whole")
        # The statistics that the first run pinned: a full run with these must come to the same.
        for pinned in [one for one in PINNED if (folder / one).exists()]:
            shutil.copytree(folder / pinned, whole / pinned)
        day["full"] = measure(STAGES, "retail", str(whole), OURS)["seconds"]
        day["same"] = measure(STAGES, "same", str(folder), str(whole))["same"]
        shutil.rmtree(whole)
    shutil.rmtree(folder)
    return day


def online(report: Report) -> None:
    """What a call of the live stitcher takes."""
    if OURS not in STITCHERS:
        say("online stitching is not measured: no stitcher here")
        return
    told = measure("benchmarks.identity_online", OURS, str(IDENTIFIERS))
    times = ("p50_us", "p99_us", "p999_us", "cpu_p99_us", "control_p99_us")
    for row, unit in (*((name, "µs") for name in times), ("identifiers", ""), ("peak_mb", "MB")):
        report.add(f"online_stitch.{row}", told[row], unit)


# -- words ------------------------------------------------------------------------------------------------------------


def figures(done: dict[str, Any]) -> dict[str, float]:
    """A run's rows: what it found, what it took; figures of nothing (NaN) are left out."""
    rows = {**done["said"], **{row: done[row] for row in UNITS}}
    return {name: value for name, value in rows.items() if value == value}


def unit_of(row: str) -> str:
    """
    >>> unit_of("pair_f1"), unit_of("seconds"), unit_of("largest_cluster")
    ('share', 's', 'records')
    """
    counts = {"largest_cluster": "records", "largest_person": "records", "pairs_weighed": "pairs"}
    counts |= {name: name for name in ("records", "people", "customers")}
    return UNITS.get(row) or counts.get(row) or "share"


def say(text: str) -> None:
    sys.stderr.write(f"bench-identity: {text}\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.identity", description="Who is who, measured.")
    parser.add_argument("--only", type=_sections, nargs="+", default=[SECTIONS], help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--seeds", type=int, default=max(SEEDS.values()), help="at most so many seeds per size")
    parser.add_argument("--scratch", type=Path, help="keep what is finished here, and go on from it")
    parser.add_argument("--results", type=Path, help="where identity.json goes")
    options = parser.parse_args(arguments)
    options.only = {one for part in options.only for one in part}
    return options


def _sections(text: str) -> Iterable[str]:
    names = tuple(text.split(","))
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"no section {name!r}: {', '.join(SECTIONS)}")
    return names


if __name__ == "__main__":
    raise SystemExit(main())
