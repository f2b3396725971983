"""Write-ahead logs of files that are full, moved into their files by a thread that no commit waits for.

In: files that nobody writes to any more. Out: the same files without a write-ahead log.

The file that is written to is not settled at all while it is: its write-ahead log holds what it has, at most as much as
a file may take, and readers read it from there. A checkpoint in between would sync the file beside each commit, and
could only empty the log by holding up the writer. What cannot be settled (the disk is full, a reader is at it) can be
read as it is, and is tried again: with the next file, after a while, and when the writer is opened again.

    settler = Settler()
    settler.add(path, connection)      # the last connection of the writer, or None
    settler.close()
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

from floorwalker.engines.event_log.files import connect
from floorwalker.errors import FloorwalkerError

_AGAIN = 30.0
_log = logging.getLogger(__name__)


class Settler:
    """The thread; it starts with the first file."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._files: list[tuple[Path, sqlite3.Connection | None]] = []
        self._closing = False
        self._thread: threading.Thread | None = None

    def add(self, path: Path, connection: sqlite3.Connection | None = None) -> None:
        """Settle a file, and close the connection."""
        with self._changed:
            self._files.append((path, connection))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="event-log-settler", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Return when all files have been tried."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        left: list[tuple[Path, sqlite3.Connection | None]] = []
        while True:
            with self._changed:
                if not self._files and not self._closing:
                    self._changed.wait(_AGAIN if left else None)
                files, self._files = left + self._files, []
                closing = self._closing
            left = [(path, None) for path, connection in files if not _settled(path, connection)]
            if closing:
                return


def _settled(path: Path, connection: sqlite3.Connection | None) -> bool:
    try:
        connection = connection or connect(path)
        try:
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, FloorwalkerError) as error:
        if not path.exists():  # retention was quicker
            return True
        _log.warning("%s of the log could not be settled yet: %s", path.name, error)
        return False
    return not busy
