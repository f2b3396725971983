"""`identity review`: the few pairs of records that a person should look at, one by one or from a script."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from floorwalker.app.commands.identity_effect import effect, later_option, note_option, told
from floorwalker.app.output import json_option

if TYPE_CHECKING:
    from floorwalker.app.deciding import Made
    from floorwalker.app.reviewing import Reviewer
    from floorwalker.identity.questions import Question

ANSWERS = {"same": True, "different": False}
_KEYS = {"s": True, "d": False}
_ARROWS = re.compile(r"\x1b[\[o][0-9;]*[a-z~]")
"""What keys without a letter send."""


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Questions at most.")
@click.option("--list", "listed", is_flag=True, help="Only list the questions.")
@click.option("--answer", "answers", multiple=True, metavar="ID=ANSWER", help="Answer one: same or different.")
@note_option
@later_option
@click.option("--masked", is_flag=True, help="Do not show identifiers and names in full.")
@json_option
@click.pass_obj
def review(
    folder: str,
    limit: int,
    listed: bool,
    answers: tuple[str, ...],
    note: str,
    later: bool,
    masked: bool,
    as_json: bool,
) -> None:
    """Pairs on which much hangs and the model is not sure: the same person, or two?

    At a terminal it asks, one pair at a time. An answer is a decision that survives every run and is never asked again.

    \b
    floorwalker identity review
    floorwalker identity review --list --json
    floorwalker identity review --answer q3fa91c07be=same --note "rang them up"
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.reviewing import open_reviewer

    wanted, made = [_parsed(text) for text in answers], []
    project = open_project(folder)
    with open_reviewer(project) as reviewer:
        if wanted:
            made = _answer(reviewer, wanted, note)
        elif listed or as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _list(reviewer, limit, as_json)
        else:
            made = _ask(reviewer, limit, note, clear=not masked)
    if made:
        told(project, made, [_line(one) for one in made], effect(project, later, as_json), as_json)


def _parsed(text: str) -> tuple[str, bool]:
    from floorwalker.errors import did_you_mean

    review_id, _, said = text.partition("=")
    if said not in ANSWERS:
        raise click.UsageError(f"--answer {text}: {did_you_mean(said, ANSWERS)} (ID=same or ID=different)")
    return review_id, ANSWERS[said]


def _list(reviewer: Reviewer, limit: int, as_json: bool) -> None:
    from floorwalker.app.output import table

    found = reviewer.open(limit)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    if not found:
        click.echo(reviewer.nothing)
        return
    rows = [(one.review_id, one.kind, round(one.score, 2), one.records, one.text) for one in found]
    table(("id", "kind", "score", "records", "why it is asked"), rows)
    click.echo("\nfloorwalker identity review asks them one by one; --answer ID=same answers one")


def _answer(reviewer: Reviewer, wanted: list[tuple[str, bool]], note: str) -> list[Made]:
    # All of them must be open before any is answered.
    asked = [(reviewer.one(review_id), same) for review_id, same in wanted]
    return [reviewer.answer(question, same, note) for question, same in asked]


def _line(made: Made) -> str:
    one = made.decision
    a, b = (side[0].record_id[:8] for side in (one.a, one.b))
    return f"decision {one.decision_id}: {a} and {b} are {'one person' if one.kind == 'link' else 'two people'}"


def _ask(reviewer: Reviewer, limit: int, note: str, *, clear: bool) -> list[Made]:
    """Ask one question after the other; what was decided."""
    found = reviewer.open(limit)
    if not found:
        click.echo(reviewer.nothing)
        return []
    made, skipped, said = [], 0, ""
    for number, question in enumerate(found, 1):
        if not reviewer.is_open(question):
            # An answer before this one has settled it.
            continue
        click.clear()
        if said:
            click.echo(said)
        _show(reviewer, question, number, len(found), clear=clear)
        key, said = _key(), ""
        if key == "q":
            break
        if key == "k":
            skipped += 1
            continue
        made.append(reviewer.answer(question, _KEYS[key], note))
        said = click.style(_line(made[-1]), fg="green")
    click.echo(f"\n{len(made)} answered, {skipped} skipped, {len(reviewer.open(1_000_000)):,} open\n")
    return made


def _show(reviewer: Reviewer, question: Question, number: int, count: int, *, clear: bool) -> None:
    from floorwalker.app.explaining import print_pair, say

    click.echo(f"{click.style(f'Question {number} of {count}', bold=True)}  {question.kind}  {question.review_id}")
    say(question.text)
    if question.pairs > 1:
        click.echo(f"{question.pairs} pairs of their records raise it; these are the most alike")
    click.echo()
    print_pair(reviewer.pair(question, clear=clear))
    click.echo()
    between = reviewer.between(question, clear=clear)
    if between:
        click.echo("Between the two customers")
        for text in between:
            say(text, indent=2)
        click.echo()
    outcome = reviewer.outcome(question)
    say(f"{click.style('s', bold=True)}  the same person: {outcome.same}", indent=2, hang=5)
    say(f"{click.style('d', bold=True)}  different people: {outcome.different}", indent=2, hang=5)
    say(f"{click.style('k', bold=True)}  skip      {click.style('q', bold=True)}  quit", indent=2)


def _key() -> str:
    """s, d, k or q; other keys are passed over, arrows too. Of keys typed ahead the first that is known counts."""
    while True:
        typed = click.getchar().lower()
        if typed in ("\x03", "\x04", "\x1b"):
            return "q"
        known = [key for key in _ARROWS.sub("", typed) if key in (*_KEYS, "k", "q")]
        if known:
            return known[0]
