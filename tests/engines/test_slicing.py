"""A wide model that does not fit is built a slice of keys at a time, and nobody can tell."""

from __future__ import annotations

import datetime as dt

import pytest

from floorwalker.engines.lake import Lake
from floorwalker.engines.models import parse_model
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, plan
from floorwalker.engines.slicing import slices

SQL = """SELECT n.who, CAST(SUM(n.x) AS BIGINT) AS total, MAX(d.factor) AS factor
FROM silver.numbers AS n CROSS JOIN silver.dimension AS d GROUP BY n.who"""


def built(tmp_path, monkeypatch, weight: int, rows: int = 5000) -> tuple[list, int]:
    """The model's rows and in how many files they lie, with so many bytes of memory reckoned per byte."""
    monkeypatch.setattr("floorwalker.engines.slicing.WEIGHT", weight)
    lake = Lake(Project(tmp_path / str(weight)), memory_limit="500MB")
    with lake.connect() as connection:
        numbers = f"SELECT 'w' || (i % 700) AS who, i AS x FROM range({rows}) AS r(i)"
        lake.replace("silver.numbers", connection.sql(numbers), connection)
        lake.replace("silver.dimension", connection.sql("SELECT 2 AS factor"), connection)
    model = parse_model("gold.totals", SQL, document={"incremental": {"key": ["who"], "sliced": True}})
    graph = plan([model], [], ["silver.numbers", "silver.dimension"])
    Build(lake, "r", dt.date(2026, 1, 1)).run(graph)
    with lake.connect() as connection:
        lake.view(connection, "gold.totals")
        found = connection.execute("SELECT * FROM gold.totals ORDER BY who").fetchall()
    return found, len(lake.files("gold.totals"))


def test_slices_give_the_same_rows(tmp_path, monkeypatch):
    whole, one = built(tmp_path, monkeypatch, 1)
    sliced, many = built(tmp_path, monkeypatch, 200_000)
    assert (one, len(whole)) == (1, 700)
    assert many > 1
    assert sliced == whole


def test_a_table_without_rows_still_has_its_columns(tmp_path, monkeypatch):
    found, files = built(tmp_path, monkeypatch, 2_000_000, rows=0)
    assert (found, files) == ([], 1)


@pytest.mark.parametrize(("sizes", "expected"), [([], 1), ([100], 1), ([1 << 30], 8), ([1 << 30, 1], 9)])
def test_how_many(sizes, expected):
    assert slices(sizes, memory=2 << 30) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("2GB", 2 * 10**9), ("512 MiB", 2**29), ("1.5gb", 15 * 10**8), ("1000", 1000)]
)
def test_memory_limits_are_read_as_duckdb_reads_them(tmp_path, text, expected):
    assert Lake(Project(tmp_path), memory_limit=text).memory_bytes == expected
