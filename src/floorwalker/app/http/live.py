"""What one worker holds while it serves: bundle, published tables, policy, keys, ledger, figures.

In: a project. Out: the current of each; a new run, policy or key counts within a second, without a restart.

A policy that was edited into something unusable does not stop the service: the last good one stays, the error is logged
and counted in `floorwalker_policy_errors_total`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from floorwalker.app.http.door import Door
from floorwalker.app.http.figures import Figures
from floorwalker.app.http.settling import Settling
from floorwalker.app.http.tables import Tables
from floorwalker.app.http.what_if import Trial
from floorwalker.app.live_path.shelf import LiveShelf
from floorwalker.app.live_path.telling import LivePathCollector
from floorwalker.decisions.decide import Decided, Planner, decide
from floorwalker.decisions.ledger import Ledger
from floorwalker.decisions.policy import Policy, load_policy
from floorwalker.engines.database import open_database
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.governance import keys
from floorwalker.identity import metrics, schema
from floorwalker.profiles.bundle import Bundle, Shelf
from floorwalker.profiles.bundle.layout import DONE
from floorwalker.profiles.bundle.reader import Normalise, as_written

if TYPE_CHECKING:
    from floorwalker.decisions.request import Request
    from floorwalker.engines.project import Project

_log = logging.getLogger(__name__)


class Live:
    """One worker's state. `normalise` comes from the identity room; `settle`: put decisions about who is who into
    effect at once; `clock` is for tests."""

    def __init__(
        self,
        project: Project,
        *,
        normalise: Normalise = as_written,
        allow_loopback_without_key: bool = False,
        settle: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project, self._clock = project, clock
        self._secret = project.secret
        self.database = open_database(
            project,
            {"keys": keys.MIGRATIONS, "identity": schema.MIGRATIONS, "identity_metrics": metrics.MIGRATIONS},
        )
        self.door = Door(self.database, allow_loopback_without_key=allow_loopback_without_key, clock=clock)
        self.settling = Settling(project, on=settle)
        self.trial = Trial()
        self.tables = Tables(project, normalise=normalise, clock=clock)
        self._shelf = Shelf(project, normalise=normalise, clock=clock)
        self._planner = Planner()
        self.live_shelf = LiveShelf(project, normalise, clock=clock)
        self.ledger = Ledger(project.state / "decisions")
        self.figures = Figures()
        self._numbered: Bundle | None = None
        self._policy_stamp = self._stamp()
        self._next_look = clock() + 1.0
        self.policy = self._take(load_policy(project.policies))

    def bundle(self) -> Bundle:
        """The published bundle. Raises NotFoundError before the first."""
        return self._shelf.current()

    def bundle_customer(self, kind: str, value: str) -> str | None:
        """The customer whom the last run knows by an identifier; None before the first."""
        try:
            return self.bundle().resolve(kind, value)
        except NotFoundError:
            return None

    def decide(self, request: Request, scope: str) -> Decided:
        """Decide now, and put the record on its way to the ledger."""
        self._refresh_policy()
        bundle = self.bundle()
        if bundle is not self._numbered:
            self.ledger.keep_numbering(bundle.run_id, bundle.product_ids.tolist())
            self._numbered = bundle
        decided = decide(
            request,
            bundle,
            self.policy,
            decided_at=time.time_ns() // 1000,
            scope=scope,
            secret=self._secret,
            planner=self._planner,
        )
        decision = decided.decision
        self.ledger.add(decision.decision_id, decided.record, decision.customer_id)
        self.figures.decided(decision.surface, decision.personalized)
        return decided

    def metrics(self) -> bytes:
        """All figures in Prometheus' text format."""
        bundle = self.bundle()
        built = (bundle.path / DONE).stat().st_mtime
        self.figures.gauge(
            bundle_age=time.time() - built,
            customers=bundle.meta.customers,
            waiting=self.ledger.waiting,
            written=self.ledger.written,
            dropped=self.ledger.dropped,
        )
        return self.figures.text(LivePathCollector(self.project))

    def close(self) -> None:
        """Write what waits and let everything go."""
        self.ledger.close()
        self._shelf.close()
        self.live_shelf.close()
        self.tables.close()
        self.settling.close()
        self.trial.close()
        self.database.close()

    def _refresh_policy(self) -> None:
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + 1.0
        stamp = self._stamp()
        if stamp == self._policy_stamp:
            return
        self._policy_stamp = stamp
        try:
            self.policy = self._take(load_policy(self.project.policies))
        except ConfigError as error:
            self.figures.policy_error()
            _log.error("the decision policy was changed and cannot be used; the one before stays: %s", error)

    def _take(self, policy: Policy) -> Policy:
        self.ledger.keep_policy(policy.digest, policy.text, policy.absent_personalization)
        return policy

    def _stamp(self) -> tuple[tuple[int, int] | None, ...]:
        stamps = []
        for name in ("decision.toml", "consent.toml"):
            path = self.project.policies / name
            stat = path.stat() if path.exists() else None
            stamps.append((stat.st_mtime_ns, stat.st_size) if stat else None)
        return tuple(stamps)
