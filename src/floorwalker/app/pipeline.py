"""One run: read what is new, bring every table up to date, publish it all at once.

In: a project and its settings. Out: a `RunResult`; the published tables, the serving bundle, the report.

    result = run(project, load_config(project).settings)
    result.status            # "published", or "unchanged" when there was nothing to do

Killed anywhere, a run leaves the last publication as it was; the next one continues from what had been finished.
"""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from floorwalker.app.collect.exporting import SOURCE, clear, export, read_until
from floorwalker.app.collect.replaying import retain
from floorwalker.app.engine import check_engine, sql_engine
from floorwalker.app.erasing import finish
from floorwalker.app.graph import build_graph
from floorwalker.app.guarding import warnings
from floorwalker.app.identifying import remember_figures
from floorwalker.app.intake import SourceResult, read_sources
from floorwalker.app.lookup_keys import index_by_keys
from floorwalker.app.state import open_state
from floorwalker.app.watching import RunWatch
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.engines.runner import Build, BuildResult, Graph
from floorwalker.engines.upkeep import after_run
from floorwalker.engines.vacuum import vacuum
from floorwalker.errors import ConfigError, FloorwalkerError, NotFoundError
from floorwalker.events.vocabulary import KINDS
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.identity.steps import REMEMBERED as IDENTITY_REMEMBERS
from floorwalker.models.tracking import warm_up
from floorwalker.profiles.bundle.amend import PEOPLE, amend_bundle
from floorwalker.profiles.bundle.build import build_bundle
from floorwalker.sources.deliveries import received_after

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project
    from floorwalker.governance.quality.anomalies import Anomaly

Progress = Callable[[str, float, str], None]

# Kinds whose rows tell what day it is; catalogues and customer lists carry the day they were exported.
_DATED = ("order_lines", "returns", "browse_events", "email_events", "loyalty_events", "tickets")


REMEMBERED = {
    **IDENTITY_REMEMBERS,
    "silver.households": pa.schema(
        [("customer_id", pa.string()), ("household_key", pa.string()), ("members", pa.int64())]
    ),
}
"""What a run reads of the last published one, so that ids last and only news is worked on."""


BUNDLED = frozenset(
    {
        *(f"gold.{name}" for name in ("clusters", "consents", "customer_products", "customers", "popular_products")),
        *(f"gold.{name}" for name in ("products", "recommendations", "rfm", "segments", "similar_products", "stock")),
        *(f"silver.{name}" for name in ("customer_aliases", "customer_identifiers", "products")),
    }
)
"""What the serving bundle is made of: a run without one of these tables publishes nothing."""

_SOON = dt.timedelta(seconds=10)
FEW = 0.3
"""Share of the customers up to which a bundle is amended: to write more of it, writing all of it is as quick."""


@dataclass
class RunResult:
    """What a run did. `seconds` per stage: sources, tables, upkeep, bundle."""

    run_id: str
    status: str
    as_of: dt.date
    sources: list[SourceResult] = field(default_factory=list)
    build: BuildResult = field(default_factory=BuildResult)
    seconds: dict[str, float] = field(default_factory=dict)
    anomalies: list[Anomaly] = field(default_factory=list)
    """What is odd about this run, one per cause."""
    notes: list[str] = field(default_factory=list)
    """What the guards of identity warn of, and what went wrong beside the run and did not stop it."""

    @property
    def rows_new(self) -> int:
        return sum(source.rows_new for source in self.sources)

    def summary(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "as_of": self.as_of,
            "rows_new": self.rows_new,
            "sources": [asdict(source) for source in self.sources],
            "tables_built": self.build.built,
            "held_back": self.build.held_back,
            "nodes": [asdict(node) for node in self.build.nodes],
            "tests": {
                status: sum(test.status == status for test in self.build.tests) for status in ("pass", "warn", "fail")
            },
            "seconds": {stage: round(seconds, 2) for stage, seconds in self.seconds.items()},
            "anomalies": [asdict(one) for one in self.anomalies],
            "notes": self.notes,
        }


