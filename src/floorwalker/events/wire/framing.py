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
from typing import NamedTuple

import msgspec

from floorwalker.events.frames import Head, Subjects, pack
from floorwalker.events.wire.judging import MOST_ID, fault
from floorwalker.events.wire.segment import Request, identifiers, text


class Framed(NamedTuple):
    """`refused`: (place in the request, message id, reason) of the events that do not count."""

    frame: bytes
    counted: int
    refused: list[tuple[int, str, str]]


def frame_of(request: Request, head: Head, subjects: Subjects) -> Framed:
    """The frame of a request. An event without a message id gets one: a client that sends it again makes another event
    of it."""
    index: list[tuple[int, int]] = []
    assigned: dict[int, str] = {}
    refused: list[tuple[int, str, str]] = []
    for place, event in enumerate(request.events):
        said, why = event.said, fault(event)
        message = text(said.message_id) if said else ""
        if why:
            refused.append((place, message[:MOST_ID], why))
        if not message:
            assigned[place] = str(uuid.uuid4())
        if said:
            index += {(subjects.hash(kind, value), place) for kind, value in identifiers(said)}
    head = msgspec.structs.replace(
        head,
        sent_at=request.sent_at,
        context=request.context,
        integrations=request.integrations,
        assigned=assigned,
        refused={place: why for place, _, why in refused},
    )
    frame = pack(head, [event.raw for event in request.events], index)
    return Framed(frame, len(request.events) - len(refused), refused)
