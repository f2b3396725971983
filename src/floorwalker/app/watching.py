"""What watches a run from outside: events of lineage while it runs, quality once its tables stand.

In: the run's own progress and results. Out: `state/lineage/<run>.jsonl` (and posts), measurements and anomalies in the
database, sentences for the person who started the run. None of it can stop the run.

    watch = RunWatch(project, settings, run_id, started)
    with watch.whole():                                  START … COMPLETE, or FAIL
        build.run(graph, watch.nodes(progress))          notes when each node starts and ends
        watch.built(lake, graph, result.build)           events of each node
        watch.measured(lake, state, as_of, result.build) quality
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from floorwalker.app.graph import feature_sets
from floorwalker.app.lineage import project_lineage
from floorwalker.app.quality import FEATURES, watch_safely
from floorwalker.app.skew import SkewReport, skew_of_run
from floorwalker.engines.models import SqlModel
from floorwalker.engines.runner import PREVIOUS, reads_of, writes_of
from floorwalker.engines.steps import Step
from floorwalker.errors import DataTestError, FloorwalkerError
from floorwalker.governance import openlineage
from floorwalker.governance.openlineage import Emitter, EventType
from floorwalker.governance.quality.history import Moment

if TYPE_CHECKING:
    from floorwalker.app.intake import SourceResult
    from floorwalker.app.settings import Settings
    from floorwalker.engines.checks import TestResult
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.lineage import Lineage
    from floorwalker.engines.project import Project
    from floorwalker.engines.runner import BuildResult, Graph
    from floorwalker.governance.quality.anomalies import Anomaly

Progress = Callable[[str, float, str], None]
RUN = "run"
"""Name of the job that a whole run is."""
MADE = ("built", "incremental", "scored")
"""What becomes of a node whose tables have a new version."""
LEAST_SECONDS = 1.0
"""Quality and lineage together always get so much time, however short the run was."""


class RunWatch:
    """The watcher of one run."""

    def __init__(self, project: Project, settings: Settings, run_id: str, started: dt.datetime) -> None:
        self.project, self.settings, self.run_id, self.started = project, settings, run_id, started
        self.namespace = settings.lineage.namespace or settings.project.name
        self.folder = project.state / "lineage"
        self.emitter = Emitter(self.folder, run_id, url=settings.lineage.url, timeout=settings.lineage.timeout)
        self.times: dict[str, list[dt.datetime]] = {}
        self.anomalies: list[Anomaly] = []
        self.trouble: list[str] = []
        self.spent = 0.0
        self._graph: Graph | None = None
        self._lake: Lake | None = None
        self._versions: Mapping[str, int] = {}
        self._lineage: Lineage | None = None

    @property
    def notes(self) -> list[str]:
        """What went wrong while watching, a sentence each."""
        return [text for text in (*self.trouble, self.emitter.problem) if text]

    # -- events --------------------------------------------------------------------------------------------------

    @contextmanager
    def whole(self) -> Generator[RunWatch]:
        """START now; COMPLETE at the end, or FAIL with the kind of error."""
        self._emit(RUN, "START", self.started)
        try:
            yield self
        except BaseException as error:
            facets = {"errorMessage": openlineage.error_facet(_told(error))}
            for name in [name for name, times in self.times.items() if len(times) == 1]:
                self._emit(name, "START", self.times[name][0])
                self._emit(name, "FAIL", _now(), run_facets=facets)
            self._emit(RUN, "ABORT" if isinstance(error, KeyboardInterrupt) else "FAIL", _now(), run_facets=facets)
            raise
        self._emit(RUN, "COMPLETE", _now())
        if self.settings.lineage.events:
            openlineage.trim(self.folder, self.settings.lineage.keep)

    def nodes(self, progress: Progress) -> Progress:
        """The same progress, noting when each node starts and ends."""

        def note(name: str, done: float, text: str = "") -> None:
            if done <= 0.0:
                self.times[name] = [_now()]
            elif done >= 1.0 and name in self.times:
                self.times[name][1:] = [_now()]
            progress(name, done, text)

        return note

    def read(self, sources: Iterable[SourceResult]) -> None:
        """Events of the sources that brought something: files in, bronze tables out."""
        if not self.settings.lineage.events:
            return
        for one in sources:
            if not one.deliveries:
                continue
            job = f"source.{one.mapping}"
            inputs = [openlineage.dataset(self.namespace, f"file:{one.mapping}")]
            outputs = [
                openlineage.dataset(self.namespace, f"bronze.{kind}")
                | {"outputFacets": {"outputStatistics": openlineage.facet("outputStatistics", rowCount=rows)}}
                for kind, rows in one.kinds.items()
            ]
            self._emit(job, "START", self.started, inputs=inputs, outputs=outputs)
            self._emit(job, "COMPLETE", _now(), inputs=inputs, outputs=outputs)

    def built(self, lake: Lake, graph: Graph, build: BuildResult) -> None:
        """Events of every node that was built, or that failed or waits for one that did."""
        started = time.perf_counter()
        self._built(lake, graph, build)
        self.spent = time.perf_counter() - started

    def _built(self, lake: Lake, graph: Graph, build: BuildResult) -> None:
        self._graph = graph
        self._lake, self._versions = lake, build.versions
        if not self.settings.lineage.events:
            return
        failed = getattr(build, "errors", {})
        tests: dict[str, list[TestResult]] = {}
        for test in build.tests:
            tests.setdefault(test.model, []).append(test)
        for result in build.nodes:
            node = graph.nodes[result.name]
            sql = node.sql if isinstance(node, SqlModel) else ""
            reads = [table for table in reads_of(node) if not table.endswith(PREVIOUS)]
            inputs = [openlineage.dataset(self.namespace, table) for table in reads]
            start, *end = self.times.get(result.name) or [self.started]
            if result.status in MADE:
                outputs = [self._output(lake, table, build, result.rows.get(table)) for table in writes_of(node)]
                names = [openlineage.dataset(self.namespace, table) for table in writes_of(node)]
                self._emit(result.name, "START", start, inputs=inputs, outputs=names, sql=sql)
                self._emit(result.name, "COMPLETE", end[0] if end else _now(), inputs=inputs, outputs=outputs, sql=sql)
                if result.name in tests:
                    self._tested(result.name, tests[result.name], end[0] if end else _now())
            elif result.status not in ("unchanged",):
                error = failed.get(result.name)
                facets = {"errorMessage": openlineage.error_facet(_told(error) if error else "waits for what failed")}
                outputs = [openlineage.dataset(self.namespace, table) for table in writes_of(node)]
                self._emit(result.name, "START", start, inputs=inputs, outputs=outputs, sql=sql)
                kind: EventType = "FAIL" if error else "ABORT"
                self._emit(result.name, kind, _now(), inputs=inputs, outputs=outputs, sql=sql, run_facets=facets)
                if error and result.name in tests:
                    self._tested(result.name, tests[result.name], _now())

    def _output(self, lake: Lake, table: str, build: BuildResult, rows: int | None) -> dict[str, Any]:
        fields = [(one.name, _type(one.type)) for one in lake.schema(table, build.versions.get(table)).fields]
        facets = {"schema": openlineage.schema_facet(fields)}
        if found := self.lineage():
            facets["columnLineage"] = openlineage.column_lineage_facet(found, table, self.namespace)
        made = openlineage.dataset(self.namespace, table, **facets)
        if rows is not None:
            made["outputFacets"] = {"outputStatistics": openlineage.facet("outputStatistics", rowCount=rows)}
        return made

    def _tested(self, name: str, tests: list[TestResult], at: dt.datetime) -> None:
        """Tests are a job of their own that reads the table, as other tools of the kind send them."""
        found = self.lineage()
        columns = set(found.columns.get(name, ())) if found else set()
        listed = [
            (one.test, one.status == "pass", _first(one.test) if _first(one.test) in columns else "") for one in tests
        ]
        tested = openlineage.dataset(self.namespace, name)
        tested["inputFacets"] = {"dataQualityAssertions": openlineage.assertions_facet(listed)}
        for kind in ("START", "COMPLETE"):
            self._emit(f"{name}.tests", kind, at, inputs=[tested])

    def _emit(self, name: str, kind: EventType, at: dt.datetime, *, sql: str = "", **content: Any) -> None:
        if not self.settings.lineage.events:
            return
        facets = dict(content.pop("run_facets", {}))
        if name != RUN:
            whole = openlineage.uuid_of(self.namespace, self.run_id)
            facets["parent"] = openlineage.parent_facet(self.namespace, RUN, whole)
        words = (self.namespace, self.run_id) if name == RUN else (self.namespace, self.run_id, name)
        job = openlineage.sql_job(self.namespace, name, sql)
        event = openlineage.run_event(kind, at, job, openlineage.uuid_of(*words), run_facets=facets, **content)
        self.emitter.emit([event])

    # -- quality -------------------------------------------------------------------------------------------------

    def measured(
        self, lake: Lake, state: sqlite3.Connection, as_of: dt.date, build: BuildResult, run_seconds: float
    ) -> list[Anomaly]:
        """Compare batch and live, measure what the run changed; returns what is odd."""
        quality = self.settings.quality
        if not quality.on:
            return []
        allowed = max(quality.budget * run_seconds, LEAST_SECONDS)
        started = time.perf_counter() - self.spent
        skew = self._compared(lake, build, as_of, max(allowed / 2, LEAST_SECONDS))
        left = max(allowed - (time.perf_counter() - started), allowed / 4)
        self.anomalies, trouble = watch_safely(
            lake,
            self.settings,
            state,
            Moment(self.run_id, self.started, as_of),
            build.versions,
            build.tests,
            self.lineage,
            skew,
            left,
        )
        self.trouble.append(trouble)
        return self.anomalies

    def _compared(self, lake: Lake, build: BuildResult, as_of: dt.date, seconds: float) -> SkewReport | None:
        """Batch against live, where the run made the features anew; what goes wrong is told and stops nothing."""
        made = {node.name for node in build.nodes if node.status in MADE}
        if FEATURES not in made or not self.settings.quality.skew_customers:
            return None
        try:
            features = next(one for one in feature_sets(self.project) if one.entity.table == FEATURES)
            return skew_of_run(lake, self.settings, features, build.versions, self.run_id, as_of, seconds)
        except FloorwalkerError as error:
            self.trouble.append(f"batch and live were not compared: {error.what}")
        except (duckdb.Error, OSError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Its message may quote a value.
            self.trouble.append(f"batch and live were not compared: {type(error).__name__}")
        return None

    def lineage(self) -> Lineage | None:
        """The lineage of this run's graph, found when somebody first asks: a run without news needs none."""
        if self._lineage is None and self._graph is not None:
            try:
                self._lineage = project_lineage(self.project, self.settings, self._graph, self._written(self._graph))
            except FloorwalkerError as error:
                self.trouble.append(f"lineage was not found: {error.what}")
            self._graph = None
        return self._lineage

    def _written(self, graph: Graph) -> dict[str, tuple[str, ...]]:
        """Columns of the tables that steps have written."""
        if self._lake is None:
            return {}
        stepped = [table for node in graph.nodes.values() if isinstance(node, Step) for table in node.writes]
        return {
            table: tuple(one.name for one in self._lake.schema(table, self._versions[table]).fields)
            for table in stepped
            if table in self._versions
        }


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _first(test: str) -> str:
    return test.partition(" ")[0]


def _type(of: object) -> str:
    """A Delta type as one word: `decimal(28,4)`, `string`."""
    return re.sub(r'^PrimitiveType\("(.*)"\)$', r"\1", str(of))


def _told(error: BaseException | None) -> str:
    """What an error says without quoting data: its kind, and of failing tests their names."""
    if isinstance(error, DataTestError):
        return "; ".join(sorted(set(re.findall(r"\S+: test '.*?' failed", error.what)))) or "a data test failed"
    return type(error).__name__
