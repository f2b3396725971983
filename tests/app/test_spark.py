"""A run on Spark: every model gives DuckDB's rows, on a real cluster of two workers, on simulated and on real data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tests.app.driving import call, environment, tables
from tests.data import bench_data
from tests.spark import needs_spark
from tests.spark_cluster import spark_cluster

TEMPLATES = Path(__file__).parents[2] / "src" / "floorwalker" / "app" / "templates"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs_spark()
    with spark_cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


def process(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=environment(), cwd=folder, timeout=1200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def assert_same(folder: Path, url: str) -> None:
    """Every model of the project: no row on one side only, one schema."""
    found: list[dict[str, Any]] = json.loads(process(folder, "tests.spark_compare", str(folder), url).splitlines()[-1])
    assert len(found) > 25
    seconds = {engine: sum(one.get(f"{engine}_s", 0) for one in found) for engine in ("duckdb", "spark")}
    print(f"{folder.name}: {len(found)} models, DuckDB {seconds['duckdb']:.1f} s, Spark {seconds['spark']:.1f} s")
    wrong = [
        one
        for one in found
        if "error" in one or not one["same_schema"] or one.get("only_duckdb") or one.get("only_spark")
    ]
    assert not wrong, "\n".join(json.dumps(one, indent=1, ensure_ascii=False)[:2000] for one in wrong)


@pytest.mark.slow
def test_every_model_gives_the_same_rows_on_a_simulated_retailer(cluster, demo_once):
    assert_same(demo_once[0], cluster)


@pytest.mark.slow
def test_every_model_gives_the_same_rows_on_online_retail(cluster, tmp_path):
    file = bench_data("online_retail", "online_retail_2010_2011.parquet")
    project = tmp_path / "retail"
    assert call(tmp_path, "init", str(project), "--template", "online-retail", "--data", str(file)).code == 0
    assert call(project, "run", "--no-report").code == 0
    assert_same(project, cluster)


@pytest.mark.slow
def test_every_model_gives_the_same_rows_on_complete_journey(cluster, tmp_path):
    if not (TEMPLATES / "complete-journey").exists():
        pytest.skip("no template for Complete Journey yet")
    data = bench_data("complete_journey")
    project = tmp_path / "journey"
    assert call(tmp_path, "init", str(project), "--template", "complete-journey", "--data", str(data)).code == 0
    assert call(project, "run", "--no-report").code == 0
    assert_same(project, cluster)


@pytest.mark.slow
def test_a_whole_run_on_the_cluster_publishes_the_same_tables(cluster, demo_once, tmp_path):
    whole = demo_once[0]
    again = tmp_path / "again"
    shutil.copytree(whole, again, ignore=shutil.ignore_patterns("state", "exports", "report.*"))
    (again / "state").mkdir()
    # Customer ids follow from the secret.
    shutil.copy(whole / "state" / "secret.key", again / "state" / "secret.key")
    out = process(
        tmp_path, "floorwalker.app.cli", "-p", str(again), "run", "--no-report", "--engine", cluster, "--json"
    )
    assert json.loads(out)["status"] == "published"
    ours, theirs = tables(whole), tables(again)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert not list((again / "state" / "lake").rglob("_spark-*"))


def test_an_engine_that_is_none_is_refused_before_anything_is_read(shop):
    done = call(shop, "run", "--engine", "sparc://local")
    assert done.code == 1 and "spark://local[2]" in done.err
    with mock.patch.dict("os.environ", {"FLOORWALKER__ENGINE__URL": "spark://nope"}):
        assert "is not an engine" in call(shop, "run").err


def test_without_the_extra_or_java_the_error_says_how_to_get_them(shop, tmp_path):
    with mock.patch("importlib.util.find_spec", return_value=None):
        assert "pip install 'floorwalker[spark]'" in call(shop, "run", "--engine", "spark://local[2]").err
    with (
        mock.patch("importlib.util.find_spec", return_value=object()),
        mock.patch.dict("os.environ", {"JAVA_HOME": str(tmp_path)}),
    ):
        assert "apt-get install openjdk-17" in call(shop, "run", "--engine", "spark://local[2]").err
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    old.chmod(0o755)
    with (
        mock.patch("importlib.util.find_spec", return_value=object()),
        mock.patch.dict("os.environ", {"JAVA_HOME": str(tmp_path)}),
    ):
        assert "Java 8" in call(shop, "run", "--engine", "spark://local[2]").err
