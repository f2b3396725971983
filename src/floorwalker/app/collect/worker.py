"""What one worker of the collector holds: a partition of the log, the keys, the figures.

In: a project and its settings. Out: `Worker`, whose `accepting` takes requests.
"""

from __future__ import annotations

import math
import shutil
import time
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from floorwalker.app.collect.accepting import Accepting
from floorwalker.app.collect.log import project_log
from floorwalker.app.collect.planning import PlanWatch
from floorwalker.app.collect.rates import Rates
from floorwalker.app.collect.replaying import unread
from floorwalker.app.http import shared_figures
from floorwalker.app.http.door import Door
from floorwalker.app.live_path.telling import LivePathCollector
from floorwalker.engines.database import open_database
from floorwalker.engines.event_log.group_commit import GroupCommit
from floorwalker.engines.event_log.holding import HasWriter
from floorwalker.errors import StateError
from floorwalker.events.frames import Subjects
from floorwalker.events.schema import MIGRATIONS
from floorwalker.governance import keys

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from floorwalker.app.collect.settings import CollectSettings
    from floorwalker.engines.event_log.interface import Writer
    from floorwalker.engines.project import Project

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)


class Figures:
    """A worker's figures, for Prometheus. Labels have few values, none of them personal."""

    def __init__(self) -> None:
        self._own = own = shared_figures.registry()
        self.events = Counter("floorwalker_collect_events", "Events stored", ["verdict"], registry=own)
        self._counted, self._refused = self.events.labels("accepted"), self.events.labels("quarantined")
        self._answers = Counter("floorwalker_collect_answers", "Answers, by route", ["route", "status"], registry=own)
        self._sync = Histogram("floorwalker_collect_sync_seconds", "A group's commit", buckets=_SECONDS, registry=own)
        self._frames = Counter("floorwalker_collect_frames", "Requests stored", registry=own)
        self._bytes = Counter("floorwalker_collect_bytes", "Bytes stored", registry=own)
        self._waiting = Gauge(
            "floorwalker_collect_waiting_bytes", "Bytes that wait to be stored", multiprocess_mode="livesum",
            registry=own,
        )  # fmt: skip
        self._unread = Gauge(
            "floorwalker_collect_unread", "Requests in the log of all workers that no run has read",
            multiprocess_mode="livemostrecent", registry=own,
        )  # fmt: skip
        self._children: dict[tuple[str, int], Counter] = {}

    def counted(self, counted: int, refused: int, dropped: int) -> None:
        """Events were stored, or dropped as the tracking plan wants it."""
        self._counted.inc(counted)
        if refused:
            self._refused.inc(refused)
        if dropped:
            self.events.labels("dropped").inc(dropped)

    def grouped(self, frames: int, size: int, seconds: float) -> None:
        """A group of frames is on disk."""
        self._sync.observe(seconds)
        self._frames.inc(frames)
        self._bytes.inc(size)

    def answered(self, route: str, status: int) -> None:
        """A request was answered."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[route, status] = self._answers.labels(route, str(status))
        child.inc()

    def text(self, waiting: int, unread: float, *others: Collector) -> bytes:
        """Everything, and `others`, in Prometheus' text format."""
        self._waiting.set(waiting)
        self._unread.set(unread)
        return shared_figures.text(self._own, *others)


class Worker:
    """Opens the first partition that no other worker has. Raises StateError when there is none."""

    def __init__(
        self, project: Project, settings: CollectSettings, *, allow_loopback_without_key: bool = False
    ) -> None:
        self.project, self.settings, self.figures = project, settings, Figures()
        self.database = open_database(project, {"keys": keys.MIGRATIONS, "events": MIGRATIONS})
        self.door = Door(self.database, allow_loopback_without_key=allow_loopback_without_key)
        self.log = project_log(project, partitions=settings.workers, settings=settings.log)
        self.writer = self._free_partition()
        self.committer = GroupCommit(
            self.writer,
            most_bytes=settings.log.queue_bytes,
            on_group=self.figures.grouped,
        )
        self.accepting = Accepting(
            self.door, self.committer, Subjects(project.secret), Rates(settings.events_per_second), PlanWatch(project),
            keep_ip=settings.keep_ip, counted=self.figures.counted,
        )  # fmt: skip
        self._looked, self._free = 0.0, 0

    def not_ready(self) -> str:
        """Why no events can be taken; "" if they can."""
        if self.accepting.failing:
            return "the log could not store what came last"
        if time.monotonic() - self._looked > 1.0:
            self._looked, self._free = time.monotonic(), shutil.disk_usage(self.project.state).free
        return f"less than {self.settings.free_mb} MB are free" if self._free < self.settings.free_mb << 20 else ""

    def metrics(self) -> bytes:
        """The figures of all workers, and of the live path."""
        waiting = self.committer.figures().waiting_bytes
        return self.figures.text(waiting, self._unread(), LivePathCollector(self.project))

    def _unread(self) -> float:
        """Not a number while the log cannot be asked: the other figures are as true as ever."""
        try:
            return unread(self.log, self.database)
        except StateError:
            return math.nan

    def close(self) -> None:
        """Store what waits, and let everything go."""
        self.committer.close()
        self.writer.close()
        self.log.close()
        self.database.close()

    def _free_partition(self) -> Writer:
        for partition in range(self.settings.workers):
            try:
                return self.log.writer(partition)
            except HasWriter:
                continue
        raise StateError(
            "every partition of the log has a writer",
            why=f"{self.settings.workers} workers collect already",
            fix="end the other collector, or raise [collect] workers",
        )
