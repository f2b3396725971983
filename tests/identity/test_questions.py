"""Questions and answers: asked once, kept as decisions, offered as labels."""

from __future__ import annotations

import sqlite3

import pytest
from tests.identity.explain.tables import Tables
from tests.identity.test_review import apart, halves

from floorwalker.errors import NotFoundError
from floorwalker.identity.decisions import active, add, undo
from floorwalker.identity.questions import labels, outcome, question, questions
from floorwalker.identity.review import TABLE, build
from floorwalker.identity.schema import MIGRATIONS
from floorwalker.identity.settings import IdentitySettings

AT = "2026-03-01T10:00:00Z"


def state() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        database.executescript(script)
    return database


def published(shop: Tables) -> Tables:
    """With the queue as a table."""
    build(shop.connection, IdentitySettings()).create(TABLE)
    return shop


def test_a_question_says_what_is_asked_and_what_an_answer_does() -> None:
    connection = published(apart(5.0)).connection
    (asked,) = questions(connection)
    assert asked.text == "two customers who are one with a chance of 97%; 3 records would change their customer"
    told = outcome(connection, asked)
    assert told.same == "they become one customer of 7 records with 2 e-mail addresses"
    assert told.different == "they stay two customers, of 3 records and 4 records"
    assert question(connection, asked.review_id) == asked


def test_taking_a_bridge_away_parts_a_customer() -> None:
    connection = published(halves(7.0)).connection
    (asked,) = questions(connection)
    assert outcome(connection, asked).different == (
        "the customer is taken apart into 3 records of till and 3 records of till"
    )


@pytest.mark.parametrize("same", [True, False])
def test_an_answer_closes_the_question_until_it_is_taken_back(same: bool) -> None:
    for shop in (published(apart(5.0)), published(halves(7.0))):
        database = state()
        (asked,) = questions(shop.connection, active(database))
        decided = add(database, "link" if same else "cut", [asked.record_a], [asked.record_b], at=AT, actor="ana")
        assert questions(shop.connection, active(database)) == []
        with pytest.raises(NotFoundError, match="no open question"):
            question(shop.connection, asked.review_id, active(database))
        undo(database, decided.decision_id, at="2026-03-02T10:00:00Z", actor="ana")
        assert [one.review_id for one in questions(shop.connection, active(database))] == [asked.review_id]


def test_a_decision_about_other_records_of_the_two_closes_the_question_too() -> None:
    shop, database = published(apart(5.0)), state()
    add(database, "cut", ["a2"], ["b1", "b2"], at=AT, actor="ana")
    assert questions(shop.connection, active(database)) == []
    elsewhere = state()
    add(elsewhere, "cut", ["a2"], ["a1"], at=AT, actor="ana")
    assert len(questions(shop.connection, active(elsewhere))) == 1


def test_whose_customers_one_may_not_see_one_is_not_asked_about() -> None:
    connection = published(apart(5.0)).connection
    assert questions(connection, visible=lambda some: {"c1"} & set(some)) == []
    assert len(questions(connection, limit=1)) == 1


def test_answers_are_labels() -> None:
    database = state()
    add(database, "cut", ["r1"], ["r2"], at="2026-03-01T10:00:00Z", actor="ana")
    add(database, "link", ["r4"], ["r3"], at="2026-03-01T11:00:00Z", actor="ana")
    assert labels(active(database)).to_pylist() == [
        {"record_a": "r1", "record_b": "r2", "is_match": False},
        {"record_a": "r3", "record_b": "r4", "is_match": True},
    ]
    assert labels(()).num_rows == 0


def test_a_shop_without_a_queue_asks_nothing() -> None:
    assert questions(Tables(["a till"]).connection) == []
