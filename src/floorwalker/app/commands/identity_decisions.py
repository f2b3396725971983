"""`identity decisions`, `identity undo`: what people have decided, and taking it back."""

from __future__ import annotations

import click

from floorwalker.app.commands.identity_effect import effect, later_option, note_option, told
from floorwalker.app.output import json_option, table, to_json


@click.command()
@json_option
@click.pass_obj
def decisions(folder: str, as_json: bool) -> None:
    """What people have decided, the latest first, and what has become of it.

    A decision 'stands', stands 'in part' (a later one took records out of it), was 'overruled' by later ones or 'taken
    back', or 'rests' while none of its records is there.

    \b
    floorwalker identity decisions
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.deciding import listed
    from floorwalker.app.identifying import open_identity

    project = open_project(folder)
    with open_identity(project) as tables:
        found = listed(project, tables.connection)
    if as_json:
        click.echo(
            to_json(
                [
                    {
                        "decision_id": one.decision.decision_id,
                        "kind": one.decision.kind,
                        "state": one.state,
                        "at": one.decision.at,
                        "actor": one.decision.actor,
                        "note": one.decision.note,
                        "a": [member.record_id for member in one.decision.a],
                        "b": [member.record_id for member in one.decision.b],
                        "customers_then": one.decision.customers,
                        "customers_today": one.today,
                        "takes_back": one.decision.supersedes or None,
                    }
                    for one in found
                ],
                2,
            )
        )
        return
    rows = [
        (
            one.decision.decision_id,
            one.decision.kind,
            one.state,
            one.decision.at[:19],
            one.decision.actor,
            f"of {one.decision.supersedes}" if one.decision.supersedes
            else f"{len(one.decision.a)} + {len(one.decision.b)}",
            " | ".join(", ".join(side) for side in one.today),
            one.decision.note,
        )
        for one in found
    ]  # fmt: skip
    table(("decision", "kind", "state", "at", "by", "records", "customers today", "note"), rows)


@click.command()
@click.argument("decision_id")
@note_option
@later_option
@json_option
@click.pass_obj
def undo(folder: str, decision_id: str, note: str, later: bool, as_json: bool) -> None:
    """Take a decision back: it counts no longer, and what it overruled counts again.

    \b
    floorwalker identity undo dk3v7q2m5x4ha
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.deciding import Made, take_back
    from floorwalker.app.state import open_state
    from floorwalker.identity.decisions import load

    project = open_project(folder)
    made = take_back(project, decision_id, note=note)
    with open_state(project) as state:
        target = next(one for one in load(state) if one.decision_id == made.supersedes)
    result = effect(project, later, as_json)
    lines = [f"decision {made.decision_id}: {target.kind} {target.decision_id} is taken back"]
    told(project, [Made(made, ())], lines, result, as_json, about=target)
