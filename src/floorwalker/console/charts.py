"""Charts made of bars and cells: plain data in, one SVG text out. Colours are classes, painted by the page's theme.

    bars          one bar per name                       paired_bars   two, with a legend (before/after, share/share)
    histogram     upright columns over ordered classes   funnel        what is left after each step, and what went
    heat_grid     a square of shaded cells               multiples     the same names under several measures

Each takes a `Frame` (key, title, description, width) and is drawn for that width: below 420 labels go above the bars.
Charts over an axis of numbers or dates are in `curves.py`.

>>> drawn = bars(Frame("c", "Sales by country", "Two countries"), [Bar("UK", 82.0), Bar("Eire", 3.0)], show=str)
>>> drawn.count('class="a"'), "UK: 82.0" in drawn
(2, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from floorwalker.console import numbers
from floorwalker.console.svg import Frame, drawing, label, tag, text_width

Show = Callable[[float], str]
HEAT_STEPS = 7


@dataclass(frozen=True)
class Bar:
    """One name and its value; `note` is added to the tooltip, `tone` is a colour class: a, b, c, good, bad, quiet."""

    label: str
    value: float
    note: str = ""
    tone: str = "a"

    def told(self, shown: str) -> str:
        return f"{self.label}: {shown}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Pair:
    """One name and its two values."""

    label: str
    first: float
    second: float
    note: str = ""


def _lane(frame: Frame, labels: Sequence[str], shown: Sequence[str]) -> tuple[float, float]:
    """Where bars start, and how long the longest may be: room for names before and for values after them."""
    after = max((text_width(text, bold=True) for text in shown), default=0) + 8
    if frame.narrow:
        return 0.0, frame.width - after
    before = min(max((text_width(text) for text in labels), default=0) + 10, frame.width * 0.4)
    return before, frame.width - before - after


def _rect(x: float, y: float, width: float, height: float, tone: str, told: str) -> str:
    """A bar; a value above nothing is never drawn thinner than a hair, or it would look like nothing."""
    return tag(
        "rect", title=told, x=x, y=y, width=max(width, 1.0) if width > 0 else 0.0, height=height, rx=2, class_=tone
    )


def bars(frame: Frame, rows: Sequence[Bar], *, show: Show = numbers.count, top: float = 0) -> str:
    """Horizontal bars, their values at the end. `top` fixes the full length (1.0 for shares), else the largest does."""
    shown = [show(row.value) for row in rows]
    start, room = _lane(frame, [row.label for row in rows], shown)
    top = top or max((row.value for row in rows), default=0) or 1
    step, thick = (40, 14) if frame.narrow else (27, 17)
    parts = []
    for position, (row, text) in enumerate(zip(rows, shown, strict=True)):
        y = position * step + (18 if frame.narrow else 4)
        length = room * max(row.value, 0) / top
        if frame.narrow:
            parts.append(label(0, y - 5, row.label, kind="name", room=frame.width))
        else:
            parts.append(label(start - 8, y + 13, row.label, kind="name", anchor="end", room=start - 8))
        parts.append(_rect(start, y, length, thick, row.tone, row.told(text)))
        parts.append(label(start + length + 6, y + thick - 4 + (1 if frame.narrow else 0), text, kind="value"))
    return drawing(frame, len(rows) * step + 4, *parts)


def legend(frame: Frame, entries: Sequence[tuple[str, str]], y: float = 12) -> tuple[str, float]:
    """Colour keys in as many lines as they need: (SVG, height used). Entries are (tone, name)."""
    parts, x = [], 0.0
    for tone, name in entries:
        wide = 18 + text_width(name) + 14
        if x and x + wide > frame.width:
            x, y = 0.0, y + 18
        parts.append(tag("rect", x=x, y=y - 9, width=11, height=11, rx=2, class_=tone))
        parts.append(label(x + 17, y, name, kind="tick", room=frame.width - 18))
        x += wide
    return "".join(parts), y + 10


def paired_bars(
    frame: Frame,
    rows: Sequence[Pair],
    *,
    names: tuple[str, str],
    show: Show = numbers.count,
    top: float = 0,
) -> str:
    """Two bars per name on one scale, first above second."""
    shown = [(show(row.first), show(row.second)) for row in rows]
    start, room = _lane(frame, [row.label for row in rows], [text for pair in shown for text in pair])
    top = top or max((max(row.first, row.second) for row in rows), default=0) or 1
    keys, head = legend(frame, [("a", names[0]), ("b", names[1])])
    thick, gap = 14, 1
    above = 18 if frame.narrow else 0
    step = above + 2 * thick + gap + 10
    parts = [keys]
    for position, (row, texts) in enumerate(zip(rows, shown, strict=True)):
        y = head + 4 + position * step + above
        if frame.narrow:
            parts.append(label(0, y - 5, row.label, kind="name", room=frame.width))
        else:
            parts.append(label(start - 8, y + thick + 4, row.label, kind="name", anchor="end", room=start - 8))
        pairs = zip(("a", "b"), names, (row.first, row.second), texts, strict=True)
        for line, (tone, name, value, text) in enumerate(pairs):
            told = f"{row.label}, {name}: {text}" + (f" ({row.note})" if row.note else "")
            length, at = room * max(value, 0) / top, y + line * (thick + gap)
            parts.append(_rect(start, at, length, thick, tone, told))
            parts.append(label(start + length + 6, at + thick - 3, text, kind="value"))
    return drawing(frame, head + 4 + len(rows) * step, *parts)


def histogram(frame: Frame, rows: Sequence[Bar], *, show: Show = numbers.count, axis: str = "", tall: int = 190) -> str:
    """Upright columns over ordered classes ("1", "2", "3–4", …); values above where they fit, classes below."""
    if not rows:
        return drawing(frame, 20)
    shown = [show(row.value) for row in rows]
    top = max(row.value for row in rows) or 1
    pitch = frame.width / len(rows)
    values_fit = all(text_width(text, bold=True) <= pitch - 2 for text in shown)
    # Classes are ordered, so every n-th name is enough to read the axis where all of them do not fit.
    every = 1
    while any(text_width(row.label) > pitch * every - 6 for row in rows) and every < len(rows):
        every += 1
    head, parts = 18, []
    for position, (row, text) in enumerate(zip(rows, shown, strict=True)):
        height = tall * max(row.value, 0) / top
        middle, wide = (position + 0.5) * pitch, min(pitch * 0.76, 72)
        parts.append(_column(middle - wide / 2, head + tall - height, wide, height, row.tone, row.told(text)))
        if values_fit:
            parts.append(label(middle, head + tall - height - 5, text, kind="value", anchor="middle"))
        if position % every == 0:
            parts.append(label(middle, head + tall + 17, row.label, anchor="middle", room=pitch * every))
    parts.append(tag("line", x1=0, x2=frame.width, y1=head + tall, y2=head + tall, class_="axis"))
    if axis:
        parts.append(label(frame.width / 2, head + tall + 37, axis, anchor="middle", room=frame.width))
    return drawing(frame, head + tall + (46 if axis else 26), *parts)


def _column(x: float, y: float, width: float, height: float, tone: str, told: str) -> str:
    hair = 0 < height < 1
    return tag(
        "rect",
        title=told,
        x=x,
        y=y - (1 - height if hair else 0),
        width=width,
        height=1 if hair else height,
        class_=tone,
    )


def funnel(frame: Frame, rows: Sequence[Bar], *, show: Show = numbers.count) -> str:
    """What is left after each step, and between the steps what went: count and share of the step before."""
    if not rows:
        return drawing(frame, 20)
    top = max(row.value for row in rows) or 1
    step, thick, parts = 62, 18, []
    for position, row in enumerate(rows):
        y, text = position * step, show(row.value)
        value_room = text_width(text, bold=True) + 10
        parts.append(label(0, y + 13, row.label, kind="name", room=frame.width - value_room))
        parts.append(label(frame.width, y + 13, text, kind="value", anchor="end"))
        parts.append(tag("rect", x=0, y=y + 19, width=frame.width, height=thick, rx=2, class_="track"))
        parts.append(_rect(0, y + 19, frame.width * max(row.value, 0) / top, thick, row.tone, row.told(text)))
        if position + 1 < len(rows):
            lost = row.value - rows[position + 1].value
            gone = f"− {show(lost)} ({numbers.share(lost / row.value)})" if lost > 0 and row.value else "nothing lost"
            parts.append(label(2, y + 51, "↓ " + gone, room=frame.width - text_width(row.note) - 12))
        parts.append(label(frame.width, y + 51, row.note, anchor="end", room=frame.width / 2))
    return drawing(frame, len(rows) * step - 4, *parts)


def heat_step(value: float, top: float) -> int:
    """Which of the seven shades: 0 for nothing, else by the square root, so that small cells still differ.

    >>> heat_step(0, 100), heat_step(1, 100), heat_step(25, 100), heat_step(100, 100)
    (0, 1, 3, 6)
    """
    if value <= 0 or top <= 0:
        return 0
    return max(1, min(HEAT_STEPS - 1, round((value / top) ** 0.5 * (HEAT_STEPS - 1))))


def heat_grid(
    frame: Frame,
    cells: Mapping[tuple[str, str], float],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_axis: str,
    column_axis: str,
    notes: Mapping[tuple[str, str], str] | None = None,
    show: Show = numbers.compact,
) -> str:
    """Shaded cells with their values. `cells` and `notes` (tooltips) by (row, column); a cell not given counts 0."""
    left, head, cell_height = 40.0, 4.0, 48.0
    wide = (frame.width - left) / max(len(columns), 1)
    top = max(cells.values(), default=0)
    parts = []
    for line, row in enumerate(rows):
        y = head + line * cell_height
        parts.append(label(left - 8, y + cell_height / 2 + 4, row, kind="name", anchor="end", room=left - 20))
        for place, column in enumerate(columns):
            value = cells.get((row, column), 0)
            shade, text = heat_step(value, top), show(value)
            note = (notes or {}).get((row, column), "")
            told = f"{row_axis} {row}, {column_axis} {column}: {text}" + (f" ({note})" if note else "")
            x = left + place * wide
            parts.append(
                tag(
                    "rect",
                    title=told,
                    x=x + 1,
                    y=y + 1,
                    width=wide - 2,
                    height=cell_height - 2,
                    rx=3,
                    class_=f"h{shade}",
                )
            )
            middle = y + cell_height / 2 + 4
            parts.append(label(x + wide / 2, middle, text, kind=f"cell on{shade}", anchor="middle", room=wide - 4))
    bottom = head + len(rows) * cell_height
    for place, column in enumerate(columns):
        parts.append(label(left + (place + 0.5) * wide, bottom + 16, column, kind="name", anchor="middle", room=wide))
    parts.append(label(left + (frame.width - left) / 2, bottom + 34, column_axis + " →", anchor="middle"))
    parts.append(label(12, (head + bottom) / 2, row_axis + " →", anchor="middle", room=bottom, turned=True))
    parts.append(_ramp(frame, bottom + 46))
    return drawing(frame, bottom + 66, *parts)


def _ramp(frame: Frame, y: float) -> str:
    """The key of the shades, right-aligned."""
    size, words = 16, ("fewer", "more")
    x = frame.width - text_width(words[1]) - 8 - HEAT_STEPS * size
    swatches = [
        tag("rect", x=x + step * size, y=y, width=size - 2, height=12, rx=2, class_=f"h{step}")
        for step in range(HEAT_STEPS)
    ]
    ends = label(x - 8, y + 10, words[0], anchor="end") + label(frame.width, y + 10, words[1], anchor="end")
    return "".join(swatches) + ends


def multiples(
    frame: Frame,
    labels: Sequence[str],
    measures: Sequence[tuple[str, Sequence[float], Show]],
    *,
    tones: Sequence[str] = (),
) -> str:
    """Small multiples: the same names down the side, one little bar chart per measure (name, values, format) across."""
    parts: list[str] = []
    tones = tones or ["a"] * len(labels)
    before = 0.0 if frame.narrow else min(max(map(text_width, labels), default=0) + 12, frame.width * 0.3)
    # As many side by side as can still be read (150), in rows as even as can be: five become 3 + 2, not 4 + 1.
    across = max(1, min(len(measures), int((frame.width - before) // 150)))
    across = 1 if frame.narrow or not measures else math.ceil(len(measures) / math.ceil(len(measures) / across))
    wide = (frame.width - before) / across
    step = 40 if frame.narrow else 26
    block = 26 + len(labels) * step + 14
    for place, (measure, values, show) in enumerate(measures):
        x, y = before + place % across * wide, place // across * block
        shown = [show(value) for value in values]
        room = wide - max((text_width(text, bold=True) for text in shown), default=0) - (8 if frame.narrow else 22)
        top = max(values, default=0) or 1
        parts.append(label(x, y + 13, measure, kind="head", room=wide - 8))
        for line, (name, value, text, tone) in enumerate(zip(labels, values, shown, tones, strict=True)):
            at = y + 24 + line * step + (15 if frame.narrow else 0)
            length = room * max(value, 0) / top
            if frame.narrow:
                parts.append(label(0, at - 4, name, kind="name", room=frame.width))
            elif place % across == 0:
                parts.append(label(before - 8, at + 12, name, kind="name", anchor="end", room=before - 8))
            parts.append(_rect(x, at, length, 16, tone, f"{name}, {measure}: {text}"))
            parts.append(label(x + length + 6, at + 12, text, kind="value"))
    return drawing(frame, math.ceil(len(measures) / across) * block - 10, *parts)
