"""`doctor`: what stands in the way, and what to do."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, to_json

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--quiet", is_flag=True, help="Only what is not as it should be.")
@json_option
@click.pass_obj
def doctor(folder: str, quiet: bool, as_json: bool) -> None:
    """Check installation, folder, disk, clock, settings, stores and servers, and say what to do. Changes nothing.

    Exit code 1 when something stands in the way; warnings alone are 0.

    \b
    floorwalker doctor
    floorwalker doctor --quiet --json
    """
    import msgspec

    from floorwalker.app.config import open_project
    from floorwalker.app.doctor.examining import examine

    found = [one for one in examine(open_project(folder)) if not quiet or one.status != "ok"]
    if as_json:
        click.echo(to_json([msgspec.to_builtins(one) for one in found], 2))
    else:
        width = max((len(one.check) for one in found), default=0)
        for one in found:
            click.echo(f"{click.style(f'{one.status:<4}', fg=_COLOURS[one.status])}  {one.check:<{width}}  {one.says}")
            if one.fix:
                click.echo(f"{'':<{width + 8}}{click.style('→ ' + one.fix, bold=True)}")
        bad = sum(one.is_bad for one in found)
        worth = sum(one.status == "warn" for one in found)
        click.echo(f"{bad} in the way, {worth} worth knowing" if bad or worth else "all is well")
    if any(one.is_bad for one in found):
        raise SystemExit(1)
