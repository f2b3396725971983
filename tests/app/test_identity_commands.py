"""`floorwalker identity explain`, `metrics` and `review`, driven as people drive them."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.app.driving import ROOT, call, environment, rows

from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project


@pytest.fixture(scope="module")
def shop(demo_once: tuple[Path, str]) -> Path:
    """The simulated retailer, whose pairs a model has weighed. Only to be read."""
    return demo_once[0]


@pytest.fixture
def own(shop: Path, tmp_path: Path) -> Path:
    """A copy of it, to be answered in."""
    return Path(shutil.copytree(shop, tmp_path / "demo"))


def largest(folder: Path) -> str:
    sql = "SELECT customer_id FROM silver.customer_map GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    return rows(folder, sql)[0][0]


def test_why_a_customer_is_one_person(shop: Path) -> None:
    customer = largest(shop)
    found = call(shop, "identity", "explain", customer, "--json", "--limit", "500").json
    assert found["customer_id"] == customer
    assert sum(link["new"] for link in found["links"]) + 1 == found["records"]
    assert found["parts"] == 1
    said = call(shop, "identity", "explain", customer)
    assert said.out.startswith(customer)
    assert found["links"][0]["value"] in said.out
    masked = call(shop, "identity", "explain", customer, "--masked").out
    (email,) = rows(shop, f"SELECT value FROM silver.customer_identifiers WHERE customer_id = '{customer}'"
                          " AND kind = 'email' LIMIT 1")[0]  # fmt: skip
    assert email.split("@")[0] not in masked


def test_whoever_is_meant_is_found(shop: Path) -> None:
    customer = largest(shop)
    (email, record) = rows(
        shop,
        "SELECT n.email_key, n.record_id FROM silver.normalised_records n JOIN silver.customer_map m USING (record_id)"
        f" WHERE m.customer_id = '{customer}' AND n.email_key IS NOT NULL ORDER BY 2 LIMIT 1",
    )[0]
    for words in (email, f"email:{email.upper()}", record, record[:9], f"record:{record[:12]}"):
        assert call(shop, "identity", "explain", words, "--json").json["customer_id"] == customer, words


def test_why_two_are_not_one(shop: Path) -> None:
    (reason, one, two) = rows(
        shop,
        "WITH e AS (SELECT e.*, m.customer_id FROM silver.identity_evidence e JOIN silver.customer_map m USING"
        " (record_id) WHERE e.identifier_kind <> 'record') SELECT x.reason, x.customer_id, y.customer_id FROM e x"
        " JOIN e y USING (rule, identifier_key) WHERE NOT x.accepted AND y.accepted AND x.customer_id <> y.customer_id"
        " AND x.reason = 'different first names' ORDER BY ALL LIMIT 1",
    )[0]
    found = call(shop, "identity", "explain", one, "--not", two, "--json").json
    assert reason in {obstacle["reason"] for obstacle in found["obstacles"]}
    said = call(shop, "identity", "explain", one, "--not", two).out
    assert "their first names are different people's (first names: " in said
    same = call(shop, "identity", "explain", one, "--not", one)
    assert "they are one customer" in same.out


def test_a_pair_with_the_models_waterfall(shop: Path) -> None:
    for order in ("weight DESC", "against_strangers - weight DESC"):
        (a, b, weight) = rows(
            shop, f"SELECT record_a, record_b, weight FROM silver.identity_pairs ORDER BY {order}, 1, 2 LIMIT 1"
        )[0]
        fall = call(shop, "identity", "explain", "--pair", a, b, "--json").json["waterfall"]
        bars = sum(bar["bits"] for bar in fall["bars"])
        assert fall["weight"] == weight
        besides = fall["rarity"] + fall["household"] + fall["doubt"]
        assert fall["prior"] + bars + besides == pytest.approx(weight, abs=0.02)
        said = call(shop, "identity", "explain", "--pair", a, b).out
        assert "any two records" in said and f"{weight:+.1f}" in said and "needed: transactional" in said
    assert fall["household"] < -0.1 and "may be one household" in said


def test_the_graph_is_json_and_comes_in_parts(shop: Path) -> None:
    customer = largest(shop)
    whole = call(shop, "identity", "explain", customer, "--graph", "--limit", "500").json
    assert whole["next_offset"] is None
    part = call(shop, "identity", "explain", customer, "--graph", "--limit", "3").json
    assert (part["counts"]["records"]["shown"], part["next_offset"]) == (3, 3)
    rest = call(shop, "identity", "explain", customer, "--graph", "--limit", "500", "--offset", "3").json
    ids = {node["id"] for one in (part, rest) for node in one["nodes"]}
    assert ids == {node["id"] for node in whole["nodes"]}


def test_what_is_asked_wrongly_is_said(shop: Path) -> None:
    assert call(shop, "identity", "explain").code == 2
    assert call(shop, "identity", "explain", "x", "--pair", "a", "b").code == 2
    assert "nobody answers to 'zoe@example.com'" in call(shop, "identity", "explain", "zoe@example.com").err
    assert "did you mean 'email'?" in call(shop, "identity", "explain", "emial:zoe@example.com").err
    assert "did you mean 'explain'?" in call(shop, "identity", "explian").err


def test_figures_and_those_of_the_runs_before(shop_once: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shop_once, tmp_path / "shop"))
    first = call(folder, "identity", "metrics", "--json").json
    assert first["records"] == rows(folder, "SELECT count(*) FROM silver.customer_map")[0][0]
    assert [one["figures"]["records"] for one in first["history"]] == [first["records"]]
    (folder / "data" / "crm2.csv").write_text(
        (folder / "data" / "crm.csv").read_text().splitlines()[0] + "\n9,Dan,Hill,dan@example.com,,,UK,2026-01-03\n"
    )
    mapping = folder / "mappings" / "crm.toml"
    mapping.write_text(mapping.read_text().replace("data/crm.csv", "data/crm*.csv"))
    assert call(folder, "run", "--no-report").code == 0
    second = call(folder, "identity", "metrics", "--json").json
    assert [one["figures"]["records"] for one in second["history"]] == [first["records"] + 1, first["records"]]
    said = call(folder, "identity", "metrics").out
    assert second["run_id"] in said and first["run_id"] in said
    assert len(call(folder, "identity", "metrics", "--runs", "1", "--json").json["history"]) == 1


def test_questions_are_listed_and_answered_once(own: Path) -> None:
    found = call(own, "identity", "review", "--list", "--json", "--limit", "500").json
    assert len(found) >= 3
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    # How many of a kind there are follows from where the level ends: one would join, another is of any kind.
    one = next(question for question in found if question["kind"] == "join")
    two = next(
        question
        for question in found
        if not {question["customer_a"], question["customer_b"]} & {one["customer_a"], one["customer_b"]}
    )
    assert one["review_id"] in call(own, "identity", "review").out, "without a terminal it lists"
    made = call(own, "identity", "review", "--answer", f"{one['review_id']}=same", "--answer",
                f"{two['review_id']}=different", "--json").json  # fmt: skip
    assert [row["kind"] for row in made["decisions"]] == ["link", "cut"]
    assert made["in_effect"] is True
    left = {row["review_id"] for row in call(own, "identity", "review", "--list", "--json", "--limit", "500").json}
    assert not left & {one["review_id"], two["review_id"]}
    assert "no open question" in call(own, "identity", "review", "--answer", f"{one['review_id']}=same").err
    assert call(own, "identity", "review", "--answer", f"{one['review_id']}=maybe").code == 2
    actions = [entry["action"] for entry in call(own, "audit", "list", "--json").json[:2]]
    assert sorted(actions) == ["identity.cut", "identity.link"]

    # In effect at once, explained as what it is, and standing after the next run.
    for _ in range(2):
        same = call(own, "identity", "explain", one["record_a"], "--not", one["record_b"], "--json").json
        assert same["same"] is True
        apart = call(own, "identity", "explain", two["record_a"], "--not", two["record_b"], "--json").json
        assert apart["obstacles"][0]["kind"] == "cut"
        assert apart["obstacles"][0]["value"] == made["decisions"][1]["decision_id"]
        again = {row["review_id"] for row in call(own, "identity", "review", "--list", "--json", "--limit", "500").json}
        assert not again & {one["review_id"], two["review_id"]}
        assert call(own, "run", "--no-report").code == 0


@pytest.mark.slow
def test_resolving_again_brings_decisions_into_effect(own: Path) -> None:
    (asked, *_) = call(own, "identity", "review", "--list", "--json").json
    later = call(own, "identity", "review", "--answer", f"{asked['review_id']}=same", "--later", "--json").json
    assert later["in_effect"] is False
    together = "SELECT count(DISTINCT customer_id) FROM silver.customer_map WHERE record_id IN "
    records = f"('{asked['record_a']}', '{asked['record_b']}')"
    before = rows(own, together + records)
    assert call(own, "identity", "resolve", "--json").json["status"] == "published"
    assert rows(own, together + records) == [(1,)] != before
    people = rows(own, "FROM silver.customer_map ORDER BY ALL")
    assert call(own, "identity", "resolve").code == 0
    assert rows(own, "FROM silver.customer_map ORDER BY ALL") == people
    with run_lock(Project(own), "another"):
        busy = call(own, "identity", "resolve", "--wait", "0.6")
    assert busy.code == 1 and "another run is at work" in busy.err


def test_without_a_model_there_are_no_questions(shop_once: Path) -> None:
    assert "no model" in call(shop_once, "identity", "review").out
    assert call(shop_once, "identity", "review", "--list", "--json").json == []


def test_at_a_terminal_it_asks(own: Path) -> None:
    before = call(own, "identity", "review", "--list", "--json").json
    screen = typed(own, ["--later"], "x\x1b[Dd", "k", "q")
    assert f"Question 1 of {len(before)}" in screen
    assert "are two people" in screen
    assert f"1 answered, 1 skipped, {len(before) - 1} open" in screen
    left = [one["review_id"] for one in call(own, "identity", "review", "--list", "--json").json]
    assert left == [one["review_id"] for one in before[1:]]
    assert "0 answered, 0 skipped" in typed(own, [], "\x1b"), "escape leaves"


def typed(folder: Path, options: list[str], *keys: str) -> str:
    """What `identity review` showed at a terminal of its own; some keys for each question."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "floorwalker.app.cli", "-p", str(folder), "identity", "review", *options],
        stdin=there, stdout=there, stderr=there, env=environment(TERM="xterm", COLUMNS="100"), cwd=ROOT,
    )  # fmt: skip
    os.close(there)
    shown, waiting = b"", list(keys)
    with contextlib.suppress(OSError):  # a terminal whose program has ended cannot be read
        while True:
            # What is typed while the terminal changes its mode is thrown away: so it is typed until something happens.
            if not select.select([here], [], [], 0.5)[0] and shown.endswith(b"quit\r\n"):
                os.write(here, waiting[0].encode())
            elif chunk := os.read(here, 65536):
                if shown.endswith(b"quit\r\n"):
                    waiting.pop(0)
                shown += chunk
    os.close(here)
    assert process.wait(20) == 0
    return shown.decode()
