"""`map`: from a file that nobody has described to a mapping, with questions, a preview and reasons."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from floorwalker.app.output import json_option, table, to_json

if TYPE_CHECKING:
    from floorwalker.app.guiding import Ask, Guided
    from floorwalker.engines.project import Project
    from floorwalker.sources.guide.draft import Choice, Doubt, Proposal
    from floorwalker.sources.guide.preview import Preview


@click.command("map")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Take the best guess for everything; what is unsure is marked in the file.")
@click.option("--source", default="", help="Name of the source (default: after the file).")
@click.option("--out", default="", metavar="mappings/NAME.toml", help="Where to write (default: after the source).")
@click.option("--kind", default="", help="What the file holds, if you know: order_lines, customers, products, …")
@click.option("--guess", is_flag=True, help="Guess, even where the layout is a known export.")
@click.option("--dry-run", is_flag=True, help="Show everything, write nothing; needs no project.")
@click.option("--force", is_flag=True, help="Write over a mapping that is there.")
@click.option("--clear", is_flag=True, help="Show names, addresses and numbers of people unmasked.")
@click.option("--list", "listed", is_flag=True, help="List the exports that are known by their header.")
@click.option("--show", default="", metavar="EXPORT", help="Print the mapping of a known export.")
@json_option
@click.pass_obj
def map_file(
    folder: str,
    file: Path | None,
    yes: bool,
    source: str,
    out: str,
    kind: str,
    guess: bool,
    dry_run: bool,
    force: bool,
    clear: bool,
    listed: bool,
    show: str,
    as_json: bool,
) -> None:
    """Look at FILE, propose what its columns mean, ask what is unclear, and write the mapping.

    \b
    floorwalker map exports/ventes_2026-03.csv
    floorwalker map exports/orders.csv --yes && floorwalker run
    floorwalker map --list
    """
    if listed or show:
        _known(show, as_json)
        return
    if file is None:
        raise click.UsageError("give a FILE to look at, or --list")
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.guiding import Wanted, guide, write
    from floorwalker.app.intake import defaults_of
    from floorwalker.engines.project import Project
    from floorwalker.errors import ConfigError
    from floorwalker.sources.mapping import Defaults

    project = Project(folder)
    if not dry_run or project.config_file.exists():
        project = open_project(folder)
    own = load_config(project).settings if project.config_file.exists() else None
    wanted = Wanted(source, Path(out).stem if out else "", kind, guess, clear)
    ask = None if yes or as_json or dry_run else _asker(clear)
    found = guide(file, project, defaults_of(own) if own else Defaults(), wanted, ask)
    if not as_json:
        _print(found, clear)
    noted = ""
    if not dry_run:
        if found.proposal and found.proposal.doubts and not yes:
            raise ConfigError("there are questions, and nobody was asked", fix="--yes takes the best guess")
        noted = _settle_currency(found, project, own.defaults.currency if own else "")
        found = write(found, project, force=force)
    if as_json:
        click.echo(to_json(_document(found, clear), 2))
        return
    for path in found.written:
        click.echo(f"wrote mappings/{path.name}")
    if noted:
        click.secho(noted, fg="yellow")
    if found.written:
        click.echo("next: floorwalker run")


def _asker(clear: bool) -> Ask:
    """Asks on the terminal; where there is none, says how to go without."""
    from floorwalker.errors import ConfigError

    def ask(doubt: Doubt, _found: Proposal) -> str:
        if not sys.stdin.isatty():
            raise ConfigError(
                f"a question needs an answer: {doubt.text}",
                why="there is no terminal to ask on",
                fix="--yes takes the best guess and marks what is unsure; --dry-run shows it",
            )
        click.echo(f"\n{click.style(doubt.text, bold=True)}")
        if doubt.examples:
            click.echo(f"  for example: {', '.join(_shown(value, not clear) for value in doubt.examples)}")
        for number, (label, _) in enumerate(doubt.options, 1):
            click.echo(f"  {number}) {label}")
        try:
            picked = click.prompt("  which", type=click.IntRange(1, len(doubt.options)), default=1)
        except click.Abort:
            raise ConfigError(
                "the questions ended before they were answered", fix="--yes takes the best guess"
            ) from None
        return doubt.options[picked - 1][1]

    return ask


def _print(found: Guided, clear: bool) -> None:
    part = "all" if found.sample.whole else "a sample"
    click.echo(f"looked at {part} of the file: {found.sample.rows:,} rows, {len(found.columns)} columns")
    if found.known is not None:
        export = found.known.export
        click.echo(f"{click.style(export.title, bold=True)} ({export.name}), known by its header")
        for what, names in (("lacks", found.known.missing), ("has more", found.known.more)):
            if names:
                click.echo(f"  {what}: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}")
    if found.proposal is not None:
        for key, (value, why) in found.proposal.options.items():
            click.echo(f"{key} = {value}  ({why})")
        for note in found.proposal.notes:
            click.echo(note)
        for draft in found.proposal.drafts:
            item = draft.maps[-1]
            rows = [_row(choice, item.kind, clear) for choice in item.choices]
            click.echo("")
            table((item.kind, "from", "sure", "examples", "why"), rows)
        if found.proposal.unused:
            click.echo(f"\nnot used: {', '.join(found.proposal.unused)}")
    for name, tried in found.previews.items():
        _print_preview(name, tried)


def _row(choice: Choice, kind: str, clear: bool) -> tuple[str, str, str, str, str]:
    examples = ", ".join(_shown(value, _is_personal(kind, choice.target) and not clear) for value in choice.examples)
    source = choice.column or f"always {choice.entry.get('value')}"
    mark = "?" if choice.unsure else ""
    return choice.target, source, f"{choice.confidence:.2f}{mark}", examples, choice.doubt or choice.why


def _print_preview(name: str, tried: Preview) -> None:
    kept = ", ".join(f"{rows:,} {kind}" for kind, rows in tried.accepted.items())
    click.echo(f"\n{click.style(name, bold=True)}: of {tried.read:,} rows {kept}", nl=False)
    click.echo(f", {tried.skipped:,} skipped" if tried.skipped else "", nl=False)
    click.echo(f", {tried.refused_rows:,} refused")
    for reason, rows in list(tried.refused.items())[:6]:
        click.secho(f"  {rows:,} × {reason}", fg="yellow")
    for kind, (names, lines) in tried.rows.items():
        if lines:
            table(names, lines, title=f"the first {kind}")


def _shown(value: str, hide: bool) -> str:
    """A value of the file, shortened; masked where it is, or looks like, somebody's."""
    from floorwalker.sources.guide.preview import masked

    hide = hide or "@" in value
    text = (masked(value) or "") if hide else value
    return text if len(text) <= 30 else f"{text[:29]}…"


