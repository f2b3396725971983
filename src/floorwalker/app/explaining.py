"""Explanations as text for a terminal.

In: what `identity.explain` found. Out: printed sentences and tables; a waterfall as bars.

>>> print(bar(2.0, 6.0, low=0.0, high=8.0, width=8))
  ████
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import click

from floorwalker.app.output import table
from floorwalker.identity.explain import Pair, Why, WhyNot, words
from floorwalker.identity.explain.reasons import Link, Member, day, listed
from floorwalker.identity.explain.waterfall import Waterfall

_WIDTH = 32
_NAMED = 3
_DRAWN = 0.05
"""Bits that are drawn."""


def say(text: str, *, indent: int = 0, hang: int | None = None) -> None:
    """A sentence, wrapped at words to the terminal's width; what is piped is not wrapped."""
    pad, rest = " " * indent, " " * (indent + 2 if hang is None else hang)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    lines, line = [], pad
    for word in text.split(" "):
        longer = f"{line}{word}" if line in (pad, rest) else f"{line} {word}"
        if len(click.unstyle(longer)) > width and line not in (pad, rest):
            lines.append(line)
            longer = rest + word
        line = longer
    click.echo("\n".join([*lines, line]))


def print_why(found: Why, asked: str) -> None:
    """Why a customer is one person."""
    meant = "" if asked == found.customer_id else f" answers to {asked}"
    click.echo(click.style(found.customer_id, bold=True) + meant)
    say(found.text)
    if found.first_seen and found.last_seen:
        click.echo(f"seen from {day(found.first_seen)} to {day(found.last_seen)}")
    if found.parts > 1:
        click.secho(f"nothing ties its {found.parts} parts together: the tables are of different runs", fg="red")
    if found.links:
        click.echo(f"\nIt begins with {_record(found.start)}. To it belong, by")
        for one in found.links:
            since = f", since {day(one.since)}" if one.since else ""
            click.echo(f"  {click.style(_about(one), bold=True)}  {one.strength}{since}")
            click.echo(f"      {one.from_record[:8]} ─ {_brings(one.records, one.new)}")
    _more(found.left_out["links"], "link")
    if found.also:
        click.echo("\nBesides, they share")
        for one in found.also:
            say(one.text, indent=2)
        _more(found.left_out["also"], "thing")
    if found.refused:
        click.echo("\nNot believed")
        for one in found.refused:
            others = f" ({words.plural(one.others, 'other customer')})" if one.others and one.kind != "record" else ""
            say(one.text + others, indent=2)
        _more(found.left_out["refused"], "thing")


def print_why_not(found: WhyNot) -> None:
    """Why two are not one."""
    if found.same:
        click.secho(found.text, bold=True)
        click.echo("through " + listed(found.through, 12) if found.through else "it is the same record")
        return
    one, two = found.a.customers[0], found.b.customers[0]
    click.secho(f"{one} and {two} are two customers", bold=True)
    for side in (found.a, found.b):
        click.echo(f"  {side.customers[0]}: {words.plural(side.records, 'record')}, asked for as {side.asked}")
    click.echo()
    for obstacle in found.obstacles:
        say(f"- {obstacle.text}")
        if obstacle.owner:
            click.echo(f"  the third customer is {obstacle.owner}")


def print_pair(found: Pair) -> None:
    """Two records side by side, and how the model weighs them."""
    a, b = found.a, found.b
    click.secho(found.text, bold=True)
    rows: list[tuple[str, str, str, str]] = [
        ("record", a.record_id[:8], "", b.record_id[:8]),
        ("customer", a.customer_id, "=" if found.together else "≠", b.customer_id),
        ("source", a.source, "", b.source),
        ("seen", _days(a.first_seen, a.last_seen), "", _days(b.first_seen, b.last_seen)),
    ]
    rows += [
        (words.noun(line.kind, 1), line.a, {True: "=", False: "≠", None: ""}[line.same], line.b) for line in found.lines
    ]
    click.echo()
    table(("", "one", "", "the other"), rows)
    if found.shared:
        click.echo("\nThey share")
        for shared in found.shared:
            say(shared.text if shared.accepted else f"not believed: {shared.text}", indent=2)
    if found.waterfall:
        click.echo()
        print_waterfall(found.waterfall, found.levels)


def print_waterfall(fall: Waterfall, levels: dict[str, float | None]) -> None:
    """Bars from left (two people) to right (one), each beginning where the one before ended."""
    besides = (("rare values agree", fall.rarity), ("may be one household", fall.household), ("doubt", fall.doubt))
    steps = [("any two records", fall.prior, "")]
    steps += [(one.name.replace("_", " "), one.bits, one.label) for one in fall.bars if one.gamma >= 0]
    steps += [(name, bits, "") for name, bits in besides if abs(bits) >= _DRAWN]
    edges, at = [0.0], 0.0
    for _, bits, _ in steps:
        at += bits
        edges.append(at)
    low, high = min(edges), max(*edges, 1.0)
    rows = []
    for (name, bits, label), start, end in zip(steps, edges, edges[1:], strict=False):
        drawn = bar(start, end, low=low, high=high, width=_WIDTH) if abs(bits) >= _DRAWN else ""
        rows.append((name, f"{bits:+.1f}", click.style(drawn, fg="green" if bits >= 0 else "red"), label))
    rows.append(("together", f"{fall.weight:+.1f}", "", f"probability {fall.probability:.4f}"))
    names, most = max(len(row[0]) for row in rows), max(len(row[1]) for row in rows)
    click.echo("How the model weighs them, in bits (one more doubles the odds)")
    for name, bits, drawn, label in rows:
        padding = " " * (_WIDTH - len(click.unstyle(drawn)))
        click.echo(f"  {name:<{names}} {bits:>{most}}  {drawn}{padding}  {label}".rstrip())
    silent = [one.name.replace("_", " ") for one in fall.bars if one.gamma < 0]
    if silent:
        say(f"not compared, because one side says nothing: {', '.join(silent)}", indent=2)
    if levels:
        told = [f"{level} {'takes no pairs' if cut is None else f'{cut:+.1f}'}" for level, cut in levels.items()]
        click.echo("  needed: " + ", ".join(told))
    if not fall.stored:
        click.echo("  (too unlike for the run to keep: weighed now)")


def bar(start: float, end: float, *, low: float, high: float, width: int) -> str:
    """A bar from `start` to `end` on a scale from `low` to `high`; at least one character."""
    scale = width / (high - low) if high > low else 0.0
    one, two = sorted((round((start - low) * scale), round((end - low) * scale)))
    one = min(one, width - 1)
    return " " * one + "█" * max(two - one, 1)


def _record(one: Member) -> str:
    seen = f", {day(one.first_seen)}" if one.first_seen else ""
    return f"a record of {one.source or 'no source'} ({one.record_id[:8]}{seen})"


def _brings(records: Sequence[Member], count: int) -> str:
    named = [f"{one.source} {one.record_id[:8]}" for one in records[:_NAMED]]
    return ", ".join(named) + (f" and {count - len(named)} more" if count > len(named) else "")


def _about(one: Link) -> str:
    """What a link goes by; a model's pair with its bits."""
    if one.kind == "record":
        return f"{words.through(one.rule)}, {one.weight:+.1f} bits"
    return f"{words.through(one.rule)} {one.value}"


def _days(first: str, last: str) -> str:
    return first[:10] if first[:10] == last[:10] else f"{first[:10]} to {last[:10]}"


def _more(count: int, what: str) -> None:
    if count:
        click.echo(f"  and {words.plural(count, 'more ' + what)} (--limit)")
