"""The routes of identity: why somebody is one person, why two are not, the graph, the queue, the figures.

In: a `Call` and the worker's `Live`. Out: an `Answer`. All of them read the published tables (`tables`).

A key of one market is told of its customers alone: whoever else is meant is nobody, other customers are neither named
nor counted. Identifiers are masked unless an admin key asks with `clear=true`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from floorwalker.app.http.answers import Answer, Call, Problem, as_json
from floorwalker.app.identifying import Identity, visible_in
from floorwalker.errors import NotFoundError
from floorwalker.identity import explain
from floorwalker.identity.decisions import active
from floorwalker.identity.explain.network import MOST
from floorwalker.identity.metrics import Metrics, Moment, history, measure
from floorwalker.identity.questions import Outcome, Question, outcome, question, questions

if TYPE_CHECKING:
    from floorwalker.app.http.live import Live
    from floorwalker.identity.explain.finding import Party

T = TypeVar("T")
Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class AskedPlain(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`clear`: identifiers as they are, for admin keys."""

    clear: bool = False


class Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`clear`: identifiers as they are, for admin keys. `limit`: entries per list."""

    clear: bool = False
    limit: Limit = 50


class AskedQueue(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`limit`: questions at most."""

    limit: Limit = 20


class AskedGraph(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`limit` records from `offset` on."""

    clear: bool = False
    limit: Limit = 100
    offset: NotNegative = 0


class AskedPair(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`a`, `b`: records, or whoever else: then their most alike records."""

    a: str
    b: str
    clear: bool = False


class AskedFigures(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`runs`: earlier runs to compare with."""

    runs: Annotated[int, msgspec.Meta(ge=0, le=400)] = 30


class Figures(msgspec.Struct, frozen=True):
    """The published run's figures, and those of the runs before, the newest first."""

    now: Metrics
    history: list[Moment]


class Queue(msgspec.Struct, frozen=True):
    """Open questions, most telling first."""

    questions: list[Question]


class Asking(msgspec.Struct, frozen=True):
    """A question with all that one needs to answer it: POST the answer as a decision about its two records."""

    question: Question
    outcome: Outcome
    pair: explain.Pair


def graph(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/{customer}`"""
    asked = call.asked(AskedGraph)
    clear = _clear(call, asked.clear)

    def answer(tables: Identity) -> explain.Graph:
        customer = _customer(tables, call, call.parameters["customer"])
        seen = visible_in(tables.connection, call.key.market)
        return explain.graph(
            tables.connection, customer, clear=clear, limit=asked.limit, offset=asked.offset, visible=seen
        )

    return _ask(live, answer)


def why(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/{customer}/why`"""
    asked = call.asked(Asked)
    clear = _clear(call, asked.clear)

    def answer(tables: Identity) -> explain.Why:
        customer = _customer(tables, call, call.parameters["customer"])
        seen = visible_in(tables.connection, call.key.market)
        return explain.why(tables.connection, customer, clear=clear, limit=asked.limit, visible=seen)

    return _ask(live, answer)


def why_not(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/{customer}/why-not/{other}`"""
    clear = _clear(call, call.asked(AskedPlain).clear)

    def answer(tables: Identity) -> explain.WhyNot:
        one, two = (asked_party(tables, call, call.parameters[name]) for name in ("customer", "other"))
        seen = visible_in(tables.connection, call.key.market)
        return explain.why_not(tables.connection, one, two, score=tables.score, clear=clear, visible=seen)

    return _ask(live, answer)


def pair(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/pair?a=…&b=…`"""
    asked = call.asked(AskedPair)
    clear = _clear(call, asked.clear)

    def answer(tables: Identity) -> explain.Pair:
        one, two = (asked_party(tables, call, text) for text in (asked.a, asked.b))
        records = tables.pair_of(one, two)
        return explain.pair(tables.connection, *records, tables.model, score=tables.score, clear=clear)

    return _ask(live, answer)


def review(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/review`"""
    asked = call.asked(AskedQueue)

    def answer(tables: Identity) -> Queue:
        seen = visible_in(tables.connection, call.key.market)
        return Queue(questions(tables.connection, active(live.database), limit=asked.limit, visible=seen))

    return _ask(live, answer)


def one_question(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/review/{question}`"""
    clear = _clear(call, call.asked(AskedPlain).clear)

    def answer(tables: Identity) -> Asking:
        connection = tables.connection
        seen = visible_in(connection, call.key.market)
        found = question(connection, call.parameters["question"], active(live.database), seen)
        pair = explain.pair(connection, found.record_a, found.record_b, tables.model, clear=clear)
        return Asking(found, outcome(connection, found), pair)

    return _ask(live, answer)


def figures(live: Live, call: Call) -> Answer:
    """`GET /v1/identity/metrics`"""
    asked = call.asked(AskedFigures)
    if call.key.market:
        raise Problem(
            403,
            "other_market",
            "these figures are of all markets",
            f"this key works for {call.key.market} alone",
            "ask with a key that has no market",
        )
    return _ask(live, lambda tables: Figures(measure(tables.connection), history(live.database, asked.runs)))


def _ask(live: Live, question: Callable[[Identity], object]) -> Answer:
    def answer(tables: Identity) -> object:
        try:
            return question(tables)
        except NotFoundError as error:
            # That nothing is published yet is another matter, and said elsewhere.
            raise Problem(404, "not_found", error.what, error.why, error.fix) from error

    return Answer(200, as_json(live.tables.ask(answer)))


def asked_party(tables: Identity, call: Call, text: str) -> Party:
    """Whom the call means, as far as its key may know. Raises Problem 404."""
    try:
        party = tables.find(text)
    except NotFoundError as error:
        raise _nobody(error.fix if "did you mean" in error.fix else "") from error
    seen = visible_in(tables.connection, call.key.market)(party.customers)
    return party if len(seen) == len(party.customers) else _narrowed(tables, party, set(seen))


def _narrowed(tables: Identity, party: Party, seen: set[str]) -> Party:
    """The part of a party that the key may know of."""
    if not seen:
        raise _nobody()
    whose = dict(
        tables.connection.execute(
            "SELECT record_id, customer_id FROM silver.customer_map WHERE record_id IN (SELECT unnest(?::VARCHAR[]))",
            [party.records],
        ).fetchall()
    )
    return party._replace(
        customers=[one for one in party.customers if one in seen],
        records=[one for one in party.records if whose.get(one) in seen],
    )


def _customer(tables: Identity, call: Call, text: str) -> str:
    party = asked_party(tables, call, text)
    if len(party.customers) != 1:
        raise Problem(
            404,
            "several",
            f"{len(party.customers):,} customers share this identifier",
            ", ".join(party.customers[:5]),
            "ask by customer_id; /v1/identity/{customer}/why-not/{other} says why two of them are not one",
        )
    return party.customers[0]


def _nobody(fix: str = "") -> Problem:
    return Problem(
        404,
        "not_found",
        "no such record, customer or identifier",
        fix=fix or "ask by customer_id, record:…, email:…, phone:…, loyalty_id:…",
    )


def _clear(call: Call, wanted: bool) -> bool:
    if wanted and "admin" not in call.key.scopes:
        raise Problem(
            403,
            "scope_missing",
            "this key lacks the scope 'admin', which identifiers in full need",
            f"a {call.key.kind} key with the scopes {', '.join(sorted(call.key.scopes))}",
            "leave out clear=true, or use an admin key",
        )
    return wanted
