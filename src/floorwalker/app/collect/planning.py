"""The shop's tracking plan as one worker sees it: a change counts within a second.

In: a project. Out: the plan, None where there is no `policies/tracking.toml`. A plan that was edited into something
unusable does not stop the collector: the last good one stays, and the error is logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from floorwalker.errors import ConfigError
from floorwalker.events.language.plan_file import load_plan

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.events.language.plan import Plan

_log = logging.getLogger(__name__)


class PlanWatch:
    """Call it for the plan. Raises ConfigError at the start for a plan that cannot be used."""

    def __init__(self, project: Project, clock: Callable[[], float] = time.monotonic) -> None:
        self._project, self._clock = project, clock
        self._path = project.policies / "tracking.toml"
        self._stamp = self._look()
        self._plan = load_plan(project) if self._stamp else None
        self._next_look = clock() + 1.0

    def __call__(self) -> Plan | None:
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + 1.0
            if (stamp := self._look()) != self._stamp:
                self._stamp = stamp
                try:
                    self._plan = load_plan(self._project) if stamp else None
                except ConfigError as error:
                    _log.error("the tracking plan was changed and cannot be used; the one before stays: %s", error)
        return self._plan

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
