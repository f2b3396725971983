"""Bridges against the definition: take an edge away and count the parts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.identity.bridges import bridges
from floorwalker.identity.resolver import components

SIZE = 9
edges = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), max_size=14)


def slowly(pairs: list[tuple[int, int]], sizes: list[int]) -> tuple[list[bool], list[int]]:
    """Without each edge in turn: do its ends still hang together, and if not, how much lies on either side?"""
    found, side = [], []
    for place, (one, two) in enumerate(pairs):
        others = np.array([pair for n, pair in enumerate(pairs) if n != place], dtype=np.int64).reshape(-1, 2)
        part = components(others[:, 0], others[:, 1], SIZE)
        is_bridge = part[one] != part[two]
        found.append(bool(is_bridge))
        lies = [sum(size for size, at in zip(sizes, part, strict=True) if at == part[end]) for end in (one, two)]
        side.append(min(lies) if is_bridge else 0)
    return found, side


@settings(max_examples=300, deadline=None)
@given(pairs=edges, sizes=st.lists(st.integers(0, 5), min_size=SIZE, max_size=SIZE))
def test_an_edge_is_a_bridge_when_its_ends_part_without_it(pairs: list[tuple[int, int]], sizes: list[int]) -> None:
    left, right = (np.array([pair[end] for pair in pairs], dtype=np.int64) for end in (0, 1))
    found, side = bridges(left, right, np.array(sizes))
    assert (found.tolist(), side.tolist()) == slowly(pairs, sizes)


def test_a_long_chain_and_a_long_ring() -> None:
    points = np.arange(20_000)
    found, side = bridges(points[:-1], points[1:], np.ones(20_000, dtype=np.int64))
    assert found.all()
    assert side.max() == 10_000
    ring, _ = bridges(points, np.roll(points, -1), np.ones(20_000, dtype=np.int64))
    assert not ring.any()
