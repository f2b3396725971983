"""`identity link`, `identity cut`: two are one person, or they are not, because somebody says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import click

from floorwalker.app.commands.identity_effect import effect, later_option, note_option, told
from floorwalker.app.output import json_option


@click.command()
@click.argument("a")
@click.argument("b")
@note_option
@later_option
@json_option
@click.pass_obj
def link(folder: str, a: str, b: str, note: str, later: bool, as_json: bool) -> None:
    """Decide that A and B are one person: records (the first letters of their ids), customers, or identifiers.

    A customer or an identifier stands for all the records of that customer.

    \b
    floorwalker identity link email:ann@example.com loyalty_id:L77 --note "said so at the till"
    """
    _decide(folder, "link", a, b, note, later, as_json)


@click.command()
@click.argument("a")
@click.argument("b")
@note_option
@later_option
@json_option
@click.pass_obj
def cut(folder: str, a: str, b: str, note: str, later: bool, as_json: bool) -> None:
    """Decide that A and B are not one person: records (the first letters of their ids), customers, or identifiers.

    Two identifiers of one customer part the records that carry them.

    \b
    floorwalker identity cut email:ann@example.com email:bob@example.com
    """
    _decide(folder, "cut", a, b, note, later, as_json)


def _decide(folder: str, kind: Literal["link", "cut"], a: str, b: str, note: str, later: bool, as_json: bool) -> None:
    from floorwalker.app.config import open_project
    from floorwalker.app.deciding import decide
    from floorwalker.app.identifying import open_identity

    project = open_project(folder)
    with open_identity(project) as tables:
        made = decide(project, tables.connection, kind, tables.find(a), tables.find(b), note=note)
    decision = made.decision
    one, other = (_said(*side) for side in zip(decision.customers, (decision.a, decision.b), strict=True))
    words = f"{one} {'and' if kind == 'link' else 'apart from'} {other}"
    told(
        project,
        [made],
        [f"decision {decision.decision_id}: {words}{' are one person' if kind == 'link' else ''}"],
        effect(project, later, as_json),
        as_json,
    )


def _said(customer: str, records: Sequence[object]) -> str:
    return f"{len(records)} record{'s' if len(records) != 1 else ''} of {customer}"
