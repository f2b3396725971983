"""`export`: the project's SQL for other engines, and the project for dbt."""

from __future__ import annotations

from pathlib import Path

import click

from floorwalker.app.output import json_option, show

out_option = click.option(
    "--out", required=True, type=click.Path(file_okay=False), metavar="DIR", help="Folder to make."
)
force_option = click.option("--force", is_flag=True, help="Write over what others put, or changed, in the folder.")


@click.group()
def export() -> None:
    """Write the project's SQL for another engine, or a dbt project."""


@export.command("sql")
@click.option(
    "--dialect",
    required=True,
    type=click.Choice(["databricks", "snowflake", "spark", "duckdb"]),
    help="Databricks' and Snowflake's are parsed, not executed.",
)
@out_option
@force_option
@json_option
@click.pass_obj
def export_scripts(folder: str, dialect: str, out: str, force: bool, as_json: bool) -> None:
    """One script per model, the product's and yours, in the order to run them.

    \b
    floorwalker export sql --dialect databricks --out databricks/
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.export import export_sql

    project = open_project(folder)
    told = export_sql(project, load_config(project).settings, Path(out), dialect, force=force)
    if as_json:
        show(told, True)
        return
    click.echo(f"wrote {told['models']} models and 000_meta.sql for {dialect} to {out}")
    click.echo(f"they are {told['standing']}")
    click.echo("next: README.md there says which tables they need")


@export.command("dbt")
@out_option
@force_option
@json_option
@click.pass_obj
def export_project(folder: str, out: str, force: bool, as_json: bool) -> None:
    """A dbt project with every model and test, on the tables of the published run.

    \b
    floorwalker export dbt --out dbt/
    cd dbt && dbt build
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.export import export_dbt

    project = open_project(folder)
    told = export_dbt(project, load_config(project).settings, Path(out), force=force)
    if as_json:
        show(told, True)
        return
    click.echo(
        f"wrote {told['models']} models, {told['sources']} sources and {told['tests']} tests to {out},"
        f" as of {told['as_of']}"
    )
    click.echo(f"next: cd {out} && dbt build     (README.md there says how to get dbt)")
