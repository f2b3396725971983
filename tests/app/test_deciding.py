"""Deciding who is who, by the command line: at once in every table and in what is served, and back again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.app.driving import call, command, rows, run, tables

from floorwalker.app.state import open_state
from floorwalker.app.stores import handlers
from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.governance.audit import entries
from floorwalker.governance.decode import search_file
from floorwalker.governance.needles import Needles
from floorwalker.governance.subject import Subject

TOLD = (
    "silver.identity_evidence", "silver.identity_summary", "silver.customer_map_history", "silver.customer_ids",
    "silver.customer_aliases",
)  # fmt: skip
"""Tables that rightly tell of a decision, even of one that was reversed."""
ANN, BOB = "email:ann@example.com", "email:bob@example.com"
PEOPLE = "SELECT given_name, orders, revenue FROM gold.customers WHERE orders > 0 ORDER BY revenue DESC, customer_id"


def ids(folder: Path) -> dict[str, str]:
    return dict(rows(folder, "SELECT given_name, customer_id FROM gold.customers WHERE given_name IS NOT NULL"))


def served(folder: Path, who: str) -> str:
    """Whom the serving bundle takes somebody for."""
    return call(folder, "decide", "--customer", who, "--json").json["customer_id"]


def test_a_link_takes_effect_at_once_and_unmerging_restores_everything(shop: Path) -> None:
    before, who = tables(shop, TOLD), ids(shop)
    assert [str(row[2]) for row in rows(shop, PEOPLE)] == ["60.0000", "42.0000", "3.0000"]

    linked = call(shop, "identity", "link", ANN, BOB, "--note", "married", "--json").json
    assert linked["in_effect"] and linked["decisions"][0]["kind"] == "link"
    (one,) = linked["customers"]
    assert (one["orders"], one["revenue"]) == (3, "102.0000")
    winner = one["customer_id"]
    loser = next(customer for customer in (who["Ann"], who["Bob"]) if customer != winner)
    assert [str(row[2]) for row in rows(shop, PEOPLE)] == ["102.0000", "3.0000"]
    assert served(shop, ANN) == served(shop, BOB) == served(shop, loser) == winner

    shown = call(shop, "identity", "unmerge", BOB, "--dry-run", "--json").json
    assert [joint["decision_id"] for joint in shown["held_by"]] == [linked["decisions"][0]["decision_id"]]
    assert {tuple(part["names"]) for part in shown["parts"]} == {("Ann Miller",), ("Bob Stone",)}
    assert tables(shop, TOLD) != before

    parted = call(shop, "identity", "unmerge", BOB, "--yes", "--json").json
    assert parted["decisions"][0]["against"] == [linked["decisions"][0]["decision_id"]]
    assert tables(shop, TOLD) == before and ids(shop) == who
    assert served(shop, ANN) == who["Ann"] and served(shop, BOB) == who["Bob"]
    states = {one["kind"]: one["state"] for one in call(shop, "identity", "decisions", "--json").json}
    assert states == {"cut": "stands", "link": "overruled"}

    # Without the cut the link counts again; without both, all is as it was, and an ordinary run finds the same.
    undone = call(shop, "identity", "undo", parted["decisions"][0]["decision_id"], "--json").json
    assert [one["customer_id"] for one in undone["customers"]] == [winner]
    call(shop, "identity", "undo", linked["decisions"][0]["decision_id"])
    assert tables(shop, TOLD) == before
    run(shop)
    assert tables(shop, TOLD) == before
    twice = call(shop, "identity", "undo", linked["decisions"][0]["decision_id"])
    assert twice.code == 1 and "taken back already" in twice.err


def test_only_what_a_decision_concerns_is_built_and_nothing_for_none(shop: Path) -> None:
    call(shop, "identity", "link", ANN, BOB)
    latest = call(shop, "status", "--json").json["runs"][0]
    assert latest["status"] == "published" and latest["rows_new"] == 0
    again = run(shop)
    changed = {node["name"] for node in again["nodes"] if node["status"] != "unchanged"}
    # What was scored by standing models is fitted now; all else stands as the decision left it.
    assert {"recommend", "clusters"} <= changed
    assert not {name for name in changed if name.startswith(("silver.", "identity."))}
    assert run(shop)["status"] == "unchanged"


@pytest.mark.slow
def test_records_of_one_customer_are_parted_by_the_identifiers_they_carry(shop: Path) -> None:
    till = (shop / "data" / "till_1.csv").read_text(encoding="latin-1").splitlines()[0]
    line = "R{0};1;12/01/2026 10:00;B;Scarf;1;20,00;{1};{2}"
    sold = [line.format(7, "dora@example.com", "L-9"), line.format(8, "eve@example.com", "L-9")]
    (shop / "data" / "till_2.csv").write_text("\n".join([till, *sold, ""]))
    run(shop)
    count = (
        "SELECT count(DISTINCT customer_id) FROM silver.customer_identifiers WHERE kind = 'loyalty_id' AND key = '{}'"
    )
    (card,) = rows(shop, "SELECT key FROM silver.customer_identifiers WHERE kind = 'loyalty_id' AND value = 'L-9'")[0]
    assert rows(shop, count.format(card)) == [(1,)]
    done = call(shop, "identity", "cut", "email:dora@example.com", "email:eve@example.com", "--json").json
    assert [len(done["decisions"][0][side]) for side in "ab"] == [1, 1]
    assert rows(shop, count.format(card)) == [(2,)]
    assert served(shop, "email:dora@example.com") != served(shop, "email:eve@example.com")
    # More of the same comes in: each of them stays with whom it is by its own address.
    more = [line.format(9, "dora@example.com", ""), line.format(10, "eve@example.com", "")]
    (shop / "data" / "till_3.csv").write_text("\n".join([till, *more, ""]))
    run(shop)
    found = "SELECT orders FROM gold.customers WHERE email IN ('dora@example.com', 'eve@example.com')"
    assert rows(shop, found) == [(2,), (2,)]
    refused = call(shop, "identity", "cut", "email:dora@example.com", "email:dora@example.com")
    assert refused.code == 1 and "the same records" in refused.err


def test_later_and_while_a_run_is_at_work(shop: Path) -> None:
    before = tables(shop)
    later = call(shop, "identity", "link", ANN, BOB, "--later")
    assert later.code == 0 and "the next run puts it into effect" in later.out
    assert tables(shop) == before
    with run_lock(Project(shop), "nightly"):
        busy = call(shop, "identity", "cut", ANN, "email:cora@example.ie", "--json")
    assert busy.code == 0 and json.loads(busy.out)["in_effect"] is False
    assert run(shop)["status"] == "published"
    assert served(shop, ANN) == served(shop, BOB)
    assert {one["state"] for one in call(shop, "identity", "decisions", "--json").json} == {"stands"}


def look_back_from(folder: Path, day: str) -> None:
    file = folder / "floorwalker.toml"
    file.write_text(re.sub(r"(?m)^\[run\]\n(as_of = .*\n)?", f'[run]\nas_of = "{day}"\n', file.read_text()))


@pytest.mark.slow
def test_who_it_was_on_an_earlier_day_and_after_an_earlier_run(shop: Path) -> None:
    who = ids(shop)
    look_back_from(shop, "2026-03-01")
    assert run(shop)["status"] == "published"
    made = call(shop, "identity", "link", ANN, BOB, "--later", "--json").json
    look_back_from(shop, "2026-03-10")
    after = run(shop)["run_id"]
    winner = ids(shop)["Ann" if ids(shop).get("Ann") else "Bob"]
    loser = next(customer for customer in (who["Ann"], who["Bob"]) if customer != winner)
    assert call(shop, "customers", "show", loser, "--json").json["customer_id"] == winner

    then = call(shop, "customers", "show", loser, "--as-of", "2026-03-05", "--json").json
    assert (then["customer_id"], then["customers_today"]) == (loser, [winner])
    now = call(shop, "customers", "show", loser, "--as-of", "2026-03-10", "--json").json
    assert now["customer_id"] == winner and len(now["records"]) > len(then["records"])
    assert call(shop, "customers", "show", BOB, "--as-of", "2026-03-05", "--json").json["customer_id"] == who["Bob"]
    assert call(shop, "customers", "show", loser, "--as-of", after, "--json").json["customer_id"] == winner
    moved = call(shop, "identity", "map", "--as-of", "2026-03-05", "--changed", "--json").json
    assert {(one["customer_id"], one["customer_today"]) for one in moved} == {(loser, winner)}
    assert len(call(shop, "identity", "map", loser, "--json").json) == len(now["records"])
    unknown = call(shop, "customers", "show", loser, "--as-of", "2020-01-01")
    assert unknown.code == 1 and "nobody" in unknown.err

    # And back: intervals close and open again.
    look_back_from(shop, "2026-03-20")
    call(shop, "identity", "undo", made["decisions"][0]["decision_id"], "--later")
    run(shop)
    spells = rows(shop, f"SELECT alias_of, CAST(since AS VARCHAR), CAST(until AS VARCHAR) FROM silver.customer_ids "
                        f"WHERE customer_id = '{loser}' ORDER BY since, until NULLS LAST")  # fmt: skip
    assert [(alias, until) for alias, _, until in spells] == [
        (None, "2026-03-10"),
        (winner, "2026-03-20"),
        (None, None),
    ]
    assert ids(shop) == who
    (stability,) = rows(shop, "SELECT value FROM silver.identity_summary WHERE name = 'ids.stability'")
    assert 0 < stability[0] < 1


def test_the_audit_trail_tells_of_every_decision_and_of_nobody(shop: Path) -> None:
    records = [record for (record,) in rows(shop, "SELECT record_id FROM silver.customer_map")]
    made = call(shop, "identity", "link", ANN, BOB, "--note", "Ann Miller told us", "--later", "--json").json
    call(shop, "identity", "undo", made["decisions"][0]["decision_id"], "--later")
    with open_state(Project(shop)) as state:
        found = entries(state, limit=10)
        told = json.dumps([[one.subject, one.detail, one.actor, one.action] for one in found], default=dict)
    assert [one.action for one in found][:2] == ["identity.undo", "identity.link"]
    assert found[0].subject == found[1].subject or found[0].subject is None
    for word in ("ann@", "Miller", *ids(shop).values(), *records):
        assert word not in told
    assert call(shop, "audit", "verify").code == 0


ACCIDENTS = "tests.app.interrupted"


@pytest.mark.parametrize("moment", [
    pytest.param("before silver.customer_map", marks=pytest.mark.slow),
    pytest.param("after gold.customers", marks=pytest.mark.slow),
    pytest.param("after silver.customer_map_history", marks=pytest.mark.slow),
    pytest.param("publish", marks=pytest.mark.slow),
])  # fmt: skip
def test_killed_between_a_decision_and_its_publication(
    shop_once: Path, shop: Path, tmp_path: Path, moment: str
) -> None:
    """The decision is kept; whatever comes next ends as if nothing had happened."""
    before = tables(shop)
    done = command(shop, "identity", "link", ANN, BOB, module=ACCIDENTS, ACCIDENT=f"SIGKILL:{moment}")
    assert done.code == -9, done.err
    assert tables(shop) == before
    assert [one["kind"] for one in call(shop, "identity", "decisions", "--json").json] == ["link"]
    quick = Path(shutil.copytree(shop, tmp_path / "quick"))
    run(shop)
    clean = Path(shutil.copytree(shop_once, tmp_path / "clean"))
    call(clean, "identity", "link", ANN, BOB)
    run(clean)
    told = ("silver.identity_evidence",)
    assert tables(shop, told) == tables(clean, told)
    # The next command instead of a run: a second decision takes the first with it.
    call(quick, "identity", "cut", ANN, "email:cora@example.ie")
    call(clean, "identity", "cut", ANN, "email:cora@example.ie")
    run(quick), run(clean)
    assert tables(quick, (*told, "silver.identity_summary")) == tables(clean, (*told, "silver.identity_summary"))


@pytest.mark.slow
def test_erased_as_if_never_decided_about(shop: Path, tmp_path: Path) -> None:
    """Decisions, history and whatever else names the erased person go; the others are as if they had always been
    alone, and delivering the same files again brings nothing back."""
    alone = Path(shutil.copytree(shop, tmp_path / "alone"))
    others = "SELECT given_name, orders, revenue, records FROM gold.customers WHERE given_name <> 'Ann' ORDER BY 1"
    unchanged, who = rows(shop, others), ids(shop)
    records = [one for (one,) in rows(
        shop, f"SELECT record_id FROM silver.customer_map WHERE customer_id = '{who['Ann']}'")]  # fmt: skip
    call(shop, "identity", "cut", ANN, BOB, "--note", f"Ann Miller, not {who['Ann']}")
    call(shop, "identity", "cut", BOB, "email:cora@example.ie")
    done = call(shop, "erase", "--customer", ANN, "--yes", "--json").json
    assert done["proven"] is True
    left = call(shop, "identity", "decisions", "--json").json
    assert [one["customers_then"] for one in left] == [[who["Bob"], who["Cora"]]]
    needles = Needles.of(Subject((who["Ann"],), tuple(records)))
    database = shop / "state" / "floorwalker.db"
    assert search_file(database, needles, store="database", root=shop / "state") == []
    assert run(shop, "--reload")["status"] == "published"
    assert rows(shop, others) == unchanged
    gone = "','".join(records)
    for table in ("silver.customer_map", "silver.customer_map_history", "silver.identity_evidence"):
        assert rows(shop, f"SELECT 1 FROM {table} WHERE record_id IN ('{gone}')") == []
    assert rows(shop, f"SELECT 1 FROM silver.customer_ids WHERE customer_id = '{who['Ann']}'") == []
    # The same shop, erased without any decision having been made.
    call(alone, "identity", "cut", BOB, "email:cora@example.ie")
    call(alone, "erase", "--customer", ANN, "--yes")
    run(alone, "--reload")
    differing = ("silver.identity_evidence", "silver.identity_summary")
    assert tables(shop, differing) == tables(alone, differing)
    verdicts = "SELECT record_id, rule, identifier_key, accepted, reason FROM silver.identity_evidence ORDER BY ALL"
    assert rows(shop, verdicts) == rows(alone, verdicts)
    assert {handler.name for handler in handlers()} >= {"database", "lake"}
