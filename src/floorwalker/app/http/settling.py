"""Decisions that come over HTTP, into effect: a process of its own brings the tables and the bundle up to date.

In: a project. Out: `Settling.begin()` starts `floorwalker identity resolve`, which waits while a run is at work. One
process per worker at a time: decisions made while it works are looked at by another one after it. The service itself
computes nothing, and takes the new bundle within a second of its publication.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from floorwalker.engines.lock import at_work

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

WAIT = 3600
"""Seconds for which a process waits for a run that is at work."""

_log = logging.getLogger(__name__)


class Settling:
    """What one worker has begun. `on`: False leaves decisions to the next run."""

    def __init__(self, project: Project, *, on: bool = True) -> None:
        self._project, self.on = project, on
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._again = False

    def begin(self) -> str:
        """Put what was decided into effect; returns when: `at once`, `after the run at work`, `with the next run`."""
        if not self.on:
            return "with the next run"
        when = "after the run at work" if at_work(self._project) else "at once"
        with self._lock:
            if self._process is not None:
                self._again = True
            else:
                self._start()
        return when

    def close(self) -> None:
        """Let the process go on by itself: it is nobody's business but the project's."""
        with self._lock:
            self._again = False

    def _start(self) -> None:
        command = [sys.executable, "-m", "floorwalker.app.cli", "-p", str(self._project.root)]
        self._process = subprocess.Popen(
            [*command, "identity", "resolve", "--wait", str(WAIT), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A signal to the service is none to a run.
            start_new_session=True,
        )
        threading.Thread(target=self._watch, args=(self._process,), daemon=True, name="settling").start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if code:
            _log.error("decisions could not be put into effect (exit code %d): floorwalker identity resolve", code)
        with self._lock:
            self._process = None
            if self._again:
                self._again = False
                self._start()