def run(
    project: Project,
    settings: Settings,
    *,
    progress: Progress = lambda *_: None,
    only_sources: Iterable[str] = (),
    reload: bool = False,
    quick: bool = False,
) -> RunResult:
    """Run the project once. `only_sources` limits what is read; `reload` reads again deliveries that are known.

    `quick` puts a decision into effect on what has been published: no source is read, the day is that of the last run,
    models are asked and not fitted; upkeep, and the look at quality, are left to the next run.

    Raises StateError when another run holds the lock, SourceError/ModelError/DataTestError with the cure otherwise, and
    NotFoundError for a quick run before the first.
    """
    check_engine(settings.engine)
    started = dt.datetime.now(dt.UTC)
    run_id = started.strftime("%Y%m%dT%H%M%S-") + secrets.token_hex(3)
    lake = Lake(project, memory_limit=settings.engine.memory_limit, threads=settings.engine.threads)
    watch = RunWatch(project, settings, run_id, started)
    with (
        run_lock(project, run_id),
        open_state(project) as state,
        _logged(state, run_id, started) as log,
        watch.whole(),
    ):
        finish(project, state)
        before = lake.pointer()
        if quick and before is None:
            raise NotFoundError("nothing has been published yet", fix="floorwalker run")
        # MLflow's first start costs seconds: they pass while files are read.
        if settings.segmentation.track and not quick:
            warm_up(project)
        result = RunResult(run_id, "published", started.date())
        # Before anything is read: an erasure that was cut off must not be built upon.
        finish(project, state)
        if quick and before is not None:
            result.as_of = before.as_of
        else:
            with _timed(result, "sources"):
                only = set(only_sources)
                if not only or SOURCE in only:
                    export(project, lake, state)
                received = received_after(state, started)
                if received > started + _SOON:
                    result.notes.append(
                        f"the clock says {started:%Y-%m-%d %H:%M}, rows were read at {received:%Y-%m-%d %H:%M}: what is"
                        " read now counts as received after these"
                    )
                result.sources = read_sources(project, settings, lake, state, run_id, received, progress, only, reload)
                clear(project, result.sources)
                retain(project, state, settings.collect.keep_days, started)
            watch.read(result.sources)
            result.as_of = as_of(lake, settings.run.as_of, started.date())
        graph = build_graph(project, settings)
        with _timed(result, "tables"):
            result.build = _build(lake, settings, result, graph, progress, watch, quick)
        before = lake.pointer()
        held = result.build.held_back
        if held and BUNDLED - result.build.versions.keys():
            # Without these nobody could be served: the run ends as if nothing else had been built.
            raise next(iter(result.build.errors.values()))
        same = before is not None and before.tables == result.build.versions and before.as_of == result.as_of
        if same and before is not None and before.held_back == held:
            result.status, result.run_id = "unchanged", run_id
            # A rotation that was cut off is finished here.
            index_by_keys(project, lake)
        else:
            if not quick:
                with _timed(result, "upkeep"):
                    compacted = after_run(lake, result.build.versions, settings.lake)
                    progress("upkeep", 1.0, f"{len(compacted)} compacted")
            with _timed(result, "bundle"):
                bundle = write_bundle(project, lake, settings, result, progress, quick)
            lake.publish(
                run_id=run_id,
                as_of=result.as_of,
                versions=result.build.versions,
                reporting_currency=settings.reporting_currency,
                bundle=bundle,
                held_back=held,
                log=None if quick else read_until(project, state),
            )
            figures = remember_figures(lake, state, run_id, result.as_of, started)
            result.notes += warnings(state, run_id, figures, settings.identity)
            if not quick:
                vacuum(lake, settings.lake)
            clean_bundles(project, lake)
        taken = sum(result.seconds.values())
        if not quick:
            with _timed(result, "quality"):
                progress("quality", 0.0, "")
                watch.built(lake, graph, result.build)
                result.anomalies = watch.measured(lake, state, result.as_of, result.build, taken)
                progress("quality", 1.0, "")
        log(result)
    result.notes += watch.notes
    return result


def as_of(lake: Lake, setting: str, today: dt.date) -> dt.date:
    """The day the run looks back from: the day after the newest event ('data'), 'today', or a date."""
    if setting == "today":
        return today
    if setting != "data":
        try:
            return dt.date.fromisoformat(setting)
        except ValueError:
            raise ConfigError(
                f"[run] as_of = '{setting}' is not a day", fix="'data', 'today' or a date such as '2026-06-30'"
            ) from None
    with lake.connect() as connection:
        days = []
        for kind in _DATED:
            lake.view(connection, f"bronze.{kind}")
            days += connection.execute(f"SELECT MAX(occurred_on) FROM bronze.{kind}").fetchall()
    newest = max((day for (day,) in days if day is not None), default=today)
    # A clock that runs ahead somewhere must not move the retailer's day into the future.
    return min(newest, today) + dt.timedelta(days=1)


