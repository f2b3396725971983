"""`identity blocked`: values that name nobody, and why."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, table, to_json


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Rows of each list at most.")
@json_option
@click.pass_obj
def blocked(folder: str, limit: int, as_json: bool) -> None:
    """Values that many people share (hubs, pinned or of today), what is in quarantine, and what was written where no
    identifier was known. Values are masked.

    \b
    floorwalker identity blocked
    floorwalker identity blocked --limit 100 --json
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.guarding import open_guards
    from floorwalker.identity.barred import barred, placeholders

    with open_guards(open_project(folder)) as guards:
        found = barred(guards.connection, guards.pinned, limit)
        written = placeholders(guards.connection, limit)
    if as_json:
        click.echo(to_json({"statistics": guards.pinned.version, "barred": found, "placeholders": written}, 2))
        return
    click.echo(f"statistics {guards.pinned.version}: {len(guards.pinned.hubs):,} hubs pinned")
    rows = [(one.kind, one.value, one.records, one.names, one.because, one.reason, one.code) for one in found]
    table(("kind", "value", "records", "names", "because", "reason", "code"), rows)
    if written:
        click.echo()
        table(("kind", "written instead of one", "records"), [(one.kind, one.value, one.records) for one in written])
