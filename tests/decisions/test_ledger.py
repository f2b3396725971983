"""The ledger keeps, counts, finds and forgets; and the command line decides and replays through it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.decisions.shop import bundle_of, c, normalise, project_of

from floorwalker.decisions.decide import decide
from floorwalker.decisions.erasure import erase_decisions
from floorwalker.decisions.ledger import Ledger, candidates_of, decisions_of, find_record, open_ledger
from floorwalker.decisions.once import decide_once, replay_once
from floorwalker.decisions.policy import default_text, parse_policy
from floorwalker.decisions.request import Request
from floorwalker.errors import NotFoundError, StateError


def test_close_writes_what_waits_and_a_record_is_kept_once(tmp_path: Path) -> None:
    with Ledger(tmp_path, batch=7) as ledger:
        for number in range(100):
            ledger.add(f"d{number}", b"record", None)
        ledger.add("d0", b"again", None)
    assert find_record(tmp_path, "d99") == b"record"
    assert find_record(tmp_path, "d0") == b"record"
    assert open_ledger(tmp_path).execute("SELECT count(*) FROM decisions").fetchone()[0] == 100


def test_a_full_queue_drops_and_counts(tmp_path: Path) -> None:
    blocker = open_ledger(tmp_path)
    ledger = Ledger(tmp_path, limit=5, batch=1)
    blocker.execute("BEGIN IMMEDIATE")  # the disk does not follow
    for number in range(20):
        ledger.add(f"d{number}", b"record", None)
    assert ledger.waiting <= 5
    assert ledger.dropped >= 20 - 5 - 1
    blocker.execute("COMMIT")
    ledger.close()
    assert ledger.written + ledger.dropped == 20


def test_a_failing_disk_is_counted_and_does_not_end_the_writer(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger._connection.execute("ALTER TABLE decisions RENAME TO gone")
    ledger.add("d1", b"record", None)
    ledger.close()
    assert (ledger.written, ledger.dropped) == (0, 1)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="newer"):
        Ledger(tmp_path)


def test_the_command_line_decides_records_and_replays(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    decision = decide_once(project, "email:ann@example.com", "home", 5, normalise=normalise)
    assert decision.personalized
    assert decision.as_dict()["items"][0]["reason"]["code"] == "bought"
    assert decisions_of(project.state / "decisions", [c("ann")]) == [decision.decision_id]
    project.policies.mkdir()
    (project.policies / "decision.toml").write_text('[surfaces.home]\nsources = ["popular"]\n')
    assert decide_once(project, c("ann"), "home").items != decision.items
    assert replay_once(project, decision.decision_id) == decision, "with the policy of that time"
    folder = project.state / "decisions"
    candidates = candidates_of(folder, find_record(folder, decision.decision_id))
    assert {item.product_id for item in decision.items} <= {name for name, _, became in candidates if became == "kept"}
    assert ("p39", "inactive") in {(name, became) for name, _, became in candidates}
    with pytest.raises(NotFoundError):
        replay_once(project, "0" * 32)
    anybody = decide_once(project, None, "home", decided_at=1)
    assert replay_once(project, anybody.decision_id) == anybody


def test_erased_decisions_leave_a_stub_that_names_nobody(tmp_path: Path) -> None:
    bundle, policy = bundle_of(tmp_path / "bundles"), parse_policy(default_text())
    folder = tmp_path / "decisions"
    ids = {}
    with Ledger(folder) as ledger:
        for name in ("ann", "dan"):
            decided = decide(Request(customer=c(name), request_id=f"by {name}"), bundle, policy, decided_at=1)
            ids[name] = decided.decision.decision_id
            ledger.add(ids[name], decided.record, c(name))
    assert erase_decisions(folder, [c("ann"), c("old")]) == 1
    assert erase_decisions(folder, [c("ann")]) == 0
    with pytest.raises(StateError, match="erased"):
        find_record(folder, ids["ann"])
    assert find_record(folder, ids["dan"])
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert c("ann").encode() not in content
    assert b"by ann" not in content
    assert b"because you bought Product 14" not in content, "only Ann bought it"
    stub = sqlite3.connect(folder / "decisions.db").execute("SELECT erased FROM decisions WHERE erased IS NOT NULL")
    assert '"surface": "home"' in stub.fetchone()[0]


def test_a_record_that_comes_after_its_persons_erasure_is_not_kept(tmp_path: Path) -> None:
    erase_decisions(tmp_path, [c("ann")])
    with Ledger(tmp_path) as ledger:
        ledger.add("late", b"record", c("ann"))
        ledger.add("other", b"record", c("dan"))
    assert find_record(tmp_path, "other") == b"record"
    with pytest.raises(NotFoundError):
        find_record(tmp_path, "late")
