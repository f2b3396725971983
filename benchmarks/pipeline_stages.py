"""One stage of a run, alone in its process: what `benchmarks.pipeline` starts and measures.

In: a stage and a project folder. Out: a line of JSON: {seconds, cpu, peak_mb, nodes: {name: [seconds, cpu]}}.

    python -m benchmarks.pipeline_stages sources /tmp/project

Stages, in their order: `sources`; the tables by group: `identity`, `silver`, `gold`, `models`; `bundle`, which also
publishes. Then `run`, all of it as a user runs it; and `sql`, what is compared with the plain script: sources and the
SQL tables that the script makes too, in one process. Identity must run in it, because customers are needed, so its time
is told by `nodes`.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path

from benchmarks.measuring import figures
from benchmarks.plain_sql_tables import GOLD, SILVER

from floorwalker.app.config import load_config
from floorwalker.app.graph import BRONZE, all_models, build_graph
from floorwalker.app.intake import read_sources
from floorwalker.app.pipeline import REMEMBERED, RunResult, as_of, run, write_bundle
from floorwalker.app.state import open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, BuildResult, Graph, plan
from floorwalker.identity.golden import golden_step
from floorwalker.identity.household_steps import household_step
from floorwalker.identity.steps import steps as identity_steps

RUN_ID = "bench"
TODAY = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
RECORDS, GOLDEN = "silver.identity_records", "silver.golden_fields"
CONTROL = {*(f"silver.{name}" for name in SILVER), *(f"gold.{name}" for name in GOLD)}
"""Tables the plain script makes: no other is timed against it."""


class Stages:
    """A project's stages; `nodes` has what each node of the tables took."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.settings = load_config(project).settings
        self.lake = Lake(project, memory_limit=self.settings.engine.memory_limit, threads=self.settings.engine.threads)
        self.nodes: dict[str, list[float]] = {}
        self._started: tuple[float, ...] = ()

    def run(self, stage: str) -> None:
        if stage == "run":
            run(self.project, self.settings)
        elif stage == "sources":
            self.sources()
        elif stage == "sql":
            self.sources()
            who = self.settings.identity
            steps = [*identity_steps(who), golden_step(who.golden), household_step(who.household)]
            compared = [model for model in all_models(self.project) if model.name in {*CONTROL, GOLDEN}]
            self.build(plan(compared, steps, BRONZE))
        elif stage == "bundle":
            self.bundle()
        else:
            graph = build_graph(self.project, self.settings)
            self.build(graph, [name for name in graph.order if group_of(name) == stage])

    def sources(self) -> None:
        with open_state(self.project) as state:
            read_sources(self.project, self.settings, self.lake, state, RUN_ID, TODAY, lambda *_: None, set(), False)

    def build(self, graph: Graph, only: list[str] | None = None) -> BuildResult:
        build = Build(
            self.lake,
            RUN_ID,
            as_of(self.lake, self.settings.run.as_of, TODAY.date()),
            self.settings.reporting_currency,
            previous=dict.fromkeys(REMEMBERED),
            empty=REMEMBERED,
        )
        return build.run(graph, self._clock, only or ())

    def bundle(self) -> None:
        day = as_of(self.lake, self.settings.run.as_of, TODAY.date())
        versions = {name: self.lake.version(name) or 0 for name in self.lake.tables()}
        result = RunResult(RUN_ID, "published", day, build=BuildResult(versions=versions))
        name = write_bundle(self.project, self.lake, self.settings, result, lambda *_: None)
        self.lake.publish(run_id=RUN_ID, as_of=day, versions=versions, bundle=name)

    def _clock(self, node: str, done: float, _text: str) -> None:
        if done == 0.0:
            self._started = (time.perf_counter(), time.process_time())
        elif done == 1.0 and self._started:
            wall, cpu = self._started
            self._started = ()
            self.nodes[node] = [time.perf_counter() - wall, time.process_time() - cpu]


def group_of(node: str) -> str:
    """The group a node of the graph is measured in."""
    if node in (RECORDS, GOLDEN) or node.startswith("identity."):
        return "identity"
    layer = node.partition(".")[0]
    return layer if layer in ("silver", "gold") else "models"


if __name__ == "__main__":
    begun = time.perf_counter()
    stages = Stages(Project(Path(sys.argv[2])))
    stages.run(sys.argv[1])
    sys.stdout.write(json.dumps(figures(begun, stages.nodes)) + "\n")
