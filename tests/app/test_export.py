"""Exports: scripts that parse and run, and a dbt project whose tables are those that Floorwalker published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sqlglot
from tests.app.driving import call
from tests.app.shop import make_shop
from tests.data import bench_data
from tests.dbt import dbt, dbt_command, differences

from floorwalker.engines.exporting import MANIFEST
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.engines.sql_duckdb import view_files

OWN = """-- Own: {{ not Jinja }}, and 'silver.orders' in a comment.
WITH orders AS (SELECT orders.order_key, silver.orders.customer_id FROM silver.orders)
SELECT o.customer_id, COUNT(*) AS orders, 'from silver.orders {{ x }} {% y %}' AS note, MAX(r.as_of) AS as_of
FROM orders AS o CROSS JOIN meta.run AS r
WHERE o.customer_id IS NOT NULL
GROUP BY o.customer_id;
"""
OWN_TOML = """description = "Own {{ words }}"
[columns.customer_id]
about = "the customer: {% is %} quoted"
tests = ["not_null", "unique"]
references = "silver.customer_map.customer_id"
[columns.note]
accepted = ["from silver.orders {{ x }} {% y %}"]
[columns.orders]
tests = ["not_negative"]
[[tests]]
name = "nobody's order is lost"
equal = ["SELECT CAST(SUM(orders) AS BIGINT) FROM custom.own",
         "SELECT COUNT(*) FROM silver.orders WHERE customer_id IS NOT NULL"]
[[tests]]
name = "nobody has many"
sql = "SELECT customer_id FROM custom.own WHERE orders > 1"
severity = "warn"
"""


def models(folder: Path) -> list[str]:
    """Tables that SQL makes, in the order of a run."""
    listed = call(folder, "models", "list", "--json").json
    return [one["table"] for one in listed if one["made by"] == "sql"]


@pytest.fixture(scope="module")
def own_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with a model of its own, in which everything is that could be taken for something else."""
    folder = make_shop(tmp_path_factory.mktemp("own") / "shop")
    (folder / "sql").mkdir(exist_ok=True)
    (folder / "sql" / "own.sql").write_text(OWN)
    (folder / "sql" / "own.toml").write_text(OWN_TOML)
    done = call(folder, "run", "--no-report")
    assert done.code == 0, done.err
    return folder


# -- scripts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialect",
    ["duckdb", "snowflake", *(pytest.param(name, marks=pytest.mark.slow) for name in ("spark", "databricks"))],
)
def test_every_script_parses_and_says_how_far_it_was_checked(own_shop, tmp_path, dialect):
    out = tmp_path / dialect
    told = call(own_shop, "export", "sql", "--dialect", dialect, "--out", str(out), "--json").json
    listed = json.loads((out / MANIFEST).read_text())
    tables = models(own_shop)
    assert told["models"] == len(tables) == len(listed["order"])
    assert [one["table"] for one in listed["order"]] == tables
    files = sorted(path.name for path in out.glob("*.sql"))
    assert files == ["000_meta.sql", *(one["file"] for one in listed["order"])]
    made = set(listed["sources"])
    for one in listed["order"]:
        assert {table for table in one["reads"] if not table.startswith("meta.")} <= made, one
        made.add(one["table"])
    for file in files:
        text = (out / file).read_text()
        head = text.splitlines()[0]
        assert f"for {dialect}" in head and "Floorwalker 0." in head
        assert ("NOT EXECUTED" in head) == (dialect in ("databricks", "snowflake"))
        assert all(sqlglot.parse(text, dialect=dialect))
    assert "Set as_of" in (out / "000_meta.sql").read_text()


def test_the_scripts_make_the_published_tables(own_shop, tmp_path):
    out = tmp_path / "duckdb"
    assert call(own_shop, "export", "sql", "--dialect", "duckdb", "--out", str(out)).code == 0
    lake = Lake(Project(own_shop))
    pointer = lake.pointer()
    assert pointer
    with lake.connect() as connection:
        for table in json.loads((out / MANIFEST).read_text())["sources"]:
            lake.view(connection, table, pointer.tables[table])
        for file in sorted(out.glob("*.sql")):
            connection.execute(file.read_text())
        connection.execute("CREATE SCHEMA published")
        for table in models(own_shop):
            view_files(connection, "published.t", lake.files(table, pointer.tables[table]))
            for one, other in ((table, "published.t"), ("published.t", table)):
                assert connection.execute(f"FROM {one} EXCEPT ALL FROM {other}").fetchall() == [], table


