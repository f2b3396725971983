"""The runner: builds SQL models and Python steps in the order their tables demand, and only what has changed.

In: a graph (`engines.planning`), a lake and the day of the run. Out: new versions of tables, test results and timings;
nothing is visible to readers until the caller publishes.

    build = Build(lake, run_id="r1", as_of=day, published=pointer.tables)
    result = build.run(plan(models, steps, ["bronze.sales"]))
    result.versions          # what to publish
    result.held_back         # models that failed, and what depends on them, each with the reason

A node is rebuilt when its own text, its settings or a version it read has changed. That fingerprint travels in the
Delta commit, so a run that was killed is continued: what it had finished is found and kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from floorwalker.engines.checks import DataTest, TestResult, read_tests, run_tests, tables_of
from floorwalker.engines.context import RUNNER_VERSION, Context, Progress, lake_reads
from floorwalker.engines.delta import Conflict, Staged
from floorwalker.engines.incremental import SHARE, SMALL, Increment, read_incremental, run_facts
from floorwalker.engines.lake import Data, Lake
from floorwalker.engines.lock import table_lane
from floorwalker.engines.messages import impersonal
from floorwalker.engines.models import SqlModel
from floorwalker.engines.planning import PREVIOUS, Graph, is_given, plan, reads_of, writes_of
from floorwalker.engines.slicing import slices, write_in_slices
from floorwalker.engines.sql import SqlEngine, SqlError
from floorwalker.engines.sql_duckdb import DuckDBSql, set_run, view_files
from floorwalker.engines.steps import Step
from floorwalker.errors import DataTestError, FloorwalkerError, ModelError

if TYPE_CHECKING:
    import pyarrow as pa


__all__ = ["Build", "BuildResult", "Graph", "NodeResult", "plan", "reads_of", "writes_of"]


@dataclass
class NodeResult:
    """What became of one node: 'built', 'incremental', 'scored' (by a model of an earlier run), 'unchanged' or 'held
    back'; `rows` are those written."""

    name: str
    status: str
    seconds: float
    rows: dict[str, int] = field(default_factory=dict)


@dataclass
class BuildResult:
    """Everything a build did. `versions`: the version of every table the run stands on."""

    nodes: list[NodeResult] = field(default_factory=list)
    tests: list[TestResult] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)
    """Nodes that are not up to date, with the reason: their tables are those of the last publication."""
    errors: dict[str, FloorwalkerError] = field(default_factory=dict)
    """Of those nodes the ones that failed themselves, with the whole error."""

    @property
    def built(self) -> int:
        return sum(node.status in ("built", "incremental", "scored") for node in self.nodes)


