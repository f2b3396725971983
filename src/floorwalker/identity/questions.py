"""The review queue as a person meets it: questions, what an answer would do, and the answers as labels.

In: silver.identity_review (`review` builds it) and the project's decisions. Out: `Question`s that nobody has answered
yet, `Outcome`s in words, decisions, pairs of records with a label.

    found = questions(connection, active(database), limit=10)
    labels(active(database))            record_a, record_b, is_match: to calibrate a model with

An answer is a decision like any other (`decisions.add`): a link or a cut of the two records, which survives every run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import words
from floorwalker.identity.explain.pieces import (
    Record,
    Visible,
    everybody,
    has,
    pieces,
    record_ids,
    records,
    rows,
)
from floorwalker.identity.explain.reasons import listed
from floorwalker.identity.explain.tree import span
from floorwalker.identity.review import TABLE
from floorwalker.identity.rules import KEYS

if TYPE_CHECKING:
    import duckdb

    from floorwalker.identity.standing import Standing

MOST_LABELS = 100
"""Pairs that one decision labels at most."""


class Question(msgspec.Struct, frozen=True):
    """Are these two records one person? `kind`: join, bridge or conflict (see `review`). `chance`: that the two
    customers, or the two halves of one, are one; `records` and `revenue`: what would change its customer; `pairs`:
    pairs of records that raise the same question."""

    review_id: str
    kind: str
    record_a: str
    record_b: str
    customer_a: str
    customer_b: str
    weight: float
    probability: float
    chance: float
    uncertainty: float
    records: int
    revenue: float
    effect: float
    score: float
    pairs: int
    reason: str
    text: str


class Outcome(msgspec.Struct, frozen=True):
    """What either answer would do, as sentences."""

    same: str
    different: str


def questions(
    connection: duckdb.DuckDBPyConnection,
    decided: Sequence[Standing] = (),
    *,
    limit: int = 20,
    visible: Visible = everybody,
) -> list[Question]:
    """The questions that are open, most telling first. `decided`: what people have decided, in the published run or
    since; `visible`: whose customers may be asked about."""
    if not has(connection, TABLE):
        return []
    found = rows(connection, f"FROM {TABLE} ORDER BY score DESC, record_a, record_b")
    seen = set(visible(sorted({one[side] for one in found for side in ("customer_a", "customer_b")})))
    answered = _answered(connection, decided)
    kept = (
        one
        for one in found
        if {one["customer_a"], one["customer_b"]} <= seen
        # Both records of a bridge are one customer's: there only a decision about these two counts.
        and not answered(
            *((one["record_a"], one["record_b"]) if one["kind"] == "bridge" else (one["customer_a"], one["customer_b"]))
        )
    )
    return [Question(**one, text=_said(one)) for one in islice(kept, limit)]


def question(
    connection: duckdb.DuckDBPyConnection,
    review_id: str,
    decided: Sequence[Standing] = (),
    visible: Visible = everybody,
) -> Question:
    """An open question by its id. Raises NotFoundError."""
    for one in questions(connection, decided, limit=1_000_000, visible=visible):
        if one.review_id == review_id:
            return one
    raise NotFoundError(
        f"no open question '{review_id}'",
        why="it was answered, or a run has taken it out of the queue",
        fix="floorwalker identity review --list",
    )


def labels(decided: Iterable[Standing]) -> pa.Table:
    """record_a, record_b (in order), is_match: what people have said of pairs of records. A pair that several decisions
    speak of has the latest one's label."""
    found: dict[tuple[str, str], bool] = {}
    for one in decided:
        sides = ([member.record_id for member in side] for side in (one.a, one.b))
        for a, b in islice(product(*sides), MOST_LABELS):
            found[min(a, b), max(a, b)] = one.kind == "link"
    return pa.table(
        {
            "record_a": pa.array([a for a, _ in found], pa.string()),
            "record_b": pa.array([b for _, b in found], pa.string()),
            "is_match": pa.array(list(found.values()), pa.bool_()),
        }
    )


def outcome(connection: duckdb.DuckDBPyConnection, asked: Question) -> Outcome:
    """What the two answers would do to the customers of a question."""
    if asked.kind == "bridge":
        return _of_bridge(connection, asked)
    known = [records(connection, record_ids(connection, one)) for one in (asked.customer_a, asked.customer_b)]
    together = {**known[0], **known[1]}
    gains = [
        words.plural(len(values), words.noun(kind, 1), words.noun(kind))
        for kind in KEYS
        if len(values := _values(together.values(), kind)) > max(len(_values(some.values(), kind)) for some in known)
    ]
    holding = f" with {listed(gains)}" if gains else ""
    return Outcome(
        f"they become one customer of {words.plural(len(together), 'record')}{holding}",
        "they stay two customers, of " + " and ".join(words.plural(len(some), "record") for some in known),
    )


def _of_bridge(connection: duckdb.DuckDBPyConnection, asked: Question) -> Outcome:
    ids = record_ids(connection, asked.customer_a)
    known = records(connection, ids)
    pair = {asked.record_a, asked.record_b}
    others = [one for one in pieces(connection, ids) if not one.partner or {one.record_id, one.partner} != pair]
    parts = [part for part in span(ids, others).parts if part & pair]
    told = [
        f"{words.plural(len(part), 'record')} of {listed(sorted({known[one].source for one in part}))}"
        for part in parts
    ]
    return Outcome(
        "nothing changes, and a later run will not part them",
        "the customer is taken apart into " + " and ".join(told),
    )


def _values(some: Collection[Record], kind: str) -> set[str]:
    return {record.values[kind] for record in some if kind in record.values}


def _answered(connection: duckdb.DuckDBPyConnection, decided: Sequence[Standing]) -> Callable[[str, str], bool]:
    """(record or customer, record or customer) -> do they stand on the two sides of a decision?"""
    named = sorted({member.record_id for one in decided for side in (one.a, one.b) for member in side})
    whose = dict(
        connection.execute(
            "SELECT record_id, customer_id FROM silver.customer_map WHERE record_id IN (SELECT unnest(?::VARCHAR[]))",
            [named],
        ).fetchall()
        if named
        else ()
    )
    stands: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for number, one in enumerate(decided):
        for side, listed_ in enumerate((one.a, one.b)):
            for member in listed_:
                for name in (member.record_id, whose.get(member.record_id, "")):
                    stands[name].add((number, side))
    return lambda a, b: any((number, 1 - side) in stands.get(b, ()) for number, side in stands.get(a, ()))


def _said(one: Mapping[str, Any]) -> str:
    """Why a pair is asked about."""
    chance, moved = f"a chance of {one['chance']:.0%}", words.plural(one["records"], "record")
    if one["kind"] == "conflict":
        return f"a model is sure of a pair ({one['weight']:+.1f} bits), but {words.refusal(one['reason'])}"
    if one["kind"] == "bridge":
        return f"one pair, right with {chance}, is all that holds {moved} to the rest of the customer"
    return f"two customers who are one with {chance}; {moved} would change their customer"
