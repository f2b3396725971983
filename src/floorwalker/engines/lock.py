"""One run at a time, and one merge at a time per table: locks that the operating system releases when a holder dies.

In: a project. Out: a context manager; a second run gets a StateError that names the first.

>>> import tempfile
>>> from floorwalker.engines.project import Project
>>> project = Project(tempfile.mkdtemp())
>>> with run_lock(project, "r1"):
...     (project.state / "run.lock").read_text().split()[0]
'r1'
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


@contextmanager
def run_lock(project: Project, run_id: str) -> Generator[None]:
    """Hold the project's run lock, for which readers and the service never wait. Raises StateError when it is held."""
    project.state.mkdir(parents=True, exist_ok=True)
    path = project.state / "run.lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StateError(
                "another run is at work on this project",
                why=f"it says: {file.read().strip()}",
                fix="wait for it to end",
            ) from None
        file.truncate(0)
        file.write(f"{run_id} pid {os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def at_work(project: Project) -> bool:
    """Whether somebody holds the run lock at this moment."""
    path = project.state / "run.lock"
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def table_lane(project: Project, table: str, *, wait: float = 600.0) -> Generator[None]:
    """Hold the merge lane of a table; others wait for it, up to `wait` seconds. Appending and reading need no lane."""
    busy = StateError(
        f"{table} is being written by another process",
        why=f"its lane was busy for {wait:.0f} s",
        fix="wait for it to end",
    )
    with waiting_lock(project.state / "locks" / table, wait, busy):
        yield


@contextmanager
def waiting_lock(path: Path, wait: float, busy: StateError) -> Generator[None]:
    """Hold a lock that the operating system releases when its holder dies; raises `busy` after `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise busy from None
                time.sleep(0.01)
        yield
