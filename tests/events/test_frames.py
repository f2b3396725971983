"""Frames: what goes in comes out, one person's events can be taken out, broken bytes are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.errors import StateError
from floorwalker.events.frames import VERSION, Head, Subjects, pack, unpack

EVENTS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


@given(EVENTS, st.data())
def test_a_frame_comes_back_as_it_was_and_without_some_of_its_events(events: list[bytes], data: st.DataObject) -> None:
    places = range(len(events))
    subjects = [(data.draw(st.integers(0, 5)), place) for place in places]
    head = Head(7, "web", sent_at="now", context=b"{}", assigned=dict.fromkeys(places, "m"), refused={0: "bad"})
    frame = unpack(pack(head, events, subjects))
    assert (frame.head, frame.events, frame.subjects) == (head, events, sorted(subjects))
    for subject in range(6):
        gone = frame.places(subject)
        assert gone == sorted(place for one, place in subjects if one == subject)
        rest = unpack(frame.without(gone))
        assert rest.events == [b"" if place in gone else event for place, event in enumerate(events)]
        assert not rest.places(subject) and not rest.head.assigned.keys() & {*gone}
        assert {one for one, _ in rest.subjects} == {one for one, place in subjects if place not in gone}


@given(st.binary(max_size=60))
def test_bytes_that_are_no_frame_are_told(data: bytes) -> None:
    with pytest.raises(StateError):
        unpack(data)


def test_cut_off_and_later_frames_are_told() -> None:
    whole = pack(Head(1, "web"), [b"one", b"two"], [(1, 0)])
    for size in range(len(whole)):
        with pytest.raises(StateError):
            unpack(whole[:size])
    with pytest.raises(StateError, match="version"):
        unpack(whole[:2] + bytes([VERSION + 1]) + whole[3:])


def test_the_bytes_of_version_one_are_read_for_ever() -> None:
    """Written by the first version: never to be changed."""
    frame = unpack(bytes.fromhex(OLD))
    assert (frame.head, frame.events) == (Head(5, "web", sent_at="now", refused={1: "bad"}), [b'{"a":1}', b"x"])
    assert frame.places(9) == [1]


OLD = (
    "4657010033000000020000000100000084ab72656365697665645f617405a6736f75726365a3776562a773656e745f6174a3"
    "6e6f77a7726566757365648101a36261640000000007000000080000000900000000000000010000007b2261223a317d78"
)


def test_subjects_are_hashed_by_the_projects_key() -> None:
    one, two = Subjects(b"a" * 32), Subjects(b"b" * 32)
    assert one.hash("email", "x") != two.hash("email", "x")
    index: list[tuple[int, int]] = []
    one.note([("email", "x"), ("user_id", "x")], 3, index)
    assert index == [(one.hash("email", "x"), 3), (one.hash("user_id", "x"), 3)]
    assert one.hash("email", "x") != one.hash("user_id", "x")
