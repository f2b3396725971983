"""`identity keys`: the keys by which other systems look customers up without holding an identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from floorwalker.app.output import json_option, show, table

if TYPE_CHECKING:
    from floorwalker.identity.lookup_keys import LookupKeys


@click.group()
def keys() -> None:
    """List, rotate and retire look-up keys; make a token of an identifier.

    \b
    floorwalker identity keys list
    """


@keys.command("list")
@json_option
@click.pass_obj
def list_all(folder: str, as_json: bool) -> None:
    """Every look-up key by its id, never the key itself.

    \b
    floorwalker identity keys list
    """
    from floorwalker.app.config import open_project
    from floorwalker.identity.lookup_keys import LookupKeys

    _print(LookupKeys.load(open_project(folder)), as_json)


@keys.command("rotate")
@json_option
@click.pass_obj
def rotate(folder: str, as_json: bool) -> None:
    """Make a new current key. Tokens of the earlier ones are answered until these are retired.

    \b
    floorwalker identity keys rotate
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup_keys import rotate as carry_out

    _print(carry_out(open_project(folder)), as_json)


@keys.command("retire")
@click.argument("kid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def retire(folder: str, kid: str, yes: bool, as_json: bool) -> None:
    """End a key for good: its tokens find nobody from now on.

    \b
    floorwalker identity keys retire k1
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup_keys import retire as carry_out

    if not yes:
        click.confirm(f"Whoever still holds tokens of {kid} will find nobody. Retire it?", abort=True, err=True)
    _print(carry_out(open_project(folder), kid), as_json)


@keys.command("apply")
@click.pass_obj
def apply(folder: str) -> None:
    """Bring the served index to the keys, after FLOORWALKER_LOOKUP_KEYS has changed.

    \b
    floorwalker identity keys apply
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup_keys import apply as carry_out

    click.echo("index written anew" if carry_out(open_project(folder)) else "the index has these keys already")


@keys.command("token")
@click.argument("identifier")
@json_option
@click.pass_obj
def token(folder: str, identifier: str, as_json: bool) -> None:
    """What another system may keep instead of an identifier, and ask by as lookup_key:TOKEN.

    \b
    floorwalker identity keys token email:ann@example.com
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup import normaliser
    from floorwalker.decisions.once import parse_identifier
    from floorwalker.errors import ConfigError
    from floorwalker.identity.lookup_keys import LookupKeys

    project = open_project(folder)
    kind, value = parse_identifier(identifier)
    key = normaliser(project)(kind, value)
    if key is None:
        raise ConfigError(
            "that is no identifier by which somebody can be looked up",
            why="it is no kind:value, or a value that names nobody",
            fix="email:ann@example.com, phone:…, loyalty_id:…, customer_ref:source:…",
        )
    made = LookupKeys.load(project).token(kind, key)
    show({"kind": kind, "token": made}, True) if as_json else click.echo(made)


def _print(found: LookupKeys, as_json: bool) -> None:
    rows = []
    for kid in sorted({*found.valid, *found.retired}, key=lambda kid: int(kid[1:])):
        state = "current" if kid == found.current else "retired" if kid in found.retired else "answered"
        rows.append((kid, state, found.made_at.get(kid) or None, found.retired.get(kid)))
    table(("key", "state", "made_at", "retired_at"), rows, as_json)
