"""How commands print: tables for people, JSON for programs, progress on stderr.

In: rows or dicts. Out: text on stdout; with `--json` exactly one JSON document (dates ISO, money as text so that no
digit is lost).

>>> to_json({"day": __import__("datetime").date(2026, 1, 2), "money": __import__("decimal").Decimal("1.50")})
'{"day": "2026-01-02", "money": "1.50"}'
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON text of anything a command returns."""
    return json.dumps(value, indent=indent, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "__dict__"):
        return vars(value)
    if hasattr(value, "__struct_fields__"):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def show(value: Any, as_json: bool) -> None:
    """Print one document: JSON, or an indented outline."""
    click.echo(to_json(value, 2) if as_json else "\n".join(_outline(value)))


def _outline(value: Any, depth: int = 0) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list | tuple) and item:
                yield f"{pad}{click.style(str(key), bold=True)}"
                yield from _outline(item, depth + 1)
            else:
                yield f"{pad}{key:<{max(24 - len(pad), 1)}} {'-' if item in (None, [], {}) else item}"
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, dict):
                yield pad + "  ".join(f"{key}={_short(word)}" for key, word in item.items() if word is not None)
            else:
                yield f"{pad}{item}"
    else:
        yield f"{pad}{value}"


def _short(value: Any) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, dt.datetime) else str(value)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool = False, *, title: str = "") -> None:
    """Print rows: a table, or with `as_json` a list of objects."""
    if as_json:
        click.echo(to_json([dict(zip(names, row, strict=True)) for row in rows], 2))
        return
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for position, name in enumerate(names):
        numeric = any(isinstance(row[position], int | float | Decimal) for row in rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else _cell(cell) for cell in row))
    # Piped output is not cut to a terminal's width.
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(grid)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, Decimal):
        return f"{value:,}"
    return _short(value).replace("[", "\\[")


@contextmanager
def progress_bars(title: str) -> Generator[Callable[[str, float, str], None]]:
    """Progress on stderr: one moving line on a terminal, silence elsewhere.

    Yields a function (name, done 0…1, text).
    """
    if not sys.stderr.isatty():
        yield lambda _name, _done, _text="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<32}"),
        BarColumn(bar_width=28),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[text]}"),
        console=console,
        transient=True,
    ) as bars:
        tasks: dict[str, Any] = {}
        started = time.monotonic()

        def update(name: str, done: float, text: str = "") -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=1.0, text=text)
            bars.update(tasks[name], completed=done, text=text)
            if done >= 1.0:
                bars.update(tasks[name], visible=False)

        update(title, 0.0, "")
        yield update
        bars.update(tasks[title], completed=1.0, text=f"{time.monotonic() - started:.1f} s")


def plain(amount: Any) -> str:
    """Money to the last digit that is not a zero, at least two.

    >>> from decimal import Decimal
    >>> plain(Decimal("8911407.9040")), plain(Decimal("1.5"))
    ('8,911,407.904', '1.50')
    """
    whole, _, cents = f"{amount:,}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"
