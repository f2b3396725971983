"""`events`: the one language of events: what each means, its schema, and whether what is sent is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from floorwalker.app.output import json_option, show, table

if TYPE_CHECKING:
    from floorwalker.events.language.check import Report
    from floorwalker.events.language.plan import Plan
    from floorwalker.events.language.words import Definition

PLAN = click.option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False),
    help="Tracking plan (default: policies/tracking.toml of the project, if there is one).",
)


@click.group()
def events() -> None:
    """List and explain the events, write their JSON Schema, check what is sent against them."""


@events.command("list")
@click.option("--group", default="", help="Only this group, such as ordering or loyalty.")
@PLAN
@json_option
@click.pass_obj
def list_events(folder: str, group: str, plan_file: str | None, as_json: bool) -> None:
    """Every event, those of the tracking plan included.

    \b
    floorwalker events list
    floorwalker events list --group loyalty
    """
    from floorwalker.errors import NotFoundError, did_you_mean

    words = _plan(folder, plan_file).words
    found = [*words.events.values(), *words.calls.values()]
    groups = dict.fromkeys(one.group for one in found)
    if group and group not in groups:
        raise NotFoundError(f"no group '{group}'", fix=did_you_mean(group, groups))
    rows: list[tuple[Any, ...]] = [
        (one.name, one.group, one.about, list(one.feeds), list(one.aliases), one.origin)
        for one in found
        if not group or one.group == group
    ]
    if not as_json:
        rows = [(*row[:3], ", ".join(row[3]), ", ".join(row[4]), row[5]) for row in rows]
    table(("event", "group", "about", "feeds", "aliases", "from"), rows, as_json)


@events.command("show")
@click.argument("name")
@PLAN
@json_option
@click.pass_obj
def show_event(folder: str, name: str, plan_file: str | None, as_json: bool) -> None:
    """What an event means, its properties, and an example as an SDK sends it.

    \b
    floorwalker events show "Order Completed"
    floorwalker events show identify
    """
    from floorwalker.app.output import to_json

    one = _definition(_plan(folder, plan_file), name)
    names = ("property", "type", "required", "personal", "about")
    if as_json:
        import msgspec

        show({**msgspec.to_builtins(one), "example": one.whole_example()}, True)
        return
    click.secho(one.name, bold=True)
    click.echo(one.about)
    facts = {"group": one.group, "from": one.origin, "aliases": ", ".join(one.aliases), "feeds": ", ".join(one.feeds)}
    for key, value in facts.items():
        if value:
            click.echo(f"  {key:<8} {value}")
    if one.properties:
        click.echo()
        table(
            names,
            [
                (
                    has.name,
                    f"list of {has.of}" if has.of else has.type,
                    "yes" if has.required else "",
                    "yes" if has.personal else "",
                    "; ".join([has.about] * bool(has.about) + ["one of: " + ", ".join(has.values)] * bool(has.values)),
                )
                for has in one.properties
            ],
        )
    click.echo(f"\n{to_json(one.whole_example(), 2)}")


@events.command("schema")
@click.argument("name", required=False)
@click.option("--out", type=click.Path(dir_okay=False), help="File (default: print it).")
@PLAN
@click.pass_obj
def write_schema(folder: str, name: str | None, out: str | None, plan_file: str | None) -> None:
    """The JSON Schema (draft 2020-12) of one event or call, or of whatever may be sent.

    \b
    floorwalker events schema "Order Completed"
    floorwalker events schema --out events.schema.json
    """
    from pathlib import Path

    from floorwalker.app.output import to_json
    from floorwalker.events.language.json_schema import envelope_schema, event_schema

    plan = _plan(folder, plan_file)
    schema = event_schema(_definition(plan, name), plan.words) if name else envelope_schema(plan.words)
    text = to_json(schema, 2)
    if not out:
        click.echo(text)
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    click.echo(f"wrote {path}")


@events.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@PLAN
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="Problems shown at most.")
@json_option
@click.pass_context
def check_file(ctx: click.Context, file: str, plan_file: str | None, limit: int, as_json: bool) -> None:
    """Whether the events in FILE (JSON lines, a list, a batch's body; also gzipped; - is stdin) would be taken.

    Exit code 1: some would go to quarantine, or cannot be read as events. 2: the file cannot be read.

    \b
    floorwalker events check sent.jsonl
    curl -s https://shop.example/last-batch.json | floorwalker events check -
    """
    from floorwalker.errors import SourceError
    from floorwalker.events.language.check import check
    from floorwalker.events.language.reading import read_items

    plan = _plan(ctx.obj, plan_file)
    try:
        with click.open_file(file, "rb") as stream:
            report = check(read_items(stream), plan, keep=limit)
    except (SourceError, OSError) as error:
        text = str(error) if isinstance(error, SourceError) else f"{file} cannot be read: {error.strerror or error}"
        click.secho(f"error: {text}", fg="red", err=True)
        ctx.exit(2)
    if as_json:
        show(report.document(), True)
    else:
        _print(report)
    ctx.exit(0 if report.clean else 1)


def _print(report: Report) -> None:
    for one in report.found:
        click.secho(f"{one.problem.severity:<7}", fg="red" if one.problem.severity == "error" else "yellow", nl=False)
        click.echo(f" {one.where}: {one.event or 'no event'}: {one.problem}")
        if one.problem.fix:
            click.echo(f"        {one.problem.fix}")
    more = report.problems - len(report.found)
    if more:
        click.echo(f"… and {more:,} more")
    if report.found or more:
        click.echo()
    rows = [
        (
            name,
            one.events,
            one.with_problems,
            one.quarantined,
            one.dropped,
            "" if one.known else _unknown(one.suggestion),
        )
        for name, one in report.by_event.items()
    ]
    if rows:
        table(("event", "events", "with problems", "quarantine", "dropped", ""), rows)
    for name, one in report.by_event.items():
        if one.undefined:
            meant = [f"{wrong} (did you mean {right}?)" for wrong, right in sorted(one.meant.items())]
            rest = sorted(one.undefined.keys() - one.meant.keys())
            shown = meant + rest[: max(12 - len(meant), 0)]
            also = len(one.undefined) - len(shown)
            click.echo(f"{name} also has: {', '.join(shown)}" + (f", and {also} more" if also > 0 else ""))
    if rows:
        click.echo()
    figures = [f"{report.events:,} events", f"{report.quarantined:,} to quarantine", f"{report.dropped:,} dropped"]
    figures += [f"{report.unreadable:,} lines that are no event"] if report.unreadable else []
    click.echo(", ".join(figures) + f"; {report.problems:,} problems")


def _unknown(suggestion: str) -> str:
    return f"not known: did you mean '{suggestion}'?" if suggestion else "not known"


def _plan(folder: str, plan_file: str | None) -> Plan:
    from pathlib import Path

    from floorwalker.engines.project import Project
    from floorwalker.events.language.plan_file import load_plan, read_plan

    return read_plan(Path(plan_file)) if plan_file else load_plan(Project(folder))


def _definition(plan: Plan, name: str) -> Definition:
    from floorwalker.errors import NotFoundError, did_you_mean

    one = plan.words.definition(name) or plan.words.calls.get(name)
    if one is None:
        meant = plan.words.suggestion(name)
        known = [*plan.words.events, *plan.words.calls]
        raise NotFoundError(
            f"no event '{name}'", fix=f"did you mean '{meant}'?" if meant else did_you_mean(name, known)
        )
    return one


@events.command("replay")
@click.option("--since", required=True, metavar="TIME", help="From what came at or after this time (ISO 8601, UTC).")
@click.option("--dry-run", is_flag=True, help="Only say what would be read again.")
@json_option
@click.pass_obj
def replay_log(folder: str, since: str, dry_run: bool, as_json: bool) -> None:
    """Have the next run read the log again from a time on. Events that the lake knows add nothing.

    \b
    floorwalker events replay --since 2026-03-01T06:00 --dry-run
    """
    from floorwalker.app.collect.replaying import replay
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.errors import ConfigError
    from floorwalker.events.stamps import parse

    at = parse(since)
    if at is None:
        raise ConfigError(f"'{since}' is no time", fix="--since 2026-03-01T06:00")
    project = open_project(folder)
    with open_state(project) as state:
        found = replay(project, state, at, dry_run=dry_run)
    names = ("partition", "begin", "end", "frames")
    table(names, [tuple(getattr(one, name) for name in names) for one in found], as_json)
    if not as_json:
        total = sum(one.frames for one in found)
        again = "would be" if dry_run else "will be"
        click.echo(f"{total:,} requests {again} read again by the next floorwalker run")
