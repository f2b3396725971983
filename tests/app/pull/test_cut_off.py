"""A pull that is killed anywhere: the next one leaves nothing out, and the run's intake counts nothing twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.app.driving import command
from tests.app.pull.shopify_shop import Shop
from tests.app.pull.taking_in import bronze, new_project, pulled, take_in
from tests.web_server import web_server

pytest.importorskip("dlt", reason="needs the extra: pip install -e '.[connectors]'")
KINDS = ("order_lines", "customers", "consents", "products")


def state_of(folder: Path) -> list[list[tuple]]:
    take_in(folder)
    return [bronze(folder, f"SELECT event_id FROM bronze.{kind} ORDER BY 1") for kind in KINDS]


@pytest.mark.slow
def test_killed_anywhere_nothing_is_lost_and_nothing_counts_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "shpat_secret")
    with web_server(Shop().answer) as server:
        settings = f'\n[pulls.shop]\nconnector = "shopify"\nurl = "{server.url}"\ntoken_env = "SHOP_TOKEN"\n'
        whole = new_project(tmp_path / "whole", settings)
        pulled(whole)
        expected = state_of(whole)
        assert [len(one) for one in expected] == [5, 1, 1, 1]
        killed = 0
        for cut in (1, 2, 3, 4, 5, 7, 9, 12, 15, 16, 17, 25):
            folder = Path(shutil.copytree(whole, tmp_path / f"cut{cut}", ignore=shutil.ignore_patterns("state")))
            done = command(folder, "pull", module="tests.app.pull.cut_off", CUT=str(cut))
            killed += done.code == -9
            assert done.code in (0, -9), done.err
            if cut % 3 == 0:
                # A run in between reads what is whole by then.
                take_in(folder)
            again = pulled(folder)
            assert again["orders"]["cursor"] == "2026-01-06T13:00:00Z"
            assert state_of(folder) == expected, cut
            assert not list((folder / "state" / "pulled").rglob("*.part"))
        assert killed >= 10