def _is_personal(kind: str, target: str) -> bool:
    from floorwalker.events.vocabulary import KINDS

    return KINDS[kind].column(target).personal


def _settle_currency(found: Guided, project: Project, currency: str) -> str:
    """What to say where the file's money is not the project's."""
    from floorwalker.app.guiding import currency_of, reckon_in

    other = currency_of(found)
    if not other or not currency or other == currency:
        return ""
    if reckon_in(project, other):
        return (
            f'set [defaults] currency = "{other}" in floorwalker.toml: it was {currency}, and nothing had been read yet'
        )
    return (
        f"note: the amounts seem to be {other}, the project reckons in {currency}: a run needs exchange_rates for "
        "that, or another [defaults] currency"
    )


def _document(found: Guided, clear: bool) -> dict[str, Any]:
    """Everything for programs."""
    drafts = []
    for draft in found.proposal.drafts if found.proposal else ():
        for item in draft.maps:
            columns = [
                {
                    "target": choice.target,
                    "column": choice.column,
                    "entry": choice.entry,
                    "confidence": choice.confidence,
                    "why": choice.why,
                    "unsure": choice.unsure,
                    "doubt": choice.doubt,
                    "examples": [
                        _shown(value, _is_personal(item.kind, choice.target) and not clear) for value in choice.examples
                    ],
                    "rivals": [{"column": name, "score": score} for name, score in choice.rivals],
                }
                for choice in item.choices
            ]
            drafts.append({"kind": item.kind, "where": item.where, "each": item.each, "columns": columns})
    known = found.known
    return {
        "source": found.source,
        "rows_looked_at": found.sample.rows,
        "whole_file": found.sample.whole,
        "export": known.export.name if known else None,
        "kinds": [{"kind": kind, "score": score} for kind, score in found.proposal.kinds] if found.proposal else [],
        "maps": drafts,
        "options": {key: value for key, (value, _) in found.proposal.options.items()} if found.proposal else {},
        "questions": [doubt.text for doubt in found.proposal.doubts] if found.proposal else [],
        "not_used": found.proposal.unused if found.proposal else (),
        "previews": {
            name: {"read": one.read, "accepted": one.accepted, "skipped": one.skipped, "refused": one.refused}
            for name, one in found.previews.items()
        },
        "mappings": found.texts,
        "written": [f"mappings/{path.name}" for path in found.written],
    }


def _known(show: str, as_json: bool) -> None:
    from floorwalker.sources.exports import export_named, exports

    if show:
        export = export_named(show)
        click.echo(to_json(export, 2) if as_json else export.text, nl=as_json)
        return
    names = ("export", "what", "columns", "verified", "documentation")
    rows = [(one.name, one.title, len(one.columns), one.verified, one.documentation) for one in exports()]
    table(names, rows, as_json)
