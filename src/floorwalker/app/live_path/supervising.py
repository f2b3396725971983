"""One live process at work, and a second one while a new generation is made.

In: a project. Out: nothing; it ends when it is told to. A process that died is started again. When a run has been
published, another process makes the generation that stands on it, catches up with the log and has it read; only then is
the one before ended, so that profiles stay fresh meanwhile.

    supervise(project, is_over)
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from floorwalker.app.live_path import generations
from floorwalker.engines.lock import waiting_lock
from floorwalker.engines.publication import Publication
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

_log = logging.getLogger(__name__)
_LOOK, _PAUSE = 0.2, 1.0
_PATIENCE = 20
_WORKER = "--worker"
_WAIT = 5.0
"""Seconds for one that was killed to let go."""


@contextlib.contextmanager
def only_one(project: Project) -> Generator[None]:
    """Raises StateError while another live path of the project is at work."""
    busy = StateError(
        "the live path of this project is at work already",
        why="one process owns identity and profiles",
        fix="end the other one, or start the collector with --no-live",
    )
    with waiting_lock(generations.folder(project) / "supervisor.lock", _WAIT, busy):
        yield


@contextlib.contextmanager
def beside(project: Project, is_on: bool) -> Generator[None]:
    """The live path in a process beside this one."""
    if not is_on:
        yield
        return
    process = _start(project, "--tied")
    try:
        yield
    finally:
        _end(process)


def supervise(project: Project, is_over: Callable[[], bool]) -> None:
    """Keep the live process at work until it is over."""
    publication = Publication(project)
    with only_one(project):
        process, successor = _start(project, "--tied", _WORKER), None
        run_id = _run(publication)
        try:
            while not is_over():
                time.sleep(_LOOK)
                if successor is None and _run(publication) != run_id:
                    run_id, successor = _run(publication), _start(project, "--tied", _WORKER)
                if successor is not None and successor.poll() is None and _serves(project, run_id):
                    _end(process)
                    process, successor = successor, None
                if successor is not None and successor.poll() is not None:
                    _log.error("the live process that was to take over ended (%s)", successor.returncode)
                    time.sleep(_PAUSE)
                    successor = _start(project, "--tied", _WORKER)
                if process.poll() is not None and successor is None:
                    _log.error("the live process ended (%s): it is started again", process.returncode)
                    time.sleep(_PAUSE)
                    process, run_id = _start(project, "--tied", _WORKER), _run(publication)
        finally:
            for one in (process, successor):
                if one is not None:
                    _end(one)


def _run(publication: Publication) -> str:
    pointer = publication.read()
    return pointer.run_id if pointer else generations.NO_RUN


def _serves(project: Project, run_id: str) -> bool:
    name = generations.current(project)
    return name is not None and generations.run_of(name) == run_id


def _start(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "floorwalker.app.cli", "-p", str(project.root), "live", *arguments],
        stdin=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