def _build(
    lake: Lake,
    settings: Settings,
    result: RunResult,
    graph: Graph,
    progress: Progress,
    watch: RunWatch,
    quick: bool,
) -> BuildResult:
    before = lake.pointer()
    published = before.tables if before else {}
    bronze = {f"bronze.{kind}": lake.version(f"bronze.{kind}") or 0 for kind in KINDS}
    if quick:
        # What a run that was killed had read is for the next run.
        bronze = {table: published.get(table, version) for table, version in bronze.items()}
    build = Build(
        lake,
        result.run_id,
        result.as_of,
        settings.reporting_currency,
        precedence=settings.orders.precedence,
        previous={table: published.get(table) for table in REMEMBERED},
        empty=REMEMBERED,
        versions=bronze,
        published=published,
        quick=quick,
    )
    done = 0

    def count(name: str, fraction: float, text: str) -> None:
        nonlocal done
        done += fraction >= 1.0
        progress("tables", min(done / len(graph.order), 0.999), f"{name} {text}")

    with sql_engine(lake.project, settings.engine) as build.engine:
        outcome = build.run(graph, watch.nodes(count))
    progress("tables", 1.0, "")
    return outcome


def write_bundle(
    project: Project, lake: Lake, settings: Settings, result: RunResult, progress: Progress, quick: bool = False
) -> str:
    """Write the serving bundle of a run that is about to be published; returns its name below state/bundles. `quick`:
    the former one, with the entries of those whose rows have changed, where they are few."""
    progress("bundle", 0.0, "")
    with lake.connect() as connection:
        for table, version in result.build.versions.items():
            lake.view(connection, table, version)
        run = {"run_id": result.run_id, "as_of": result.as_of, "keys": LookupKeys.load(project)}
        if not quick or not _amend_bundle(project, lake, connection, result, run):
            build_bundle(connection, project.bundles, **run)
    progress("bundle", 1.0, "")
    return result.run_id


def _amend_bundle(
    project: Project, lake: Lake, connection: duckdb.DuckDBPyConnection, result: RunResult, run: dict[str, Any]
) -> bool:
    before, versions = lake.pointer(), result.build.versions
    if before is None or before.bundle is None or any((t in before.tables) != (t in versions) for t in PEOPLE):
        return False
    customers, identifiers = set(), set()
    for table in (table for table in PEOPLE if table in versions):
        rows = lake.changed(table, before.tables[table], versions[table])
        if not rows:
            continue
        listed = "customer_id, kind, key" if table == "silver.customer_identifiers" else "customer_id"
        for customer, *identifier in connection.execute(f"SELECT DISTINCT {listed} FROM ({rows}) AS x").fetchall():
            customers.add(customer)
            if identifier:
                identifiers.add(tuple(identifier))
    ((known,),) = connection.execute("SELECT count(*) FROM gold.customers").fetchall()
    if len(customers) > FEW * known:
        return False
    former = project.bundles / before.bundle
    path = amend_bundle(connection, former, project.bundles, sorted(customers), sorted(identifiers), **run)
    return path is not None


def clean_bundles(project: Project, lake: Lake) -> None:
    """Remove bundles that no publication names, but for the newest of them: decisions of that run can be replayed."""
    pointer = lake.pointer()
    found = sorted(path for path in project.bundles.iterdir() if path.is_dir()) if project.bundles.exists() else []
    others = [path for path in found if pointer is None or path.name != pointer.bundle]
    for path in others[:-1]:
        shutil.rmtree(path)


@contextmanager
def _timed(result: RunResult, stage: str):
    start = time.perf_counter()
    yield
    result.seconds[stage] = time.perf_counter() - start


@contextmanager
def _logged(state: sqlite3.Connection, run_id: str, started: dt.datetime):
    """Keep the log of runs: whatever happens to this one, its row says so."""
    # A row still 'running' belongs to a run that was killed: we hold the lock now.
    state.execute("UPDATE runs SET status = 'interrupted' WHERE status = 'running'")
    state.execute(
        "INSERT INTO runs (run_id, started_at, status) VALUES (?, ?, 'running')",
        (run_id, started.isoformat(timespec="seconds")),
    )

    def note(status: str, result: RunResult | None, message: str = "") -> None:
        now = dt.datetime.now(dt.UTC)
        state.execute(
            "UPDATE runs SET finished_at = ?, status = ?, as_of = ?, rows_new = ?, tables_built = ?, seconds = ?,"
            " message = ? WHERE run_id = ?",
            (
                now.isoformat(timespec="seconds"),
                status,
                str(result.as_of) if result else None,
                result.rows_new if result else None,
                result.build.built if result else None,
                round((now - started).total_seconds(), 2),
                message,
                run_id,
            ),
        )

    try:
        yield lambda result: note(result.status, result)
    except KeyboardInterrupt:
        note("interrupted", None)
        raise
    except FloorwalkerError as error:
        note("failed", None, error.what)
        raise
    except (RuntimeError, duckdb.InterruptException) as error:
        # Ctrl-C while the engine works: on some of its paths it says so itself instead of leaving it to Python.
        if "interrupt" not in str(error).lower():
            raise
        note("interrupted", None)
        raise KeyboardInterrupt from None
