"""The audit log cannot be changed, and what is forged or cut out of it is seen."""

from __future__ import annotations

import sqlite3

import pytest
from tests.governance.database import open_test_database

from floorwalker.governance import audit

SECRET = b"secret"


@pytest.fixture
def connection():
    connection = open_test_database(":memory:")
    for number in range(5):
        audit.record(
            connection, SECRET, at=f"2026-01-0{number + 1}", actor="ana", action="policy.change",
            subject=f"hash{number % 2}", detail={"number": number},
        )  # fmt: skip
    return connection


def _open_to_forgery(connection):
    connection.execute("DROP TRIGGER audit_is_not_changed")
    connection.execute("DROP TRIGGER audit_is_not_cut")


def test_entries_come_newest_first_and_can_be_asked_for_one_person(connection):
    assert [entry.number for entry in audit.entries(connection)] == [5, 4, 3, 2, 1]
    assert [entry.detail["number"] for entry in audit.entries(connection, subject="hash1")] == [3, 1]
    assert audit.entries(connection, action="nothing") == []
    assert len(audit.entries(connection, limit=2)) == 2


def test_an_honest_log_is_whole(connection):
    assert audit.broken(connection, SECRET) is None


def test_it_cannot_be_changed_or_cut(connection):
    for statement in ("UPDATE audit SET actor = 'eve'", "DELETE FROM audit WHERE number = 2"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("forgery", "seen_at"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 2", 3),
        ("UPDATE audit SET subject = NULL WHERE number = 1", 1),
    ],
)
def test_a_forgery_is_seen(connection, forgery, seen_at):
    _open_to_forgery(connection)
    connection.execute(forgery)
    assert audit.broken(connection, SECRET) == seen_at


def test_without_the_secret_no_chain_can_be_forged(connection):
    assert audit.broken(connection, b"guess") == 1


def test_the_head_shows_that_the_end_was_cut_off(connection):
    head = audit.head(connection)
    _open_to_forgery(connection)
    connection.execute("DELETE FROM audit WHERE number = 5")
    assert audit.broken(connection, SECRET) is None
    assert audit.head(connection) != head
