"""`identity metrics`: the figures of the published run, and how they moved from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from floorwalker.app.output import json_option, table

if TYPE_CHECKING:
    from floorwalker.identity.alarm import Alarm
    from floorwalker.identity.metrics import Metrics, Moment

_IDS = ("kept", "created", "merged", "split", "revived")


@click.command()
@click.option("--runs", default=10, show_default=True, type=click.IntRange(0), help="Earlier runs to compare with.")
@json_option
@click.pass_obj
def metrics(folder: str, runs: int, as_json: bool) -> None:
    """Records, customers, evidence by rule, hubs, levels of confidence, stability of ids; and the runs before.

    \b
    floorwalker identity metrics
    floorwalker identity metrics --runs 30 --json
    """
    import msgspec

    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.guarding import alarm_of
    from floorwalker.app.identifying import open_identity
    from floorwalker.app.state import open_state
    from floorwalker.identity.metrics import history, measure, summary

    project = open_project(folder)
    with open_identity(project) as tables, open_state(project) as state:
        found, past = measure(tables.connection), history(state, runs)
        figures = summary(tables.connection)
        alarm = alarm_of(state, found.run_id, figures, load_config(project).settings.identity)
    if as_json:
        both = {**msgspec.structs.asdict(found), "alarm": alarm, "history": past}
        click.echo(msgspec.json.format(msgspec.json.encode(both), indent=2).decode())
        return
    _print(found, past, alarm)


def _print(found: Metrics, past: list[Moment], alarm: Alarm) -> None:
    share = "" if found.anonymous.share is None else f", {found.anonymous.share:.1%} of them found their customer"
    ids = ", ".join(f"{found.ids.get(name, 0):,.0f} {name}" for name in _IDS)
    hubs = ", ".join(f"{kind} {count:,}" for kind, count in found.hubs.items())
    usual = "" if alarm.usual is None else f" (usually {alarm.usual:g})"
    lines = [
        ("run", f"{found.run_id}, as of {found.as_of}"),
        ("customers", f"{found.customers:,} of {found.records:,} records; {found.one_record:,} have one record"),
        ("largest", f"{found.largest:,} records, {found.largest_wordings:,} wordings{usual}"),
        ("at limit", f"{found.at_record_limit:,} customers with as many wordings as one may have"),
        ("visits", f"{found.anonymous.anonymous:,} that name nobody{share}"),
        ("unusable", f"{found.without_identifier:,} records without any identifier"),
        ("hubs", hubs or "none"),
        ("quarantine", ", ".join(f"{kind} {count:,}" for kind, count in found.quarantined.items()) or "empty"),
        ("ids", f"{found.ids.get('stability', 1):.2%} of records kept their customer; {ids}"),
    ]
    if found.review is not None:
        lines.append(("review", f"{found.review:,} pairs wait for a person: floorwalker identity review"))
    lines += [("warning", text) for text in alarm.warnings]
    for name, text in lines:
        click.echo(f"{click.style(f'{name:<11}', bold=True)}{text}")
    click.echo()
    rules = [(one.rule, one.tier if one.tier is not None else "", one.accepted, one.refused) for one in found.rules]
    table(("evidence", "tier", "accepted", "refused"), rules)
    if found.refusals:
        click.echo()
        table(("refused because", "pieces"), list(found.refusals.items()))
    ends = [step for step in found.levels if step["levels"]]
    if ends:
        click.echo()
        names = ("precision", "recall", "customers", "wrong_pairs")
        rows = [(step["levels"].replace(",", ", "), step["name"], *(step[name] for name in names)) for step in ends]
        table(("level", "down to", "expected precision", "expected recall", "customers", "wrong pairs"), rows)
    if past:
        click.echo()
        rows = [
            (
                one.run_id,
                one.as_of,
                *(int(one.figures.get(name, 0)) for name in ("records", "customers", "largest_customer")),
                *(int(_sum(one, kind)) for kind in ("accepted.", "refused.")),
                f"{one.figures.get('ids.stability', 1):.2%}",
            )
            for one in past
        ]
        table(("run", "as of", "records", "customers", "largest", "accepted", "refused", "ids kept"), rows)


def _sum(one: Moment, prefix: str) -> float:
    return sum(value for name, value in one.figures.items() if name.startswith(prefix))
