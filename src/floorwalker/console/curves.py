"""Charts over an axis: lines over time, the concentration curve, and estimates with their intervals. Data in, SVG out.

>>> points = [Point("2011-01-03", 10.0, "Jan"), Point("2011-01-10", 20.0)]
>>> drawn = line(Frame("r", "Revenue", "Two weeks"), points, show=str)
>>> drawn.count("<circle"), "2011-01-10: 20.0" in drawn
(2, True)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from floorwalker.console import numbers
from floorwalker.console.charts import Show, legend
from floorwalker.console.svg import Frame, drawing, label, number, tag, text_width, ticks


@dataclass(frozen=True)
class Point:
    """A value at a place in an ordered series. `tick` is written below it where there is room.

    `whole` is False for a period that the data covers only in part: drawn hollow and dashed, so that it does not look
    like a fall.
    """

    label: str
    value: float
    tick: str = ""
    whole: bool = True


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, where one is known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    tone: str = "a"


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in places)


def line(frame: Frame, points: Sequence[Point], *, show: Show = numbers.compact, tall: int = 210) -> str:
    """A line over an even series, from zero, shaded below; the highest whole period is marked and named."""
    if not points:
        return drawing(frame, 20)
    scale = ticks(max(point.value for point in points))
    left = max(text_width(show(value)) for value in scale) + 10
    head, right = 22.0, 12.0
    room = frame.width - left - right

    def place(position: int) -> tuple[float, float]:
        x = left + (room * position / (len(points) - 1) if len(points) > 1 else room / 2)
        return x, head + tall * (1 - max(points[position].value, 0) / scale[-1])

    parts = []
    for value in scale:
        y = head + tall * (1 - value / scale[-1])
        parts.append(tag("line", x1=left, x2=frame.width, y1=y, y2=y, class_="rule" if value else "axis"))
        parts.append(label(left - 8, y + 4, show(value), anchor="end"))
    places = [place(position) for position in range(len(points))]
    whole = [position for position, point in enumerate(points) if point.whole]
    if len(whole) > 1:
        first, last = whole[0], whole[-1]
        solid = places[first : last + 1]
        floor = head + tall
        parts.append(tag("path", d=f"{_path([(solid[0][0], floor), *solid, (solid[-1][0], floor)])}Z", class_="area"))
        parts.append(tag("path", d=_path(solid), class_="line a-line"))
        for ends in (places[: first + 1], places[last:]):
            if len(ends) > 1:
                parts.append(tag("path", d=_path(ends), class_="line a-line dash"))
    elif len(places) > 1:
        parts.append(tag("path", d=_path(places), class_="line a-line dash"))
    radius = 3 if len(points) <= 60 else 2
    for (x, y), point in zip(places, points, strict=True):
        told = f"{point.label}: {show(point.value)}" + ("" if point.whole else " (period not complete)")
        parts.append(tag("circle", title=told, cx=x, cy=y, r=radius, class_="dot" if point.whole else "dot hollow"))
    parts += _ticks_below(points, places, head + tall + 17, frame.width)
    if whole:
        best = max(whole, key=lambda position: points[position].value)
        x, y = places[best]
        words = f"{show(points[best].value)}, {points[best].label}"
        half = text_width(words, bold=True) / 2
        middle = min(max(x, left + half), frame.width - half)
        parts.append(label(middle, y - 9, words, kind="value halo", anchor="middle"))
    return drawing(frame, head + tall + 26, *parts)


def _ticks_below(points: Sequence[Point], places: Sequence[tuple[float, float]], y: float, width: float) -> list[str]:
    """As many of the wanted ticks as stand side by side without touching; the first is always there."""
    parts, free = [], float("-inf")
    for point, (x, _) in zip(points, places, strict=True):
        half = text_width(point.tick) / 2
        middle = min(x, width - half)
        if point.tick and middle - half >= free:
            parts.append(label(middle, y, point.tick, anchor="middle"))
            free = middle + half + 10
    return parts


def lorenz(
    frame: Frame,
    points: Sequence[tuple[float, float]],
    marks: Sequence[tuple[float, float, str]],
    *,
    axes: tuple[str, str],
    tall: int = 250,
) -> str:
    """The concentration (Lorenz) curve: cumulative shares, largest first, against the diagonal of perfect equality.

    `points` run from (0, 0) to (1, 1); `marks` are (x, y, words) on the curve.
    """
    left, head, right = 64.0, 10.0, 8.0
    room = frame.width - left - right
    parts = []

    def place(x: float, y: float) -> tuple[float, float]:
        return left + room * x, head + tall * (1 - y)

    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = place(value, value)
        parts.append(tag("line", x1=left, x2=left + room, y1=y, y2=y, class_="rule" if value else "axis"))
        parts.append(label(left - 8, y + 4, f"{value:.0%}", anchor="end"))
        parts.append(label(min(x, frame.width - 20), head + tall + 17, f"{value:.0%}", anchor="middle"))
    parts.append(tag("path", d=_path([place(0, 0), place(1, 1)]), class_="line quiet-line dash"))
    curve = [place(x, y) for x, y in points]
    if len(curve) > 1:
        parts.append(tag("path", d=_path(curve) + "Z", class_="area"))
        parts.append(tag("path", d=_path(curve), class_="line a-line"))
    free = float("inf")
    for x, y, words in sorted(marks, key=lambda mark: -mark[1]):
        across, down = place(x, y)
        # Below and right of the curve there is always room; marks close together push each other down.
        parts.append(tag("circle", title=words, cx=across, cy=down, r=4.5, class_="dot"))
        baseline = down + 14 if free == float("inf") else max(down + 14, free + 16)
        free = baseline
        parts.append(label(across + 10, baseline, words, kind="value halo", room=frame.width - across - 12))
    parts.append(label(left + room / 2, head + tall + 36, axes[0], anchor="middle", room=room))
    parts.append(label(11, head + tall / 2, axes[1], anchor="middle", room=tall, turned=True))
    return drawing(frame, head + tall + 44, *parts)


def dots(
    frame: Frame,
    panels: Sequence[tuple[str, Sequence[Estimate]]],
    *,
    show: Show = numbers.ratio,
) -> str:
    """Estimates as dots with their intervals: one panel per measure, each with its own axis from zero.

    Intervals are drawn where both ends are known. Names are read from a legend, one colour per name.
    """
    names: dict[str, str] = {}
    for _, estimates in panels:
        for estimate in estimates:
            names.setdefault(estimate.label, estimate.tone)
    keys, head = legend(frame, [(tone, name) for name, tone in names.items()])
    across = max(1, min(len(panels), int(frame.width // 240)))
    # Five panels read better as 3 + 2 than as 4 + 1.
    across = math.ceil(len(panels) / math.ceil(len(panels) / across)) if panels else 1
    wide = (frame.width - 28 * (across - 1)) / across
    rows = max((len(estimates) for _, estimates in panels), default=0)
    parts, step = [keys], rows * 22 + 58
    for position, (measure, estimates) in enumerate(panels):
        x, y = position % across * (wide + 28), head + 10 + position // across * step
        parts.append(_panel(measure, estimates, x, y, wide, show))
    return drawing(frame, head + 6 + math.ceil(len(panels) / across) * step - 14, *parts)


def _panel(measure: str, estimates: Sequence[Estimate], x: float, y: float, wide: float, show: Show) -> str:
    """One measure: its name, an axis from zero, a line per estimate with the value at its end."""
    tops = [estimate.high if estimate.high is not None else estimate.value for estimate in estimates]
    scale = ticks(max(tops, default=0), most=5)
    after = max((text_width(show(estimate.value), bold=True) for estimate in estimates), default=0) + 12
    per_unit = (wide - after - 12) / scale[-1]
    height = len(estimates) * 22
    parts = [label(x, y + 12, measure, kind="head", room=wide)]
    y, x = y + 22, x + 6
    for value in scale:
        at = x + per_unit * value
        parts.append(tag("line", x1=at, x2=at, y1=y, y2=y + height, class_="rule" if value else "axis"))
        parts.append(label(at, y + height + 14, f"{value:.3g}", anchor="middle"))
    for position, estimate in enumerate(estimates):
        at = y + position * 22 + 11
        parts.append(_interval(estimate, x, at, per_unit, show))
        parts.append(label(x + wide - 6, at + 4, show(estimate.value), kind="value", anchor="end"))
    return "".join(parts)


def _interval(estimate: Estimate, x: float, y: float, per_unit: float, show: Show) -> str:
    told, whisker = f"{estimate.label}: {show(estimate.value)}", ""
    if estimate.low is not None and estimate.high is not None:
        told += f" ({show(estimate.low)} to {show(estimate.high)})"
        low, high = x + per_unit * max(estimate.low, 0), x + per_unit * estimate.high
        whisker = tag("line", x1=low, x2=high, y1=y, y2=y, class_=f"whisker {estimate.tone}-line")
    return whisker + tag("circle", title=told, cx=x + per_unit * estimate.value, cy=y, r=5, class_=estimate.tone)
