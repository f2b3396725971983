"""A person taken out of what was collected: out of the frames of the log, and of files that wait to be read.

In: a project and a subject. Out: a `Receipt`; and a search that decodes every frame. The collector may go on meanwhile.

An event is the person's if it carries one of their identifiers or any word that nobody else has. Where such a word
stands in what a request said for all its events, all of them go. The others of a frame keep their places, and the log's
own rewriting leaves nothing of the old bytes. Files that wait to be read are removed and their offsets exported again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.collect.log import project_log
from floorwalker.app.state import open_state
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.ranges import pieces
from floorwalker.events.frames import Frame, unpack
from floorwalker.events.wire.segment import identifiers, read_event
from floorwalker.governance.decode import Finding, search_file
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.needles import Needles

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog
    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject

COLLECTED = "collected"
"""Folder below the project's state with what waits to be read."""
_COLUMNS = {
    "user_id": ("account_id", "customer_ref"), "anonymous_id": ("cookie_id", "device_id"),
}  # fmt: skip
"""What an identifier of an SDK is called in the tables, where it is called otherwise."""


class CollectedHandler:
    """The log, and what waits to be read from it."""

    name = LOG

    def owns(self, path: Path) -> bool:
        return path.parts[:1] in ((LOG,), (COLLECTED,))

    def erase(self, project: Project, subject: Subject) -> Receipt:
        if not (project.state / LOG).exists():
            return Receipt(self.name, 0)
        needles = Needles.of(subject, project.secret)
        self._put_back(project)
        removed = 0
        log = project_log(project)
        try:
            for partition, end in log.ends().items():
                for stored in pieces(log, partition, log.starts()[partition], end):
                    # All of a piece at once: each rewriting waits for the disk.
                    changed = {}
                    for one in stored:
                        frame = unpack(one.frame)
                        if gone := _places(frame, needles):
                            changed[one.offset] = frame.without(gone)
                            removed += len(gone)
                    if changed:
                        log.rewrite(partition, changed)
        finally:
            log.close()
        return Receipt(self.name, removed)

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        needles = Needles.of(subject, project.secret)
        found: list[Finding] = []
        if (project.state / LOG).exists():
            log = project_log(project)
            try:
                for partition, offset, frame in _frames(log):
                    kinds = {kind for place in _places(frame, needles) for kind in _traces(frame, place, needles)}
                    found += [Finding(self.name, f"{LOG}/{partition} offset {offset}", kind) for kind in sorted(kinds)]
            finally:
                log.close()
        for folder in (LOG, COLLECTED):
            for path in sorted((project.state / folder).rglob("*")):
                if path.is_file():
                    found += search_file(path, needles, store=self.name, root=project.state)
        return found

    def _put_back(self, project: Project) -> None:
        """Files that wait are removed; the next export makes them again, without the person."""
        waiting: dict[int, int] = {}
        for path in (project.state / COLLECTED).glob("*/*.parquet"):
            partition, begin = int(path.parent.name), int(path.name.partition("-")[0])
            waiting[partition] = min(begin, waiting.get(partition, begin))
        if not waiting:
            return
        with open_state(project) as state, state:
            state.executemany(
                "UPDATE log_positions SET next_offset = min(next_offset, ?) WHERE partition = ?",
                [(begin, partition) for partition, begin in waiting.items()],
            )
        shutil.rmtree(project.state / COLLECTED)


def _frames(log: EventLog) -> Iterator[tuple[int, int, Frame]]:
    starts = log.starts()
    for partition, end in log.ends().items():
        for stored in pieces(log, partition, starts[partition], end):
            for one in stored:
                yield partition, one.offset, unpack(one.frame)


def _places(frame: Frame, needles: Needles) -> list[int]:
    """The person's events."""
    there = [place for place, raw in enumerate(frame.events) if raw]
    said = [_plain(raw) for raw in (frame.head.context, frame.head.integrations) if raw]
    if said and needles.in_few([text for text in said if text]):
        return there
    return [place for place in there if _traces(frame, place, needles)]


def _traces(frame: Frame, place: int, needles: Needles) -> set[str]:
    raw = frame.events[place]
    found = needles.in_few([_plain(raw), _plain(frame.head.context)])
    said = read_event(raw, frame.head.type).said
    for kind, value in identifiers(said) if said else ():
        for column in _COLUMNS.get(kind, (kind,)):
            found |= needles.in_cells([value], column)
    return found


def _plain(raw: bytes) -> str:
    """JSON without escapes, so that none hides a word."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw)).decode() if raw else ""
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return raw.decode("utf-8", "replace")
