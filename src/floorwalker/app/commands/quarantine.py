"""`quarantine`: rows and events that did not fit: why, how many, and putting them right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from floorwalker.app.output import json_option, show, table, to_json

if TYPE_CHECKING:
    import sqlite3

    from floorwalker.engines.project import Project
    from floorwalker.events.quarantine import QuarantinedRow

_source = click.option("--source", help="Only this source.")
_reason = click.option("--reason", help="Only reasons that contain this.")
_dry = click.option("--dry-run", is_flag=True, help="Only say what would come of it.")


@click.group()
def quarantine() -> None:
    """Rows that did not fit: why, and putting them right.

    \b
    floorwalker quarantine count
    floorwalker quarantine fix 17 --set qty=2
    floorwalker run
    """


@quarantine.command("list")
@_source
@_reason
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0))
@click.option("--offset", default=0, show_default=True, type=click.IntRange(0))
@json_option
@click.pass_obj
def list_rows(folder: str, source: str | None, reason: str | None, limit: int, offset: int, as_json: bool) -> None:
    """Quarantined rows, newest first.

    \b
    floorwalker quarantine list --source till
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.events.quarantine import list_quarantine

    with open_state(open_project(folder)) as state:
        rows = list_quarantine(state, source=source, reason=reason, limit=limit, offset=offset)
    names = ("id", "source", "file", "row_number", "reason")
    table(names, [tuple(getattr(row, name) for name in names) for row in rows], as_json)


@quarantine.command("count")
@_source
@click.option("--older-than", "days", type=click.FloatRange(0), help="Exit code 1 if a row waits longer, in days.")
@click.option("--more-than", "most", type=click.IntRange(0), help="Exit code 1 if more rows wait.")
@json_option
@click.pass_obj
def count(folder: str, source: str | None, days: float | None, most: int | None, as_json: bool) -> None:
    """How many rows wait, by source and reason, and since when. With a limit it can be asked by a timer.

    \b
    floorwalker quarantine count --older-than 7 --more-than 1000
    """
    import datetime as dt

    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.events.quarantine import count_quarantine

    with open_state(open_project(folder)) as state:
        found = count_quarantine(state, source=source)
    now = dt.datetime.now(dt.UTC)
    ages = [(now - dt.datetime.fromisoformat(one.oldest)).total_seconds() / 86_400 for one in found]
    rows = [(one.source, one.reason, one.rows, one.oldest, round(age, 1)) for one, age in zip(found, ages, strict=True)]
    table(("source", "reason", "rows", "oldest", "days"), rows, as_json)
    waiting = sum(one.rows for one in found)
    told = []
    if most is not None and waiting > most:
        told.append(f"{waiting:,} rows wait, more than {most:,}")
    if days is not None and ages and max(ages) > days:
        told.append(f"the oldest waits for {max(ages):.1f} days, longer than {days:g}")
    for one in told:
        click.echo(one, err=True)
    if told:
        raise SystemExit(1)