@dataclass
class Build:
    """One pass over a graph for one run."""

    lake: Lake
    run_id: str
    as_of: dt.date
    reporting_currency: str = "GBP"
    precedence: Sequence[str] = ()
    previous: Mapping[str, int | None] = field(default_factory=dict)
    """Tables that a step reads as `<table>_previous`: their published version, None before the first run. They do not
    count as input: what they hold follows from earlier runs on the same data."""
    empty: Mapping[str, pa.Schema] = field(default_factory=dict)
    """Columns of those tables while there is no previous version."""
    versions: dict[str, int] = field(default_factory=dict)
    """Version of every table known so far; starts with the sources'."""
    published: Mapping[str, int] | None = None
    """What readers see now. Given, a model that fails holds back what depends on it, at these versions, and nothing
    else; None: the first failure is raised."""
    engine: SqlEngine | None = None
    """Where SQL models run; None: on the DuckDB connection that steps have."""
    share: float = SHARE
    """An incremental model is built anew when more than this share of its keys is touched …"""
    small: int = SMALL
    """… or when its inputs together have fewer bytes than this."""
    quick: bool = False
    """Do not fit models anew: what they say of whatever changed comes from those of the last run (`Step.score`)."""

    def run(self, graph: Graph, progress: Progress = lambda *_: None, only: Sequence[str] = ()) -> BuildResult:
        """Build what changed. Raises what a step raises, and without `published` also ModelError or DataTestError at
        the first failure; finished tables are kept for the next attempt, and readers see none of them."""
        result = BuildResult(versions=self.versions)
        with self.lake.connect() as connection:
            self._connection, self._engine = connection, self.engine or DuckDBSql(connection)
            self._engine.set_run(self.run_id, self.as_of, self.reporting_currency, self.precedence)
            if self.engine is not None:
                set_run(connection, self.run_id, self.as_of, self.reporting_currency, self.precedence)
            self._show_previous(connection)
            seen: set[str] = set()
            self._files: dict[str, Sequence[str]] = {}
            missing: dict[str, str] = {}
            for name in graph.order:
                if only and name not in only:
                    continue
                node = graph.nodes[name]
                waiting = sorted(set(_inputs(node)) & set(missing))
                if waiting:
                    self._hold(node, f"waits for {missing[waiting[0]]}", missing, result, progress)
                    continue
                try:
                    result.nodes.append(self._node(node, seen, result, progress))
                except (ModelError, DataTestError) as error:
                    if isinstance(node, Step) or self.published is None:
                        raise
                    result.errors[name] = error
                    result.tests += error.results if isinstance(error, DataTestError) else ()
                    self._hold(node, _reason(error), missing, result, progress)
        return result

    def _hold(
        self, node: SqlModel | Step, reason: str, missing: dict[str, str], result: BuildResult, progress: Progress
    ) -> None:
        """Leave a node's tables as readers know them; tables that were never published are left out."""
        for table in writes_of(node):
            missing[table] = node.name
            self.versions.pop(table, None)
            if table in (self.published or {}):
                self.versions[table] = (self.published or {})[table]
        result.held_back[node.name] = reason
        result.nodes.append(NodeResult(node.name, "held back", 0.0))
        progress(node.name, 1.0, "held back")

    def _show_previous(self, connection: duckdb.DuckDBPyConnection) -> None:
        for table, version in self.previous.items():
            if version is not None:
                view_files(connection, table + PREVIOUS, self.lake.files(table, version))
            else:
                nothing = connection.from_arrow(self.empty[table].empty_table())
                nothing.create(table + PREVIOUS)

    def _show(self, table: str, files: Sequence[str]) -> None:
        """Make a table's files visible to models and to steps."""
        self._files[table] = files
        self._engine.show(table, files)
        if self.engine is not None:
            view_files(self._connection, table, files)

    def _node(self, node: SqlModel | Step, seen: set[str], result: BuildResult, progress: Progress) -> NodeResult:
        start = time.perf_counter()
        tests = read_tests(node.name, node.document) if isinstance(node, SqlModel) else []
        for table in _inputs(node):
            if table not in seen:
                version = self.versions.setdefault(table, self.lake.version(table) or 0)
                self._show(table, self.lake.files(table, version))
                seen.add(table)
        fingerprint = self.fingerprint(node, tests)
        if all(self.lake.commit_info(table).get("fingerprint") == fingerprint for table in writes_of(node)):
            for table in writes_of(node):
                self.versions[table] = self.lake.version(table) or 0
            if tests:
                stored = json.loads(self.lake.commit_info(node.name).get("tests", "[]"))
                result.tests += [TestResult(**one) for one in stored]
            progress(node.name, 1.0, "unchanged")
            return NodeResult(node.name, "unchanged", time.perf_counter() - start)
        progress(node.name, 0.0, "")
        status = "built"
        if isinstance(node, Step):
            status, rows = self._step(node, fingerprint, progress)
        else:
            status, rows = self._model(node, tests, fingerprint, result)
        seen.update(rows)
        progress(node.name, 1.0, status)
        return NodeResult(node.name, status, time.perf_counter() - start, rows)

    def settled(self, step: Step) -> bool:
        """Whether a step's tables are as published: no run that was killed has left anything in them."""
        published = self.published or {}
        return all(table in published and self.lake.version(table) == published[table] for table in step.writes)

    def _step(self, step: Step, fingerprint: str, progress: Progress) -> tuple[str, dict[str, int]]:
        if self.quick and step.score is not None and self.settled(step):
            # Without its fingerprint: the next run finds that the model is not fitted to what is there.
            context = Context(self, self._connection, "", step, progress)
            if step.score(context):
                for table in step.writes:
                    self.versions[table] = self.lake.version(table) or 0
                return "scored", context.rows
        context = Context(self, self._connection, fingerprint, step, progress)
        step.run(context)
        missing = set(step.writes) - set(context.rows)
        if missing:
            raise ModelError(f"step {step.name} did not write {', '.join(sorted(missing))}")
        return "built", context.rows

    def _model(
        self, model: SqlModel, tests: list[DataTest], fingerprint: str, result: BuildResult
    ) -> tuple[str, dict[str, int]]:
        """Write, test, and only then commit: a table that fails its tests never becomes a version."""
        with table_lane(self.lake.project, model.name):
            staged = self._increment(model, tests)
            if staged is None:
                staged = self._whole(model)
            tested = self._tested(model, tests, staged)
            note = {
                "fingerprint": fingerprint,
                "run_id": self.run_id,
                "tests": json.dumps([asdict(one) for one in tested]),
                "recipe": self._recipe(model, tests),
                "inputs": json.dumps({table: self.versions[table] for table in lake_reads(model)}),
            }
            try:
                self.versions[model.name] = self.lake.commit(staged, "overwrite", **note)
            except Conflict:
                # Somebody else wrote to this very table: what it should hold is known without looking at it.
                staged.discard()
                staged = self._whole(model)
                self.versions[model.name] = self.lake.commit(staged, "overwrite", **note)
        result.tests += tested
        return "built" if staged.base is None else "incremental", {model.name: staged.rows}

    def _increment(self, model: SqlModel, tests: list[DataTest]) -> Staged | None:
        """The table with only touched keys computed again; None when that is not possible or does not pay."""
        spec = read_incremental(model.where, model.document)
        before = self.lake.commit_info(model.name) if spec else {}
        if spec is None or before.get("recipe") != self._recipe(model, tests):
            return None
        staged = Increment(
            self.lake, self._engine, self._connection, self._show, self._files, model, spec,
            json.loads(before.get("inputs", "{}")), self.versions, self.share, self.small,
        ).stage()  # fmt: skip
        if staged is not None:
            self._show(model.name, staged.paths)
        return staged

    def _whole(self, model: SqlModel) -> Staged:
        try:
            staged = self.lake.staged(model.name, self._written(model))
            self._show(model.name, staged.paths)
        except SqlError as error:
            raise ModelError(f"{model.where}: {_first_lines(error, model)}", why=_position(error, model)) from None
        except FloorwalkerError as error:
            raise ModelError(f"{model.where}: {error.what}", why=error.why, fix=error.fix) from None
        return staged

    def _written(self, model: SqlModel) -> list[tuple[Path, int]]:
        """The files of a table that is built whole; of a wide model slice by slice when it would not fit."""
        folder, spec = self.lake.path(model.name), read_incremental(model.where, model.document)
        if spec is None or not spec.sliced or self._engine.name != "duckdb" or len(spec.key) > 1:
            return self._engine.write(model.sql, folder)
        (key,) = spec.key
        keyed = [table for table in lake_reads(model) if key in self._columns(table)]
        sizes = [Path(file).stat().st_size for table in keyed for file in self._files[table]]
        count = slices(sizes, memory=self.lake.memory_bytes)
        if count == 1:
            return self._engine.write(model.sql, folder)
        return write_in_slices(self._engine, self._show, model, key, keyed, self._files, count, folder)

    def _columns(self, table: str) -> set[str]:
        return {one.name for one in self.lake.open(table, self.versions[table]).schema().fields}

    def _tested(self, model: SqlModel, tests: list[DataTest], staged: Staged) -> list[TestResult]:
        """Results of the tests on a table that is shown but not committed. Raises DataTestError, the files gone."""
        try:
            tested = run_tests(self._engine.rows, model.name, tests, staged.paths)
        except SqlError as error:
            staged.discard()
            raise ModelError(f"a test of {model.where} does not run: {_first_lines(error, model)}") from None
        failed = [one for one in tested if one.status == "fail"]
        if failed:
            staged.discard()
            failure = DataTestError(
                "\n".join(
                    f"{one.model}: test '{one.test}' failed: {one.failures} {one.detail}".rstrip() for one in failed
                ),
                why=f"declared beside {model.where}; nothing of it was published",
                fix="mend the data or the model, then: floorwalker run",
            )
            failure.results = tuple(tested)
            raise failure
        return tested

    def store(self, connection: duckdb.DuckDBPyConnection, table: str, data: Data, **note: str) -> int:
        """Write a table of this run and let models and steps see it; returns its rows."""
        self.versions[table], rows = self.lake.replace(table, data, connection, run_id=self.run_id, **note)
        self._show(table, self.lake.files(table, self.versions[table]))
        return rows

    def merge(
        self, connection: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], touched: Data, rows: Data,
        *, tell: bool = True, **note: str,
    ) -> int:  # fmt: skip
        """Merge into a table of the last run and let models and steps see it; returns the rows written."""
        self.versions[table], written = self.lake.merge(
            table, key, touched, rows, connection, tell=tell, run_id=self.run_id, **note
        )
        self._show(table, self.lake.files(table, self.versions[table]))
        return written

    def _recipe(self, node: SqlModel | Step, tests: Sequence[DataTest]) -> str:
        """What a node's tables depend on besides other tables: its text, its tests, the run's facts it reads."""
        if isinstance(node, SqlModel):
            incremental = read_incremental(node.where, node.document)
            own = f"{node.sql}\n{tests!r}\n{incremental!r}"
            facts = {
                "run_id": self.run_id, "as_of": str(self.as_of), "reporting_currency": self.reporting_currency
            }  # fmt: skip
            day = [f"{name} {facts[name]}" for name in run_facts(node)] if "meta.run" in node.reads else []
        else:
            own = f"{node.name} {node.version}\n{node.settings}" + (f"\n{node.amendments}" if node.amendments else "")
            day = [str(self.as_of), self.reporting_currency]
        day += list(self.precedence) if "meta.sources" in node.reads else []
        return hashlib.sha256("\n".join([RUNNER_VERSION, own, *day]).encode()).hexdigest()

    def fingerprint(self, node: SqlModel | Step, tests: Sequence[DataTest] = ()) -> str:
        """What a node's tables are made of; those that have it are up to date."""
        inputs = [f"{table}@{self.lake.content(table, self.versions[table])}" for table in lake_reads(node)]
        return hashlib.sha256("\n".join([self._recipe(node, tests), *inputs]).encode()).hexdigest()


