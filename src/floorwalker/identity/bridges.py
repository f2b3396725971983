"""Bridges of a graph: edges whose removal takes a connected part in two, and what would lie on the smaller side.

In: edges as two arrays of points 0 … n-1, a size per point. Out: per edge whether it is a bridge, and the size of the
smaller side, 0 where it is none.

Every edge beside a spanning forest gets a hash. An edge of the forest is covered by those edges that leave the subtree
below it, and it is a bridge when the hashes at the subtree's points cancel out (exclusive or: an edge with both ends
below counts twice); by chance they do once in 2^64 cases. Linear in points and edges, a level of the forest at a time.

>>> import numpy as np
>>> found, side = bridges(np.array([0, 1, 2, 2, 3]), np.array([1, 2, 0, 3, 4]), np.ones(5, dtype=np.int64))
>>> found.tolist(), side.tolist()
([False, False, False, True, True], [0, 0, 0, 2, 1])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components


def bridges(
    left: NDArray[np.integer], right: NDArray[np.integer], sizes: NDArray[np.integer]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(is it a bridge, size of its smaller side) per edge; parallel edges and loops are none."""
    count, edges = len(sizes), len(left)
    found, side = np.zeros(edges, dtype=bool), np.zeros(edges, dtype=np.int64)
    if not edges:
        return found, side
    part, parent = _forest(left, right, count)
    low, high = np.minimum(left, right).astype(np.int64), np.maximum(left, right).astype(np.int64)
    code = low * count + high
    points = np.flatnonzero(parent < count)
    keys, first = np.unique(code, return_index=True)
    own = np.minimum(points, parent[points]) * count + np.maximum(points, parent[points])
    tree_edge = first[np.searchsorted(keys, own)]

    beside = np.ones(edges, dtype=bool)
    beside[tree_edge] = False
    cover = np.zeros(count + 1, dtype=np.uint64)
    hashes = _hashes(edges)
    np.bitwise_xor.at(cover, left[beside], hashes[beside])
    np.bitwise_xor.at(cover, right[beside], hashes[beside])
    below = np.append(sizes.astype(np.int64), 0)
    for level in _levels(parent, count):
        np.bitwise_xor.at(cover, parent[level], cover[level])
        np.add.at(below, parent[level], below[level])

    whole = np.bincount(part, weights=sizes, minlength=int(part.max()) + 1).astype(np.int64)
    cut = cover[points] == 0
    found[tree_edge[cut]] = True
    side[tree_edge[cut]] = np.minimum(below[points[cut]], whole[part[points[cut]]] - below[points[cut]])
    return found, side


def _forest(
    left: NDArray[np.integer], right: NDArray[np.integer], count: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(connected part, parent) per point; the parent of a root is `count`, a point that stands above all of them."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    part = connected_components(graph, directed=False)[1]
    roots = np.unique(part, return_index=True)[1]
    rows = np.concatenate([left, np.full(len(roots), count)])
    columns = np.concatenate([right, roots])
    whole = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(count + 1, count + 1))
    parent = breadth_first_order(whole.tocsr(), count, directed=False)[1].astype(np.int64)
    return part, parent[:count]


def _levels(parent: NDArray[np.int64], count: int) -> list[NDArray[np.intp]]:
    """Points by their distance from the roots, the farthest first; the roots themselves are left out."""
    depth = np.zeros(count, dtype=np.int64)
    at = parent.copy()
    moving = np.flatnonzero(at < count)
    while len(moving):
        depth[moving] += 1
        at[moving] = parent[at[moving]]
        moving = moving[at[moving] < count]
    order = np.argsort(-depth, kind="stable")
    ends = np.flatnonzero(np.diff(depth[order])) + 1
    return [level for level in np.split(order, ends) if depth[level[0]]]


def _hashes(count: int) -> NDArray[np.uint64]:
    """Different 64-bit numbers without a pattern: splitmix64 (Steele, Lea and Flood 2014) of 1 … count."""
    x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
