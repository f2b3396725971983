"""The routes that decide who is who: link, cut, take apart, take back. For admin keys.

In: a `Call` with a JSON body, and the worker's `Live`. Out: 202 with the decision, kept for good, and when it takes
effect: `at once` (a process has begun to bring everything up to date), `after the run at work`, or `with the next run`.

A key of one market decides about its customers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec

from floorwalker.app.deciding import Made, decide, part, take_back
from floorwalker.app.http.answers import Answer, Call, Problem, as_json
from floorwalker.app.http.identity import asked_party
from floorwalker.app.identifying import Identity, visible_in
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.identity.decisions import load
from floorwalker.identity.explain import Party, one_customer
from floorwalker.identity.parting import Parts, parts, split_off

if TYPE_CHECKING:
    from floorwalker.app.http.live import Live

T = TypeVar("T")
Note = Annotated[str, msgspec.Meta(max_length=500)]
Somebody = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Records = Annotated[list[Somebody], msgspec.Meta(min_length=1, max_length=500)]


class Decide(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`a` and `b` are one person (link) or two (cut): each a record, a customer, an identifier, or a list of records.
    A customer stands for all its records. `note`: why; no names, please."""

    kind: Literal["link", "cut"]
    a: Somebody | Records
    b: Somebody | Records
    note: Note = ""


class Unmerge(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Take `customer` apart: into `parts` at its weakest evidence, or so that `records` leave. `dry_run`: only say
    how."""

    customer: Somebody
    parts: Annotated[int, msgspec.Meta(ge=2, le=50)] = 2
    records: list[Somebody] = []
    dry_run: bool = False
    note: Note = ""


class Undo(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Take a decision back."""

    decision: Somebody
    note: Note = ""


class Decided(msgspec.Struct, frozen=True):
    """What was decided. `records`: how many stand on either side; `against`: earlier decisions that lose records to
    it."""

    decision_id: str
    kind: str
    customers: list[str]
    records: list[int]
    against: list[str]


class Accepted(msgspec.Struct, frozen=True):
    """Kept, and `takes_effect`: 'at once', 'after the run at work' or 'with the next run'."""

    decisions: list[Decided]
    takes_effect: str


class Piece(msgspec.Struct, frozen=True):
    """What a part of a customer would be."""

    records: list[str]
    names: list[str]
    sources: list[str]


class Apart(msgspec.Struct, frozen=True):
    """How a customer would fall apart, and by what it is held together."""

    customer_id: str
    parts: list[Piece]
    held_by: list[str]
    visits: int


def post_decision(live: Live, call: Call) -> Answer:
    """`POST /v1/identity/decisions`"""
    said = call.said(Decide)

    def answer(tables: Identity) -> list[Made]:
        a, b = (_side(tables, call, side) for side in (said.a, said.b))
        return [decide(live.project, tables.connection, said.kind, a, b, note=said.note, actor=_actor(call))]

    return _accepted(live, _ask(live, answer))


def post_unmerge(live: Live, call: Call) -> Answer:
    """`POST /v1/identity/unmerge`"""
    said = call.said(Unmerge)

    def answer(tables: Identity) -> Parts | list[Made]:
        customer = one_customer(asked_party(tables, call, said.customer))
        if said.records:
            leaving = [one for text in said.records for one in asked_party(tables, call, text).records]
            parted = split_off(tables.connection, customer, leaving)
        else:
            parted = parts(tables.connection, customer, said.parts)
        if said.dry_run:
            return parted
        return part(live.project, tables.connection, parted, note=said.note, actor=_actor(call))

    found = _ask(live, answer)
    if isinstance(found, Parts):
        held = [f"{joint.rule}, {joint.weight:.1f} bits" for joint in found.joints]
        pieces = [Piece(one.records, one.names, one.sources) for one in found.parts]
        return Answer(200, as_json(Apart(found.customer_id, pieces, held, found.visits)))
    return _accepted(live, found)


def post_undo(live: Live, call: Call) -> Answer:
    """`POST /v1/identity/undo`"""
    said = call.said(Undo)

    def answer(tables: Identity) -> list[Made]:
        target = next((one for one in load(live.database) if one.decision_id == said.decision), None)
        if target is None:
            raise NotFoundError(f"no decision '{said.decision}'")
        named = [member.record_id for member in (*target.a, *target.b)]
        whose = tables.connection.execute(
            "SELECT DISTINCT customer_id FROM silver.customer_map WHERE record_id IN (SELECT unnest(?::VARCHAR[]))",
            [named],
        ).fetchall()
        customers = [customer for (customer,) in whose]
        if len(visible_in(tables.connection, call.key.market)(customers)) < len(customers):
            raise NotFoundError(f"no decision '{said.decision}'")
        return [Made(take_back(live.project, said.decision, note=said.note, actor=_actor(call)), ())]

    return _accepted(live, _ask(live, answer))


def _side(tables: Identity, call: Call, side: str | Sequence[str]) -> Party:
    """Whom a side means; a list is of records."""
    if isinstance(side, str):
        return asked_party(tables, call, side)
    found = [asked_party(tables, call, text) for text in side]
    if strange := [one.text for one in found if one.kind != "record"]:
        raise Problem(400, "invalid_request", "a list names records", f"'{strange[0]}' is none", "name it by itself")
    customers = sorted({customer for one in found for customer in one.customers})
    return Party(", ".join(side[:3]), "records", [record for one in found for record in one.records], customers)


def _ask(live: Live, question: Callable[[Identity], T]) -> T:
    def asked(tables: Identity) -> T:
        try:
            return question(tables)
        except NotFoundError as error:
            raise Problem(404, "not_found", error.what, error.why, error.fix) from error
        except ConfigError as error:
            raise Problem(400, "nothing_to_decide", error.what, error.why, error.fix) from error

    return live.tables.ask(asked)


def _accepted(live: Live, made: Sequence[Made]) -> Answer:
    found = [
        Decided(
            one.decision.decision_id, one.decision.kind, list(one.decision.customers),
            [len(one.decision.a), len(one.decision.b)], list(one.against),
        )
        for one in made
    ]  # fmt: skip
    return Answer(202, as_json(Accepted(found, live.settling.begin())))


def _actor(call: Call) -> str:
    return f"{call.key.name} (key {call.key.key_id})"
