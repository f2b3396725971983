"""The runner: builds SQL models and Python steps in the order their tables demand, and only what has changed.

In: models, steps, a lake and the day of the run. Out: new versions of tables, test results and timings; nothing is
visible to readers until the caller publishes.

A node is rebuilt when its own text, its settings or a version it read has changed. That fingerprint travels in the
Delta commit, so a run that was killed is continued: what it had finished is found and kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import duckdb

from floorwalker.engines.checks import DataTest, TestResult, read_tests, run_tests, tables_of
from floorwalker.engines.lake import Data, Lake, set_run, view_files
from floorwalker.engines.models import SqlModel, lint
from floorwalker.engines.steps import Step
from floorwalker.errors import DataTestError, FloorwalkerError, ModelError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from floorwalker.engines.project import Project

RUNNER_VERSION = "1"
PREVIOUS = "_previous"
Progress = Callable[[str, float, str], None]
"""Called with (node, done 0…1, text)."""


@dataclass
class NodeResult:
    """What became of one node: 'built' or 'unchanged'."""

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

    @property
    def built(self) -> int:
        return sum(node.status == "built" for node in self.nodes)


@dataclass
class Graph:
    """Models and steps by name, with the order to build them in."""

    nodes: dict[str, SqlModel | Step]
    order: list[str]
    writers: dict[str, str]

    def downstream(self, name: str) -> list[str]:
        """Nodes that directly or indirectly read what `name` writes."""
        found: list[str] = []
        for candidate in self.order:
            sources = {self.writers.get(table) for table in reads_of(self.nodes[candidate])}
            if name in sources or sources & set(found):
                found.append(candidate)
        return found


def reads_of(node: SqlModel | Step) -> tuple[str, ...]:
    return node.reads


def writes_of(node: SqlModel | Step) -> tuple[str, ...]:
    return node.writes if isinstance(node, Step) else (node.name,)


def plan(
    models: Iterable[SqlModel], steps: Iterable[Step], sources: Iterable[str], *, trusted: Collection[str] = ()
) -> Graph:
    """Order the nodes. `sources` are tables that exist already (bronze); `trusted` models are known to travel.

    Raises ModelError for unknown tables, two writers of one table, cycles, and models that do not travel (unless their
    TOML says `portable = false`).
    """
    nodes: dict[str, SqlModel | Step] = {}
    writers: dict[str, str] = {}
    for node in (*models, *steps):
        if isinstance(node, SqlModel) and node.name not in trusted and node.document.get("portable", True):
            findings = lint(node)
            if findings:
                raise ModelError(
                    "\n".join(f"{node.where}:{finding.line}: {finding.message}" for finding in findings),
                    fix="or set portable = false in the TOML beside the model",
                )
        nodes[node.name] = node
        for table in writes_of(node):
            if table in writers:
                raise ModelError(f"{table} is written by both {writers[table]} and {node.name}")
            writers[table] = node.name
    known = {*sources, *writers}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, node in nodes.items():
        sorter.add(name)
        tested = tables_of(read_tests(name, node.document)) - {name} if isinstance(node, SqlModel) else set()
        for table in {*reads_of(node), *tested}:
            if table not in known and not _is_given(table):
                where = node.where if isinstance(node, SqlModel) else node.name
                raise ModelError(f"{where} reads {table}, which nothing makes", fix=did_you_mean(table, known))
            if table in writers:
                sorter.add(name, writers[table])
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        raise ModelError("models read each other in a circle", why=" → ".join(error.args[1])) from None
    return Graph(nodes, order, writers)


class _Context:
    """What a step sees while it runs (the protocol `StepContext`)."""

    def __init__(
        self, build: Build, connection: duckdb.DuckDBPyConnection, fingerprint: str, step: Step, progress: Progress
    ) -> None:
        self.project: Project = build.lake.project
        self.run_id, self.as_of = build.run_id, build.as_of
        self.connection = connection
        self.rows: dict[str, int] = {}
        self._build, self._fingerprint, self._node, self._progress = build, fingerprint, step, progress

    def write(self, table: str, data: Data) -> int:
        if table not in self._node.writes:
            raise ModelError(f"step {self._node.name} wrote {table}", why=f"it declares {', '.join(self._node.writes)}")
        self.rows[table] = self._build.store(self.connection, table, data, self._fingerprint)
        return self.rows[table]

    def progress(self, done: float, text: str = "") -> None:
        self._progress(self._node.name, done, text)


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

    def run(self, graph: Graph, progress: Progress = lambda *_: None, only: Sequence[str] = ()) -> BuildResult:
        """Build what changed. Raises ModelError or DataTestError at the first failure; finished tables are kept for
        the next attempt, and readers see none of them."""
        result = BuildResult(versions=self.versions)
        with self.lake.connect() as connection:
            set_run(connection, self.run_id, self.as_of, self.reporting_currency, self.precedence)
            self._show_previous(connection)
            seen: set[str] = set()
            for name in graph.order:
                if only and name not in only:
                    continue
                result.nodes.append(self._node(connection, graph.nodes[name], seen, result, progress))
        return result

    def _show_previous(self, connection: duckdb.DuckDBPyConnection) -> None:
        for table, version in self.previous.items():
            if version is not None:
                view_files(connection, table + PREVIOUS, self.lake.files(table, version))
            else:
                nothing = connection.from_arrow(self.empty[table].empty_table())
                nothing.create(table + PREVIOUS)

    def _node(
        self,
        connection: duckdb.DuckDBPyConnection,
        node: SqlModel | Step,
        seen: set[str],
        result: BuildResult,
        progress: Progress,
    ) -> NodeResult:
        start = time.perf_counter()
        tests = read_tests(node.name, node.document) if isinstance(node, SqlModel) else []
        for table in {*reads_of(node), *tables_of(tests)} - {node.name}:
            if table not in seen and not _is_given(table):
                self.lake.view(connection, table, self.versions.setdefault(table, self.lake.version(table) or 0))
                seen.add(table)
        fingerprint = self._fingerprint(node, tests)
        if all(self.lake.commit_info(table).get("fingerprint") == fingerprint for table in writes_of(node)):
            for table in writes_of(node):
                self.versions[table] = self.lake.version(table) or 0
            if tests:
                stored = json.loads(self.lake.commit_info(node.name).get("tests", "[]"))
                result.tests += [TestResult(**one) for one in stored]
            progress(node.name, 1.0, "unchanged")
            return NodeResult(node.name, "unchanged", time.perf_counter() - start)
        progress(node.name, 0.0, "")
        if isinstance(node, Step):
            rows = self._step(connection, node, fingerprint, progress)
        else:
            rows = self._model(connection, node, tests, fingerprint, result)
        seen.update(rows)
        progress(node.name, 1.0, "")
        return NodeResult(node.name, "built", time.perf_counter() - start, rows)

    def _step(
        self, connection: duckdb.DuckDBPyConnection, step: Step, fingerprint: str, progress: Progress
    ) -> dict[str, int]:
        context = _Context(self, connection, fingerprint, step, progress)
        step.run(context)
        missing = set(step.writes) - set(context.rows)
        if missing:
            raise ModelError(f"step {step.name} did not write {', '.join(sorted(missing))}")
        return context.rows

    def _model(
        self,
        connection: duckdb.DuckDBPyConnection,
        model: SqlModel,
        tests: list[DataTest],
        fingerprint: str,
        result: BuildResult,
    ) -> dict[str, int]:
        """Write, test, and only then commit: a table that fails its tests never becomes a version."""
        try:
            staged = self.lake.stage(model.name, connection.sql(model.sql), connection)
            view_files(connection, model.name, [str(staged.file)])
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise ModelError(f"{model.where}: {_first_lines(error)}", why=_position(error, model)) from None
        except FloorwalkerError as error:
            raise ModelError(f"{model.where}: {error.what}", why=error.why, fix=error.fix) from None
        try:
            tested = run_tests(connection, model.name, tests)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise ModelError(f"a test of {model.where} does not run: {_first_lines(error)}") from None
        failed = [one for one in tested if one.status == "fail"]
        if failed:
            staged.file.unlink()
            raise DataTestError(
                "\n".join(
                    f"{one.model}: test '{one.test}' failed: {one.failures} {one.detail}".rstrip() for one in failed
                ),
                why=f"declared beside {model.where}; nothing was published",
                fix="mend the data or the model, then: floorwalker run",
            )
        result.tests += tested
        notes = json.dumps([asdict(one) for one in tested])
        self.versions[model.name] = self.lake.commit(
            staged, "overwrite", fingerprint=fingerprint, run_id=self.run_id, tests=notes
        )
        return {model.name: staged.rows}

    def store(self, connection: duckdb.DuckDBPyConnection, table: str, data: Data, fingerprint: str) -> int:
        """Write a table of this run and let the connection see it; returns its rows."""
        self.versions[table], rows = self.lake.replace(
            table, data, connection, fingerprint=fingerprint, run_id=self.run_id
        )
        self.lake.view(connection, table, self.versions[table])
        return rows

    def _fingerprint(self, node: SqlModel | Step, tests: Sequence[DataTest]) -> str:
        own = f"{node.sql}\n{tests!r}" if isinstance(node, SqlModel) else f"{node.name} {node.version}\n{node.settings}"
        inputs = [f"{table}@{self.versions.get(table)}" for table in sorted(reads_of(node)) if not _is_given(table)]
        day = [str(self.as_of), self.reporting_currency] if isinstance(node, Step) or "meta.run" in node.reads else []
        day += list(self.precedence) if "meta.sources" in node.reads else []
        return hashlib.sha256("\n".join([RUNNER_VERSION, own, *inputs, *day]).encode()).hexdigest()


def _is_given(table: str) -> bool:
    """Tables that no node makes: the run's own facts, and what the last published run knew."""
    return table.startswith("meta.") or table.endswith(PREVIOUS)


def _first_lines(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:2] if line.strip())


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