@quarantine.command("show")
@click.argument("row_id", type=int)
@json_option
@click.pass_obj
def show_row(folder: str, row_id: int, as_json: bool) -> None:
    """One quarantined row as it was received.

    \b
    floorwalker quarantine show 17
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.events.quarantine import show_quarantine

    with open_state(open_project(folder)) as state:
        row = show_quarantine(state, row_id)
    show(
        {name: getattr(row, name) for name in ("id", "source", "kind", "file", "row_number", "reason", "raw")}, as_json
    )


@quarantine.command("fix")
@click.argument("row_id", type=int, required=False)
@_source
@_reason
@click.option(
    "--set", "sets", multiple=True, metavar="COLUMN=VALUE", help="Change a column; of an event, dots reach in."
)
@click.option("--unset", "unsets", multiple=True, metavar="COLUMN", help="Take a column's value out.")
@click.option(
    "--sql", multiple=True, metavar="COLUMN=SQL", help="A column from an expression over the row's columns, all text."
)
@click.option("--row", "--event", "whole", default="", metavar="JSON", help="The whole row or event, in its place.")
@_dry
@json_option
@click.pass_obj
def fix_row(
    folder: str, row_id: int | None, source: str | None, reason: str | None, sets: tuple[str, ...],
    unsets: tuple[str, ...], sql: tuple[str, ...], whole: str, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Put a row right, or all rows of a source or reason by a rule; the next run takes in what fits then, once.

    \b
    floorwalker quarantine fix 17 --set qty=2
    floorwalker quarantine fix --source till --reason quantity --sql "qty=replace(qty, ',', '.')"
    floorwalker quarantine fix 18 --set userId=u1 --set properties.price=9.99
    """
    from floorwalker.app.collect.exporting import SOURCE
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.errors import ConfigError

    if not (sets or unsets or sql or whole):
        raise ConfigError("nothing is to be changed", fix="--set, --unset, --sql or --row; or quarantine replay")
    project = open_project(folder)
    with open_state(project) as state:
        rows = _chosen(state, (row_id,) if row_id is not None else (), source, reason)
        events = [row for row in rows if row.source == SOURCE]
        if events and len(events) < len(rows):
            raise ConfigError("events and rows of files are mended each in their own way", fix="--source")
        if events and dry_run:
            raise ConfigError("an event is mended where it lies: there is no trying", fix="quarantine show")
        if events:
            _fix_event(project, state, rows, {**_pairs(sets), **dict.fromkeys(unsets)}, sql, whole, as_json)
            return
        _fix(project, state, rows, {**_pairs(sets), **dict.fromkeys(unsets)}, _pairs(sql), whole, dry_run, as_json)


@quarantine.command("replay")
@click.argument("row_ids", type=int, nargs=-1)
@_source
@_reason
@_dry
@json_option
@click.pass_obj
def replay(
    folder: str, row_ids: tuple[int, ...], source: str | None, reason: str | None, dry_run: bool, as_json: bool
) -> None:
    """Try rows of files again, as they are, under today's mapping; the next run takes in what fits now, once.

    \b
    floorwalker quarantine replay --source till
    """
    from floorwalker.app.collect.exporting import SOURCE
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state

    project = open_project(folder)
    with open_state(project) as state:
        rows = [row for row in _chosen(state, row_ids, source, reason) if row.source != SOURCE]
        _fix(project, state, [row for row in rows if row.raw.startswith("{")], {}, {}, "", dry_run, as_json)


@quarantine.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True))
@_source
@_reason
@click.pass_obj
def export(folder: str, file: str, source: str | None, reason: str | None) -> None:
    """Write rows to a CSV with a column that says what is wrong; put right there, they come back by `import`.

    \b
    floorwalker quarantine export refused.csv --source till
    """
    from pathlib import Path

    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.intake import load_mappings
    from floorwalker.app.mending_sheet import write_sheet
    from floorwalker.app.state import open_state

    project = open_project(folder)
    with open_state(project) as state:
        rows = _chosen(state, (), source, reason)
    mappings = {row.mapping for row in rows}
    read = [one for one in load_mappings(project, load_config(project).settings) if one.name in mappings]
    written = write_sheet(rows, Path(file), [name for one in read for name in one.names])
    click.echo(f"{written:,} rows in {file}")


@quarantine.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@_dry
@json_option
@click.pass_obj
def import_(folder: str, file: str, dry_run: bool, as_json: bool) -> None:
    """Take rows back from a CSV that `export` wrote and somebody has put right; the others stay.

    \b
    floorwalker quarantine import refused.csv
    """
    from pathlib import Path

    from floorwalker.app.config import open_project
    from floorwalker.app.mending import Change, mend_each
    from floorwalker.app.mending_sheet import read_sheet
    from floorwalker.app.state import open_state

    project = open_project(folder)
    with open_state(project) as state:
        changes = {row_id: Change(whole=row) for row_id, row in read_sheet(Path(file)).items()}
        rows = _chosen(state, tuple(changes), None, None)
        _tell(mend_each(project, state, [(row, changes[row.id]) for row in rows], dry_run=dry_run), dry_run, as_json)


