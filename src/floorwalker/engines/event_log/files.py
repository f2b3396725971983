"""The files of a partition: their names, their one table, and the seal that says whether a frame is as it was written.

In: a partition's folder. Out: connections to its files, `<first offset>.db`.

Nobody may open such a file by other means in a process that has it open here: closing it would drop SQLite's locks.

A file ends where the next one begins: its rows from there on, if a crash left any, do not count. A row is
`(offset, appended_at, seal, frame)`. The seal holds the frame's length and its CRC-32, and always takes eight bytes, so
that a frame that is replaced by a shorter one (filled up with zeros) is written over in place: no page of the file
moves, and nothing of the old bytes stays behind in a gap.

>>> file_name(1200)
'00000000000000001200.db'
>>> seal = seal_of(7, b"frame")
>>> opened(7, seal, b"frame"), opened(7, seal, b"frame\\0\\0"), opened(7, seal, b"frome"), opened(8, seal, b"frame")
(b'frame', b'frame', None, None)
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from pathlib import Path

from floorwalker.errors import StateError

VERSION = 1
WAIT = 30.0
"""Seconds that one connection waits for another to end its transaction."""
SIDECARS = ("-wal", "-shm", "-journal")
_TABLE = """
CREATE TABLE frames (
    "offset" INTEGER PRIMARY KEY, appended_at INTEGER NOT NULL, seal INTEGER NOT NULL, frame BLOB NOT NULL
)
"""
_WIDE = 1 << 62
_MOST_LENGTH = (1 << 30) - 1


def file_name(first: int) -> str:
    """The file whose first frame has, or will have, this offset."""
    return f"{first:020d}.db"


def file_starts(folder: Path) -> list[int]:
    """First offsets of the files of a partition, in order."""
    return sorted(int(path.stem) for path in folder.iterdir() if path.suffix == ".db")


def seal_of(offset: int, frame: bytes) -> int:
    """What is kept beside a frame to tell whether it is still itself, and in its place."""
    if len(frame) > _MOST_LENGTH:
        raise StateError(
            "a frame is too long for the log", why=f"it has {len(frame):,} bytes", fix="a frame has at most 1 GB"
        )
    return _WIDE | len(frame) << 32 | zlib.crc32(frame, offset & 0xFFFFFFFF)


def opened(offset: int, seal: int, kept: bytes) -> bytes | None:
    """The frame without what fills it up; None when it is damaged."""
    length = seal >> 32 & _MOST_LENGTH
    frame = kept if len(kept) == length else kept[:length]
    return frame if seal == _WIDE | len(frame) << 32 | zlib.crc32(frame, offset & 0xFFFFFFFF) else None


def connect(path: Path, *, reading: bool = False) -> sqlite3.Connection:
    """Open a file that exists. Raises sqlite3.OperationalError when it does not: it may just have been removed."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False
    )
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StateError(
                f"{path.name} of the log was written by a newer Floorwalker",
                why=f"it has version {version}, this one knows {VERSION}",
                fix="pip install --upgrade floorwalker",
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        # Checkpoints never run on the thread that commits: see settling.py.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        if reading:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def make_file(folder: Path, first: int) -> Path:
    """Make the file that begins at an offset, unless it is there: whole and on disk when it gets its name."""
    path = folder / file_name(first)
    if path.exists():
        return path
    made = folder / f"{file_name(first)}.new"
    remove(made)
    connection = sqlite3.connect(made, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA page_size = 4096")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    sync(made)
    made.rename(path)
    sync(folder)
    return path


def remove(path: Path) -> None:
    """Unlink a file; its write-ahead log last, so that no file is ever without the one that it needs."""
    path.unlink(missing_ok=True)
    for ending in SIDECARS:
        Path(f"{path}{ending}").unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a process left that was killed while it made or removed a file. Only the writer may."""
    for path in list(folder.iterdir()):
        owner, _, _ = path.name.rpartition("-")
        if ".db.new" in path.name or (owner and not path.with_name(owner).exists()):
            path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes on disk, the write-ahead log included."""
    total = 0
    for one in (str(path), f"{path}-wal"):
        with contextlib.suppress(FileNotFoundError):
            total += os.stat(one).st_size  # noqa: PTH116 - asked before each commit: making a Path costs more than it
    return total


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
