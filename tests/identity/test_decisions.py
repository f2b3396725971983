"""The store of decisions: kept once, never changed, listed, taken back, and emptied by erasure alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from tests.identity.conftest import Identify
from tests.identity.population import record

from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.identity.decisions import active, add, digest, load, members, undo
from floorwalker.identity.schema import MIGRATIONS

AT = "2026-03-01T10:00:00Z"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(MIGRATIONS[0])
    yield connection
    connection.close()


def test_a_decision_is_kept_once_with_its_time_in_utc(database: sqlite3.Connection) -> None:
    one = add(database, "link", ["b", "a", "a"], ["c"], at="2026-03-01T12:00:00+02:00", actor="ana", note="why")
    assert add(database, "link", ["a", "b"], ["c"], at=AT, actor="ana").decision_id == one.decision_id
    (kept,) = load(database)
    assert kept == one
    assert (kept.at, [m.record_id for m in kept.a]) == ("2026-03-01T10:00:00.000000+00:00", ["a", "b"])
    assert active(database)[0].decision_id == one.decision_id
    assert digest(active(database)) != digest(()) == ""


@pytest.mark.parametrize("a, b, at", [([], ["b"], AT), (["a"], [], AT), (["a", "b"], ["b"], AT), (["a"], ["b"], "now")])
def test_what_is_no_decision_is_refused(database: sqlite3.Connection, a: list, b: list, at: str) -> None:
    with pytest.raises(ConfigError):
        add(database, "cut", a, b, at=at, actor="ana")
    assert load(database) == []


def test_it_is_not_changed_and_only_erasure_takes_away(database: sqlite3.Connection) -> None:
    kept = add(database, "cut", ["a", "b"], ["c"], at=AT, actor="ana", note="Ann says so")
    undone = add(database, "link", ["x"], ["y"], at=AT, actor="ana")
    undo(database, undone.decision_id[:5], at="2026-03-02", actor="bob")
    for change in (
        "UPDATE identity_decisions SET kind = 'link'", "UPDATE identity_decisions SET at = '2030-01-01'",
        "UPDATE identity_decision_records SET record_id = 'z'",
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError, match="decide again"):
            database.execute(change)
    database.execute("UPDATE identity_decisions SET note = '[erased]' WHERE note <> ''")
    # A record less leaves the decision to the others; a side less leaves nothing, and nothing of what undid it.
    database.execute("DELETE FROM identity_decision_records WHERE record_id = 'a'")
    assert [[m.record_id for m in one.a] for one in load(database) if one.kind == "cut"] == [["b"]]
    database.execute("DELETE FROM identity_decision_records WHERE record_id IN ('b', 'y')")
    assert load(database) == []
    assert database.execute("SELECT count(*) FROM identity_decision_records").fetchone() == (0,)
    assert kept.note == "Ann says so"


def test_undo_wants_one_decision_that_stands(database: sqlite3.Connection) -> None:
    with pytest.raises(NotFoundError, match="no decision"):
        undo(database, "d1", at=AT, actor="ana")
    one = add(database, "link", ["a"], ["b"], at=AT, actor="ana")
    add(database, "link", ["a"], ["c"], at=AT, actor="ana")
    with pytest.raises(NotFoundError, match="2 decisions"):
        undo(database, "d", at="2026-03-02", actor="ana")
    with pytest.raises(NotFoundError):
        undo(database, "", at="2026-03-02", actor="ana")
    with pytest.raises(ConfigError, match="later than"):
        undo(database, one.decision_id, at="2026-02-01", actor="ana")
    first = undo(database, one.decision_id, at="2026-03-02", actor="ana")
    with pytest.raises(ConfigError, match="taken back already"):
        undo(database, one.decision_id, at="2026-03-03", actor="ana")
    undo(database, first.decision_id, at="2026-03-04", actor="ana")
    assert len(active(database)) == 2


def test_members_have_their_keys_and_the_numbers_that_only_their_side_has(identify: Identify) -> None:
    found = identify([
        record("a", source="crm", customer_ref="1", email="Ann@Lee.com"),
        record("b", source="crm", customer_ref="1", account_id="x7"),
        record("c", source="crm", customer_ref="2", account_id="x7"),
    ])  # fmt: skip
    connection = found.context.connection
    (one,) = members(connection, ["a"])
    assert (one.ref_key, one.email_key, one.own_numbers) == ("crm:1", "ann@lee.com", "")
    assert [m.own_numbers for m in members(connection, ["b", "a"])] == ["ref_key", "ref_key"]
    assert [m.own_numbers for m in members(connection, ["b", "c"])] == ["account_key", "ref_key account_key"]
    with pytest.raises(NotFoundError):
        members(connection, ["a", "nobody"])
