"""Lines, the concentration curve, estimates with intervals: one dot per value, the value in its tooltip."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from tests.console.test_charts import SVG, frame, marks, stays_inside, told, widths

from floorwalker.console import curves
from floorwalker.console.curves import Estimate, Point


@widths
def test_line(width: int) -> None:
    points = [
        Point(f"week {place}", 100.0 + place * 7 % 50, f"Month {place // 4}" * (place % 4 == 0)) for place in range(53)
    ]
    drawn = curves.line(frame(width), points, show=lambda value: f"£{value:.0f}")
    assert len(marks(drawn, "circle")) == 53
    assert told(drawn, "circle")[1] == "week 1: £107"
    assert "£149, week 7" in drawn
    assert stays_inside(drawn, width)


def test_a_period_not_complete_is_hollow_dashed_and_never_the_highest() -> None:
    points = [Point("first", 5, whole=False), Point("second", 7), Point("third", 8), Point("last", 99, whole=False)]
    drawn = curves.line(frame(500), points, show=str)
    assert told(drawn, "circle") == [
        "first: 5 (period not complete)",
        "second: 7",
        "third: 8",
        "last: 99 (period not complete)",
    ]
    assert [mark.attrib["class"] for mark in marks(drawn, "circle")] == ["dot hollow", "dot", "dot", "dot hollow"]
    assert drawn.count("dash") == 2
    assert "8, third" in drawn


@pytest.mark.parametrize("values", [[0.0], [3.0], [0.0, 0.0]])
def test_short_or_flat_series_draw(values: list[float]) -> None:
    drawn = curves.line(frame(500), [Point(f"p{place}", value) for place, value in enumerate(values)], show=str)
    assert len(marks(drawn, "circle")) == len(values)
    assert "nan" not in drawn


def test_no_points_no_marks() -> None:
    assert not marks(curves.line(frame(500), []), "circle")


@widths
def test_lorenz(width: int) -> None:
    curve = [(0.0, 0.0), (0.01, 0.318), (0.1, 0.613), (0.2, 0.746), (1.0, 1.0)]
    named = [(0.01, 0.318, "top 1%: 31.8%"), (0.1, 0.613, "top 10%: 61.3%"), (0.2, 0.746, "top 20%: 74.6%")]
    drawn = curves.lorenz(frame(width), curve, named, axes=("customers", "revenue & more"))
    assert sorted(told(drawn, "circle")) == sorted(words for _, _, words in named)
    assert stays_inside(drawn, width)


def test_marks_close_together_are_pushed_apart() -> None:
    close = [(0.01, 0.96, "top 1%"), (0.1, 0.98, "top 10%"), (0.2, 0.99, "top 20%")]
    drawn = curves.lorenz(frame(500), [(0, 0), (1, 1)], close, axes=("x", "y"))
    lines = sorted(
        float(text.attrib["y"]) for text in ET.fromstring(drawn).iter(f"{SVG}text") if "halo" in text.attrib["class"]
    )
    assert all(after - before >= 16 for before, after in itertools.pairwise(lines))


@widths
def test_dots(width: int) -> None:
    panel = [Estimate("neighbours", 0.083, 0.077, 0.089, "a"), Estimate("best sellers", 0.052, tone="b")]
    drawn = curves.dots(frame(width), [("ndcg@10", panel), ("recall@20", panel), ("reach", panel)])
    assert told(drawn, "circle") == ["neighbours: 0.083 (0.077 to 0.089)", "best sellers: 0.052"] * 3
    assert len(re.findall(r'class="whisker a-line"', drawn)) == 3
    assert stays_inside(drawn, width)


def test_an_interval_covers_its_dot() -> None:
    drawn = curves.dots(frame(500), [("m", [Estimate("x", 0.5, 0.4, 0.7)])])
    whisker = next(line for line in ET.fromstring(drawn).iter(f"{SVG}line") if "whisker" in line.attrib["class"])
    dot = float(marks(drawn, "circle")[0].attrib["cx"])
    assert float(whisker.attrib["x1"]) < dot < float(whisker.attrib["x2"])


def test_no_panels_still_a_picture() -> None:
    assert ET.fromstring(curves.dots(frame(500), [])).attrib["role"] == "img"
