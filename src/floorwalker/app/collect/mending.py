"""Events in quarantine, mended: changed where they lie in the log, and read into the lake once.

In: a quarantined event, and what is to be different. Out: the event in the log as it should have been, nothing in
quarantine, and its place among those that the next run reads again. Its neighbours are known by their message ids and
add nothing. Killed between the two, the event is mended in the log and still in quarantine; to mend it again does no
harm.

    mend(project, state, 17, {"userId": "u1"})
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.app.collect.log import project_log
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.events.frames import Subjects, pack, unpack
from floorwalker.events.quarantine import show_quarantine
from floorwalker.events.wire.judging import fault
from floorwalker.events.wire.segment import identifiers, read_event

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog
    from floorwalker.engines.project import Project
    from floorwalker.events.frames import Frame

_FILE = re.compile(r"log (\d+)/(\d+)")


def mend(
    project: Project, state: sqlite3.Connection, row_id: int, changes: Mapping[str, Any], *, whole: str = ""
) -> dict[str, Any]:
    """Change an event by dotted keys, or put `whole` (JSON) in its place; returns it as it is now.

    Raises NotFoundError for a row that is no event or whose frame is no longer kept, ConfigError where it would still
    not count."""
    row = show_quarantine(state, row_id)
    found = _FILE.fullmatch(row.file)
    if not found:
        raise NotFoundError(
            f"row {row_id} did not come from the collector",
            fix="mend the file or the mapping, then floorwalker run: what fits then is taken in",
        )
    partition, offset, place = int(found[1]), int(found[2]), row.row_number - 1
    event = _changed(row.raw, changes, whole)
    raw = msgspec.json.encode(event)
    log = project_log(project)
    try:
        frame = _frame(log, partition, offset)
        why = fault(read_event(raw, frame.head.type))
        if why:
            raise ConfigError("the event would still not count", why=why, fix="floorwalker quarantine show, --set …")
        log.rewrite(partition, {offset: _with(frame, place, raw, Subjects(project.secret))})
    finally:
        log.close()
    state.execute("BEGIN IMMEDIATE")
    state.execute("INSERT OR IGNORE INTO log_again VALUES (?, ?)", (partition, offset))
    state.execute("DELETE FROM quarantine WHERE id = ?", (row_id,))
    state.execute("COMMIT")
    return event


def _changed(raw: str, changes: Mapping[str, Any], whole: str) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(whole or raw)
    except msgspec.MsgspecError as error:
        raise ConfigError(
            "the event is not JSON", why=str(error), fix="give it whole: --event '{\"type\": …}'"
        ) from None
    if not isinstance(event, dict):
        raise ConfigError("the event is no object", fix="give it whole: --event '{\"type\": …}'")
    for key, value in changes.items():
        *path, last = key.split(".")
        inside = event
        for part in path:
            deeper = inside.setdefault(part, {})
            if not isinstance(deeper, dict):
                raise ConfigError(f"'{key}' reaches into what is no object")
            inside = deeper
        if value is None:
            inside.pop(last, None)
        else:
            inside[last] = value
    return event


def _frame(log: EventLog, partition: int, offset: int) -> Frame:
    if log.starts().get(partition, offset + 1) > offset:
        raise NotFoundError("the log no longer has the request that brought it", fix="send the event anew")
    return unpack(log.read(partition, offset, most_frames=1)[0].frame)


def _with(frame: Frame, place: int, raw: bytes, subjects: Subjects) -> bytes:
    """The frame with another event at a place, which counts."""
    index = [one for one in frame.subjects if one[1] != place]
    if said := read_event(raw, frame.head.type).said:
        subjects.note(identifiers(said), place, index)
    refused = {at: why for at, why in frame.head.refused.items() if at != place}
    events = [raw if at == place else event for at, event in enumerate(frame.events)]
    return pack(msgspec.structs.replace(frame.head, refused=refused), events, index)
