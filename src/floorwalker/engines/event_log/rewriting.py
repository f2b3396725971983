"""Old bytes replaced for good, for the erasure of a person: afterwards they are in no file of the partition.

In: a partition and the new bytes of some of its frames. Out: nothing, once the old ones are gone from table, free space
and write-ahead log. Offsets and times stay.

A frame that does not grow is written over in place (see `files`), filled up with zeros: the cost is that of its own
pages. One that grows makes SQLite move its neighbours, and copies of these could outlive a later rewrite in gaps
between rows: then the file is rebuilt, which takes as long as copying it.

    rewrite(folder, 0, {17: b"without her"})
"""

from __future__ import annotations

import bisect
import contextlib
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from floorwalker.engines.event_log.files import WAIT, connect, file_name, file_starts, seal_of
from floorwalker.errors import NotFoundError, StateError


def rewrite(folder: Path, partition: int, frames: Mapping[int, bytes]) -> None:
    """Replace frames: see `interface.EventLog`. A transaction per file; run it again after a crash."""
    firsts = file_starts(folder)
    files: dict[int, list[int]] = {}
    for offset in sorted(frames):
        place = bisect.bisect_right(firsts, offset) - 1
        files.setdefault(firsts[place] if place >= 0 else -1, []).append(offset)
    try:
        with contextlib.ExitStack() as stack:
            opened = {
                first: stack.enter_context(contextlib.closing(connect(folder / file_name(first))))
                for first in files
                if first >= 0
            }
            missing = [
                offset
                for first, offsets in files.items()
                for offset in offsets
                if first < 0 or _length(opened[first], offset) is None
            ]
            if missing:
                raise NotFoundError(
                    f"offset {missing[0]} of partition {partition} is not in the log",
                    why="it was removed, or never written",
                    fix="rewrite what `read` gives",
                )
            for first, connection in opened.items():
                _rewrite_file(connection, {offset: frames[offset] for offset in files[first]})
                _empty_write_ahead_log(connection, partition, first)
    except sqlite3.Error as error:
        raise StateError(
            f"frames of partition {partition} of the log could not be rewritten",
            why=f"{type(error).__name__}: {error}",
            fix="make room on the disk and rewrite them again: those that are done are done once more",
        ) from error


def _rewrite_file(connection: sqlite3.Connection, frames: Mapping[int, bytes]) -> None:
    grown = False
    connection.execute("BEGIN IMMEDIATE")
    try:
        for offset, frame in frames.items():
            length = _length(connection, offset) or 0
            grown = grown or len(frame) > length
            connection.execute(
                'UPDATE frames SET seal = ?, frame = ? WHERE "offset" = ?',
                (seal_of(offset, frame), frame.ljust(length, b"\0"), offset),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if grown:
        connection.execute("VACUUM")


def _length(connection: sqlite3.Connection, offset: int) -> int | None:
    row = connection.execute('SELECT length(frame) FROM frames WHERE "offset" = ?', (offset,)).fetchone()
    return row[0] if row else None


def _empty_write_ahead_log(connection: sqlite3.Connection, partition: int, first: int) -> None:
    # Most of the way without holding up the writer, the rest with it waiting.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    until = time.monotonic() + WAIT
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > until:
            raise StateError(
                f"old bytes of partition {partition} of the log are still in {file_name(first)}-wal",
                why="somebody has been reading that file all the time",
                fix="rewrite the same frames again",
            )
