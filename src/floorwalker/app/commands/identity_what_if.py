"""`identity what-if`: what other settings would do, before they are set."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from floorwalker.app.output import json_option, progress_bars, table

if TYPE_CHECKING:
    from floorwalker.app.what_if import WhatIf
    from floorwalker.identity.difference import Example, Regrouped
    from floorwalker.identity.reach import Level

_KIND = {"audience": "audience", "segment": "segment", "rfm": "RFM segment"}


@click.command()
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="A setting of [identity] (again for more).")
@click.option("--config", "other", type=click.Path(exists=True, dir_okay=False), help="Its [identity], whole.")
@click.option("--pairs", default=5, show_default=True, type=click.IntRange(0, 100), help="Examples of each kind.")
@json_option
@click.pass_obj
def what_if(folder: str, sets: tuple[str, ...], other: str | None, pairs: int, as_json: bool) -> None:
    """Who would be joined and who would part under other settings, and what that does to segments and audiences.

    Worked out on a scratch copy: no table, model, id or decision of the project changes. Identifiers are masked.

    \b
    floorwalker identity what-if --set identity.levels.crm=0.98
    floorwalker identity what-if --set identity.hub_names=5 --set identity.rules=loyalty_id,email --json
    floorwalker identity what-if --config stricter.toml
    """
    from pathlib import Path

    import msgspec

    from floorwalker.app.amending import amend, parse_sets
    from floorwalker.app.config import load_config, open_project, read_config
    from floorwalker.app.what_if import what_if as work_out
    from floorwalker.errors import ConfigError

    if not sets and not other:
        raise ConfigError("nothing is to be changed", fix="--set identity.hub_names=5, or --config other.toml")
    project = open_project(folder)
    settings = load_config(project).settings
    base = read_config(Path(other)).settings.identity if other else None
    amended = amend(settings, parse_sets(sets), base)
    with progress_bars("what if") as progress, _ended_politely():
        found = work_out(project, settings, amended, examples=pairs, progress=progress)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _print(found)


@contextmanager
def _ended_politely() -> Generator[None]:
    """Let whoever ends this process by a signal leave no scratch copy behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(found: WhatIf) -> None:
    for change in found.changes:
        click.echo(f"{change.key} = {_value(change.after)}  {click.style(f'(now {_value(change.before)})', dim=True)}")
    if not found.changes or found.difference is None:
        click.echo("these settings are those the project has: nothing would change")
        return
    click.echo()
    if found.difference.nothing:
        click.echo("everybody stays who they are")
    for name, text in _figures(found):
        click.echo(f"{click.style(f'{name:<11}', bold=True)}{text}")
    _print_levels(found)
    if found.audiences:
        click.echo()
        rows = [(_KIND[one.kind], one.name, one.before, one.after, one.enter, one.leave) for one in found.audiences]
        table(("who", "name", "now", "then", "enter", "leave"), rows)
    rest = f"{found.unchanged:,} {'other ' if found.audiences else ''}segments and audiences stay as they are"
    click.echo(("" if found.audiences else "\n") + rest)
    _print_examples("would be one customer", found.difference.joins)
    _print_examples("would be taken apart", found.difference.splits)
    for note in found.notes:
        click.secho(note, fg="yellow", err=True)
    click.echo(f"\nworked out in {found.seconds:.1f} s on a copy; nothing has been changed")


def _figures(found: WhatIf) -> list[tuple[str, str]]:
    assert found.difference is not None
    one = found.difference
    before, after = one.customers
    ids = ", ".join(f"{one.ids.get(name, 0):,} {name}" for name in ("kept", "created", "merged", "split", "revived"))
    lines = [
        ("customers", f"{before:,} now, {after:,} then ({after - before:+,}), of {one.records:,} records"),
        ("joined", f"{one.joins.customers:,} customers would be {one.joins.into:,}"),
        ("parted", f"{one.splits.customers:,} customers would be {one.splits.into:,}"),
        ("records", f"{one.changed:,} would change customer, and {one.visits:,} anonymous visits"),
        ("largest", f"{one.largest[0]:,} records now, {one.largest[1]:,} then"),
        ("ids", f"{one.ids_kept:.2%} of records keep their customer id; {ids}"),
    ]
    if found.households and found.households.before != found.households.after:
        lines.append(("households", f"{found.households.before:,} now, {found.households.after:,} then"))
    if found.review and found.review.before != found.review.after:
        lines.append(("review", f"{found.review.before:,} questions now, {found.review.after:,} then"))
    return lines


def _print_levels(found: WhatIf) -> None:
    if not found.levels_after:
        return
    click.echo()
    names = (
        "level",
        "",
        "target",
        "down to",
        "customers",
        "pairs",
        "precision",
        "recall",
        "wrong pairs",
        "wrong people",
    )
    rows = []
    before = {level.name: level for level in found.levels_before}
    for level in found.levels_after:
        name = f"{level.name} *" if level.name == found.level else level.name
        if level.name in before and before[level.name] != level:
            rows += [(name, "now", *_level(before[level.name])), ("", "then", *_level(level))]
        else:
            rows.append((name, "" if level.name in before else "new", *_level(level)))
    table(names, rows)
    click.echo("* the level of the project's customers. Precision, recall and wrong ones are expected; customers are")
    click.echo("  counted before anonymous visits are given to those whose they are")


def _level(level: Level) -> tuple[Any, ...]:
    return (
        f"{level.target:.4g}", level.down_to, level.customers, level.pairs, f"{level.precision:.2%}",
        f"{level.recall:.2%}", level.wrong_pairs, f"{level.wrong_people:,.0f}",
    )  # fmt: skip


def _print_examples(title: str, regrouped: Regrouped) -> None:
    for example in regrouped.examples:
        click.echo(f"\n{example.customer_id} {title}:")
        for line in _lines(example):
            click.echo(f"  {line}")


def _lines(example: Example) -> list[str]:
    parts = [
        (one.customer_id, f"{one.records:>3} records", ", ".join(one.names), ", ".join(one.identifiers))
        for one in example.parts
    ]
    lines = ["  ".join(text for text in part if text) for part in parts]
    return [*lines, f"by {example.by}" + (f"; apart because {example.why}" if example.why else "")]


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
