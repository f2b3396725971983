"""What a page is made of: sections holding figures, tables and sentences. Plain values for the template to lay out.

>>> figure = draw("k", "Orders", lambda frame: f"<svg width='{frame.width}'/>", desc="Two bars")
>>> [width for width, _ in figure.drawings]
['half', 'phone']
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from floorwalker.console.svg import Frame

WIDTHS = {"full": 1040, "half": 510, "phone": 340}
"""Drawing widths: a chart is drawn once for each way it is laid out, so that its text is never scaled to a blur."""
_UNIT = re.compile(r"(?<=\d) (?=(?:[KMBT]|s|min|days?)\b)")


@dataclass(frozen=True)
class Column:
    """A table column: `numeric` ones are right-aligned."""

    name: str
    show: Callable[[Any], str] = str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """Rows already formatted. `marked` are the positions of rows to set off; `flags` is what is said of them."""

    caption: str
    heads: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[str]]
    marked: Mapping[int, str] = field(default_factory=dict)
    kind: str = "table"
    span: int = 1
    title: str = ""
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart in every width it is needed in, what it says, and the table behind it."""

    key: str
    title: str
    drawings: Sequence[tuple[str, Markup]]
    note: str = ""
    table: Table | None = None
    span: int = 1
    height: float = 0
    kind: str = "figure"


@dataclass(frozen=True)
class Missing:
    """A sentence where a figure would be."""

    title: str
    text: str
    kind: str = "missing"
    span: int = 1


@dataclass(frozen=True)
class Listing:
    """What is neither chart nor table: tiles, a decision's items, commands. The template knows the kinds."""

    kind: str
    items: Sequence[Mapping[str, Any]]
    title: str = ""
    note: str = ""
    span: int = 2


Part = Figure | Table | Missing | Listing


def tall(part: Part) -> float:
    """About how high a part will stand, in pixels at half width."""
    if isinstance(part, Figure):
        return 130 + part.height + 22 * math.ceil(len(part.note) / 60)
    if isinstance(part, Table):
        return 120 + 31 * len(part.rows) + 22 * math.ceil(len(part.note) / 60)
    if isinstance(part, Listing):
        return 110 + 62 * len(part.items)
    return 110


def halves(parts: Sequence[Part]) -> list[list[Part]]:
    """Cut a list in two where both columns come out most alike, so that nothing hangs beside a hole.

    The order stays as it is read: down the left column, then down the right; on a phone, simply down.
    """
    if len(parts) < 2:
        return [list(parts)]
    heights = [tall(part) for part in parts]
    cut = min(range(1, len(parts)), key=lambda place: (abs(sum(heights[:place]) - sum(heights[place:])), place))
    return [list(parts[:cut]), list(parts[cut:])]


@dataclass(frozen=True)
class Section:
    """A heading (and a short one for the way there), what it found in a sentence or two, and its parts."""

    nav: str
    key: str
    title: str
    lead: Sequence[str]
    parts: Sequence[Part]

    @property
    def rows(self) -> list[list[list[Part]]]:
        """The parts as rows of one wide column, or of two columns about equally tall, in reading order."""
        rows: list[list[list[Part]]] = []
        for wide, run in itertools.groupby(self.parts, key=lambda part: part.span == 2):
            parts = list(run)
            rows += [[[part]] for part in parts] if wide else [halves(parts)]
        return rows


def table(caption: str, columns: Mapping[str, Column], rows: Sequence[Mapping[str, Any]], **more: Any) -> Table:
    """Format `rows`: one column per key of `columns`."""
    return Table(
        caption,
        [(column.name, column.numeric) for column in columns.values()],
        [[_shown(column, row.get(key)) for key, column in columns.items()] for row in rows],
        **more,
    )


def _shown(column: Column, value: object) -> str:
    return "" if value is None and column.show is str else column.show(value)


def draw(
    key: str,
    title: str,
    chart: Callable[[Frame], str],
    *,
    desc: str,
    note: str = "",
    table: Table | None = None,
    span: int = 1,
) -> Figure:
    """A figure, its chart drawn for every width it will be seen at."""
    widths = ("full", "half", "phone") if span == 2 else ("half", "phone")
    drawings = [(name, Markup(chart(Frame(f"{key}-{name}", title, desc, WIDTHS[name])))) for name in widths]
    height = re.search(r'viewBox="0 0 \S+ (\S+)"', dict(drawings)["half"])
    return Figure(key, title, drawings, note, table, span, float(height[1]) if height else 0)


def unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return _UNIT.sub("\u00a0", text)
