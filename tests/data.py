"""Where the real data sets of the tests lie: they are never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def bench_data(*parts: str) -> Path:
    """Path of a data set; skips the test, saying how to get the set, when it is absent."""
    # As benchmarks/report.py looks: a folder that was named is the only one.
    named = os.environ.get("FLOORWALKER_BENCH_DATA")
    beside = [ROOT.parent / "shared" / "data", ROOT.parent.parent / "shared" / "data"]
    folders = [Path(named)] if named else beside
    for folder in folders:
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    pytest.skip(
        f"needs the data set {'/'.join(parts)}: see docs/data.md for where a person can obtain it,"
        " and set FLOORWALKER_BENCH_DATA to the folder it is in"
    )
