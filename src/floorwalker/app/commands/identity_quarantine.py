"""`identity quarantine`: identifiers that the breaker has taken out."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, table, to_json


@click.command()
@click.argument("action", type=click.Choice(["list", "release"]), default="list")
@click.argument("code", required=False)
@json_option
@click.pass_obj
def quarantine(folder: str, action: str, code: str | None, as_json: bool) -> None:
    """List what the breaker has taken out, or `release` one: from the next run on it counts like any other, for good.

    Only hashes are kept; `floorwalker identity blocked` shows the masked value of each.

    \b
    floorwalker identity quarantine list
    floorwalker identity quarantine release 5f0c9d2e7ab41c63
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.guarding import release
    from floorwalker.identity.quarantine import known

    if (action == "release") != (code is not None):
        raise click.UsageError("release takes the code of one identifier, list takes none")
    project = open_project(folder)
    if code is not None:
        found = release(project, code)
        if as_json:
            click.echo(to_json(found, 2))
        else:
            click.echo(f"{found.kind} {found.code} is released; into effect: floorwalker identity resolve")
        return
    listed = known(project)
    if as_json:
        click.echo(to_json(listed, 2))
        return
    if not listed:
        click.echo("nothing is in quarantine")
        return
    rows = [
        (one.code, one.kind, one.at, one.run_id, one.customers, one.joins,
         f"released {one.released_at} by {one.released_by}" if one.released_at else "in quarantine")
        for one in listed
    ]  # fmt: skip
    table(("code", "kind", "since", "run", "would join", "of all joins", "state"), rows)
