"""The lake's benchmark on a small lake: the controls make the product's features, and cheats, torn reads and wrong
increments show."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import duckdb
import pytest
from benchmarks.lake import built_tables, differences, label, main, unequal
from benchmarks.lake_data import AS_OF, add_to_silver, write_silver
from benchmarks.lake_stages import FEATURES, append, features, features_count, lake_of, read_once, scan
from benchmarks.pipeline import relation

from benchmarks import lake_script
from floorwalker.engines.lake import Lake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Path]:
    """A small lake with the features that the controls make, and the file the script writes of it."""
    lake = lake_of(tmp_path_factory.mktemp("lake"))
    write_silver(lake, 6000, 300)
    features(lake, AS_OF, "asked")
    out = lake.project.root / "script.parquet"
    lake_script.run(lake.project.lake, out, AS_OF, "1GB", 2)
    return lake, out


def found(lake: Lake, control: str) -> list[str]:
    return differences(duckdb.connect(), relation(lake.path(FEATURES)), control)


def test_the_script_makes_the_same_features(small: tuple[Lake, Path]) -> None:
    lake, out = small
    assert found(lake, f"read_parquet('{out}')") == []
    assert duckdb.sql(f"SELECT COUNT(*) FROM read_parquet('{out}')").fetchall() == [(300,)]


def test_polars_makes_the_same_features(small: tuple[Lake, Path], tmp_path: Path) -> None:
    pytest.importorskip("polars", reason="only `make bench-lake` installs Polars")
    from benchmarks import lake_polars

    lake, _ = small
    lake_polars.run(lake.project.lake, tmp_path / "polars.parquet", AS_OF)
    assert found(lake, f"read_parquet('{tmp_path / 'polars.parquet'}')") == []


def test_a_control_that_cheats_is_found(small: tuple[Lake, Path]) -> None:
    lake, out = small
    control = f"read_parquet('{out}')"
    cheats = {
        "tickets: not there": "SELECT * EXCLUDE (tickets)",
        "revenue: ": "SELECT * REPLACE (revenue + 0.0001 AS revenue)",
        "price_level: ": "SELECT * REPLACE (price_level * 1.0001 AS price_level)",
        "favourite_category: ": "SELECT * REPLACE (NULL AS favourite_category)",
    }
    for wanted, query in cheats.items():
        assert any(line.startswith(wanted) for line in found(lake, f"({query} FROM {control})")), wanted
    (line,) = found(lake, f"(SELECT * FROM {control} ORDER BY orders LIMIT 299)")[:1]
    assert line == "customer_id: 1 customers"


def test_an_increment_that_is_not_a_full_build_is_found(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake")
    write_silver(lake, 2000, 100)
    features(lake, AS_OF, "asked")
    made = [table for table in built_tables() if lake.exists(table)]
    for table in made:
        shutil.copytree(lake.path(table), tmp_path / "aside" / table)
    pairs = {table: (tmp_path / "aside" / table, lake.path(table)) for table in made}
    assert unequal(duckdb.connect(), pairs) == []
    add_to_silver(lake, 20, 100, late=20)
    features(lake, AS_OF, "asked")
    late = unequal(duckdb.connect(), pairs)
    assert any(line.startswith("silver.customer_orders_days: ") for line in late)
    assert any(line.startswith(f"{FEATURES}: ") for line in late)


def test_unfilled_and_constant_features_do_not_count(small: tuple[Lake, Path]) -> None:
    lake, _ = small
    asked = features_count(lake)
    assert 90 < asked <= 106
    with lake.connect() as connection:
        lake.view(connection, FEATURES)
        lake.replace(
            FEATURES, connection.sql(f"SELECT * REPLACE (NULL AS gender, 7 AS orders) FROM {FEATURES}"), connection
        )
    try:
        assert features_count(lake) == asked - 2
    finally:
        shutil.rmtree(lake.path(FEATURES))
        features(lake, AS_OF, "asked")


def test_a_reader_notices_two_runs_at_once(small: tuple[Lake, Path]) -> None:
    lake, _ = small
    versions = {table: lake.version(table) or 0 for table in (FEATURES, "silver.customer_orders_days")}
    lake.publish(run_id="r1", as_of=AS_OF, versions=versions)
    assert read_once(lake) == ("", "r1")
    lake.publish(run_id="r2", as_of=AS_OF + dt.timedelta(days=1), versions=versions)
    assert read_once(lake)[0].startswith("features of")
    with lake.connect() as connection:
        lake.view(connection, "silver.customer_orders_days")
        fewer = connection.sql("SELECT * REPLACE (n + 1 AS n) FROM silver.customer_orders_days")
        version, _ = lake.replace("silver.customer_orders_days", fewer, connection)
    lake.publish(run_id="r3", as_of=AS_OF, versions={**versions, "silver.customer_orders_days": version})
    assert "orders in features" in read_once(lake)[0]
    lake.publish(run_id="r4", as_of=AS_OF, versions={**versions, FEATURES: 99})
    assert read_once(lake)[0]


def test_small_appends_are_small_files(tmp_path: Path) -> None:
    append(str(tmp_path), "5", "40")
    told = scan(str(tmp_path))
    assert told["files"] == 5
    assert told["found"][0][0] == 200


def test_sizes_have_names() -> None:
    assert [label(events) for events in (10_000_000, 50_000, 1234)] == ["10m", "50k", "1234"]


@pytest.mark.slow
def test_the_whole_benchmark_at_a_hundredth(tmp_path: Path) -> None:
    small = ["--rounds", "1", "--runs", "3", "--small-files", "10", "--results", str(tmp_path)]
    assert main(["--events", "10000", "20000", *small]) == 0
    rows = {row["name"]: row["value"] for row in json.loads((tmp_path / "lake.json").read_text())["rows"]}
    assert rows["features.count"] >= 180
    assert rows["read_while_write.torn"] == 0
    assert rows["read_while_write.reads"] > 0
    for name in ("full_20k.seconds", "incremental_1pct.seconds", "incremental_1pct_10k.peak_mb", "next_day_20k.cpu"):
        assert rows[name] > 0
    assert {"ratio_to_duckdb_script", "ratio_to_duckdb_script_10k", "incremental_1pct.share_of_full"} <= rows.keys()
