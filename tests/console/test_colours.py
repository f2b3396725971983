"""Contrast, in light and in dark: text against its ground, marks against their card, shade against shade."""

from __future__ import annotations

import re
from importlib import resources

import pytest

CSS = resources.files("floorwalker.console").joinpath("templates/report.css").read_text("utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
}
THEMES = {"light": 0, "dark": 1}
TEXT = (
    *(("ink", "page"), ("ink", "card"), ("soft", "page"), ("soft", "card"), ("link", "card"), ("link", "page")),
    *(("ink", "mark"), ("soft", "mark"), ("ink", "track")),
    *(("on-low", f"h{step}") for step in range(4)),
    *(("on-mid", "h4"), ("on-high", "h5"), ("on-high", "h6")),
)
MARKS = ("a", "b", "c", "d", "soft")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    assert contrast(COLOURS[ink][THEMES[theme]], COLOURS[ground][THEMES[theme]]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("mark", MARKS)
def test_marks_stand_out_from_the_card(theme: str, mark: str) -> None:
    assert contrast(COLOURS[mark][THEMES[theme]], COLOURS["card"][THEMES[theme]]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_the_two_series_differ_in_lightness_too(theme: str) -> None:
    assert contrast(COLOURS["a"][THEMES[theme]], COLOURS["b"][THEMES[theme]]) >= 1.25


@pytest.mark.parametrize("theme", THEMES)
def test_shades_go_one_way(theme: str) -> None:
    ramp = [luminance(COLOURS[f"h{step}"][THEMES[theme]]) for step in range(7)]
    assert ramp == sorted(ramp, reverse=theme == "light")
    assert len(set(ramp)) == 7


def test_every_class_the_charts_use_is_painted() -> None:
    for name in ("a", "b", "c", "d", "quiet", "track", "area", "axis", "rule", "hollow", *(f"h{n}" for n in range(7))):
        assert re.search(rf"\.{name}\b", CSS), name
