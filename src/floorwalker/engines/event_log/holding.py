"""One writer per partition: a lock that the operating system releases when its holder dies.

In: a partition's folder. Out: a lock that is held; a second one gets a StateError that says who has it.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> held = PartitionLock(folder, 0)
>>> try:
...     PartitionLock(folder, 0)
... except StateError as error:
...     print(error.what)
partition 0 of the log has a writer already
>>> held.release(); PartitionLock(folder, 0).release()
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path

from floorwalker.errors import StateError

_NAME = "writer.lock"


class HasWriter(StateError):
    """Another one has the partition."""


class PartitionLock:
    """Held from the moment it is made until `release` or the end of the process."""

    def __init__(self, folder: Path, partition: int) -> None:
        self._descriptor: int | None = None
        descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise HasWriter(
                f"partition {partition} of the log has a writer already",
                why=f"it says: {holder}",
                fix="one process writes a partition: give each worker its own, or wait for that one to end",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        _held.add(self)

    def release(self) -> None:
        """Let another writer have the partition."""
        _held.discard(self)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forsake(self) -> None:
        """In a forked child: its copy would hold the lock for as long as the child lives, long after the writer."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


_held: weakref.WeakSet[PartitionLock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_held):
        lock.forsake()
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)
