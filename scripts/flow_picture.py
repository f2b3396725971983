"""The picture of the flow in the README, in a light and a dark drawing.

In: the rooms and what each does. Out: docs/images/flow-*.svg. Run `python -m scripts.flow_picture`.
"""

from __future__ import annotations

from html import escape

from scripts.sections import ROOT

ROOMS = (
    ("sources", ("files of every", "system")),
    ("events", ("one vocabulary,", "odd rows aside")),
    ("identity", ("records become", "customers")),
    ("profiles", ("one record each,", "rule segments")),
    ("models", ("RFM, cohorts,", "recommendations")),
    ("decisions", ("what to show,", "with reasons")),
    ("channels", ("audiences,", "with consent")),
)
BELOW = (
    ("governance", "consent · erasure with proof · audit · keys"),
    ("engines", "Delta tables · DuckDB · SQL models · one published run"),
)
_PARTS = ("ground", "box", "line", "head", "text", "accent")
COLOURS = {
    "light": dict(zip(_PARTS, ("#ffffff", "#f3f6fa", "#8fa3b8", "#12324f", "#46586a", "#0b6e6e"), strict=True)),
    "dark": dict(zip(_PARTS, ("#0d1117", "#18212c", "#5a6e84", "#e6edf3", "#a9b8c7", "#4fd1c5"), strict=True)),
}
WIDTH, HEIGHT = 980, 272
_BOX, _GAP, _LEFT, _TOP = 124, 14, 14, 44


def picture(theme: str) -> str:
    """The drawing as SVG text, on its own ground."""
    colour = COLOURS[theme]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        '<title id="t">The flow of Floorwalker</title>',
        f'<desc id="d">Data moves from {" to ".join(name for name, _ in ROOMS)}. Governance and engines lie under all'
        " of them, console and app stand on top.</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{colour["ground"]}"/>',
        _text(WIDTH / 2, 28, "app: command line and HTTP service · console: the report", colour["text"], 14),
    ]
    for place, (name, lines) in enumerate(ROOMS):
        x = _LEFT + place * (_BOX + _GAP)
        parts.append(_box(x, _TOP, _BOX, 88, colour))
        parts.append(_text(x + _BOX / 2, _TOP + 30, name, colour["head"], 17, bold=True))
        parts += [
            _text(x + _BOX / 2, _TOP + 53 + 18 * row, line, colour["text"], 12.5) for row, line in enumerate(lines)
        ]
        if place:
            middle = _TOP + 44
            parts.append(
                f'<path d="M{x - _GAP + 1} {middle - 6} l{_GAP - 3} 6 l-{_GAP - 3} 6 z" fill="{colour["accent"]}"/>'
            )
    for row, (name, line) in enumerate(BELOW):
        y = _TOP + 104 + row * 58
        parts.append(_box(_LEFT, y, WIDTH - 2 * _LEFT, 46, colour))
        parts.append(_text(_LEFT + 18, y + 29, name, colour["head"], 17, bold=True, anchor="start"))
        parts.append(_text(WIDTH / 2, y + 29, line, colour["text"], 14))
    return "\n".join([*parts, "</svg>", ""])


def _box(x: float, y: float, width: float, height: float, colour: dict[str, str]) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{colour["box"]}" '
        f'stroke="{colour["line"]}"/>'
    )


def _text(x: float, y: float, words: str, fill: str, size: float, *, bold: bool = False, anchor: str = "middle") -> str:
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size:g}"'
    return f'<text {place} fill="{fill}"{weight}>{escape(words)}</text>'


if __name__ == "__main__":
    for theme in COLOURS:
        (ROOT / "docs" / "images" / f"flow-{theme}.svg").write_text(picture(theme), encoding="utf-8")
