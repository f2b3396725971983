"""What a change of identity's settings would do, worked out on a scratch copy: nothing of the project is written.

In: a project, its settings and those that would be (`amending`). Out: `WhatIf`: who would be joined and who would
part, what every level would reach and get wrong, who would enter and leave segments and audiences.

    found = what_if(project, settings, amend(settings, {"identity.hub_names": 5}))
    found.difference.joins.customers

The steps of identity, and everything that depends on them as far as segments and audiences go, run on the published
tables as `floorwalker identity resolve` would with these settings: the models that stand are asked, none is fitted but
the matching model and the levels, where the settings ask for that. No source is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.amending import Amended, Change
from floorwalker.app.engine import sql_engine
from floorwalker.app.graph import build_graph
from floorwalker.app.pipeline import REMEMBERED
from floorwalker.app.state import open_state
from floorwalker.channels.audiences import load_audiences
from floorwalker.channels.movement import Movement, movements
from floorwalker.engines.lake import Lake
from floorwalker.engines.overlay import overlay
from floorwalker.engines.runner import Build, BuildResult, Graph, reads_of
from floorwalker.engines.sql_duckdb import view_files
from floorwalker.engines.steps import Step
from floorwalker.errors import NotFoundError
from floorwalker.governance import suppression
from floorwalker.governance.consent import load_consent_policy
from floorwalker.identity.difference import TABLES, Difference, difference
from floorwalker.identity.reach import Level, levels, read_curve

if TYPE_CHECKING:
    import duckdb

    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project
    from floorwalker.engines.publication import Pointer

Progress = Callable[[str, float, str], None]

RUN_ID = "what-if"
FIRST = ("identity.normalise", "identity.resolve")
GOLDEN = "identity.golden"
MEMBERS = ("gold.segments", "gold.segment_definitions", "gold.customers", "gold.consents", "gold.rfm")
"""Tables by which one knows who is in a segment or an audience."""
ASIDE = ("silver.households", "silver.identity_review")
"""Of these, how many there are is told."""
COPIED = ("identity", "matching", "models")


class Counted(msgspec.Struct, frozen=True):
    """Before and after."""

    before: int
    after: int


class WhatIf(msgspec.Struct, frozen=True):
    """`changes`: the settings that differ. `run_id`, `as_of`: the published run it is about. `level`: whose customers
    the project works with. `levels_before`, `levels_after`: what each reaches and gets wrong, before anonymous visits
    are lent to anybody. `audiences`: those that change; `unchanged`: how many segments and audiences do not. `notes`:
    what else the difference is due to, or why something cannot be told."""

    changes: list[Change]
    run_id: str
    as_of: str
    level: str
    difference: Difference | None = None
    levels_before: list[Level] = []
    levels_after: list[Level] = []
    households: Counted | None = None
    review: Counted | None = None
    audiences: list[Movement] = []
    unchanged: int = 0
    notes: list[str] = []
    seconds: float = 0.0


def what_if(
    project: Project,
    settings: Settings,
    amended: Amended,
    *,
    examples: int = 5,
    progress: Progress = lambda *_: None,
) -> WhatIf:
    """Work it out. Raises NotFoundError before the first run, ConfigError for settings that cannot be."""
    started = time.perf_counter()
    lake = _lake(project, settings)
    pointer = lake.pointer()
    if pointer is None or not set(TABLES) <= pointer.tables.keys():
        raise NotFoundError("nothing has been published yet", fix="floorwalker run")
    found = WhatIf(amended.changes, pointer.run_id, str(pointer.as_of), amended.settings.identity.level)
    if not amended.changes:
        return found
    progress("copying", 0.0, "")
    with overlay(project, pointer.tables, copied=COPIED) as scratch:
        copy = _lake(scratch, settings)
        graph = build_graph(project, amended.settings)
        notes = _pending(copy, pointer, build_graph(project, settings), settings)
        built = _build(copy, pointer, graph, amended.settings, progress)
        progress("comparing", 0.0, "")
        shown = [table for table in (*MEMBERS, *ASIDE) if table in pointer.tables]
        with lake.read(shown) as before, copy.connect() as after:
            _show(after, lake, copy, pointer, built)
            found = _compared(found, settings, amended, before, after, examples)
            moved = _movements(project, before, after) if not built.held_back else []
    notes += [f"{name} could not be worked out: {reason}" for name, reason in built.held_back.items()]
    progress("comparing", 1.0, "")
    return msgspec.structs.replace(
        found,
        audiences=[one for one in moved if not one.nothing],
        unchanged=sum(one.nothing for one in moved),
        notes=notes,
        seconds=round(time.perf_counter() - started, 2),
    )


def _lake(project: Project, settings: Settings) -> Lake:
    return Lake(project, memory_limit=settings.engine.memory_limit, threads=settings.engine.threads)


def _build(lake: Lake, pointer: Pointer, graph: Graph, settings: Settings, progress: Progress) -> BuildResult:
    nodes = affected(graph, (*TABLES, *MEMBERS, *ASIDE))
    build = _pass(lake, pointer, settings)
    done = 0

    def count(name: str, fraction: float, text: str = "") -> None:
        nonlocal done
        done += fraction >= 1.0
        progress("tables", min(done / len(nodes), 0.999), f"{name} {text}")

    with sql_engine(lake.project, settings.engine) as build.engine:
        built = build.run(graph, count, only=nodes)
    progress("tables", 1.0, "")
    return built


def _pass(lake: Lake, pointer: Pointer, settings: Settings) -> Build:
    return Build(
        lake,
        RUN_ID,
        pointer.as_of,
        pointer.reporting_currency,
        precedence=settings.orders.precedence,
        previous={table: pointer.tables.get(table) for table in REMEMBERED},
        empty=REMEMBERED,
        versions={table: version for table, version in pointer.tables.items() if table.startswith("bronze.")},
        published=pointer.tables,
        quick=True,
    )


def affected(graph: Graph, wanted: Iterable[str]) -> list[str]:
    """What must be built anew to know `wanted` tables when settings of identity change, in order."""
    needed = {graph.writers[table] for table in wanted if table in graph.writers}
    for name in reversed(graph.order):
        if name in needed:
            needed |= {graph.writers[table] for table in reads_of(graph.nodes[name]) if table in graph.writers}
    starts = [name for name in (*FIRST, GOLDEN) if name in graph.nodes]
    reached = {*starts, *(name for start in starts for name in graph.downstream(start))}
    return [name for name in graph.order if name in needed & reached]


def _pending(copy: Lake, pointer: Pointer, graph: Graph, settings: Settings) -> list[str]:
    """Whether the published tables are those of the project's settings and decisions as they are now."""
    step = graph.nodes[FIRST[-1]]
    assert isinstance(step, Step)
    build = _pass(copy, pointer, settings)
    build.versions.update(pointer.tables)
    made = copy.commit_info(step.writes[0])
    if made.get("fingerprint") == build.fingerprint(step):
        return []
    return ["settings, decisions or this program have changed since the published run: their effect is part of this"]


