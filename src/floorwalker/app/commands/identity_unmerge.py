"""`identity unmerge`: how a customer falls apart, and taking it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from floorwalker.app.commands.identity_effect import effect, later_option, note_option, told
from floorwalker.app.output import json_option, to_json

if TYPE_CHECKING:
    from floorwalker.identity.parting import Part, Parts

_SHOWN = 4
"""Names, addresses and records of a part that are listed."""


@click.command()
@click.argument("customer")
@click.option("--parts", "count", type=click.IntRange(2, 50), help="Into how many parts (default: two).")
@click.option("--record", "leaving", multiple=True, metavar="ID", help="A record that leaves (again for more).")
@click.option("--dry-run", is_flag=True, help="Only show the parts.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@note_option
@later_option
@json_option
@click.pass_obj
def unmerge(
    folder: str,
    customer: str,
    count: int | None,
    leaving: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    note: str,
    later: bool,
    as_json: bool,
) -> None:
    """Take a customer apart: at what a person had linked, else at its weakest evidence, or at the records you name.

    Anonymous visits follow their devices. The parts stay apart whatever evidence comes; `undo` joins them again.

    \b
    floorwalker identity unmerge ann@example.com --dry-run
    floorwalker identity unmerge c52aeapbigfmix3jjmwulhfu5uw --record 5e3f0a --record 77b1c2
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.deciding import part
    from floorwalker.app.identifying import open_identity
    from floorwalker.errors import ConfigError
    from floorwalker.identity.explain import one_customer
    from floorwalker.identity.parting import parts, split_off

    if count and leaving:
        raise ConfigError("--parts and --record do not go together", fix="name the records that leave, or a number")
    project = open_project(folder)
    with open_identity(project) as tables:
        connection, who = tables.connection, one_customer(tables.find(customer))
        if leaving:
            named = [record for one in leaving for record in tables.find(f"record:{one}").records]
            parted = split_off(connection, who, named)
        else:
            parted = parts(connection, who, count or 0)
        if as_json and dry_run:
            click.echo(to_json(_document(parted), 2))
        elif not as_json:
            for line in _lines(parted):
                click.echo(line)
        if dry_run:
            return
        if not yes:
            click.confirm(f"Take {who} apart?", abort=True, err=True)
        made = part(project, connection, parted, note=note)
    lines = [f"decision {one.decision.decision_id}: {len(parted.parts)} people" for one in made]
    told(project, made, lines, effect(project, later, as_json), as_json)


def _lines(parted: Parts) -> list[str]:
    lines = [f"{parted.customer_id} would be {len(parted.parts)} customers:"]
    for number, one in enumerate(parted.parts, 1):
        seen = f"{one.first_seen:%Y-%m-%d} to {one.last_seen:%Y-%m-%d}" if one.first_seen and one.last_seen else "-"
        lines.append(f"  {number}  {len(one.records)} records of {', '.join(one.sources)}, {seen}")
        for word, values in _said(one):
            if values:
                more = f", and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
                lines.append(f"     {word:<8} {', '.join(values[:_SHOWN])}{more}")
    for joint in parted.joints:
        what = f"a person's link, {joint.decision_id}" if joint.decision_id else f"{joint.rule} {joint.key}"
        lines.append(f"held together by {what} ({joint.weight:.1f} bits)")
    if parted.visits:
        lines.append(f"{parted.visits} anonymous visits go where their devices go")
    return lines


def _said(one: Part) -> tuple[tuple[str, list[str]], ...]:
    return (
        ("names", one.names),
        ("e-mail", one.emails),
        ("phones", one.phones),
        ("cards", one.cards),
        ("records", [record[:8] for record in one.records]),
    )


def _document(parted: Parts) -> dict[str, object]:
    return {
        "customer_id": parted.customer_id,
        "parts": [one._asdict() for one in parted.parts],
        "held_by": [joint._asdict() for joint in parted.joints],
        "visits": parted.visits,
    }
