"""What `floorwalker export` writes: the project's SQL for other engines, and the project as a dbt project.

In: a project, its settings, a folder. Out: the folder's files, and what to say of them.

    export_dbt(project, settings, Path("dbt"))       # dbt build makes the tables that the run published
    export_sql(project, settings, Path("sql"), "databricks")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker import __version__
from floorwalker.app.graph import BRONZE, build_graph
from floorwalker.engines.export_dbt import DbtSource, RunFacts, dbt_project
from floorwalker.engines.export_sql import STANDING, MetaFacts, script_name, sql_scripts
from floorwalker.engines.exporting import write_export
from floorwalker.engines.lake import Lake, Pointer
from floorwalker.engines.models import SqlModel
from floorwalker.errors import NotFoundError, StateError
from floorwalker.events.vocabulary import KINDS

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project
    from floorwalker.engines.runner import Graph


def export_sql(
    project: Project, settings: Settings, folder: Path, dialect: str, *, force: bool = False
) -> dict[str, Any]:
    """Every model as a script for `dialect`, in the order to run them; needs no run."""
    graph = build_graph(project, settings)
    models = _models(graph)
    pointer = Lake(project).pointer()
    facts = MetaFacts(
        pointer.run_id if pointer else "",
        str(pointer.as_of) if pointer else "",
        pointer.reporting_currency if pointer else settings.reporting_currency,
        settings.orders.precedence,
    )
    files = sql_scripts(models, dialect, facts)
    needed = _needed(graph, models)
    order = [
        {"file": script_name(number, model.name), "table": model.name, "reads": list(model.reads)}
        for number, model in enumerate(models, 1)
    ]
    about = {"version": __version__, "dialect": dialect, "standing": STANDING[dialect], "sources": needed}
    files["README.md"] = _readme(dialect, needed)
    write_export(folder, "export sql", files, {**about, "order": order}, force=force)
    return {"folder": str(folder), "dialect": dialect, "models": len(models), "standing": STANDING[dialect]}


def export_dbt(project: Project, settings: Settings, folder: Path, *, force: bool = False) -> dict[str, Any]:
    """The project for dbt-duckdb, on the tables of the published run. Raises NotFoundError when there is none."""
    lake = Lake(project)
    pointer = lake.pointer()
    if pointer is None:
        raise NotFoundError(
            "nothing has been published yet", why="dbt reads the published bronze tables", fix="floorwalker run"
        )
    graph = build_graph(project, settings)
    models = _models(graph)
    absent = sorted(set(_needed(graph, models)) - set(pointer.tables))
    if absent:
        raise StateError(
            f"{', '.join(absent)} was never published",
            why="models read it",
            fix="floorwalker run, and see what it says",
        )
    facts = RunFacts(
        run_id=pointer.run_id,
        as_of=str(pointer.as_of),
        reporting_currency=pointer.reporting_currency,
        precedence=settings.orders.precedence,
        lake=str(project.lake),
        memory_limit=settings.engine.memory_limit,
    )
    sources = _sources(lake, pointer, graph)
    files = dbt_project(models, sources, facts)
    about = {"version": __version__, "run_id": pointer.run_id, "tables": pointer.tables}
    write_export(folder, "export dbt", files, about, force=force)
    return {
        "folder": str(folder),
        "models": len(models),
        "sources": len(sources),
        "tests": sum(_tests(model) for model in models),
        "run_id": pointer.run_id,
        "as_of": pointer.as_of,
    }


def _models(graph: Graph) -> list[SqlModel]:
    return [node for name in graph.order if isinstance(node := graph.nodes[name], SqlModel)]


def _needed(graph: Graph, models: list[SqlModel]) -> dict[str, str]:
    """Tables that models read and no model makes, with what does."""
    made = {model.name for model in models}
    read = {table for model in models for table in model.reads} - made
    return {table: _maker(graph, table) for table in sorted(read) if not table.startswith("meta.")}


def _maker(graph: Graph, table: str) -> str:
    step = graph.writers.get(table)
    return f"the step {step}, in Python" if step else "files, by their mappings"


def _sources(lake: Lake, pointer: Pointer, graph: Graph) -> list[DbtSource]:
    """The published tables that no SQL makes: bronze ones, and what steps wrote."""
    made = {table for table, node in graph.writers.items() if isinstance(graph.nodes[node], SqlModel)}
    found = []
    for table, version in pointer.tables.items():
        if table in made or (table not in BRONZE and table not in graph.writers):
            continue
        files = tuple(Path(file).relative_to(lake.project.lake).as_posix() for file in lake.files(table, version))
        kind = KINDS.get(table.partition(".")[2]) if table in BRONZE else None
        about = f"{kind.about}; as read from files" if kind else f"Made by {_maker(graph, table)}"
        columns = {column.name: column.about for column in kind.columns if column.about} if kind else {}
        found.append(DbtSource(table, files, about, columns))
    return found


def _tests(model: SqlModel) -> int:
    from floorwalker.engines.checks import read_tests

    return len(read_tests(model.name, model.document))


def _readme(dialect: str, needed: dict[str, str]) -> str:
    tables = "\n".join(f"- `{table}`: from {maker}" for table, maker in needed.items())
    return f"""# SQL for {dialect}, exported by Floorwalker {__version__}

How far this was checked: {STANDING[dialect]}.

Run the files in the order of their numbers. `000_meta.sql` makes the schemas and the two tables by which models know
the run; set the day in it. Each other file makes one table. `floorwalker-export.json` has the order as data.

These tables must be there first. Floorwalker keeps them as Delta tables under `state/lake/LAYER/NAME`, versions as in
`state/published.json`; what a step writes follows from silver tables, so bring it from the run that you export from:

{tables}

Types of computed columns are the engine's own: a row number is BIGINT on DuckDB and INT on Spark.
`floorwalker run --engine spark://…` casts to DuckDB's types; these scripts do not.
"""