def _show(
    after: duckdb.DuckDBPyConnection,
    lake: Lake,
    copy: Lake,
    pointer: Pointer,
    built: BuildResult,
) -> None:
    """Views: the tables that would be under their own names in `after`, and both sides of TABLES by name of side."""
    versions = {**pointer.tables, **built.versions}
    for table in {*TABLES, *MEMBERS, *ASIDE} & versions.keys():
        copy.view(after, table, versions[table])
    for side, source, known in (("before", lake, pointer.tables), ("after", copy, versions)):
        after.execute(f"CREATE SCHEMA {side}")
        for table in TABLES:
            files = source.files(table, known[table])
            view_files(after, f"{side}.{table.partition('.')[2]}", files)


def _movements(project: Project, before: duckdb.DuckDBPyConnection, after: duckdb.DuckDBPyConnection) -> list[Movement]:
    with open_state(project) as state:
        erased = suppression.as_arrow(state)
    audiences = load_audiences(project.policies / "audiences.toml")
    consent = load_consent_policy(project.policies / "consent.toml")
    return movements(before, after, audiences, consent, secret=project.secret, suppressed=erased)


def _compared(
    found: WhatIf,
    settings: Settings,
    amended: Amended,
    before: duckdb.DuckDBPyConnection,
    after: duckdb.DuckDBPyConnection,
    examples: int,
) -> WhatIf:
    """`found` with what the tables say."""
    moved = difference(after, examples)
    curves = [read_curve(after, f"{side}.identity_levels") for side in ("before", "after")]
    return msgspec.structs.replace(
        found,
        difference=moved,
        levels_before=levels(curves[0], moved.records, settings.identity.levels),
        levels_after=levels(curves[1], moved.records, amended.settings.identity.levels),
        households=_count(before, after, "SELECT count(DISTINCT household_key) FROM silver.households"),
        review=_count(before, after, "SELECT count(*) FROM silver.identity_review"),
    )


def _count(before: duckdb.DuckDBPyConnection, after: duckdb.DuckDBPyConnection, query: str) -> Counted | None:
    import duckdb

    try:
        return Counted(*(one.execute(query).fetchall()[0][0] for one in (before, after)))
    except duckdb.CatalogException:
        return None
