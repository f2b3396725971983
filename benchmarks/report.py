"""One benchmark's figures: printed as a table, and written to `benchmarks/results/<area>.json`.

In: rows of name, value, unit and goal. Out: `{area, when, machine, rows: [{name, value, unit, goal, met}]}`.

    report = Report("recommend")
    report.add("beauty.A.knn.ndcg10", 0.0435, "NDCG@10", at_least=0.0430)
    report.add("beauty.fit", 0.3, "CPU s", at_most=5)
    report.finish()                                                  # exit status: 0 when every goal is met

A row without a goal is a control or a fact: it is compared with, not against a bar.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Row:
    """A figure; `goal` reads like '>= 0.043', and `met` is null without one."""

    name: str
    value: float
    unit: str
    goal: str | None
    met: bool | None


class Report:
    """Collects the rows of one area."""

    def __init__(self, area: str) -> None:
        self.area = area
        self.rows: list[Row] = []

    def add(
        self, name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Add a figure, rounded to six significant digits; its goal is a lower or an upper bound, or none."""
        value = float(f"{value:.6g}")
        if at_least is not None:
            goal, met = f">= {at_least:g}", value >= at_least
        elif at_most is not None:
            goal, met = f"<= {at_most:g}", value <= at_most
        else:
            goal, met = None, None
        self.rows.append(Row(name, value, unit, goal, met))

    def table(self) -> str:
        """The rows as text, aligned."""
        lines = [("name", "value", "unit", "goal", "")]
        for row in self.rows:
            verdict = {True: "met", False: "MISSED", None: ""}[row.met]
            lines.append((row.name, f"{row.value:g}", row.unit, row.goal or "", verdict))
        widths = [max(len(line[column]) for line in lines) for column in range(5)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if column == 1 else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def finish(self, folder: Path = RESULTS) -> int:
        """Print the table and write the file; 1 when a goal was missed, else 0."""
        sys.stdout.write(self.table() + "\n")
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "area": self.area,
            "when": dt.datetime.now(dt.UTC).date().isoformat(),
            "machine": machine(),
            "rows": [asdict(row) for row in self.rows],
        }
        (folder / f"{self.area}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return int(any(row.met is False for row in self.rows))


def machine() -> str:
    """Cores, memory and Python, without names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {platform.machine()}"


def data(*parts: str) -> Path:
    """A file of the real data sets: below FLOORWALKER_BENCH_DATA, else ../shared/data from the project's root."""
    root = Path(__file__).resolve().parents[1]
    from_env = os.environ.get("FLOORWALKER_BENCH_DATA")
    places = [Path(from_env)] if from_env else [root / "../shared/data", root / "../../shared/data"]
    for place in places:
        path = place.joinpath(*parts).resolve()
        if path.exists():
            return path
    raise SystemExit(
        f"data set '{'/'.join(parts)}' is not here: download it from its publisher, store it as Parquet under that "
        "name, and point FLOORWALKER_BENCH_DATA at the folder"
    )
