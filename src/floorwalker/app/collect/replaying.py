"""The log read again, and the log kept short.

In: a project. Out: positions set back (`replay`), files removed that are older than they are kept for (`retain`).

To replay is to bring the same events into the lake once more: after a mapping was mended, or tables were lost. Events
whose message ids the lake knows add nothing. Frames that have not been brought into the lake are never removed.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.collect.log import project_log
from floorwalker.engines.event_log import LOG
from floorwalker.errors import NotFoundError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog
    from floorwalker.engines.project import Project


def unread(log: EventLog, state: sqlite3.Connection) -> int:
    """Requests in the log that no run has brought into the lake."""
    positions = dict(state.execute("SELECT partition, next_offset FROM log_positions").fetchall())
    starts = log.starts()
    return sum(max(0, end - max(positions.get(one, 0), starts[one])) for one, end in log.ends().items())


def waiting(project: Project, state: sqlite3.Connection) -> int | None:
    """The same for a project; None where nothing was ever collected."""
    if not (project.state / LOG).exists():
        return None
    log = project_log(project)
    try:
        return unread(log, state)
    finally:
        log.close()


class Replay(msgspec.Struct, frozen=True):
    """What is read again of a partition: from where, up to where, how many requests."""

    partition: int
    begin: int
    end: int

    @property
    def frames(self) -> int:
        return self.end - self.begin


def replay(project: Project, state: sqlite3.Connection, since: dt.datetime, *, dry_run: bool = False) -> list[Replay]:
    """Set the positions back to what came at or after a time; the next run reads from there.

    Raises NotFoundError where nothing was ever collected."""
    if not (project.state / LOG).exists():
        raise NotFoundError("nothing has been collected", fix="floorwalker collect")
    log = project_log(project)
    try:
        positions = dict(state.execute("SELECT partition, next_offset FROM log_positions").fetchall())
        found = []
        for partition, start in log.starts().items():
            begin = max(start, log.offset_at(partition, int(since.timestamp() * 1e6)))
            found.append(Replay(partition, begin, max(begin, positions.get(partition, 0))))
    finally:
        log.close()
    if not dry_run:
        state.execute("BEGIN IMMEDIATE")
        state.executemany(
            "UPDATE log_positions SET next_offset = min(next_offset, ?) WHERE partition = ?",
            [(one.begin, one.partition) for one in found],
        )
        state.execute("COMMIT")
    return found


def retain(project: Project, state: sqlite3.Connection, days: int, now: dt.datetime) -> int:
    """Remove whole files of the log in which everything is older than so many days and in the lake; how many went."""
    if not (project.state / LOG).exists():
        return 0
    before = int((now - dt.timedelta(days=days)).timestamp() * 1e6)
    positions = dict(state.execute("SELECT partition, next_offset FROM log_positions").fetchall())
    log = project_log(project)
    try:
        for partition, end in log.ends().items():
            begin = max(positions.get(partition, 0), log.starts()[partition])
            if begin < end and (stored := log.read(partition, begin, most_frames=1)):
                before = min(before, stored[0].appended_at)
        return log.retain(before)
    finally:
        log.close()
