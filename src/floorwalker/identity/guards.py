"""What guards a run: values that are known to name nobody, and the breaker that finds another.

In: the step's context and settings. Out: identity_barred (see `statistics`), kept up to date on disk.

    guards = Guards(context, settings)
    while guards.took_out(gathered, labels, refused): …     gather and resolve again
    guards.pin(whole=True)

Pinned hubs and the quarantine are input of the partition. What people say about them, by `identity learn` and `identity
quarantine release`, has to be brought into effect by another run: `digest` says it in few letters.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from floorwalker.identity import breaker, quarantine, statistics

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.partition import Gathered
    from floorwalker.identity.settings import IdentitySettings


class Guards:
    """Of one run."""

    def __init__(self, context: StepContext, settings: IdentitySettings) -> None:
        self.context, self.settings = context, settings
        self.pinned = statistics.load(context.project.state, statistics.basis_of(settings))
        self.known = quarantine.known(context.project)
        self._stage()

    def _stage(self) -> None:
        barred = [one.barred for one in quarantine.standing(self.known)]
        statistics.stage(self.context.connection, [*barred, *self.pinned.hubs])

    def took_out(self, gathered: Gathered, labels: NDArray[np.int32], refused: NDArray[np.int8]) -> bool:
        """Has the breaker put anything into quarantine? Then evidence must be gathered again."""
        storm = breaker.find(self.context.connection, gathered, labels, refused, self.settings.breaker)
        allowed = {(one.kind, one.code) for one in self.known}
        found = [one for one in storm.found if (one[0], statistics.code_of(one[1])) not in allowed]
        if not found:
            return False
        # The log says when it was; the partition does not hang on it.
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        quarantine.keep(self.context.project, found, run_id=self.context.run_id, at=at, joins=storm.joins)
        self.known = quarantine.known(self.context.project)
        self._stage()
        return True

    def pin(self, *, whole: bool) -> None:
        """Keep the hubs of this run; `whole`: see `statistics.pin`."""
        statistics.pin(self.context.connection, self.context.project.state, self.pinned, whole=whole)


def digest(project: Project) -> str:
    """What people have said about the guards of a project: '' as long as they have said nothing."""
    learned = statistics.learned(project.state)
    return f"{learned or ''}{quarantine.digest(quarantine.known(project))}"
