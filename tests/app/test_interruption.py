"""A run that is killed, interrupted or not alone: what readers see, and what the next run makes of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest
from tests.app.driving import call, command, rows, run, tables
from tests.app.shop import TILL, make_shop

from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build

MOMENTS = ("after bronze.order_lines", "before silver.customer_map", "after gold.customers", "publish")
ACCIDENTS = "tests.app.interrupted"
MORE = TILL.splitlines()[0] + "\nR9;1;03/02/2026 11:00;B;Scarf;2;20,00;dora@example.com;\n"


def pointer(folder: Path) -> str | None:
    file = folder / "state" / "published.json"
    return file.read_text() if file.exists() else None


@pytest.mark.parametrize("moments", [MOMENTS[2:3], pytest.param(MOMENTS, marks=pytest.mark.slow)], ids=["one", "all"])
def test_killed_again_and_again_readers_keep_the_old_run_and_the_end_is_the_same(
    shop_once: Path, shop: Path, tmp_path: Path, moments: tuple[str, ...]
) -> None:
    (shop / "data" / "till_2.csv").write_text(MORE)
    before, seen = pointer(shop), tables(shop)
    for moment in moments:
        done = command(shop, "run", "--no-report", module=ACCIDENTS, ACCIDENT=f"SIGKILL:{moment}")
        assert done.code == -9, (moment, done.err)
        assert pointer(shop) == before
        assert tables(shop) == seen
    result = run(shop)
    assert result["status"] == "published"
    assert rows(shop, "SELECT COUNT(*), SUM(revenue) FROM gold.customers WHERE orders > 0")[0][0] == 4
    statuses = [one["status"] for one in call(shop, "status", "--json").json["runs"]]
    assert statuses[: len(moments) + 1] == ["published", *["interrupted"] * len(moments)]
    whole = Path(shutil.copytree(shop_once, tmp_path / "whole"))
    (whole / "data" / "till_2.csv").write_text(MORE)
    run(whole)
    assert tables(shop) == tables(whole)


@pytest.mark.slow
def test_killed_in_the_first_run_nothing_is_published(shop_once: Path, tmp_path: Path) -> None:
    folder = make_shop(tmp_path / "first")
    for moment in MOMENTS:
        done = command(folder, "run", "--no-report", module=ACCIDENTS, ACCIDENT=f"SIGKILL:{moment}")
        assert done.code == -9, (moment, done.err)
        assert pointer(folder) is None
        refused = call(folder, "query", "SELECT 1")
        assert refused.code == 1 and "nothing has been published yet" in refused.err
    assert run(folder)["status"] == "published"
    assert tables(folder) == tables(shop_once)


def test_ctrl_c_in_the_middle_of_a_query(shop: Path) -> None:
    before = pointer(shop)
    (shop / "sql" / "endless.sql").write_text(
        # The engine looks at signals between two chunks of what it reads: many small ones, as tables give them.
        "WITH n AS MATERIALIZED (SELECT UNNEST(GENERATE_SERIES(1, 3000000)) AS i)\n"
        "SELECT MAX(a.i * b.i % 7) AS most FROM n AS a CROSS JOIN (SELECT i FROM n WHERE i < 20000) AS b\n"
    )
    done = command(shop, "run", module=ACCIDENTS, ACCIDENT="SIGINT:during custom.endless")
    assert done.code == 130, done.err
    assert done.err.strip() == "interrupted: nothing half-written is visible; the next run continues"
    assert pointer(shop) == before
    assert call(shop, "status", "--json").json["runs"][0]["status"] == "interrupted"
    (shop / "sql" / "endless.sql").unlink()
    assert run(shop)["status"] == "unchanged"
    # What such a query had begun to write belongs to no table: once it is old, publishing takes it away.
    begun = shop / "state" / "lake" / "custom" / "endless" / "part-0.parquet"
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.write_bytes(b"PAR1")
    Lake(Project(shop)).clean()
    assert begun.exists(), "somebody may be writing it"
    os.utime(begun, (0, 0))
    Lake(Project(shop)).clean()
    assert not begun.exists()


def test_every_way_in_which_the_engine_reports_ctrl_c(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in (RuntimeError("Query interrupted"), duckdb.InterruptException("INTERRUPT Error: Interrupted!")):

        def interrupted(*_: object, said: Exception = said) -> None:
            raise said

        monkeypatch.setattr(Build, "run", interrupted)
        assert call(shop, "run").code == 130
        assert call(shop, "status", "--json").json["runs"][0]["status"] == "interrupted"


def test_a_second_run_at_once_is_refused_and_readers_are_not(shop: Path) -> None:
    with run_lock(Project(shop), "the first"):
        refused = command(shop, "run")
        assert refused.code == 1
        assert "another run is at work" in refused.err and "the first" in refused.err
        assert "Traceback" not in refused.err
        assert call(shop, "erase", "--customer", "ann@example.com", "--yes").code == 1
        assert call(shop, "query", "SELECT COUNT(*) AS n FROM gold.customers", "--json").json == [{"n": 4}]
    assert run(shop)["status"] == "unchanged"


@pytest.mark.slow
def test_old_versions_do_not_pile_up(shop: Path) -> None:
    lake = Lake(Project(shop))
    with (shop / "floorwalker.toml").open("a") as file:
        file.write("\n[lake]\ngrace_minutes = 0\n")
    for number in range(3):
        line = f"N{number};1;03/02/2026 1{number}:00;B;Scarf;2;20,00;dora@example.com;\n"
        (shop / "data" / f"till_n{number}.csv").write_text(TILL.splitlines()[0] + "\n" + line)
        run(shop)
    # The published version and the one before it.
    assert len(list(lake.path("gold.customers").glob("*.parquet"))) == 2
    assert len([path for path in (shop / "state" / "bundles").iterdir() if path.is_dir()]) <= 2
