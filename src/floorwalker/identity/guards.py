"""What guards a run: values that are known to name nobody, and the breaker that finds another.

In: the step's context and settings, and what is in quarantine. Out: identity_barred (see `statistics`), kept up to date
on disk.

    guards = Guards(context, settings, known(project))
    while guards.took_out(gathered, labels, refused): …     gather and resolve again
    guards.pin(whole=True)

Pinned hubs and the quarantine are input of the partition. What the guards find themselves, the run that found it has
obeyed; what people say about it, by `identity learn` and `identity quarantine release`, asks for another run:
`Known.digest` says it in few letters.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from floorwalker.identity import breaker, quarantine, statistics
from floorwalker.identity.quarantine import Quarantined

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.partition import Gathered
    from floorwalker.identity.settings import IdentitySettings


HUBS = "silver.identity_hubs"
_CODE = "lpad(lower(to_hex(code)), 16, '0')"
"""SQL: a hash as `statistics.code_of` writes it."""


class Known(NamedTuple):
    """What a run starts from. `learned`: how often somebody has had statistics learned anew."""

    quarantine: tuple[Quarantined, ...] = ()
    learned: int = 0

    @property
    def digest(self) -> str:
        """What people have said; '' as long as they have said nothing."""
        return f"{self.learned or ''}{quarantine.digest(self.quarantine)}"


def known(project: Project) -> Known:
    """Of a project."""
    return Known(tuple(quarantine.known(project)), statistics.learned(project.state))


class Guards:
    """Of one run."""

    def __init__(self, context: StepContext, settings: IdentitySettings, before: Known) -> None:
        self.context, self.settings = context, settings
        self.pinned = statistics.load(context.project.state, statistics.basis_of(settings))
        self.quarantine = list(before.quarantine)
        self._stage()

    def _stage(self) -> None:
        barred = [one.barred for one in quarantine.standing(self.quarantine)]
        statistics.stage(self.context.connection, [*barred, *self.pinned.hubs])

    def took_out(self, gathered: Gathered, labels: NDArray[np.int32], refused: NDArray[np.int8]) -> bool:
        """Has the breaker put anything into quarantine? Then evidence must be gathered again."""
        storm = breaker.find(self.context.connection, gathered, labels, refused, self.settings.breaker)
        # What somebody has released may join whom it will.
        before = {(one.kind, one.code) for one in self.quarantine}
        # The log says when it was; the partition does not hang on it.
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        found = [
            Quarantined(statistics.code_of(number), kind, at, self.context.run_id, customers, storm.joins)
            for kind, number, customers in storm.found
            if (kind, statistics.code_of(number)) not in before
        ]
        if not found:
            return False
        quarantine.keep(self.context.project, found)
        self.quarantine += found
        self._stage()
        return True

    def write(self, partial: bool) -> None:
        """silver.identity_hubs: the values that name nobody in this run. `partial`: see `touched`."""
        connection = self.context.connection
        hubs = f"SELECT kind, {_CODE} AS code, reason FROM identity_hubs ORDER BY kind, code"
        if partial:
            news = connection.sql(f"SELECT kind, {_CODE} AS code FROM identity_news")
            closed = connection.sql(
                f"SELECT kind, {_CODE} AS code, closed AS reason FROM identity_news WHERE closed IS NOT NULL"
            )
            self.context.merge(HUBS, ["kind", "code"], news, closed)
        else:
            self.context.write(HUBS, connection.sql(hubs))

    def pin(self, *, whole: bool) -> None:
        """Keep the hubs of this run; `whole`: see `statistics.pin`."""
        statistics.pin(self.context.connection, self.context.project.state, self.pinned, whole=whole)
