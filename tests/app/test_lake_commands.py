"""`floorwalker lake`: what is there, small files joined, what nobody needs deleted; a run that does it by itself."""

from __future__ import annotations

from pathlib import Path

from tests.app.driving import call, rows, run, tables
from tests.app.shop import TILL

from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project

COUNT = "SELECT COUNT(*) FROM gold.customers WHERE orders > 0"


def deliver(shop: Path, number: int) -> None:
    line = f"N{number};1;03/02/2026 1{number}:00;B;Scarf;2;20,00;dora{number}@example.com;\n"
    (shop / "data" / f"till_n{number}.csv").write_text(TILL.splitlines()[0] + "\n" + line)


def facts(shop: Path, table: str) -> dict:
    (one,) = call(shop, "lake", "tables", table, "--json").json
    return one


def test_joining_files_changes_nothing_that_anybody_sees(shop: Path) -> None:
    before, small = tables(shop), facts(shop, "bronze.order_lines")
    assert small["files"] > 1 and small["small_share"] == 1.0
    planned = call(shop, "lake", "compact", "--dry-run", "--json").json
    assert {one["status"] for one in planned} == {"planned"}
    done = call(shop, "lake", "compact", "--json").json
    assert [one["table"] for one in done] == [one["table"] for one in planned]
    joined = facts(shop, "bronze.order_lines")
    assert (joined["files"], joined["rows"], joined["small_share"]) == (1, small["rows"], 0.0)
    assert joined["published"] == joined["newest"] == small["newest"] + 1
    assert tables(shop) == before
    result = run(shop)
    assert (result["status"], result["tables_built"]) == ("unchanged", 0)
    assert call(shop, "lake", "compact").out.strip() == "nothing to join"
    newest = call(shop, "lake", "history", "bronze.order_lines", "--json").json[0]
    assert (newest["operation"], newest["added"], newest["removed"]) == ("compact", 0, 0)
    assert newest["readers"] == "published"


def test_vacuum_waits_for_readers_and_says_what_it_would_do(shop: Path) -> None:
    call(shop, "lake", "compact")
    assert call(shop, "lake", "vacuum", "--json").json["files"] == []
    with (shop / "floorwalker.toml").open("a") as file:
        file.write("\n[lake]\ngrace_minutes = 0\n")
    told = call(shop, "lake", "vacuum", "--dry-run", "--json").json
    assert told["dry_run"] is True and told["bytes"] > 0
    assert all((shop / "state" / one["file"]).exists() for one in told["files"])
    assert "would delete" in call(shop, "lake", "vacuum", "--dry-run").out
    assert call(shop, "lake", "vacuum", "--json").json["files"] == told["files"]
    assert not any((shop / "state" / one["file"]).exists() for one in told["files"])
    assert facts(shop, "bronze.order_lines")["on_disk"] == facts(shop, "bronze.order_lines")["bytes"]
    assert run(shop)["status"] == "unchanged"


def test_a_run_joins_files_by_itself_and_earlier_runs_can_still_be_asked(shop: Path) -> None:
    with (shop / "floorwalker.toml").open("a") as file:
        file.write("\n[lake]\ncompact_files = 3\nkeep_runs = 3\n")
    (before,) = rows(shop, COUNT)
    first = call(shop, "status", "--json").json["published"]["run_id"]
    deliver(shop, 1)
    result = run(shop)
    assert result["status"] == "published" and "upkeep" in result["seconds"]
    assert facts(shop, "bronze.order_lines")["files"] == 1
    assert run(shop)["status"] == "unchanged"
    assert rows(shop, COUNT) == [(before[0] + 1,)]
    then = call(shop, "query", COUNT, "--run", first, "--json").json
    assert list(then[0].values()) == [before[0]]
    unknown = call(shop, "query", COUNT, "--run", "r0")
    assert unknown.code == 1 and "run r0 is not kept" in unknown.err and first in unknown.err


def test_wrong_use_is_told(shop: Path) -> None:
    for arguments in (("tables", "gold.customer"), ("history", "gold.customer"), ("compact", "gold.customer")):
        done = call(shop, "lake", *arguments)
        assert done.code == 1 and "no table gold.customer" in done.err, arguments
        assert "did you mean 'gold.customers'" in done.err
    with run_lock(Project(shop), "the first"):
        for command in ("compact", "vacuum"):
            assert "another run is at work" in call(shop, "lake", command).err
            assert call(shop, "lake", command, "--dry-run").code == 0
    with (shop / "floorwalker.toml").open("a") as file:
        file.write("\n[lake]\nkeep_runs = 0\n")
    assert "lake.keep_runs" in call(shop, "lake", "tables").err
