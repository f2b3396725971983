"""Reviewing: the open questions of a project, their pairs, and answers that are kept and audited.

In: a project. Out: a `Reviewer`.

    with open_reviewer(project) as reviewer:
        question = reviewer.open(1)[0]
        reviewer.answer(question, same=False)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from floorwalker.app.deciding import Made, decide
from floorwalker.app.identifying import Identity, open_identity
from floorwalker.app.state import open_state
from floorwalker.identity import explain
from floorwalker.identity.decisions import active
from floorwalker.identity.questions import Outcome, Question, outcome, question, questions

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


_SHOWN = 3


class Reviewer:
    """The queue of one project, as far as it is open."""

    def __init__(self, project: Project, tables: Identity, state: sqlite3.Connection) -> None:
        self._project, self._tables, self._state = project, tables, state

    @property
    def nothing(self) -> str:
        """What to say when there is no question."""
        if self._tables.model is None:
            return "no questions: this project has no model that weighs pairs of records"
        return "no questions: every pair on which much hangs is answered, or sure"

    def open(self, limit: int) -> list[Question]:
        """Questions that nobody has answered, most telling first."""
        return questions(self._tables.connection, active(self._state), limit=limit)

    def one(self, review_id: str) -> Question:
        """An open question. Raises NotFoundError."""
        return question(self._tables.connection, review_id, active(self._state))

    def is_open(self, asked: Question) -> bool:
        """Whether it is still open."""
        return any(one.review_id == asked.review_id for one in self.open(1_000_000))

    def pair(self, asked: Question, *, clear: bool) -> explain.Pair:
        """Its two records side by side."""
        tables = self._tables
        return explain.pair(tables.connection, asked.record_a, asked.record_b, tables.model, clear=clear)

    def between(self, asked: Question, *, clear: bool) -> list[str]:
        """What else stands between its two customers; nothing for a bridge, which is inside of one."""
        if asked.kind == "bridge":
            return []
        connection, keys = self._tables.connection, self._tables.keys
        sides = [explain.find(connection, f"customer_id:{one}", keys) for one in (asked.customer_a, asked.customer_b)]
        found = explain.why_not(connection, *sides, clear=clear)
        return [one.text for one in found.obstacles if one.kind in ("cut", "refused")][:_SHOWN]

    def outcome(self, asked: Question) -> Outcome:
        """What either answer would do."""
        return outcome(self._tables.connection, asked)

    def answer(self, asked: Question, same: bool, note: str = "") -> Made:
        """Keep an answer: a decision about the two records, noted in the audit trail."""
        sides = (
            explain.Party(record, "record", [record], [customer])
            for record, customer in ((asked.record_a, asked.customer_a), (asked.record_b, asked.customer_b))
        )
        return decide(self._project, self._tables.connection, "link" if same else "cut", *sides, note=note)


@contextmanager
def open_reviewer(project: Project) -> Generator[Reviewer]:
    """The project's queue. Raises NotFoundError before the first run."""
    with open_identity(project) as tables, open_state(project) as state:
        yield Reviewer(project, tables, state)
