"""`identity resolve`: who is who anew, by what has been read and by what people have decided since."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, progress_bars, show


@click.command()
@click.option("--wait", default=0.0, show_default=True, help="Seconds to wait for a run that is at work.")
@json_option
@click.pass_obj
def resolve(folder: str, wait: float, as_json: bool) -> None:
    """Bring decisions and settings into effect on what has been read: no source is read, no model fitted.

    Only what they concern is made anew, and published at once. The HTTP service calls this after a decision.

    \b
    floorwalker identity resolve
    floorwalker identity resolve --wait 600
    """
    import time

    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.deciding import take_effect
    from floorwalker.errors import StateError

    project = open_project(folder)
    settings, until = load_config(project).settings, time.monotonic() + wait
    while True:
        try:
            with progress_bars("identity") as progress:
                result = take_effect(project, settings, progress)
            break
        except StateError as error:
            if "another run is at work" not in error.what or time.monotonic() >= until:
                raise
            time.sleep(0.5)
    seconds = sum(result.seconds.values())
    if as_json:
        show({"run_id": result.run_id, "status": result.status, "seconds": round(seconds, 2)}, True)
    else:
        click.echo(f"{result.status} after {seconds:.1f} s, run {result.run_id}")
        for note in result.notes:
            click.echo(note)
    for name, error in result.build.errors.items():
        click.secho(f"held back {name}: {error}", fg="red", err=True)
    if result.build.held_back:
        raise SystemExit(1)
