"""Erasing a person from a project in which everything has happened: proven, for good, and nobody else touched."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run
from tests.governance.lake import files_naming

from floorwalker.app.state import open_state
from floorwalker.app.stores import IMPERSONAL_TABLES, PERSONAL_TABLES, handlers
from floorwalker.decisions.ledger import decisions_of
from floorwalker.engines.project import Project
from floorwalker.errors import StateError
from floorwalker.governance.handlers import unowned_files
from floorwalker.governance.lake_store import LakeHandler
from floorwalker.governance.sqlite_store import undeclared_tables

COUNTS = "SELECT COUNT(*), SUM(orders), SUM(revenue), SUM(records) FROM gold.customers"
BUYER = """SELECT customer_id, email, orders, revenue, records FROM gold.customers
    WHERE email IS NOT NULL AND phone IS NOT NULL AND loyalty_id IS NOT NULL AND orders >= 3
    AND personalization = 'granted' ORDER BY orders DESC, customer_id LIMIT 1"""


def test_every_file_and_every_table_of_the_state_has_an_owner(demo_once: tuple[Path, str]) -> None:
    project = Project(demo_once[0])
    assert {"bundles", "decisions", "lake", "mlflow.db", "models"} <= {path.name for path in project.state.iterdir()}
    assert unowned_files(project, handlers()) == []
    with open_state(project) as state:
        assert undeclared_tables(state, PERSONAL_TABLES, IMPERSONAL_TABLES) == []


@pytest.mark.slow
def test_an_erased_person_is_gone_stays_gone_and_alone(demo_once: tuple[Path, str], tmp_path: Path) -> None:
    demo = Path(shutil.copytree(demo_once[0], tmp_path / "demo"))
    (customer, email, orders, revenue, records) = rows(demo, BUYER)[0]
    known = f"SELECT kind, value FROM silver.customer_identifiers WHERE customer_id = '{customer}'"
    cards = [value for kind, value in rows(demo, known) if kind == "loyalty_id"]
    (before,) = rows(demo, COUNTS)
    without = (before[0] - 1, before[1] - orders, before[2] - revenue, before[3] - records)
    others = (
        f"SELECT customer_id, orders, revenue, records FROM gold.customers WHERE customer_id <> '{customer}' ORDER BY 1"
    )
    unchanged = rows(demo, others)
    decision = call(demo, "decide", "--customer", f"email:{email}", "--json").json["decision_id"]
    call(demo, "audience", "export", "winback_email", "--json")

    looked = call(demo, "erase", "--customer", email, "--dry-run", "--json").json
    assert {one["store"] for one in looked["found"]} >= {"lake", "bundles", "decisions"}
    assert rows(demo, COUNTS) == [before]

    done = call(demo, "erase", "--customer", email, "--yes", "--json").json
    assert done["proven"] is True and done["found"] == []
    assert {one["store"]: one["removed"] for one in done["stores"]}["decisions"] == 1
    assert rows(demo, COUNTS) == [without]
    for text in (email, customer, *cards):
        assert call(demo, "customers", "search", text, "--json").json == []
    replayed = call(demo, "decide", "--replay", decision)
    assert replayed.code == 1 and "was erased" in replayed.err
    assert decisions_of(demo / "state" / "decisions", [customer]) == []
    assert unowned_files(Project(demo), handlers()) == []

    result = run(demo, "--reload")
    assert sum(one["rows_suppressed"] for one in result["sources"]) > 0
    assert rows(demo, COUNTS) == [without]
    assert rows(demo, others) == unchanged
    assert call(demo, "customers", "search", email, "--json").json == []
    actions = [one["action"] for one in call(demo, "audit", "list", "--json").json]
    assert {"erasure.begin", "erasure.done"} <= set(actions)


def test_an_erasure_that_was_cut_off_is_finished_by_the_next_run(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = "SELECT given_name, orders, revenue, records FROM gold.customers WHERE given_name <> 'Ann' ORDER BY 1"
    unchanged = rows(shop, others)
    decision = call(shop, "decide", "--customer", "ann@example.com", "--json").json["decision_id"]
    file = shop / "exports" / "all.csv"
    (shop / "policies" / "audiences.toml").write_text(
        '[audiences.all]\nsegment = "newcomers"\nchannel = "email"\npurpose = "marketing_email"\nholdout = 0.0\n'
    )
    call(shop, "audience", "export", "all", "--to", str(file))
    assert "ann@example.com" in file.read_text() and "bob@example.com" in file.read_text()

    def cut_off(*_: object) -> None:
        raise StateError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr(LakeHandler, "erase", cut_off)
        done = call(shop, "erase", "--customer", "ann@example.com", "--yes")
        assert done.code == 1 and "the lights went out" in done.err
    assert len(rows(shop, "SELECT 1 FROM gold.customers WHERE given_name = 'Ann'")) == 1
    call(shop, "lake", "compact")
    assert len(files_naming(shop / "state" / "lake", ["ann@example.com"])) > 5

    # Before it reads the same files again, the run ends what was begun.
    result = run(shop, "--reload")
    assert sum(one["rows_suppressed"] for one in result["sources"]) > 0
    assert rows(shop, "SELECT 1 FROM gold.customers WHERE given_name = 'Ann'") == []
    assert rows(shop, others) == unchanged
    assert call(shop, "customers", "search", "ann@example.com", "--json").json == []
    assert files_naming(shop / "state" / "lake", ["ann@example.com"]) == []
    replayed = call(shop, "decide", "--replay", decision)
    assert replayed.code == 1 and "was erased" in replayed.err
    assert "ann@example.com" not in file.read_text() and "bob@example.com" in file.read_text()
    with open_state(Project(shop)) as state:
        assert state.execute("SELECT COUNT(*) FROM erasure_pending").fetchone() == (0,)
    assert unowned_files(Project(shop), handlers()) == []
    assert call(shop, "audit", "verify").code == 0


def test_it_asks_before_it_erases(shop_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = call(shop_once, "erase", "--customer", "ann@example.com")
    assert done.code == 130
    assert len(call(shop_once, "customers", "search", "ann@example.com", "--json").json) == 1
