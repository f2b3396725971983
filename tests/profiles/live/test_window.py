"""The window: what it forgets is older than its span, and reading again from the span before gives the same answers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.profiles.live.window import Window, id_of

SPAN = 1_000_000
COMES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 300_000)), max_size=200)


def told(window: Window, comes: list[tuple[int, int]]) -> list[bool]:
    return [window.is_new(number, at) for number, at in comes]


def later(comes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Steps between moments as moments."""
    found, at = [], 0
    for number, step in comes:
        at += step
        found.append((number, at))
    return found


@settings(max_examples=200, deadline=None)
@given(COMES)
def test_an_id_is_known_in_its_span_and_the_next(steps: list[tuple[int, int]]) -> None:
    comes = later(steps)
    seen: dict[int, int] = {}
    for (number, at), is_new in zip(comes, told(Window(SPAN / 1e6, 10_000), comes), strict=True):
        span = at // SPAN
        assert is_new == (number not in seen or seen[number] < span - 1)
        seen[number] = span


@settings(max_examples=100, deadline=None)
@given(COMES, st.data())
def test_it_can_be_made_again_from_the_span_before(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    comes = later(steps)
    whole = told(Window(SPAN / 1e6, 10_000), comes)
    cut = data.draw(st.integers(0, len(comes)))
    newest = comes[cut - 1][1] if cut else 0
    again = Window(SPAN / 1e6, 10_000)
    told(again, [one for one in comes[:cut] if one[1] >= (newest // SPAN - 1) * SPAN])
    assert told(again, comes[cut:]) == whole[cut:]


def test_memory_is_bounded_and_the_window_says_how_far_back_it_goes() -> None:
    window = Window(3600, 10_000)
    for number in range(50_000):
        assert window.is_new(number * 0x9E3779B97F4A7C15 & (1 << 64) - 1, number)
    assert len(window) <= 20_000 and window.bytes < 2_000_000
    assert window.since is not None and 30_000 <= window.since <= 40_000


def test_two_sources_may_use_one_id() -> None:
    assert id_of("web", "m1") == id_of("web", "m1") != id_of("app", "m1")
