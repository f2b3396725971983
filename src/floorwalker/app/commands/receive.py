"""`receive`, `privacy`: take what systems send by themselves, and carry out what people ask of their data."""

from __future__ import annotations

import click

from floorwalker.app.commands.decide import check_free
from floorwalker.app.output import json_option, table


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8383, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option("--allow-loopback-without-key", is_flag=True, help="Let this machine in without a key.")
@click.pass_obj
def receive(folder: str, host: str, port: int, allow_loopback_without_key: bool) -> None:
    """Take Debezium's changes and Shopify's privacy webhooks over HTTP.

    \b
    floorwalker receive --port 8383
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.receive.service import serve_receiver
    from floorwalker.sources.connectors.settings import read_pulls

    project = open_project(folder)
    pulls = read_pulls(load_config(project).settings.pulls)
    check_free(host, port)
    click.echo(f"receiving on http://{host}:{port} (Ctrl-C ends it)", err=True)
    serve_receiver(project, pulls, host=host, port=port, open_loopback=allow_loopback_without_key)


@click.group()
def privacy() -> None:
    """What people asked of their data by a shop's webhooks."""


@privacy.command("list")
@json_option
@click.pass_obj
def list_requests(folder: str, as_json: bool) -> None:
    """Requests that wait, the first due first. What a person asked to see: floorwalker customers show.

    \b
    floorwalker privacy list
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.receive.privacy import waiting
    from floorwalker.app.state import open_state

    with open_state(open_project(folder)) as state:
        found = waiting(state)
    names = ("request", "source", "topic", "customer", "email", "phone", "received", "due")
    table(names, [tuple(vars(one).values()) for one in found], as_json)


@privacy.command("carry-out")
@click.option("--dry-run", is_flag=True, help="Only say who is found.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def carry_out(folder: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase everybody whose erasure is asked for (customers/redact), with proof.

    \b
    floorwalker privacy carry-out --dry-run
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.receive.privacy import carry_out as erase_them

    if not dry_run and not yes:
        click.confirm("Erase these people for good? It cannot be undone", abort=True, err=True)
    done = erase_them(open_project(folder), dry_run=dry_run)
    table(("request", "what came of it"), done, as_json)
    if any(outcome == "erased, not proven" for _, outcome in done):
        raise SystemExit(1)


@privacy.command("settle")
@click.argument("number")
@click.pass_obj
def settle_request(folder: str, number: str) -> None:
    """A request has been answered: it is taken off the list.

    \b
    floorwalker privacy settle 5b1f0c6b2f7f9a10
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.receive.privacy import settle

    settle(open_project(folder), number)
    click.echo("settled")
