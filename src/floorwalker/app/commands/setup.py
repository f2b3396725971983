"""`init`, `config`, `simulate`: making a project and looking at its settings."""

from __future__ import annotations

from pathlib import Path

import click

from floorwalker.app.output import json_option, progress_bars, table


@click.command()
@click.argument("name")
@click.option("--template", default="demo", show_default=True, help="demo, online-retail, complete-journey or blank.")
@click.option("--data", multiple=True, metavar="PATH", help="Read this file, or the files in this folder.")
@click.option("--force", is_flag=True, help="Write over an existing project's files (state/ is kept).")
def init(name: str, template: str, data: tuple[str, ...], force: bool) -> None:
    """Make a project folder NAME.

    \b
    floorwalker init shop --template online-retail --data online_retail.parquet
    floorwalker init shop --template complete-journey --data complete_journey/
    """
    from floorwalker.app.scaffold import make_project

    folder = make_project(Path(name), template=template, data=data, force=force)
    click.echo(f"made {folder}/ from the {template} template")
    click.echo(f"next: cd {name}")
    if template == "demo":
        click.echo("      floorwalker simulate data --customers 5000")
    elif template == "blank":
        click.echo("      floorwalker map FILE, or write mappings/*.toml by hand")
    elif not data:
        click.echo("      put files where mappings/*.toml say, or change `files` there")
    click.echo("      floorwalker run")


@click.group()
def config() -> None:
    """Show the settings and where each comes from."""


@config.command("show")
@click.option("--origin", is_flag=True, help="Also show where each value comes from.")
@json_option
@click.pass_obj
def show_config(folder: str, origin: bool, as_json: bool) -> None:
    """The settings in force: file, then environment (FLOORWALKER__SECTION__KEY).

    \b
    FLOORWALKER__ENGINE__THREADS=4 floorwalker config show --origin
    """
    from floorwalker.app.config import load_config, open_project

    rows = load_config(open_project(folder)).rows()
    if origin:
        table(("key", "value", "origin"), [(key, _text(value), where) for key, value, where in rows], as_json)
    else:
        table(("key", "value"), [(key, _text(value)) for key, value, _ in rows], as_json)


def _text(value: object) -> str:
    return "" if value is None else str(value)


@click.command()
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--customers", default=20_000, show_default=True, help="How many people.")
@click.option("--seed", default=1, show_default=True)
@click.option("--days", default=365, show_default=True, help="How long a history.")
def simulate(out: str, customers: int, seed: int, days: int) -> None:
    """Write the raw files of a made-up retailer into OUT, the truth apart in OUT/truth.

    \b
    floorwalker simulate data --customers 5000
    """
    from floorwalker.sources.simulator import simulate as write_files

    with progress_bars("simulate") as progress:
        summary = write_files(
            Path(out),
            customers=customers,
            seed=seed,
            days=days,
            progress=lambda done, text: progress("simulate", done, text),
        )
    click.echo(f"{summary}")
