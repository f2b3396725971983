"""Appending to a partition of SQLite files: a transaction per group, on disk when it returns.

In: groups of frames. Out: their offsets. Files are rotated by size; a full disk fails a group, not the writer.

>>> import tempfile
>>> with SqliteWriter(Path(tempfile.mkdtemp()), 0, rotate_bytes=1 << 20) as writer:
...     writer.append([b"first", b"second"]), writer.append([b"third"])
(range(0, 2), range(2, 3))
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from floorwalker.engines.event_log.files import connect, file_name, file_starts, make_file, seal_of, size, sweep
from floorwalker.engines.event_log.holding import PartitionLock
from floorwalker.engines.event_log.settling import Settler
from floorwalker.errors import StateError

_LAST = 'SELECT "offset", appended_at FROM frames ORDER BY "offset" DESC LIMIT 1'


class SqliteWriter:
    """The one writer of a partition."""

    def __init__(self, folder: Path, partition: int, *, rotate_bytes: int) -> None:
        self.partition = partition
        self._folder = folder
        self._rotate_bytes = rotate_bytes
        self._turn = threading.Lock()
        self._settler = Settler()
        self._connection: sqlite3.Connection | None = None
        self._next: int | None = None
        self._latest = 0
        self._closed = False
        self._lock = PartitionLock(folder, partition)
        try:
            sweep(folder)
            firsts = file_starts(folder) or [0]
            self._path = make_file(folder, firsts[-1])
            for first in firsts[:-1]:
                earlier = folder / file_name(first)
                if Path(f"{earlier}-wal").exists():
                    self._settler.add(earlier)
            self._open_last()
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise self._failure("cannot be opened for writing", error) from error
            raise

    def append(self, frames: Sequence[bytes]) -> range:
        """Store all of the frames or none: see `interface.Writer`."""
        with self._turn:
            if self._closed:
                raise StateError(f"the writer of partition {self.partition} is closed", fix="open a new one")
            try:
                if self._next is None:
                    self._open_last()
                if size(self._path) >= self._rotate_bytes:
                    self._rotate()
                return self._store(frames)
            except (sqlite3.Error, OSError) as error:
                self._give_up()
                raise self._failure("could not store a group of frames: none of them is kept", error) from error
            except BaseException:
                self._give_up()
                raise

    def close(self) -> None:
        """Settle what was written and let another writer have the partition."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._hand_over()
            self._settler.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _store(self, frames: Sequence[bytes]) -> range:
        connection, first = self._connection, self._next
        assert connection is not None
        assert first is not None
        # The clock of the machine may be set back; the log's never goes.
        now = max(self._latest, time.time_ns() // 1000)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO frames VALUES (?, ?, ?, ?)",
            [(offset, now, seal_of(offset, frame), frame) for offset, frame in enumerate(frames, first)],
        )
        connection.execute("COMMIT")
        self._next = first + len(frames)
        self._latest = now
        return range(first, self._next)

    def _rotate(self) -> None:
        assert self._next is not None
        path = make_file(self._folder, self._next)
        if path != self._path:  # else it has no frame yet: the next one is larger than a file shall be
            connection = connect(path)
            self._hand_over()
            self._path, self._connection = path, connection

    def _open_last(self) -> None:
        """Open the last file, and read where the next frame belongs: what is on disk is what counts."""
        firsts = file_starts(self._folder)
        path = self._folder / file_name(firsts[-1])
        if self._connection is None or path != self._path:
            connection = connect(path)
            self._hand_over()
            self._path, self._connection = path, connection
        last = self._connection.execute(_LAST).fetchone()
        self._next = last[0] + 1 if last else firsts[-1]
        if last is None and len(firsts) > 1:
            with contextlib.closing(connect(self._folder / file_name(firsts[-2]))) as earlier:
                last = earlier.execute(_LAST).fetchone()
        self._latest = last[1] if last else 0

    def _hand_over(self) -> None:
        if self._connection is not None:
            self._settler.add(self._path, self._connection)
            self._connection = None

    def _give_up(self) -> None:
        """Leave nothing of a failed group behind, and look again where the log ends before the next."""
        self._next = None
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
                self._connection = None

    def _failure(self, what: str, error: Exception) -> StateError:
        return StateError(
            f"partition {self.partition} of the log {what}",
            why=f"{type(error).__name__}: {error}",
            fix="look at the free space and the health of the disk; the next attempt works once there is room",
        )
