"""The numbers: right against sums taken another way, honest where there are none, the same after JSON."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from tests.console import fixture
from tests.data import bench_data

from floorwalker.console import report_customers, report_revenue, report_trust
from floorwalker.console.report import build_report, render, report_data
from floorwalker.console.tables import Tables
from floorwalker.errors import ConfigError


def test_both_files_are_written_and_hold_the_same(tmp_path: Path, shop: duckdb.DuckDBPyConnection) -> None:
    out = tmp_path / "made" / "report.html"
    build_report(shop, fixture.facts(), out)
    told = json.loads((tmp_path / "made" / "report.json").read_text(encoding="utf-8"))
    assert render(told) == out.read_text(encoding="utf-8")


def test_the_same_run_gives_the_same_bytes(shop: duckdb.DuckDBPyConnection, page: str) -> None:
    assert render(report_data(shop, fixture.facts())) == page


def test_headline(shop: duckdb.DuckDBPyConnection, data: dict[str, Any]) -> None:
    row = shop.execute("SELECT count(*), sum(orders), sum(revenue)::DOUBLE FROM gold.customers").fetchone()
    head = data["headline"]
    assert (head["customers"], head["orders"], head["revenue"]) == (row[0], row[1], pytest.approx(row[2]))
    assert head["records"] == 312_731
    assert head["segments"] == len({segment["name"] for segment in data["rfm"]["segments"]})
    assert head["audience"] == 301


def test_records_fall_back_to_what_the_channels_counted(shop: duckdb.DuckDBPyConnection) -> None:
    head = report_data(shop, {})["headline"]
    assert head["records"] == 182340 + 64210 + 41200 + 22031 + 2310 + 640
    assert head["sources"] == 6


def test_records_per_customer_cover_every_customer_and_record(data: dict[str, Any]) -> None:
    found = data["customers"]["records"]
    assert sum(row["customers"] for row in found["rows"]) == found["customers"] == 3000
    assert sum(row["records"] for row in found["rows"]) == found["records"]


def test_classes_of_records_leave_no_gap() -> None:
    edges = report_customers.RECORD_CLASSES
    assert edges[0][0] == 1
    assert edges[-1][1] is None
    assert all(high + 1 == low for (_, high), (low, _) in itertools.pairwise(edges) if high is not None)


def test_shares_add_up(data: dict[str, Any]) -> None:
    for rows in (data["customers"]["channels"]["rows"], data["rfm"]["segments"], data["rfm"]["lifecycle"]):
        assert sum(row["customer_share"] for row in rows) == pytest.approx(1)
        assert sum(row["revenue_share"] for row in rows) == pytest.approx(1)
    assert sum(row["customers"] for row in data["rfm"]["grid"]) == sum(
        row["customers"] for row in data["rfm"]["segments"]
    )


def test_concentration_against_numpy(shop: duckdb.DuckDBPyConnection, data: dict[str, Any]) -> None:
    spent = shop.execute("SELECT revenue::DOUBLE AS r FROM gold.customers WHERE revenue > 0").fetchnumpy()["r"]
    spent = np.sort(np.asarray(spent))[::-1]
    found = data["revenue"]["concentration"]
    for row in found["top"]:
        first = max(1, round(len(spent) * row["top"]))
        assert row["revenue_share"] == pytest.approx(spent[:first].sum() / spent.sum())
    differences = np.abs(spent[:, None] - spent[None, :]).sum()
    assert found["gini"] == pytest.approx(differences / (2 * len(spent) * spent.sum()))
    assert 100 <= len(found["curve"]) <= 102
    assert found["curve"][-1] == {"customers": 1.0, "revenue": pytest.approx(1)}


def test_one_buyer_is_no_division_by_zero() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    connection.execute("CREATE TABLE gold.customers AS SELECT 'c1' AS customer_id, 12.5::DECIMAL(28,4) AS revenue")
    found = report_revenue.concentration(Tables(connection))
    assert [row["revenue_share"] for row in found["top"]] == [1.0, 1.0, 1.0]
    assert found["gini"] == pytest.approx(0)


@pytest.mark.parametrize(("days", "period"), [(10, "day"), (62, "day"), (63, "week"), (800, "week"), (801, "month")])
def test_periods_fit_the_span_and_lose_nothing(days: int, period: str) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    # Every third day only: periods without a sale must still be there, with zero.
    connection.execute(f"""
        CREATE TABLE gold.daily_revenue AS
        SELECT DATE '2024-02-14' + day::INTEGER AS occurred_on, 'web' AS channel, 2 AS orders,
            (day + 0.25)::DECIMAL(28,4) AS revenue
        FROM range({days}) AS days(day) WHERE day % 3 = 0 OR day = {days - 1}""")
    found = report_revenue.over_time(Tables(connection))
    assert found["period"] == period
    total = connection.execute("SELECT sum(revenue)::DOUBLE FROM gold.daily_revenue").fetchone()[0]
    assert sum(row["revenue"] for row in found["rows"]) == pytest.approx(total)
    starts = [row["start"] for row in found["rows"]]
    assert starts == sorted(set(starts))
    if period == "day":
        assert len(starts) == days
        assert all(row["whole"] for row in found["rows"])
    else:
        assert not found["rows"][0]["whole"]
        assert all(row["whole"] for row in found["rows"][1:-1])


def test_sales_to_people_not_known_are_told_apart(shop: duckdb.DuckDBPyConnection, data: dict[str, Any]) -> None:
    found = data["revenue"]["over_time"]
    assert found["strangers"] == pytest.approx(found["total"] - data["headline"]["revenue"])


def test_the_lift_is_over_the_best_baseline_on_a_split_by_time(data: dict[str, Any]) -> None:
    lift = data["recommender"]["lift"]
    assert (lift["model"], lift["baseline_model"], lift["protocol"]) == ("knn", "popular_recent", "time split 28 days")
    assert lift["lift"] == pytest.approx(0.083 / 0.052 - 1)
    assert lift["apart"] is True


def test_interval_rows_become_ends(data: dict[str, Any]) -> None:
    rows = data["recommender"]["rows"]
    assert not [row for row in rows if row["metric"].endswith((" low", " high"))]
    row = next(row for row in rows if (row["metric"], row["model"]) == ("ndcg@10", "popular"))
    assert row["low"] < row["value"] < row["high"]
    assert next(row for row in rows if row["metric"] == "mrr@20")["low"] is None


@pytest.mark.parametrize(
    ("one", "other", "apart"), [((1, 2), (3, 4), True), ((1, 3), (2, 4), False), ((None, None), (1, 2), None)]
)
def test_apart(one: tuple[Any, Any], other: tuple[Any, Any], apart: bool | None) -> None:
    first, second = ({"low": low, "high": high} for low, high in (one, other))
    assert report_trust.apart(first, second) is apart


def test_tests_are_counted_and_failures_come_first(data: dict[str, Any]) -> None:
    tests = data["quality"]["tests"]
    assert (tests["passed"], tests["failed"]) == (5, 1)
    assert tests["rows"][0]["status"] == "failed"


def sentences(value: object) -> list[str]:
    """Every `missing` in the data that says something."""
    if isinstance(value, dict):
        here = [value["missing"]] if value.get("missing") else []
        return here + [text for inner in value.values() for text in sentences(inner)]
    return [text for inner in value for text in sentences(inner)] if isinstance(value, list) else []


def test_no_tables_at_all() -> None:
    found = report_data(duckdb.connect(), {})
    told = sentences(found)
    assert len(told) >= 15
    assert all(text.endswith(".") for text in told)
    html = render(found)
    assert "this run has no table gold.rfm" in html
    assert "<svg" not in html


def test_every_table_empty(shop: duckdb.DuckDBPyConnection) -> None:
    connection = duckdb.connect()
    for schema in ("silver", "gold", "meta"):
        connection.execute(f"CREATE SCHEMA {schema}")
    for schema, table, sql in shop.execute("SELECT schema_name, table_name, sql FROM duckdb_tables()").fetchall():
        connection.execute(sql)
        assert connection.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone() == (0,)
    html = render(report_data(connection, {"project": "Nobody yet"}))
    assert "is empty in this run" in html


def test_each_table_may_be_missing_alone(shop: duckdb.DuckDBPyConnection) -> None:
    names = [f"{schema}.{table}" for schema, table in shop.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]  # fmt: skip
    assert len(names) >= 14
    for name in names:
        connection = duckdb.connect()
        fixture.build(connection, customers=60)
        connection.execute(f"DROP TABLE {name}")
        assert "<html" in render(report_data(connection, {}))


def test_a_lacking_column_is_named() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    connection.execute("CREATE TABLE gold.funnel AS SELECT 1 AS position, 'x' AS step")
    assert Tables(connection).missing("gold.funnel", "funnel", "position", "rows") == (
        "No funnel: the table gold.funnel lacks rows."
    )


def test_an_unknown_fact_is_an_error_with_a_hint() -> None:
    with pytest.raises(ConfigError, match="did you mean 'audience'"):
        report_data(duckdb.connect(), {"audiense": {}})


def test_online_retail_keeps_its_published_numbers() -> None:
    connection = duckdb.connect()
    fixture.online_retail(connection, bench_data("online_retail", "online_retail_2010_2011.parquet"))
    found = report_data(connection, {"project": "Online Retail"})
    head = found["headline"]
    assert (head["customers"], head["orders"]) == (4338, 18532)
    assert head["revenue"] == pytest.approx(8_911_407.904, abs=0.01)
    shares = {row["top"]: row["revenue_share"] for row in found["revenue"]["concentration"]["top"]}
    assert shares == {
        0.01: pytest.approx(0.318, abs=0.001),
        0.1: pytest.approx(0.613, abs=0.001),
        0.2: pytest.approx(0.746, abs=0.001),
    }
    assert found["revenue"]["countries"]["rows"][0]["share"] == pytest.approx(0.820, abs=0.0005)
    assert found["revenue"]["over_time"]["strangers"] is None
    assert len(render(found)) > 100_000
