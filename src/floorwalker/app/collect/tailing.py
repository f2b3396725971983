"""What came in last, and what comes: for people who watch.

In: a project. Out: `Line`s, the oldest first; identifiers are masked unless asked for.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.collect.log import project_log
from floorwalker.engines.event_log.ranges import pieces
from floorwalker.events.frames import unpack
from floorwalker.events.wire.segment import identifiers, read_event, text
from floorwalker.identity.explain.words import masked

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog, Stored
    from floorwalker.engines.project import Project

_LOOKED_AT = 1000
"""Frames that are looked through for the newest events, per partition and step."""
PAUSE = 0.2
"""Seconds between two looks at the log."""


class Line(msgspec.Struct, frozen=True):
    """One event. `who`: kind and value of what names its sender."""

    partition: int
    offset: int
    place: int
    received_at: str
    source: str
    type: str
    event: str
    who: str
    message_id: str
    refused: str = ""


Wanted = Callable[[Line], bool]


def newest(project: Project, count: int, wanted: Wanted, *, clear: bool) -> tuple[list[Line], dict[int, int]]:
    """The last `count` events that are wanted, and where the log ended."""
    log = project_log(project)
    starts, ends = log.starts(), log.ends()
    found: deque[Line] = deque()
    for partition in log.partitions() if count else ():
        mine: deque[Line] = deque()
        until = ends[partition]
        while until > starts[partition] and len(mine) < count:
            begin = max(starts[partition], until - _LOOKED_AT)
            lines = [line for line in _lines(log, partition, begin, until, clear=clear) if wanted(line)]
            mine.extendleft(reversed(lines))
            until = begin
        found += mine
    log.close()
    ordered = sorted(found, key=lambda line: (line.received_at, line.partition, line.offset, line.place))
    return ordered[-count:] if count else [], ends


def following(project: Project, ends: dict[int, int], wanted: Wanted, *, clear: bool) -> Iterator[Line]:
    """Events from these offsets on, as they come."""
    log = project_log(project)
    while True:
        for partition, end in log.ends().items():
            begin = ends.get(partition, 0)
            yield from (line for line in _lines(log, partition, begin, end, clear=clear) if wanted(line))
            ends[partition] = end
        time.sleep(PAUSE)


def _lines(log: EventLog, partition: int, begin: int, end: int, *, clear: bool) -> Iterator[Line]:
    for stored in pieces(log, partition, begin, end):
        for one in stored:
            yield from _of_frame(partition, one, clear=clear)


def _of_frame(partition: int, stored: Stored, *, clear: bool) -> Iterator[Line]:
    frame = unpack(stored.frame)
    at = dt.datetime.fromtimestamp(frame.head.received_at / 1e6, dt.UTC).isoformat(timespec="milliseconds")
    for place, raw in enumerate(frame.events):
        if not raw:
            continue
        said = read_event(raw, frame.head.type).said
        who = next(iter(identifiers(said)), None) if said else None
        yield Line(
            partition, stored.offset, place, at, frame.head.source,
            (said.type or "") if said else "", text(said.event) or text(said.name) if said else "",
            f"{who[0]} {who[1] if clear else masked(*who)}" if who else "",
            text(said.message_id) if said and said.message_id else frame.head.assigned.get(place, ""),
            frame.head.refused.get(place, ""),
        )  # fmt: skip