def test_a_project_that_never_ran_has_scripts_and_no_dbt_project(tmp_path):
    folder = make_shop(tmp_path / "shop")
    assert call(folder, "export", "sql", "--dialect", "duckdb", "--out", str(tmp_path / "sql")).code == 0
    assert "placeholder" in (tmp_path / "sql" / "000_meta.sql").read_text()
    done = call(folder, "export", "dbt", "--out", str(tmp_path / "dbt"))
    assert done.code == 1 and "floorwalker run" in done.err
    assert not (tmp_path / "dbt").exists()


def test_what_is_there_is_not_written_over(own_shop, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    done = call(own_shop, "export", "dbt", "--out", str(tmp_path))
    assert done.code == 1 and "is not empty" in done.err and "--force" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert call(own_shop, "export", "dbt", "--out", str(tmp_path), "--force").code == 0
    assert call(own_shop, "export", "dbt", "--out", str(tmp_path)).code == 0


def test_a_dialect_that_nobody_checks_is_refused(own_shop, tmp_path):
    done = call(own_shop, "export", "sql", "--dialect", "bigquery", "--out", str(tmp_path / "x"))
    assert done.code == 2 and "databricks" in done.err


# -- dbt -------------------------------------------------------------------------------------------------------


def test_the_dbt_project_names_the_published_files_and_no_others(own_shop, tmp_path):
    out = tmp_path / "dbt"
    told = call(own_shop, "export", "dbt", "--out", str(out), "--json").json
    tables = models(own_shop)
    assert told["models"] == len(tables)
    assert {path.stem.replace("__", ".") for path in out.glob("models/*/*__*.sql")} == {
        *tables, "meta.run", "meta.sources"
    }  # fmt: skip
    lake = Lake(Project(own_shop))
    pointer = lake.pointer()
    assert pointer
    text = (out / "models" / "sources.yml").read_text()
    for table in ("bronze.order_lines", "silver.customer_map"):
        for file in lake.files(table, pointer.tables[table]):
            assert Path(file).name in text
    assert not (set(tables) & {f"silver.{name}" for name in ("customer_map",)})
    own = (out / "models" / "custom" / "custom__own.sql").read_text()
    assert "{{ ref('silver__orders') }} AS orders" in own and "'from silver.orders {{ '{{' }} x }}" in own


def assert_dbt_builds_the_same(project: Path, out: Path, warnings: int = 0) -> None:
    """Export, build with the real dbt, and compare every table both ways."""
    dbt_command()
    told = call(project, "export", "dbt", "--out", str(out), "--json").json
    ended = dbt(out, "build")
    # meta.run and meta.sources are models too, with five tests.
    expected = {"model success": told["models"] + 2, "test pass": told["tests"] + 5 - warnings, "test warn": warnings}
    assert ended == {key: count for key, count in expected.items() if count}
    assert differences(project, out, models(project)) == {}


@pytest.mark.slow
def test_dbt_builds_the_published_tables_of_a_shop_with_own_models(own_shop, tmp_path):
    assert_dbt_builds_the_same(own_shop, tmp_path / "dbt", warnings=1)
    # The comparison can fail: another day gives other customers.
    dbt(tmp_path / "dbt", "run", "--vars", "{as_of: '2026-03-01'}", "--select", "meta__run", "gold__customers")
    assert "gold.customers: rows only in gold.customers" in differences(own_shop, tmp_path / "dbt", ["gold.customers"])


@pytest.mark.slow
def test_dbt_builds_the_published_tables_of_a_simulated_retailer(demo_once, tmp_path):
    assert_dbt_builds_the_same(demo_once[0], tmp_path / "dbt")


@pytest.mark.slow
def test_dbt_builds_the_published_version_when_a_newer_one_lies_beside_it(shop, tmp_path):
    out = tmp_path / "dbt"
    assert call(shop, "export", "dbt", "--out", str(out)).code == 0
    lake = Lake(Project(shop))
    with lake.connect() as connection:
        lake.view(connection, "bronze.order_lines")
        lake.replace("bronze.order_lines", connection.sql("FROM bronze.order_lines LIMIT 1"), connection)
    shutil.rmtree(out)
    assert_dbt_builds_the_same(shop, out)


@pytest.mark.slow
def test_dbt_builds_the_published_tables_of_online_retail(tmp_path):
    dbt_command()
    file = bench_data("online_retail", "online_retail_2010_2011.parquet")
    project = tmp_path / "retail"
    assert call(tmp_path, "init", str(project), "--template", "online-retail", "--data", str(file)).code == 0
    assert call(project, "run", "--no-report").code == 0
    assert_dbt_builds_the_same(project, tmp_path / "dbt")
