"""`live`: follow the log and keep profiles fresh."""

from __future__ import annotations

import click


@click.group(invoke_without_command=True)
@click.option("--worker", is_flag=True, hidden=True, help="The process that is supervised.")
@click.option("--tied", is_flag=True, hidden=True, help="End when the process that started it does.")
@click.option("--again", is_flag=True, hidden=True, help="Make the store anew.")
@click.option("--once", is_flag=True, help="Apply what is there, and end.")
@click.pass_context
def live(context: click.Context, worker: bool, tied: bool, again: bool, once: bool) -> None:
    """Follow what is collected: who is who, what they do, their features, milliseconds after they did it.

    `floorwalker collect` starts this beside itself.

    \b
    floorwalker live
    floorwalker live --once
    floorwalker live show email:ann@example.com
    """
    if context.invoked_subcommand:
        return
    import os
    import signal
    import threading

    from floorwalker.app.config import load_config, open_project

    project = open_project(context.obj)
    over, parent = threading.Event(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())

    def is_over() -> bool:
        # A parent that was killed can tell nobody.
        return over.is_set() or (tied and os.getppid() != parent)

    if worker or once:
        from floorwalker.app.live_path.following import Follower

        with Follower(project, load_config(project).settings, again=again) as follower:
            follower.catch_up()
            if not once:
                follower.follow(is_over)
            elif follower.applier.counts:
                click.echo(", ".join(f"{name} {number:,}" for name, number in follower.applier.counts.items()))
        return
    from floorwalker.app.live_path.supervising import supervise

    click.echo("following what is collected (Ctrl-C ends it)", err=True)
    supervise(project, is_over)


@live.command()
@click.argument("identifier")
@click.option("--features", is_flag=True, help="All features, too.")
@click.option("--purpose", help="Only what may be used for it, by consent.")
@click.pass_obj
def show(folder: str, identifier: str, features: bool, purpose: str | None) -> None:
    """Show a live profile: what somebody is doing right now.

    \b
    floorwalker live show email:ann@example.com --features
    """
    import contextlib

    import msgspec

    from floorwalker.app.config import open_project
    from floorwalker.app.live_path.shelf import LiveShelf
    from floorwalker.app.lookup import normaliser
    from floorwalker.decisions.once import parse_identifier
    from floorwalker.errors import NotFoundError
    from floorwalker.governance.consent import load_consent_policy
    from floorwalker.profiles.bundle import Shelf

    project = open_project(folder)
    normalise = normaliser(project)
    shelf = LiveShelf(project, normalise)
    profiles = shelf.profiles()
    if profiles is None:
        raise NotFoundError("there are no live profiles yet", fix="floorwalker live --once")
    kind, value = parse_identifier(identifier)
    customer = value if kind == "customer_id" else profiles.find(kind, value)
    if customer is None:
        with contextlib.suppress(NotFoundError):
            customer = Shelf(project, normalise=normalise).current().resolve(kind, value)
    found = profiles.profile(customer) if customer else None
    if found is None:
        raise NotFoundError("no such customer", why="neither the last run nor what came since knows them")
    if purpose:
        found = profiles.for_purpose(found, purpose, load_consent_policy(project.policies / "consent.toml"))
    told = msgspec.to_builtins(found, str_keys=True)
    if not features:
        del told["features"]
    click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    shelf.close()
