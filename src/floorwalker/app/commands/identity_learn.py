"""`identity learn`: hubs, matching model and levels anew."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, table, to_json


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@json_option
@click.pass_obj
def learn(folder: str, dry_run: bool, as_json: bool) -> None:
    """Find the hubs anew in what has been published, forget those that are none any longer, and have the next run learn
    the matching model and the levels. What is in quarantine stays there.

    \b
    floorwalker identity learn --dry-run
    floorwalker identity learn
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.guarding import learn as learn_anew

    found = learn_anew(open_project(folder), dry_run=dry_run)
    if as_json:
        click.echo(to_json(found, 2))
        return
    click.echo(
        f"statistics {found.before} → {found.after}: {found.hubs:,} hubs, {len(found.added):,} new,"
        f" {len(found.dropped):,} no longer"
    )
    changed = [("+", one) for one in found.added] + [("-", one) for one in found.dropped]
    if changed:
        rows = [(sign, one.kind, one.value, one.records, one.names, one.reason) for sign, one in changed]
        table(("", "kind", "value", "records", "names", "reason"), rows)
    if found.model:
        click.echo("matching model and levels: learned anew by the next run")
    click.echo("nothing was changed" if dry_run else "into effect: floorwalker run")
