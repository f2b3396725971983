"""`run`, `status`, `report`: bringing a project up to date and seeing that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from floorwalker.app.output import json_option, progress_bars, show, table, to_json

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project


@click.command()
@click.option("--source", "sources", multiple=True, help="Read only these sources.")
@click.option("--reload", is_flag=True, help="Read known deliveries again (after a mapping changed).")
@click.option("--no-report", is_flag=True, help="Do not write report.html.")
@click.option("--timings", is_flag=True, help="Also print what each table took.")
@click.option("--engine", metavar="URL", help="duckdb, spark://local[2] or spark://HOST:7077 (default: [engine] url).")
@json_option
@click.pass_obj
def run(
    folder: str,
    sources: tuple[str, ...],
    reload: bool,
    no_report: bool,
    timings: bool,
    engine: str | None,
    as_json: bool,
) -> None:
    """Read new files and bring every table up to date; readers see the old run until the new one is whole.

    \b
    floorwalker run
    floorwalker run --engine spark://local[2]
    """
    import msgspec

    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.pipeline import run as run_project
    from floorwalker.app.reporting import headline, write_report

    project = open_project(folder)
    settings = load_config(project).settings
    if engine:
        settings = msgspec.structs.replace(settings, engine=msgspec.structs.replace(settings.engine, url=engine))
    with progress_bars("run") as progress:
        if settings.run.pull and settings.pulls:
            _pull_first(project, settings, sources, progress)
        result = run_project(project, settings, progress=progress, only_sources=sources, reload=reload)
        if (
            settings.run.report
            and not no_report
            and (result.status == "published" or not (project.root / "report.html").exists())
        ):
            progress("report", 0.0, "")
            write_report(project, settings, result)
            progress("report", 1.0, "")
    if as_json:
        click.echo(to_json(result.summary(), 2))
    else:
        for line in headline(project, result):
            click.echo(line)
        if timings:
            took = sorted(result.build.nodes, key=lambda node: -node.seconds)
            rows = [(node.name, node.status, sum(node.rows.values()), round(node.seconds, 2)) for node in took]
            table(("table or step", "status", "rows written", "seconds"), rows)
    if result.build.held_back:
        for name, error in result.build.errors.items():
            click.secho(f"held back {name}: {error}", fg="red", err=True)
        raise SystemExit(1)


def _pull_first(
    project: Project, settings: Settings, sources: tuple[str, ...], progress: Callable[[str, float, str], None]
) -> None:
    """A system that cannot be reached does not stop the run: what is there is read."""
    from floorwalker.app.pulling import pull_sources

    names = [name for name in settings.pulls if not sources or name in sources]
    for one in pull_sources(project, settings, names, progress=progress) if names else ():
        if one.error:
            click.secho(f"not pulled: {one.pull} {one.stream}: {one.error}", fg="yellow", err=True)


@click.command()
@json_option
@click.pass_obj
def status(folder: str, as_json: bool) -> None:
    """What has been read, built and published.

    \b
    floorwalker status
    """
    from floorwalker.app.collect.replaying import waiting
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.engines.lake import Lake
    from floorwalker.events.quarantine import count_quarantine
    from floorwalker.governance.quality.history import skew_words, skews
    from floorwalker.sources.deliveries import sources_read

    project = open_project(folder)
    pointer = Lake(project).pointer()
    with open_state(project) as state:
        runs = state.execute(
            "SELECT run_id, status, as_of, rows_new, tables_built, seconds, message FROM runs"
            " ORDER BY started_at DESC, run_id DESC LIMIT 5"
        ).fetchall()
        read = sources_read(state)
        compared = next(iter(skews(state, 1)), None)
        collected = waiting(project, state)
        aside = count_quarantine(state)
    steps = _next(project, pointer is not None, bool(read), collected or 0, sum(one.rows for one in aside))
    names = ("run_id", "status", "as_of", "rows_new", "tables_built", "seconds", "message")
    if as_json:
        listed = [dict(zip(names, row, strict=True)) for row in runs]
        told = {"published": pointer, "sources": read, "collected_waiting": collected, "skew": compared}
        show({**told, "quarantine": aside, "next": steps, "runs": listed}, True)
        return
    click.echo(f"published: {pointer.run_id} (as of {pointer.as_of})" if pointer else "nothing published yet")
    for name, reason in (pointer.held_back if pointer else {}).items():
        click.secho(f"held back {name}: {reason}", fg="red")
    if compared:
        colour = "red" if compared["differences"] else None
        click.secho(f"batch = live: {skew_words(compared)} (run {compared['run_id']})", fg=colour)
    if collected is not None:
        click.echo(f"collected: {collected:,} requests wait for the next run")
    if read:
        table(tuple(read[0]), [tuple(row.values()) for row in read], title="sources")
    table(names, runs, title="runs")
    if aside:
        click.echo(f"quarantine: {sum(one.rows for one in aside):,} rows, the oldest of {min(o.oldest for o in aside)}")
    for step in steps:
        click.echo(f"next: {step}")


def _next(project: Project, published: bool, read: bool, collected: int, aside: int) -> list[str]:
    """What to do now, the most urgent first."""
    steps = []
    if not read and not any(project.mappings.glob("*.toml")):
        steps.append("floorwalker map FILE (a mapping for a file), or floorwalker collect (events)")
    elif not published:
        steps.append("floorwalker run")
    if collected:
        steps.append("floorwalker run, to bring what was collected into the tables")
    if aside:
        steps.append("floorwalker quarantine count, then quarantine fix")
    if published and not steps:
        steps.append("floorwalker report")
    return steps


@click.command()
@click.option("--out", type=click.Path(dir_okay=False), help="File (default: report.html in the project).")
@click.pass_obj
def report(folder: str, out: str | None) -> None:
    """Write the HTML report of the published run, and the same numbers as JSON beside it.

    \b
    floorwalker report --out report.html
    """
    from pathlib import Path

    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.reporting import write_report

    project = open_project(folder)
    path = write_report(project, load_config(project).settings, None, out=Path(out) if out else None)
    click.echo(f"wrote {path}")
