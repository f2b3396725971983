"""`identity preflight`: is each kind of identifier fit to tell people apart?"""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, table, to_json


@click.command()
@click.option("--top", default=3, show_default=True, type=click.IntRange(0), help="Values per kind to show, masked.")
@json_option
@click.pass_obj
def preflight(folder: str, top: int, as_json: bool) -> None:
    """Per kind of identifier: records, different values, records per value, what names nobody; a verdict, what to do.

    About 1 record per value joins nothing, 2 to 5 is what people do, tens are a counter's or a machine's. Run it after
    a new source has been read for the first time.

    \b
    floorwalker identity preflight
    floorwalker identity preflight --top 10 --json
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.guarding import open_guards
    from floorwalker.identity.preflight import check

    with open_guards(open_project(folder)) as guards:
        found = check(guards.connection, guards.settings, top)
    if as_json:
        click.echo(to_json(found, 2))
        return
    click.echo(
        f"{found.records:,} records, {found.without_identifier:,} ({found.share_without:.1%}) of them without any"
        " identifier"
    )
    if found.mixed_scripts:
        click.echo(f"{found.mixed_scripts:,} e-mail addresses mix letters of several scripts: look-alikes, kept apart")
    kinds = [
        (one.kind, one.records, one.unusable, one.values, round(one.mean, 2), one.largest, one.barred_values,
         one.barred_records, one.verdict)
        for one in found.kinds
    ]  # fmt: skip
    names = ("kind", "records", "unusable", "values", "per value", "largest", "barred", "records on them", "verdict")
    table(names, kinds)
    for one in found.kinds:
        if one.advice:
            click.echo(f"{one.kind}: {one.verdict}: {one.advice}")
    shared = [
        (one.kind, each.value, each.records, each.names, each.barred) for one in found.kinds for each in one.offenders
    ]
    if shared:
        click.echo()
        table(("kind", "value", "records", "names", "names nobody because"), shared)
