"""Reading a partition of SQLite files: frames by offset, the offset of a time, the ends.

In: a partition's folder, which other processes write to. Out: what `sqlite_log` answers.

    reader = PartitionReader(folder, 0)
    reader.read(offset=17, most_frames=100, most_bytes=1 << 20)
"""

from __future__ import annotations

import bisect
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from floorwalker.engines.event_log.files import connect, file_name, file_starts, opened
from floorwalker.engines.event_log.interface import Stored
from floorwalker.errors import StateError

_MOST_OPEN = 4
_FOREVER = 1 << 62


class PartitionReader:
    """Knows the files of one partition and keeps a few of them open. One thread at a time gets in."""

    def __init__(self, folder: Path, partition: int) -> None:
        self._folder = folder
        self._partition = partition
        self._firsts: list[int] = []
        self._open: OrderedDict[int, sqlite3.Connection] = OrderedDict()
        self._turn = RLock()

    def start(self) -> int:
        with self._turn:
            self._look()
            return self._firsts[0] if self._firsts else 0

    def end(self) -> int:
        with self._turn:
            if not self._firsts:
                self._look()
            while self._firsts:
                end = self._end_of(self._firsts[-1])
                if not self._followed(end):
                    return end
            return 0

    def read(self, offset: int, most_frames: int, most_bytes: int) -> list[Stored]:
        found: list[Stored] = []
        with self._turn:
            if not self._firsts or offset < self._firsts[0]:
                self._look()
            if not self._firsts or most_frames < 1:
                return found
            if offset < 0 or offset < self._firsts[0]:
                raise self._gone(offset)
            while len(found) < most_frames and (most_bytes > 0 or not found):
                first = self._first_of(offset)
                full = first != self._firsts[-1]
                taken = self._read_file(first, offset, most_frames - len(found), most_bytes, bool(found))
                found += taken
                most_bytes -= sum(len(stored.frame) for stored in taken)
                offset += len(taken)
                if taken:
                    if self._first_of(offset) == first and not self._followed(offset):
                        break
                elif found:  # what comes next is too large for this read, or damaged: the next one will say
                    break
                elif full:
                    raise self._damaged(offset, "no row")
                elif offset >= self.end():
                    break
        return found

    def offset_at(self, time: int) -> int:
        with self._turn:
            self._look()
            if not self._firsts:
                return 0
            # The last file whose first frame is older; a file without frames is the newest there is.
            place = bisect.bisect_left(self._firsts, time, key=lambda first: self._time_of(first, first)) - 1
            if place < 0:
                return self._firsts[0]
            first = self._firsts[place]
            offsets = range(first, self._end_of(first))
            return first + bisect.bisect_left(offsets, time, key=lambda offset: self._time_of(first, offset))

    def older(self, before: int) -> list[int]:
        """Files, the oldest first, that are not written to any more and hold nothing from then on."""
        with self._turn:
            self._look()
            going: list[int] = []
            for first, end in zip(self._firsts, self._firsts[1:], strict=False):
                if self._time_of(first, end - 1) >= before:
                    break
                going.append(first)
            return going

    def forget(self) -> None:
        """Close all files; what is asked next looks again what there is."""
        with self._turn:
            while self._open:
                self._open.popitem()[1].close()
            self._firsts = []

    def _first_of(self, offset: int) -> int:
        return self._firsts[bisect.bisect_right(self._firsts, offset) - 1]

    def _look(self) -> None:
        self._firsts = file_starts(self._folder)

    def _followed(self, end: int) -> bool:
        """Whether another file begins where the last one that is known ends."""
        if end <= self._firsts[-1] or not (self._folder / file_name(end)).exists():
            return False
        self._firsts.append(end)
        return True

    def _end_of(self, first: int) -> int:
        place = bisect.bisect_right(self._firsts, first)
        if place < len(self._firsts):
            return self._firsts[place]
        return self._ask(first, 'SELECT coalesce(max("offset") + 1, ?) FROM frames', (first,))[0][0]

    def _time_of(self, first: int, offset: int) -> int:
        rows = self._ask(first, 'SELECT appended_at FROM frames WHERE "offset" = ?', (offset,))
        return rows[0][0] if rows else _FOREVER

    def _read_file(self, first: int, offset: int, most_frames: int, most_bytes: int, some: bool) -> list[Stored]:
        """Frames of one file, up to where the next begins. `some`: there are others already, none must be too large."""
        place = bisect.bisect_right(self._firsts, first)
        until = self._firsts[place] if place < len(self._firsts) else _FOREVER
        found: list[Stored] = []
        statement = (
            'SELECT "offset", appended_at, seal, frame FROM frames WHERE "offset" >= ? AND "offset" < ?'
            ' ORDER BY "offset" LIMIT ?'
        )
        cursor = self._connection(first).cursor()
        try:
            for at, appended_at, seal, kept in cursor.execute(statement, (offset, until, most_frames)):
                frame = opened(at, seal, kept)
                whole = frame is not None and at == offset + len(found)
                most_bytes -= len(kept if frame is None else frame)
                if (not whole or most_bytes < 0) and (found or some):
                    break
                if frame is None or not whole:
                    raise self._damaged(offset, "its checksum does not fit" if frame is None else "no row")
                found.append(Stored(at, appended_at, frame))
        except sqlite3.DatabaseError as error:
            if not (found or some):
                raise self._damaged(offset, f"{type(error).__name__}: {error}") from error
        finally:
            # Ends the read transaction: it would keep the write-ahead log from being emptied.
            cursor.close()
        return found

    def _ask(self, first: int, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._connection(first).execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._damaged(first, f"{type(error).__name__}: {error}") from error

    def _connection(self, first: int) -> sqlite3.Connection:
        connection = self._open.get(first)
        if connection is None:
            path = self._folder / file_name(first)
            try:
                connection = connect(path, reading=True)
            except sqlite3.OperationalError as error:
                if not path.exists():
                    self._look()
                    raise self._gone(first) from error
                raise self._damaged(first, f"{type(error).__name__}: {error}") from error
            self._open[first] = connection
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(first)
        return connection

    def _gone(self, offset: int) -> StateError:
        start = self._firsts[0] if self._firsts else 0
        return StateError(
            f"offset {offset} of partition {self._partition} of the log is gone",
            why=f"the oldest that is kept is {start}",
            fix=f"begin at {start}, and keep the log longer than its slowest reader takes",
        )

    def _damaged(self, offset: int, why: str) -> StateError:
        return StateError(
            f"offset {offset} of partition {self._partition} of the log cannot be read",
            why=why,
            fix=f"bring the file back from a backup, or go on reading at {offset + 1}",
        )
