"""Paths find what they name and take it out, once and for all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.events.language.made_up import JSON

from floorwalker.events.language.paths import DEEPEST, joined, path_of, present, without

NAMES = st.text(max_size=4) | st.sampled_from([".", "\\", "a.b", "products", ""])


@given(st.lists(NAMES, min_size=1, max_size=4).filter(lambda steps: steps[0] != ""))
def test_a_path_is_read_as_it_is_written(steps):
    text = ""
    for step in steps:
        text = joined(text, step)
    assert path_of(text) == tuple(steps)


@given(st.dictionaries(NAMES, JSON, max_size=4), st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=3))
def test_what_is_taken_out_is_gone_and_the_rest_stays(event, paths):
    texts = []
    for steps in paths:
        text = joined("", steps[0])
        for step in steps[1:]:
            text = joined(text, step)
        texts.append(text)
    less = without(event, texts)
    assert not any(present(less, path_of(text)) for text in texts)
    assert without(less, texts) == less
    if not any(present(event, path_of(text)) for text in texts):
        assert less == event


def test_it_goes_through_lists_and_leaves_the_event_as_it_was():
    event = {"properties": {"products": [{"id": 1, "cost": 2}, [{"cost": 3}], "x"], "cost": 4}}
    assert without(event, ["properties.products.cost"]) == {
        "properties": {"products": [{"id": 1}, [{}], "x"], "cost": 4}
    }
    assert event["properties"]["products"][0] == {"id": 1, "cost": 2}


def test_what_hides_deep_in_lists_goes_with_its_list():
    value: object = {"secret": 1}
    for _ in range(DEEPEST + 400):
        value = [value]
    assert not present(without({"a": value}, ["a.secret"]), ("a", "secret"))
