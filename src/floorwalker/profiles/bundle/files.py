"""Open bundle files, shared within the process: LMDB forbids opening one file twice.

In: a file. Out: its read-only environment, counted; the last to release it closes it.

Console, service and erasure may hold the same bundle in one process, each with its own read transaction.
"""

from __future__ import annotations

import threading
from pathlib import Path

import lmdb

from floorwalker.profiles.bundle.layout import DATABASES

_lock = threading.Lock()
_open: dict[Path, tuple[lmdb.Environment, int]] = {}


def acquire(file: Path) -> lmdb.Environment:
    """The environment of a finished bundle file. Raises lmdb.Error when it is not there."""
    file = file.resolve()
    with _lock:
        environment, users = _open.get(file, (None, 0))
        if environment is None:
            # No locks: a finished file never changes.
            environment = lmdb.open(
                str(file), subdir=False, readonly=True, lock=False, max_dbs=len(DATABASES), readahead=False
            )
        _open[file] = (environment, users + 1)
        return environment


def release(file: Path) -> None:
    """One user fewer; abort your transactions first."""
    file = file.resolve()
    with _lock:
        environment, users = _open.pop(file)
        if users > 1:
            _open[file] = (environment, users - 1)
        else:
            environment.close()
