"""From a request to the frame that the log keeps, and what the client is told.

In: a `Request` and what is known of its sender. Out: `Framed`: bytes, how many events count, which do not and why.

>>> from floorwalker.events.wire.segment import read
>>> request = read(b'{"batch":[{"type":"page","userId":"u1","messageId":"m1"},{"type":"page","messageId":"m2"}]}')
>>> framed = frame_of(request, Head(received_at=1, source="web"), Subjects(b"secret"))
>>> framed.counted, framed.refused
(1, [(1, 'm2', 'it has neither userId nor anonymousId')])
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from floorwalker.events.frames import Head, Subjects, pack
from floorwalker.events.language.paths import without
from floorwalker.events.wire.judging import MOST_ID, fault, plain
from floorwalker.events.wire.segment import Event, Request, identifiers, read_event, text

if TYPE_CHECKING:
    from floorwalker.events.language.plan import Plan


class Framed(NamedTuple):
    """`refused`: (place in the request, message id, reason) of the events that do not count; `dropped`: how many the
    tracking plan wants nothing to be known of."""

    frame: bytes
    counted: int
    refused: list[tuple[int, str, str]]
    dropped: int = 0


def frame_of(request: Request, head: Head, subjects: Subjects, plan: Plan | None = None) -> Framed:
    """The frame of a request. An event without a message id gets one: a client that sends it again makes another event
    of it. `plan`: the shop's tracking plan, if it has one."""
    index: list[tuple[int, int]] = []
    assigned: dict[int, str] = {}
    refused: list[tuple[int, str, str]] = []
    events, dropped = [], 0
    for place, event in enumerate(request.events):
        raw, said, _ = event
        if said is not None and plan is None and (found := plain(raw, said)):
            events.append(raw)
            subjects.note(found, place, index)
            continue
        why = fault(event)
        if plan and not why:
            event, why = _planned(event, plan, head.type)
            if not event.raw:
                dropped += 1
        events.append(event.raw)
        said = event.said
        message = said.message_id if said else ""
        if type(message) is not str or message[:1] <= " ":
            message = text(message)
        if why:
            refused.append((place, message[:MOST_ID], why))
        if not message and event.raw:
            assigned[place] = str(uuid.uuid4())
        if said:
            subjects.note(identifiers(said), place, index)
    head = msgspec.structs.replace(
        head,
        sent_at=request.sent_at,
        context=request.context,
        integrations=request.integrations,
        assigned=assigned,
        refused={place: why for place, _, why in refused},
    )
    return Framed(pack(head, events, index), len(events) - len(refused) - dropped, refused, dropped)


def _planned(event: Event, plan: Plan, type_of_route: str) -> tuple[Event, str]:
    """The event as the plan leaves it, nothing of it where the plan drops it, and why it does not count."""
    try:
        whole = msgspec.json.decode(event.raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return event, "it is not JSON as a plan reads it"
    if type_of_route:
        whole["type"] = type_of_route
    verdict = plan.judge(whole)
    if verdict.action == "drop":
        return Event(b"", None), ""
    if verdict.dropped:
        event = read_event(msgspec.json.encode(without(whole, verdict.dropped)), type_of_route)
    return event, verdict.reason if verdict.action == "quarantine" else ""