@quarantine.command("discard")
@click.argument("row_ids", type=int, nargs=-1)
@_source
@_reason
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def discard(folder: str, row_ids: tuple[int, ...], source: str | None, reason: str | None, yes: bool) -> None:
    """Let rows go for good, without taking them in.

    \b
    floorwalker quarantine discard --source till --reason "no map matches" --yes
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.events.quarantine import discard_quarantine

    with open_state(open_project(folder)) as state:
        rows = _chosen(state, row_ids, source, reason)
        if not yes:
            click.confirm(f"let {len(rows):,} rows go for good?", abort=True, err=True)
        click.echo(f"{discard_quarantine(state, [row.id for row in rows]):,} rows are gone")


def _chosen(
    state: sqlite3.Connection, row_ids: tuple[int, ...], source: str | None, reason: str | None
) -> list[QuarantinedRow]:
    from floorwalker.errors import ConfigError
    from floorwalker.events.quarantine import list_quarantine, show_quarantine

    if row_ids:
        return [show_quarantine(state, row_id) for row_id in row_ids]
    if not (source or reason):
        raise ConfigError("which rows?", fix="a row's number, --source or --reason")
    return list_quarantine(state, source=source, reason=reason, limit=-1)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    from floorwalker.errors import ConfigError

    found = {}
    for one in texts:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise ConfigError(f"'{one}' is no COLUMN=VALUE", fix="--set qty=2")
        found[key] = value
    return found


def _fix(
    project: Project, state: sqlite3.Connection, rows: list[QuarantinedRow], sets: dict[str, str | None],
    sql: dict[str, str], whole: str, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    import msgspec

    from floorwalker.app.mending import Change, mend_each
    from floorwalker.errors import ConfigError

    given = None
    if whole:
        if len(rows) > 1:
            raise ConfigError("a whole row takes the place of one", fix="give the row's number")
        try:
            given = msgspec.json.decode(whole, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ConfigError("the row is no JSON object", why=str(error), fix='--row \'{"qty": "2"}\'') from None
    change = Change(sets, sql, given)
    _tell(mend_each(project, state, [(row, change) for row in rows], dry_run=dry_run), dry_run, as_json)


def _tell(mended: Any, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(to_json({"fit": mended.fit, "refused": mended.refused}, 2))
    else:
        would = "would be taken in" if dry_run else "fit now: the next floorwalker run takes them in"
        click.echo(f"{len(mended.fit):,} rows {would}" + (f", {len(mended.refused):,} stay" if mended.refused else ""))
        reasons: dict[str, int] = {}
        for why in mended.refused.values():
            reasons[why] = reasons.get(why, 0) + 1
        for why, number in sorted(reasons.items(), key=lambda item: -item[1])[:10]:
            click.echo(f"  {number:>8,}  {why}", err=True)
    if mended.refused and not mended.fit:
        raise SystemExit(1)


def _fix_event(
    project: Project, state: sqlite3.Connection, rows: list[QuarantinedRow], sets: dict[str, Any],
    sql: tuple[str, ...], whole: str, as_json: bool,
) -> None:  # fmt: skip
    from floorwalker.app.collect.mending import mend
    from floorwalker.app.config import parse_value
    from floorwalker.errors import ConfigError

    if sql:
        raise ConfigError("an event has no columns", fix="--set userId=u1")
    changes = {key: value if value is None else parse_value(value) for key, value in sets.items()}
    events = [mend(project, state, row.id, changes, whole=whole) for row in rows]
    if as_json:
        click.echo(to_json(events[0] if len(events) == 1 else events, 2))
    else:
        for event in events:
            click.echo(f"mended: the next floorwalker run takes it in ({', '.join(event)})")