def _inputs(node: SqlModel | Step) -> list[str]:
    """Tables of the lake that a node reads, its tests included, without its own."""
    tested = tables_of(read_tests(node.name, node.document)) if isinstance(node, SqlModel) else set()
    return sorted(table for table in {*reads_of(node), *tested} - set(writes_of(node)) if not is_given(table))


def _reason(error: FloorwalkerError) -> str:
    """Why a model failed, for the pointer that everybody reads: an engine's message may quote a person's data."""
    if isinstance(error, DataTestError):
        return "; ".join(sorted(set(re.findall(r"test '.*?' failed", error.what))))
    return "does not run"


def _first_lines(error: Exception, model: SqlModel) -> str:
    message = impersonal(str(error), model.sql)
    return " ".join(line.strip() for line in message.splitlines()[:2] if line.strip())


def _position(error: Exception, model: SqlModel) -> str:
    """Where in the file: DuckDB's `LINE n: …` excerpt, else the line with the name that the message quotes."""
    text = str(error)
    excerpt = re.search(r"^LINE (\d+): (.*)$", text, re.MULTILINE)
    if excerpt:
        return f"{model.where}, line {excerpt[1]}: {excerpt[2].strip()}"
    for name in re.findall(r'["\'](\w+)["\']|(\w+)\(', text.splitlines()[0]):
        word = name[0] or name[1]
        for number, line in enumerate(model.sql.splitlines(), 1):
            if re.search(rf"\b{word}\b", line, re.IGNORECASE):
                return f"{model.where}, line {number}: {line.strip()}"
    return model.where
