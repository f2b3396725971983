"""Around the pulling: what is listed and shown, mappings taken over, remote folders, runs that pull, erasure."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from tests.app.driving import call, run
from tests.app.pull.shopify_shop import Shop
from tests.app.pull.taking_in import bronze, new_project, pulled, take_in
from tests.web_server import web_server

from floorwalker.app.config import load_config
from floorwalker.app.pulling import pull_sources
from floorwalker.engines.project import Project
from floorwalker.sources.connectors.definition import load_connector, shipped_connectors, shipped_mappings
from floorwalker.sources.connectors.settings import read_pull

pytest.importorskip("dlt", reason="needs the extra: pip install -e '.[connectors]'")


def test_what_is_shown_can_be_pasted(tmp_path: Path) -> None:
    names = [*shipped_connectors(), "sql", "files", "debezium"]
    listed = call(tmp_path, "pull", "--list", "--json").json
    assert [one["connector"] for one in listed["connectors"]] == names and listed["sources"] == []
    for name in names:
        shown = call(tmp_path, "pull", "--show", name).out
        folder = new_project(tmp_path / name, "\n" + shown)
        (pull,) = load_config(Project(folder)).settings.pulls.items()
        assert read_pull(*pull).connector == name
    assert "did you mean 'shopify'" in call(tmp_path, "pull", "--show", "shoppify").err


@pytest.mark.parametrize("name", shipped_connectors())
def test_a_shipped_connector_says_where_it_is_from_and_reads_all_it_writes(name: str) -> None:
    connector = load_connector(name)
    assert connector.documentation.startswith("https://") and connector.looked_at == dt.date(2026, 11, 28)
    assert connector.unverified
    assert {rows for stream in connector.streams for rows in stream.rows} == set(shipped_mappings(name))
    for stream in connector.streams:
        assert stream.key and stream.cursor


def test_sources_and_mappings_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pulls nothing" in call(new_project(tmp_path / "none", ""), "pull").err
    folder = new_project(tmp_path / "p", '\n[pulls.shop]\nconnector = "shopify"\nurl = "https://x"\nhost = "y"\n')
    assert "no source 'pulls.shap'" in call(folder, "pull", "shap").err
    assert "unknown key 'pulls.shop.host'" in call(folder, "pull").err
    call(folder, "pull", "--adopt", "shop")
    assert (folder / "mappings" / "shop_refunds.toml").exists()
    assert "is there already" in call(folder, "pull", "--adopt", "shop").err
    settings = folder / "floorwalker.toml"
    settings.write_text(
        settings.read_text().replace('"https://x"', '"http://x"').replace('host = "y"', 'token_env="T"')
    )
    monkeypatch.setenv("T", "t")
    assert "must begin with https" in call(folder, "pull").err


def test_files_of_a_remote_folder(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    head = "no,at,sku,qty,price\n"
    for number in (1, 2):
        (there / f"orders_{number}.csv").write_text(f"{head}{number},2026-01-05,CUP,1,5.10\n")
        os.utime(there / f"orders_{number}.csv", (1767603600 + number, 1767603600 + number))
    (there / "other.txt").write_text("x")
    folder = new_project(
        tmp_path / "p", f'\n[pulls.drop]\nconnector = "files"\nurl = "{there.as_uri()}"\npattern = "orders_*.csv"\n'
    )
    (folder / "mappings" / "drop.toml").write_text(
        'source = "drop"\nfiles = "state/pulled/drop/files/*.csv"\n[[maps]]\nkind = "order_lines"\ncolumns = { order_id'
        ' = "no", occurred_at = "at", product_id = "sku", quantity = "qty", unit_price = "price" }\n'
    )
    assert pulled(folder, "--dry-run")["files"]["new"] == 2
    assert pulled(folder)["files"]["files"] == 2
    take_in(folder)
    assert pulled(folder)["files"]["new"] == 0
    (there / "orders_2.csv").write_text(f"{head}2,2026-01-05,CUP,1,5.10\n3,2026-01-06,CUP,1,5.10\n")
    again = pulled(folder)["files"]
    assert (again["new"], again["known"]) == (1, 1)
    take_in(folder)
    assert bronze(folder, "SELECT order_id FROM bronze.order_lines ORDER BY 1") == [("1",), ("2",), ("3",)]
    (folder / "floorwalker.toml").write_text((folder / "floorwalker.toml").read_text().replace("file://", "nosuch://"))
    assert "the folder cannot be read" in call(folder, "pull").err


def test_a_run_goes_on_when_a_source_fails_and_people_are_erased_from_what_was_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "shpat_secret")
    with web_server(Shop().answer) as server:
        folder = new_project(
            tmp_path / "p",
            f'\n[pulls.shop]\nconnector = "shopify"\nurl = "{server.url}"\ntoken_env = "SHOP_TOKEN"\n'
            '[pulls.away]\nconnector = "shopify"\nurl = "https://shop.example"\ntoken_env = "NOT_SET"\n',
        )
        settings = folder / "floorwalker.toml"
        settings.write_text(settings.read_text().replace("[run]", "[run]\npull = true"))
        done = call(folder, "run", "--no-report", "--json")
    assert done.json["rows_new"] > 0 and "not pulled: away" in done.err
    files = sorted((folder / "state" / "pulled").rglob("*.jsonl"))
    assert any("ann@example.com" in path.read_text() for path in files)
    erased = call(folder, "erase", "--customer", "email:ann@example.com", "--yes", "--json").json
    assert erased["proven"] and any(one["store"] == "pulled" and one["removed"] for one in erased["stores"])
    assert not any("ann@example.com" in path.read_text() for path in files)
    assert any("guest@example.org" in path.read_text() for path in files)
    # Pulled again, the person stays out.
    settings.write_text(settings.read_text().replace("pull = true", "pull = false"))
    assert run(folder)["rows_new"] == 0
    # What a run has read goes after its days.
    old = dt.datetime.now().timestamp() - 40 * 86_400
    for path in files:
        os.utime(path, (old, old))
    project = Project(folder)
    pull_sources(project, load_config(project).settings, ["shop"])
    assert not any(path.exists() for path in files)
