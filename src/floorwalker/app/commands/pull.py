"""`pull`: bring what is new from systems outside, as delivery files that the next run reads."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, progress_bars, show, table


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="List the connectors, and the sources of this project.")
@click.option("--show", "shown", metavar="CONNECTOR", help="Print what to put into floorwalker.toml for a connector.")
@click.option(
    "--adopt", metavar="SOURCE", help="Copy a source's shipped mappings into mappings/, to change them there."
)
@click.option("--since", metavar="TIME", help="Read from this day or time on, whatever was read before.")
@click.option("--full", is_flag=True, help="Read everything again.")
@click.option("--dry-run", is_flag=True, help="Read and count; write nothing and move nothing.")
@json_option
@click.pass_obj
def pull(
    folder: str,
    sources: tuple[str, ...],
    listing: bool,
    shown: str | None,
    adopt: str | None,
    since: str | None,
    full: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring what is new from the sources in [pulls], as files that the next run reads.

    \b
    floorwalker pull --list
    floorwalker pull --show shopify
    floorwalker pull shop --since 2026-01-01 --dry-run
    """
    if shown:
        _show(folder, shown)
    elif listing:
        _list(folder, as_json)
    elif adopt:
        _adopt(folder, adopt)
    else:
        _pull(folder, sources, since, full, dry_run, as_json)


def _pull(folder: str, sources: tuple[str, ...], since: str | None, full: bool, dry_run: bool, as_json: bool) -> None:
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.pulling import pull_sources
    from floorwalker.sources.connectors.settings import as_time

    if since and full:
        raise click.UsageError("--since and --full exclude each other")
    project = open_project(folder)
    settings = load_config(project).settings
    from_time = as_time(since, "--since") if since else None
    with progress_bars("pull") as progress:
        results = pull_sources(
            project, settings, sources, since=from_time, full=full, dry_run=dry_run, progress=progress
        )
    if as_json:
        show(results, True)
    else:
        names = ("source", "stream", "from", "records", "new", "known", "files", "read until")
        rows = [
            (one.pull, one.stream, one.since, one.records, one.new, one.known, one.files, one.cursor)
            for one in results
            if not one.error
        ]
        if rows:
            table(names, rows)
        if any(one.odd for one in results):
            click.echo(f"{sum(one.odd for one in results)} records were no objects and are left out")
        if dry_run:
            click.echo("dry run: nothing was written")
    failed = [one for one in results if one.error]
    for one in failed:
        click.secho(f"{one.pull} {one.stream}: {one.error}", fg="red", err=True)
    if failed:
        raise SystemExit(1)


def _list(folder: str, as_json: bool) -> None:
    from floorwalker.app.config import load_config
    from floorwalker.app.pulling import listed_sources
    from floorwalker.engines.project import Project
    from floorwalker.sources.connectors.definition import load_connector, shipped_connectors

    shipped = [load_connector(name) for name in shipped_connectors()]
    about = [(one.name, one.title, ", ".join(stream.name for stream in one.streams)) for one in shipped]
    about += [("sql", "A table or view of a database that SQLAlchemy knows", "your tables")]
    about += [("files", "A remote folder that fsspec knows: SFTP, S3, …", "files")]
    about += [("debezium", "Changes of a database's rows, sent to floorwalker receive", "changes")]
    project = Project(folder)
    # Connectors can be looked at before there is a project.
    sources = listed_sources(project, load_config(project).settings) if project.config_file.exists() else []
    if as_json:
        names = ("connector", "title", "streams")
        show({"connectors": [dict(zip(names, one, strict=True)) for one in about], "sources": sources}, True)
        return
    table(("connector", "what it reads", "streams"), about)
    for one in sources:
        until = ", ".join(f"{stream} {value}" for stream, value in one.read_until.items())
        click.echo(f"pulls.{one.name} ({one.connector}): {'read until ' + until if until else 'not pulled yet'}")


def _show(folder: str, name: str) -> None:
    from floorwalker.app.pulling import CONNECTORS
    from floorwalker.engines.project import Project
    from floorwalker.sources.connectors.showing import as_settings

    click.echo(as_settings(name, Project(folder).root / CONNECTORS), nl=False)


def _adopt(folder: str, name: str) -> None:
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.pulling import chosen_pulls
    from floorwalker.sources.connectors.mappings import adopt

    project = open_project(folder)
    (one,) = chosen_pulls(load_config(project).settings, [name])
    for path in adopt(one, project.mappings):
        click.echo(f"wrote {path.relative_to(project.root)}")
