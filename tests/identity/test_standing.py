"""Which of contradicting decisions stand, and for which records."""

from __future__ import annotations

import pytest

from floorwalker.identity.decisions import Decision, Member
from floorwalker.identity.standing import standing


def decide(number: int, kind: str, a: str = "", b: str = "", of: int = 0) -> Decision:
    sides = (tuple(Member(one) for one in side.split()) for side in (a, b))
    return Decision(f"d{number}", kind, f"2026-01-{number:02}", "ana", "", *sides, supersedes=f"d{of}" if of else "")


def left(*decisions: Decision) -> dict[str, tuple[str, str]]:
    """What stands: decision -> its sides."""
    return {
        one.decision_id: tuple(" ".join(m.record_id for m in side) for side in (one.a, one.b))
        for one in standing(decisions)
    }


@pytest.mark.parametrize("first, then", [("link", "cut"), ("cut", "link")])
def test_the_opposite_decision_leaves_nothing_of_the_first(first: str, then: str) -> None:
    for a, b in (("a1 a2 a3", "b1"), ("a1 a2", "b1 b2"), ("a1", "b1")):
        assert left(decide(1, first, a, b), decide(2, then, a, b)) == {"d2": (a, b)}
        assert left(decide(1, first, a, b), decide(2, then, b, a)) == {"d2": (b, a)}


def test_a_record_cut_off_leaves_the_link_to_the_others() -> None:
    found = left(decide(1, "link", "a1 a2 a3", "b1 b2"), decide(2, "cut", "a3", "a1 a2 b1 b2"))
    assert found == {"d1": ("a1 a2", "b1 b2"), "d2": ("a3", "a1 a2 b1 b2")}


def test_a_record_moved_over_a_cut_leaves_the_cut_to_the_others() -> None:
    found = left(decide(1, "cut", "x1 x2 x3", "y1 y2"), decide(2, "link", "x3", "y1 y2"))
    assert found == {"d1": ("x1 x2", "y1 y2"), "d2": ("x3", "y1 y2")}


def test_links_chain() -> None:
    chain = decide(1, "link", "a", "x"), decide(2, "link", "x", "b")
    # The older link gives way to a later cut of what the two join; both stand against an earlier one.
    assert left(*chain, decide(3, "cut", "a", "b")) == {"d2": ("x", "b"), "d3": ("a", "b")}
    assert left(decide(0, "cut", "a", "b"), *chain) == {"d1": ("a", "x"), "d2": ("x", "b")}
    # Of a larger cut only the records that the chain brings together go.
    found = left(decide(0, "cut", "a a2 a3", "b"), decide(1, "cut", "p", "q"), decide(2, "link", "p", "a"))
    assert found == {"d0": ("a a2 a3", "b"), "d1": ("p", "q"), "d2": ("p", "a")}


def test_two_cuts_may_part_one_link_twice() -> None:
    found = left(
        decide(1, "link", "a1 a2 a3 a4", "b1"), decide(2, "cut", "a1", "a2 a3 a4 b1"),
        decide(3, "cut", "a2", "a3 a4 b1"),
    )  # fmt: skip
    assert found["d1"] == ("a3 a4", "b1")


def test_what_is_taken_back_counts_no_longer_and_an_undo_may_be_taken_back_too() -> None:
    link, cut = decide(1, "link", "a", "b"), decide(2, "cut", "a", "b")
    assert left(link, cut, decide(3, "undo", of=2)) == {"d1": ("a", "b")}
    assert left(link, cut, decide(3, "undo", of=2), decide(4, "undo", of=3)) == {"d2": ("a", "b")}
    # An undo that is older than what it names, by a clock that runs behind, takes nothing back.
    assert left(decide(5, "cut", "a", "b"), decide(4, "undo", of=5)) == {"d5": ("a", "b")}
    assert left() == {}
