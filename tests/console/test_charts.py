"""Bars, columns, funnels, grids: well-formed, one mark per value, and the value in its tooltip, at every width."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from floorwalker.console import charts, numbers
from floorwalker.console.charts import Bar, Pair
from floorwalker.console.parts import WIDTHS
from floorwalker.console.svg import Frame, text_width

SVG = "{http://www.w3.org/2000/svg}"
widths = pytest.mark.parametrize("width", WIDTHS.values())


def frame(width: int) -> Frame:
    return Frame("k", "A title", "A description", width)


def marks(drawn: str, kind: str = "rect") -> list[ET.Element]:
    """Elements with a tooltip: what stands for a value."""
    return [element for element in ET.fromstring(drawn).iter(f"{SVG}{kind}") if element.find(f"{SVG}title") is not None]


def told(drawn: str, kind: str = "rect") -> list[str]:
    return [element.findtext(f"{SVG}title", "") for element in marks(drawn, kind)]


def length(element: ET.Element) -> float:
    return float(element.attrib["width"])


def stays_inside(drawn: str, width: int) -> bool:
    """No bar and, by our own reckoning, no label leaves the picture."""
    for element in ET.fromstring(drawn).iter():
        if element.tag == f"{SVG}rect" and float(element.attrib["x"]) + length(element) > width + 0.01:
            return False
        if element.tag == f"{SVG}text" and "transform" not in element.attrib:
            wide = text_width(element.text or "", bold=element.attrib["class"].split()[0] in ("value", "head"))
            anchor = element.attrib.get("text-anchor", "start")
            left = float(element.attrib["x"]) - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
            if left < -0.5 or left + wide > width + 0.5:
                return False
    return True


LONG = "A name that nobody would give to a segment, and yet somebody did"


@widths
def test_bars(width: int) -> None:
    rows = [Bar("United Kingdom", 8_911_407.9), Bar(LONG, 4_455_703.95, note="half of it"), Bar("Nowhere", 0)]
    drawn = charts.bars(frame(width), rows, show=lambda value: numbers.money(value, "GBP"))
    assert told(drawn) == ["United Kingdom: £8,911,408", f"{LONG}: £4,455,704 (half of it)", "Nowhere: £0"]
    first, second, none = map(length, marks(drawn))
    assert second == pytest.approx(first / 2, rel=0.01)
    assert none == 0
    assert stays_inside(drawn, width)


def test_a_value_above_nothing_can_be_seen() -> None:
    drawn = charts.bars(frame(500), [Bar("all", 1e9), Bar("one", 1)])
    assert length(marks(drawn)[1]) >= 1


def test_a_fixed_top_sets_the_scale() -> None:
    alone = charts.bars(frame(500), [Bar("precision", 0.5)], show=numbers.ratio, top=1)
    full = charts.bars(frame(500), [Bar("precision", 1.0)], show=numbers.ratio, top=1)
    assert length(marks(alone)[0]) == pytest.approx(length(marks(full)[0]) / 2, rel=0.01)


@widths
def test_paired_bars(width: int) -> None:
    rows = [Pair("Champions", 0.217, 0.482), Pair(LONG, 0.783, 0.518)]
    drawn = charts.paired_bars(frame(width), rows, names=("customers", "revenue"), show=numbers.share)
    assert told(drawn) == [
        "Champions, customers: 21.7%",
        "Champions, revenue: 48.2%",
        f"{LONG}, customers: 78.3%",
        f"{LONG}, revenue: 51.8%",
    ]
    assert [element.attrib["class"] for element in marks(drawn)] == ["a", "b", "a", "b"]
    assert "customers" in drawn
    assert stays_inside(drawn, width)


@widths
def test_histogram(width: int) -> None:
    rows = [Bar(name, value) for name, value in zip(["1", "2", "3–4", "5–9", "10+"], [400, 200, 0, 50, 1], strict=True)]
    drawn = charts.histogram(frame(width), rows, axis="records")
    assert told(drawn) == ["1: 400", "2: 200", "3–4: 0", "5–9: 50", "10+: 1"]
    heights = [float(element.attrib["height"]) for element in marks(drawn)]
    assert heights[1] == pytest.approx(heights[0] / 2)
    assert heights[2] == 0
    assert heights[4] == 1
    assert stays_inside(drawn, width)


def test_a_crowded_histogram_names_every_nth_class() -> None:
    rows = [Bar(f"{place * 100:,}–{place * 100 + 99:,}", 5000 + place) for place in range(20)]
    root = ET.fromstring(charts.histogram(frame(340), rows))
    ticks = [element for element in root.iter(f"{SVG}text") if element.attrib["class"] == "tick"]
    assert 2 <= len(ticks) < len(rows)
    ends = [(float(tick.attrib["x"]), text_width(tick.text or "")) for tick in ticks]
    assert all(x + w / 2 <= x2 - w2 / 2 for (x, w), (x2, w2) in itertools.pairwise(ends))


@widths
def test_funnel(width: int) -> None:
    rows = [Bar("delivered", 541_909), Bar("customer known", 406_829, note="4,372 customers"), Bar("kept", 406_829)]
    drawn = charts.funnel(frame(width), rows)
    assert told(drawn) == ["delivered: 541,909", "customer known: 406,829 (4,372 customers)", "kept: 406,829"]
    assert "− 135,080 (24.9%)" in drawn
    assert "nothing lost" in drawn
    assert stays_inside(drawn, width)


@widths
def test_heat_grid(width: int) -> None:
    scores = ("5", "4", "3", "2", "1")
    cells = {("5", "5"): 348.0, ("1", "1"): 185.0, ("3", "2"): 1.0}
    drawn = charts.heat_grid(
        frame(width),
        cells,
        rows=scores,
        columns=scores[::-1],
        row_axis="recency",
        column_axis="frequency",
        notes={("5", "5"): "£4.2 M in all"},
    )
    titles = told(drawn)
    assert len(titles) == 25
    assert "recency 5, frequency 5: 348 (£4.2 M in all)" in titles
    assert "recency 4, frequency 1: 0" in titles
    shades = {title.split(":")[0]: mark.attrib["class"] for title, mark in zip(titles, marks(drawn), strict=True)}
    assert shades["recency 5, frequency 5"] == "h6"
    assert shades["recency 4, frequency 1"] == "h0"
    assert shades["recency 3, frequency 2"] == "h1"
    assert stays_inside(drawn, width)


@widths
@pytest.mark.parametrize("count", [1, 3, 5])
def test_multiples(width: int, count: int) -> None:
    measures = [(f"Measure {place}", [10.0, 5.0], numbers.count) for place in range(count)]
    drawn = charts.multiples(frame(width), ["Steady", LONG], measures)
    assert len(marks(drawn)) == 2 * count
    assert f"{LONG}, Measure {count - 1}: 5" in told(drawn)
    assert stays_inside(drawn, width)


@widths
def test_a_legend_takes_as_many_lines_as_it_needs(width: int) -> None:
    drawn, height = charts.legend(frame(width), [("a", "a rather long name of a series")] * 6)
    assert stays_inside(f'<svg xmlns="http://www.w3.org/2000/svg">{drawn}</svg>', width)
    assert height > 20


def test_nothing_to_draw_is_still_a_picture() -> None:
    grid = charts.heat_grid(frame(500), {}, rows=(), columns=(), row_axis="r", column_axis="f")
    drawings = [
        charts.bars(frame(500), []),
        charts.paired_bars(frame(500), [], names=("a", "b")),
        charts.histogram(frame(500), []),
        charts.funnel(frame(500), []),
        charts.multiples(frame(500), [], []),
        grid,
    ]
    for drawn in drawings:
        root = ET.fromstring(drawn)
        assert root.attrib["role"] == "img"
        assert root.findtext(f"{SVG}title") == "A title"
        assert root.findtext(f"{SVG}desc") == "A description"
        assert not marks(drawn)
