"""The service's figures, for Prometheus.

In: what happens. Out: text. With several workers the figures of all are added up (`shared_figures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from floorwalker.app.http import shared_figures

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Figures:
    """Counters and gauges of one worker, in a registry of their own. Labels have few values, none of them personal."""

    def __init__(self) -> None:
        self._registry = shared_figures.registry()
        own = self._registry
        self._decisions = Counter("floorwalker_decisions", "Decisions made", ["surface", "personalized"], registry=own)
        self._requests = Histogram(
            "floorwalker_request_seconds", "Time to answer, by route", ["route"], buckets=_SECONDS, registry=own
        )
        self._errors = Counter("floorwalker_errors", "Answers from 400 up", ["route", "status"], registry=own)
        self._policy_errors = Counter(
            "floorwalker_policy_errors", "Changed policies that could not be used", registry=own
        )
        self._gauges = {
            name: Gauge(f"floorwalker_{title}", about, multiprocess_mode=mode, registry=own)
            for name, title, about, mode in (
                ("bundle_age", "bundle_age_seconds", "Since the served bundle was built", "livemostrecent"),
                ("customers", "bundle_customers", "Profiles in the served bundle", "livemostrecent"),
                ("waiting", "records_waiting", "Decision records not yet written", "livesum"),
                ("written", "records_written", "Decision records written since the start", "livesum"),
                ("dropped", "records_dropped", "Decision records lost since the start", "livesum"),
            )
        }
        self._surfaces: dict[tuple[str, bool], Counter] = {}
        self._routes: dict[str, Histogram] = {}

    def decided(self, surface: str, personalized: bool) -> None:
        """A decision was made."""
        child = self._surfaces.get((surface, personalized))
        if child is None:
            child = self._decisions.labels(surface=surface, personalized=str(personalized).lower())
            self._surfaces[surface, personalized] = child
        child.inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route`: its template, never the path itself."""
        child = self._routes.get(route)
        if child is None:
            child = self._routes[route] = self._requests.labels(route=route)
        child.observe(seconds)
        if status >= 400:
            self._errors.labels(route=route, status=str(status)).inc()

    def policy_error(self) -> None:
        """A changed policy could not be used."""
        self._policy_errors.inc()

    def gauge(self, **values: float) -> None:
        """Set gauges by name."""
        for name, value in values.items():
            self._gauges[name].set(value)

    def text(self, *others: Collector) -> bytes:
        """Everything, and `others`, in Prometheus' text format."""
        return shared_figures.text(self._registry, *others)
