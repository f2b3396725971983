"""The pieces every chart is drawn with: escaped elements, labels that fit their room, axis ticks, the outer `<svg>`.

In: plain values. Out: SVG text with classes instead of colours, so that the page's light and dark themes paint it.

>>> tag("rect", x=1.25, width=3, class_="a", title="R&D: 3")
'<rect x="1.25" width="3" class="a"><title>R&amp;D: 3</title></rect>'
>>> fit("A very long name of a product", room=80)
'A very lon…'
>>> ticks(8_900_000)
[0.0, 2000000.0, 4000000.0, 6000000.0, 8000000.0, 10000000.0]
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from dataclasses import dataclass

FONT = 12.0
"""Text height in drawing units. A chart is drawn for about the width it is shown at, so this is also pixels."""
BOLD = ("value", "head")
"""Kinds of label that the style sheet sets in bold."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NARROW, _SLIM, _BROAD = set("iIlj.,:;'|!"), set('frt()[]{}/-"` '), set("mwMW@%")


@dataclass(frozen=True)
class Frame:
    """What a chart is called: `key` makes element ids unique on the page, `title` and `desc` are read aloud."""

    key: str
    title: str
    desc: str
    width: int = 520

    @property
    def narrow(self) -> bool:
        """Drawn for a phone: labels go above their bars."""
        return self.width < 420


def escape(text: object) -> str:
    """Text that is safe inside XML and HTML, in elements and attributes; characters XML forbids are dropped."""
    return html.escape(_NOT_XML.sub("", str(text)), quote=True)


def number(value: float) -> str:
    """A coordinate: at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def tag(name: str, *children: str, title: str = "", **attributes: object) -> str:
    """One element. `class_` and `stroke_width` become `class` and `stroke-width`; None drops an attribute.

    `children` are SVG text already; `title` and attribute values are escaped here.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            text = number(value) if isinstance(value, (int, float)) else escape(value)
            words.append(f'{key.rstrip("_").replace("_", "-")}="{text}"')
    inner = (f"<title>{escape(title)}</title>" if title else "") + "".join(children)
    return f"<{' '.join(words)}>{inner}</{name}>" if inner else f"<{' '.join(words)}/>"


def text_width(text: str, size: float = FONT, *, bold: bool = False) -> float:
    """About how wide a text is. The server cannot know the face it will be set in, so it reckons with a broad one."""
    total = 0.0
    for letter in text:
        if letter in _NARROW:
            total += 0.34
        elif letter in _SLIM:
            total += 0.42
        elif letter in _BROAD:
            total += 0.98
        elif unicodedata.combining(letter):
            continue
        elif unicodedata.east_asian_width(letter) in "WF":
            total += 1.02
        elif letter.isupper():
            total += 0.72
        else:
            total += 0.625
    return total * size * (1.1 if bold else 1.0)


def fit(text: str, room: float, *, bold: bool = False) -> str:
    """`text`, cut with an ellipsis where it would be wider than `room`."""
    if text_width(text, bold=bold) <= room:
        return text
    kept = text
    while kept and text_width(kept + "…", bold=bold) > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def label(
    x: float,
    y: float,
    text: object,
    *,
    kind: str = "tick",
    anchor: str = "start",
    room: float = 0,
    turned: bool = False,
) -> str:
    """A text at a baseline. Wider than `room` (0: no limit): cut, and the whole text becomes its tooltip.

    `turned`: read from below to above, as beside a vertical axis.
    """
    whole = str(text)
    shown = fit(whole, room, bold=kind.split()[0] in BOLD) if room else whole
    return tag(
        "text",
        escape(shown),
        title="" if shown == whole else whole,
        x=x,
        y=y,
        class_=kind,
        text_anchor=None if anchor == "start" else anchor,
        transform=f"rotate(-90 {number(x)} {number(y)})" if turned else None,
    )


def ticks(top: float, most: int = 6) -> list[float]:
    """Round numbers from 0 to at least `top`, at most `most` of them: steps of 1, 2, 2.5 or 5 times a power of ten."""
    if not math.isfinite(top) or top <= 0:
        return [0.0, 1.0]
    rough = top / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    # The guard lets 0.3 / 0.1 count as 3: floating point must not ask for one tick more.
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice * (1 + 1e-9) >= rough)
    steps = min(most - 1, math.ceil(top / step - 1e-9))
    return [round(step * position, 12) for position in range(steps + 1)]


def drawing(frame: Frame, height: float, *children: str) -> str:
    """The outer element: scales with the page, is one image to a screen reader, and is described to it."""
    head = (
        f'<title id="{escape(frame.key)}-t">{escape(frame.title)}</title>'
        f'<desc id="{escape(frame.key)}-d">{escape(frame.desc)}</desc>'
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" '
        f'viewBox="0 0 {frame.width} {number(height)}" '
        f'width="{frame.width}" height="{number(height)}" '
        f'aria-labelledby="{escape(frame.key)}-t {escape(frame.key)}-d">{head}{"".join(children)}</svg>'
    )
