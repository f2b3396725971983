"""`models`, `query`: looking at tables and at what makes them."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, table


@click.group()
def models() -> None:
    """List, lint and show the SQL models, the product's and yours."""


@models.command("list")
@json_option
@click.pass_obj
def list_models(folder: str, as_json: bool) -> None:
    """Every table in the order a run builds it.

    \b
    floorwalker models list
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.graph import build_graph
    from floorwalker.engines.models import SqlModel
    from floorwalker.engines.runner import writes_of

    project = open_project(folder)
    graph = build_graph(project, load_config(project).settings)
    rows = []
    for name in graph.order:
        node = graph.nodes[name]
        kind = "sql" if isinstance(node, SqlModel) else "step"
        rows += [(written, kind, ", ".join(node.reads)) for written in writes_of(node)]
    table(("table", "made by", "reads"), rows, as_json)


@models.command("lint")
@json_option
@click.pass_obj
def lint_models(folder: str, as_json: bool) -> None:
    """What in the models would not run, or not give the same rows, on Spark, Databricks or Snowflake.

    \b
    floorwalker models lint
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.graph import all_models
    from floorwalker.engines.models import lint

    found = [(model.where, one.line, one.message) for model in all_models(open_project(folder)) for one in lint(model)]
    if found or as_json:
        table(("model", "line", "finding"), found, as_json)
    else:
        click.echo("every model travels")
    if found:
        raise SystemExit(1)


@models.command("show")
@click.argument("name")
@click.option("--dialect", default="duckdb", show_default=True, help="duckdb, spark, databricks, snowflake.")
@click.pass_obj
def show_model(folder: str, name: str, dialect: str) -> None:
    """The SQL of a model, translated on request.

    \b
    floorwalker models show gold.customers --dialect spark
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.graph import all_models, build_graph
    from floorwalker.engines.models import ENGINES
    from floorwalker.engines.translate import translate
    from floorwalker.errors import NotFoundError, did_you_mean

    known = {model.name: model for model in all_models(open_project(folder))}
    if name not in known:
        project = open_project(folder)
        step = build_graph(project, load_config(project).settings).writers.get(name)
        if step:
            raise NotFoundError(f"{name} has no SQL", why=f"the step '{step}' makes it in Python")
        raise NotFoundError(f"no model {name}", fix=did_you_mean(name, known))
    if dialect == "duckdb":
        click.echo(known[name].sql)
        return
    if dialect not in ENGINES:
        raise NotFoundError(f"no dialect {dialect}", fix=did_you_mean(dialect, ("duckdb", *ENGINES)))
    click.echo(translate(known[name].sql, dialect, pretty=True))


@click.command()
@click.argument("sql")
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="Rows at most; 0 for all.")
@click.option("--run", "run_id", help="As readers saw it after this run, while [lake] keeps it.")
@json_option
@click.pass_obj
def query(folder: str, sql: str, limit: int, run_id: str | None, as_json: bool) -> None:
    """Ask the published tables a question in SQL (DuckDB's dialect, reading only).

    \b
    floorwalker query "SELECT segment, COUNT(*) FROM gold.rfm GROUP BY 1 ORDER BY 2 DESC"
    """
    import duckdb

    from floorwalker.app.config import open_project
    from floorwalker.engines.lake import Lake, only_reads
    from floorwalker.engines.messages import impersonal
    from floorwalker.errors import ModelError

    with Lake(open_project(folder)).read(locked=True, run_id=run_id) as connection:
        try:
            if not only_reads(connection, sql):
                raise ModelError("only one SELECT is allowed here", fix='floorwalker query "SELECT …"')
            relation = connection.sql(sql)
            rows = (relation.limit(limit) if limit else relation).fetchall()
        except duckdb.Error as error:
            raise ModelError("the query does not run", why=impersonal(str(error), sql)) from None
        table(relation.columns, rows, as_json)
