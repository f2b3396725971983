"""Files into the lake at 10 million rows: a CSV against DuckDB's own copy to Parquet, and raw files to gold.

In: nothing; the files are made first. Out: a table and `benchmarks/results/files.json`. Run: `make bench-files`;
`--rows 1000000` makes everything smaller, and the names of the rows say so.

- `csv_10m`: one CSV of order lines (10 columns; dates, money, an e-mail address in every third receipt; one row in a
  million that does not fit) is read by a mapping: validated, keyed, put into quarantine or into bronze. `rows_per_s`
  and `peak_mb` are of a fresh process from its start to its end.
- `ratio_to_duckdb_csv`: its time against DuckDB's own `COPY (FROM read_csv(…)) TO … (FORMAT parquet)` of the same file
  with the same threads, memory limit and compression, and column types given, in a process of its own. That copy checks
  types, and nothing else: it makes no keys, no quarantine, no lake.
- `pipeline_10m`: raw files of a simulated retailer, about as many events, to gold, with the deterministic rules of
  identity (`[identity] probable = false`) and without recommendations' evaluation; the whole run as a user runs it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.measuring import told
from benchmarks.pipeline import UNITS, event_rows, measure
from benchmarks.report import Report

from floorwalker.app.config import load_config
from floorwalker.app.scaffold import make_project
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.sources.simulator import simulate

ROWS = 10_000_000
EVENTS_PER_CUSTOMER = 39.4
"""Of the simulator, as `make bench-pipeline` counts them."""
MODULE = "benchmarks.files"
MAPPING = """
source = "till"
files = "data/*.csv"
currency = "GBP"
[[maps]]
kind = "order_lines"
[maps.columns]
order_id = "receipt_no"
line_no = "line_no"
occurred_at = { column = "sold_at", formats = ["%d/%m/%Y %H:%M:%S"] }
product_id = "sku"
product_name = "description"
quantity = "qty"
unit_price = "price"
discount = "discount"
store_id = "store"
email = "email"
channel = { value = "store" }
"""
COLUMNS = {
    "receipt_no": "VARCHAR", "line_no": "INTEGER", "sold_at": "TIMESTAMP", "sku": "VARCHAR", "description": "VARCHAR",
    "qty": "DECIMAL(18,4)", "price": "DECIMAL(18,4)", "discount": "DECIMAL(18,4)", "store": "VARCHAR",
    "email": "VARCHAR",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare, report; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.files", description="Files into the lake.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", nargs="*", choices=("csv", "pipeline"), default=("csv", "pipeline"))
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args(arguments)
    size = f"{options.rows // 1_000_000}m" if options.rows >= 1_000_000 else f"{options.rows // 1_000}k"
    report = Report("files")
    report.add("load_at_start", os.getloadavg()[0], "processes")
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-", dir=options.scratch) as folder:
        if "csv" in options.only:
            of_csv(report, Path(folder), options.rows, size)
        if "pipeline" in options.only:
            of_pipeline(report, Path(folder), options.rows, size)
    return report.finish(options.results) if options.results else report.finish()


def of_csv(report: Report, folder: Path, rows: int, size: str) -> None:
    project = Project(make_project(folder / "shop", template="blank"))
    (project.mappings / "till.toml").write_text(MAPPING)
    file = project.root / "data" / "till.csv"
    file.parent.mkdir(exist_ok=True)
    make_csv(file, rows)
    report.add(f"csv_{size}.bytes", file.stat().st_size, "bytes")
    ours = measure("benchmarks.pipeline_stages", "sources", str(project.root))
    taken, aside = _counts(project)
    if (taken, aside) != (rows - rows // 1_000_000, rows // 1_000_000):
        raise SystemExit(f"{taken:,} rows in bronze and {aside:,} in quarantine, of {rows:,}")
    settings = load_config(project).settings.engine
    threads = Lake(project, threads=settings.threads).threads
    control = measure(MODULE, "copy", str(file), str(folder / "copy.parquet"), settings.memory_limit, str(threads))
    report.add(f"csv_{size}.rows_per_s", rows / ours["seconds"], "rows/s")
    report.add(f"csv_{size}.peak_mb", ours["peak_mb"], "MB", at_most=1536)
    for row in ("seconds", "cpu"):
        report.add(f"csv_{size}.{row}", ours[row], UNITS[row])
    for row in ("seconds", "cpu", "peak_mb"):
        report.add(f"duckdb_csv.{row}", control[row], UNITS[row])
    report.add("ratio_to_duckdb_csv", ours["seconds"] / control["seconds"], "×", at_most=2)
    report.add("ratio_to_duckdb_csv.cpu", ours["cpu"] / control["cpu"], "×")


def of_pipeline(report: Report, folder: Path, rows: int, size: str) -> None:
    project = Project(make_project(folder / "retailer", template="demo"))
    simulate(project.root / "data", customers=round(rows / EVENTS_PER_CUSTOMER), seed=1)
    os.environ["FLOORWALKER__IDENTITY__PROBABLE"] = "false"
    whole = measure("benchmarks.pipeline_stages", "run", str(project.root))
    report.add(f"pipeline_{size}.events", event_rows(project), "rows")
    report.add(f"pipeline_{size}.seconds", whole["seconds"], "s", at_most=240)
    report.add(f"pipeline_{size}.cpu", whole["cpu"], "CPU s")
    report.add(f"pipeline_{size}.peak_mb", whole["peak_mb"], "MB", at_most=4096)


def make_csv(file: Path, rows: int) -> None:
    """Order lines as a till would export them; row 500,000 of every million has a quantity in words."""
    duckdb.execute(
        f"""
        COPY (
          SELECT 'R' || lpad((i // 3)::VARCHAR, 9, '0') AS receipt_no, 1 + i % 3 AS line_no,
            strftime(TIMESTAMP '2025-01-01' + to_seconds(CAST(i // 3 * 3 AS BIGINT)), '%d/%m/%Y %H:%M:%S') AS sold_at,
            'SKU' || lpad((hash(i) % 20000)::VARCHAR, 5, '0') AS sku,
            'Article ' || (hash(i) % 20000) || CASE WHEN i % 7 = 0 THEN ', large' ELSE '' END AS description,
            CASE WHEN i % 1000000 = 500000 THEN 'two' ELSE (1 + hash(i + 1) % 3)::VARCHAR END AS qty,
            printf('%d.%02d', CAST(1 + hash(i + 2) % 90 AS BIGINT), CAST(hash(i + 3) % 100 AS BIGINT)) AS price,
            CASE WHEN hash(i + 4) % 10 = 0 THEN '1.50' ELSE '0.00' END AS discount,
            'S' || (1 + (i // 3) % 40) AS store,
            CASE WHEN (i // 3) % 3 = 0 THEN 'customer' || (hash(i // 3) % 500000) || '@example.com' END AS email
          FROM range({rows}) AS t(i)
        ) TO '{file}' (FORMAT csv, HEADER)"""
    )


def copy(file: str, target: str, memory: str, threads: str) -> None:
    """The control, in a process of its own."""
    began = time.perf_counter()
    connection = duckdb.connect(config={"memory_limit": memory, "threads": threads})
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    connection.execute(
        f"COPY (FROM read_csv('{file}', header = true, columns = {{{types}}}, timestampformat = '%d/%m/%Y %H:%M:%S',"
        f" ignore_errors = true)) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )
    told(began)


def _counts(project: Project) -> tuple[Any, Any]:
    from floorwalker.app.state import open_state

    with Lake(project).connect() as connection, open_state(project) as state:
        Lake(project).view(connection, "bronze.order_lines")
        ((taken,),) = connection.execute("SELECT count(*) FROM bronze.order_lines").fetchall()
        return taken, state.execute("SELECT count(*) FROM quarantine").fetchone()[0]


if __name__ == "__main__":
    if sys.argv[1:2] == ["copy"]:
        copy(*sys.argv[2:])
    else:
        sys.exit(main())
