"""A stretch of a partition, read in pieces, so that memory stays bounded however long it is.

In: a log, a partition and two offsets. Out: lists of frames, in order; fewer where the log ends before.

    for stored in pieces(log, 0, log.starts()[0], log.ends()[0]):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from floorwalker.engines.event_log.interface import MOST_BYTES, MOST_FRAMES

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog, Stored


def pieces(
    log: EventLog,
    partition: int,
    begin: int,
    end: int,
    *,
    most_frames: int = MOST_FRAMES,
    most_bytes: int = MOST_BYTES,
) -> Iterator[list[Stored]]:
    """The frames from `begin` to before `end`."""
    while begin < end:
        stored = log.read(partition, begin, most_frames=min(most_frames, end - begin), most_bytes=most_bytes)
        if not stored:
            return
        # Where offsets are skipped, what was asked for by number may reach beyond the end.
        if within := [one for one in stored if one.offset < end]:
            yield within
        begin = stored[-1].offset + 1
