"""RFM: every cell has a name, quintiles are total and tied by id, and Online Retail gives the published figures."""

from __future__ import annotations

import datetime as dt
from itertools import product
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.segmentation import online_retail
from tests.steps import MemoryContext

from floorwalker.models.segmentation.rfm import LIFECYCLES, RFM_SQL, SEGMENTS, lifecycle, rfm_steps, segment

CELLS = ["".join(cell) for cell in product("12345", repeat=3)]


def run_rfm(context: MemoryContext) -> list[dict]:
    (step,) = rfm_steps()
    step.run(context)
    return context.connection.sql("SELECT * FROM gold.rfm ORDER BY customer_id").to_arrow_table().to_pylist()


def customers(context: MemoryContext, rows: list[tuple]) -> None:
    context.connection.execute(
        "CREATE OR REPLACE TABLE gold.customers "
        "(customer_id VARCHAR, recency_days INTEGER, orders BIGINT, revenue DECIMAL(28,4))"
    )
    if rows:
        context.connection.executemany("INSERT INTO gold.customers VALUES (?, ?, ?, ?)", rows)


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path, dt.date(2026, 1, 31))


def test_the_twelve_lifecycles_share_out_all_125_cells() -> None:
    listed = [cell for cells in LIFECYCLES.values() for cell in cells]
    assert len(LIFECYCLES) == 12
    assert sorted(listed) == sorted(CELLS)


def test_every_segment_is_used_and_every_cell_has_one() -> None:
    assert {segment(cell) for cell in CELLS} == set(SEGMENTS)


def test_sql_and_python_name_every_cell_alike(context: MemoryContext) -> None:
    # 125 customers laid out so that NTILE gives each of the 125 cells once: 25 per quintile on every axis.
    customers(context, [(c, 600 - 100 * int(c[0]), int(c[1]), int(c[2])) for c in CELLS])
    rows = run_rfm(context)
    assert sorted(row["cell"] for row in rows) == CELLS
    for row in rows:
        assert row["cell"] == row["customer_id"]
        assert (row["segment"], row["lifecycle"]) == (segment(row["cell"]), lifecycle(row["cell"]))


def test_best_on_every_axis_is_five_and_ties_fall_by_customer_id(context: MemoryContext) -> None:
    customers(context, [(f"c{i}", 10, 2, 50) for i in range(10)])
    assert [(row["r"], row["f"], row["m"]) for row in run_rfm(context)] == [
        (q, q, q) for q in (1, 2, 3, 4, 5) for _ in "ab"
    ]


def test_people_who_never_bought_are_left_out(context: MemoryContext) -> None:
    customers(context, [("buyer", 3, 1, 20), ("visitor", None, 0, None)])
    assert [(row["customer_id"], row["cell"]) for row in run_rfm(context)] == [("buyer", "555")]


def test_nobody_gives_an_empty_table_with_its_columns(context: MemoryContext) -> None:
    customers(context, [])
    assert run_rfm(context) == []
    described = dict(context.connection.sql("SELECT column_name, column_type FROM (DESCRIBE gold.rfm)").fetchall())
    assert described == {
        "customer_id": "VARCHAR",
        "recency_days": "INTEGER",
        "frequency": "BIGINT",
        "monetary": "DECIMAL(28,4)",
        "r": "INTEGER",
        "f": "INTEGER",
        "m": "INTEGER",
        "cell": "VARCHAR",
        "segment": "VARCHAR",
        "lifecycle": "VARCHAR",
    }


people = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 50), st.integers(0, 10_000)), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None)
@given(people)
def test_scores_follow_the_figures_and_tiles_differ_by_one_at_most(tmp_path_factory, rows: list[tuple]) -> None:
    context = MemoryContext(tmp_path_factory.mktemp("rfm"), dt.date(2026, 1, 31))
    customers(context, [(f"c{i:03}", *row) for i, row in enumerate(rows)])
    result = run_rfm(context)
    for score, figure, sign in (("r", "recency_days", -1), ("f", "frequency", 1), ("m", "monetary", 1)):
        ordered = sorted(result, key=lambda row, s=score, f=figure, g=sign: (g * row[f], row["customer_id"]))
        scores = [row[score] for row in ordered]
        assert scores == sorted(scores)
        assert scores[-1] == 5
        sizes = [scores.count(q) for q in range(1, 6) if len(rows) >= 5 or q in scores]
        assert max(sizes) - min(sizes) <= 1


def test_the_query_travels_to_spark() -> None:
    (spark,) = sqlglot.transpile(RFM_SQL, read="duckdb", write="spark")
    assert "NTILE(5) OVER (ORDER BY recency_days DESC" in spark
    assert spark.count("CASE") == 3


def test_online_retail_gives_the_published_figures(context: MemoryContext) -> None:
    online_retail.load(context)
    run_rfm(context)
    one = context.connection.execute
    figures = one(
        "SELECT count(*), round(avg(recency_days), 2), median(recency_days), max(recency_days),"
        " round(avg(frequency), 2), median(frequency), max(frequency), round(avg(monetary), 2),"
        " round(median(monetary), 3), round(max(monetary), 2) FROM gold.rfm"
    ).fetchall()[0]
    assert [float(figure) for figure in figures] == [
        4338, 93.06, 51, 374, 4.27, 2, 209, 2054.27, 674.485, 280206.02,
    ]  # fmt: skip
    for score in "rfm":
        sizes = one(f"SELECT count(*) FROM gold.rfm GROUP BY {score} ORDER BY {score}").fetchall()
        assert [size for (size,) in sizes] == [868, 868, 868, 867, 867]
    cells = dict(one("SELECT cell, count(*) FROM gold.rfm GROUP BY cell").fetchall())
    assert (len(cells), cells["555"], cells["111"]) == (117, 348, 185)
    assert len(one("SELECT DISTINCT lifecycle FROM gold.rfm").fetchall()) == 12
    assert len(one("SELECT DISTINCT segment FROM gold.rfm").fetchall()) == 8
