"""Real data for tests: `bench_data("online_retail", "x.parquet")` gives a path, or skips and says how to get it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


def bench_data(*parts: str) -> Path:
    """The file or folder of a real data set; skips the test when it is not on this machine."""
    from_env = os.environ.get("FLOORWALKER_BENCH_DATA")
    places = [Path(from_env)] if from_env else [_ROOT / "../shared/data", _ROOT / "../../shared/data"]
    for place in places:
        path = place.joinpath(*parts).resolve()
        if path.exists():
            return path
    pytest.skip(
        f"data set '{'/'.join(parts)}' is not here: download it from its publisher, store it as Parquet "
        "under that name, and point FLOORWALKER_BENCH_DATA at the folder"
    )
