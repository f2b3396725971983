"""Keys that were destroyed cannot be derived from what is left, and all others can."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.engines.event_log.key_tree import (
    DEPTH,
    LEAVES,
    Forward,
    Leaves,
    Nodes,
    children,
    covering,
    punctured,
    without_first,
)

ROOT = {(0, 0): bytes(range(32))}
LEAF = st.one_of(st.integers(0, 40), st.integers(0, LEAVES - 1), st.sampled_from([LEAVES - 1, LEAVES // 2]))


def straight(leaf: int) -> bytes:
    """The key by the definition, without anything kept."""
    seed = ROOT[0, 0]
    for level in range(DEPTH):
        seed = children(seed)[leaf >> DEPTH - 1 - level & 1]
    return seed


def ways_down(nodes: Nodes, leaf: int) -> int:
    """How many of the nodes stand above a leaf."""
    return sum(leaf >> DEPTH - level == place for level, place in nodes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(LEAF, min_size=1, max_size=8), min_size=1, max_size=4), st.lists(LEAF, max_size=20))
def test_what_is_left_derives_all_but_what_was_destroyed(rounds, others):
    nodes: Nodes = ROOT
    gone: set[int] = set()
    for leaves in rounds:
        nodes = punctured(nodes, leaves)
        gone |= leaves
        left = Leaves(nodes)
        neighbours = {leaf + by for leaf in gone for by in (-1, 1) if 0 <= leaf + by < LEAVES}
        for leaf in sorted({*others, *neighbours, *gone}):
            assert left.key(leaf) == (None if leaf in gone else straight(leaf))
            assert ways_down(nodes, leaf) == (leaf not in gone)
    assert len(nodes) <= DEPTH * len(gone)
    assert punctured(nodes, gone) == nodes
    # No node that is left is above one that is gone, so none is among what a gone one was made of.
    for leaf in gone:
        above = {straight_at(leaf, level) for level in range(DEPTH + 1)}
        assert not above & set(nodes.values())


def straight_at(leaf: int, level: int) -> bytes:
    seed = ROOT[0, 0]
    for step in range(level):
        seed = children(seed)[leaf >> DEPTH - 1 - step & 1]
    return seed


@settings(max_examples=60, deadline=None)
@given(st.sets(LEAF, max_size=5), st.one_of(st.integers(0, 50), st.integers(0, LEAVES)), st.lists(LEAF, max_size=10))
def test_the_first_are_destroyed(gone, count, others):
    nodes = without_first(punctured(ROOT, gone), count)
    left = Leaves(nodes)
    for leaf in {*others, *gone, *(count + by for by in (-1, 0, 1) if 0 <= count + by < LEAVES)}:
        assert left.key(leaf) == (None if leaf in gone or leaf < count else straight(leaf))
    assert all(place << DEPTH - level >= count for level, place in nodes)


def test_one_after_the_other():
    forward = Forward(ROOT[0, 0])
    for leaf in range(300):
        # What is held does not derive what was given.
        assert covering({(level, -1): seed for level, seed in forward._coming}, leaf) is None or leaf == 0
        assert forward.next() == straight(leaf)
        held = {seed for _, seed in forward._coming}
        assert not held & {straight_at(leaf, level) for level in range(DEPTH + 1)}
