"""How the live process is doing: told once a second in a small file, read by whoever answers `/metrics`.

In: steps, as the follower makes them. Out: `state/live/progress.json`, replaced whole, and from it figures for
Prometheus. A file, because the live process listens to nobody: workers of `floorwalker collect` and `floorwalker serve`
answer for it, and see from its age when it has stopped.

>>> told = Telling(dict)
>>> told.applied([1_000_000], now=1_030_000)
>>> told.freshness[bucket_of(0.03)], told.freshness_sum
(1, 0.03)
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from floorwalker.app.live_path import generations

if TYPE_CHECKING:
    from pathlib import Path

    from floorwalker.engines.project import Project

_log = logging.getLogger(__name__)
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
"""Seconds; the budget is 0.1."""
PAUSE = 1.0
VERDICTS = ("applied", "duplicate", "refused", "suppressed", "failed")


class Progress(msgspec.Struct):
    """What the file says. `counts`: events by what became of them, since the process started; `lag`: frames that are
    in the log and not yet in the store; `freshness`: frames by the seconds from receiving to having them in the store,
    a bucket of `BOUNDS` each and one beyond; `told_at`: seconds since 1970."""

    told_at: float
    generation: str
    counts: dict[str, int]
    lag: int
    freshness: list[int]
    freshness_sum: float
    window_ids: int


def bucket_of(seconds: float) -> int:
    """Where a time is counted: the first bound that it does not exceed."""
    return bisect_left(BOUNDS, seconds)


class Telling:
    """Of one live process. `state`: what else `Progress` has, asked for when it is told; None: another one tells."""

    def __init__(self, state: Callable[[], Mapping[str, object] | None]) -> None:
        self._state = state
        self.freshness = [0] * (len(BOUNDS) + 1)
        self.freshness_sum = 0.0
        self._next = 0.0

    def applied(self, received: Iterable[int], *, now: int | None = None) -> None:
        """Frames that were received at these times, microseconds, are in the store now."""
        now = time.time_ns() // 1000 if now is None else now
        for at in received:
            seconds = max(now - at, 0) / 1e6
            self.freshness[bucket_of(seconds)] += 1
            self.freshness_sum += seconds

    def tell(self, path: Path) -> None:
        """Write the file, unless it was written within the last second."""
        if (moment := time.monotonic()) < self._next:
            return
        self._next = moment + PAUSE
        if (state := self._state()) is None:
            return
        told = {"told_at": time.time(), "freshness": self.freshness, "freshness_sum": self.freshness_sum}
        new = path.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode(told | dict(state)))
            new.replace(path)
        except OSError as error:
            # A full disk must not end the live process for the sake of its figures.
            _log.warning("figures of the live path could not be written: %s", error.strerror)


def path_of(project: Project) -> Path:
    """The file of a project."""
    return generations.folder(project) / "progress.json"


def read_progress(project: Project) -> Progress | None:
    """What the live process told last; None where there is none, or another version wrote it."""
    try:
        return msgspec.json.decode(path_of(project).read_bytes(), type=Progress)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class LivePathCollector(Collector):
    """The live path's figures, for a registry of Prometheus."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def describe(self) -> Iterator[Metric]:
        # Asked when it is registered: nothing to read a file for.
        return iter(())

    def collect(self) -> Iterator[Metric]:
        told = read_progress(self._project)
        if told is None:
            return
        events = CounterMetricFamily("floorwalker_live_events", "Events of the live path", labels=["verdict"])
        for verdict in VERDICTS:
            events.add_metric([verdict], told.counts.get(verdict, 0))
        yield events
        running, buckets = 0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), told.freshness, strict=True):
            running += count
            buckets.append((bound, running))
        freshness = HistogramMetricFamily(
            "floorwalker_live_freshness_seconds", "From receiving a request to having it on profiles"
        )
        freshness.add_metric([], buckets, told.freshness_sum)
        yield freshness
        for name, about, value in (
            ("lag_frames", "Requests in the log that are not on profiles yet", told.lag),
            ("window_ids", "Message ids that are remembered", told.window_ids),
            ("told_seconds", "Since the live process told how it is", max(time.time() - told.told_at, 0.0)),
        ):
            yield GaugeMetricFamily(f"floorwalker_live_{name}", about, value=value)
