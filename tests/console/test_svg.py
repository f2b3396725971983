"""Drawing pieces: nothing a text says can break the XML, labels fit their room, axes have round numbers."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from floorwalker.console.svg import Frame, drawing, fit, label, tag, text_width, ticks


@given(st.text())
def test_any_text_gives_well_formed_xml_and_survives(text: str) -> None:
    drawn = drawing(
        Frame(text, text, text), 10, tag("rect", title=text or "x", class_=text), label(0, 0, text, room=50)
    )
    root = ET.fromstring(drawn)
    assert all(element.tag.rpartition("}")[2] in {"svg", "title", "desc", "rect", "text"} for element in root.iter())


def test_markup_in_a_text_stays_text() -> None:
    drawn = tag("text", title="<script>alert(1)</script>", x="\"'><b>")
    assert "<script" not in drawn
    assert "<b>" not in drawn


@given(st.text(min_size=1), st.floats(20, 400))
def test_a_fitted_text_is_not_wider_than_its_room(text: str, room: float) -> None:
    shown = fit(text, room)
    assert text_width(shown) <= room
    assert shown == text or shown.endswith("…")


def test_a_cut_label_keeps_the_whole_text_as_its_tooltip() -> None:
    element = ET.fromstring(label(0, 0, "Unusually long name of a segment", room=60))
    assert element.findtext("title") == "Unusually long name of a segment"
    assert ET.fromstring(label(0, 0, "short", room=60)).find("title") is None


@given(st.floats(1e-9, 1e15), st.integers(3, 8))
def test_ticks_reach_the_top_with_few_even_round_steps(top: float, most: int) -> None:
    scale = ticks(top, most)
    assert scale[0] == 0
    assert scale[-1] >= top * (1 - 1e-6)
    assert 2 <= len(scale) <= most
    step = scale[1]
    assert all(math.isclose(value, step * place, rel_tol=1e-6, abs_tol=1e-11) for place, value in enumerate(scale))
    digits = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(digits, nice, rel_tol=1e-3) for nice in (1, 2, 2.5, 5, 10))


def test_nothing_to_scale_still_gives_an_axis() -> None:
    assert ticks(0) == ticks(float("nan")) == [0.0, 1.0]
