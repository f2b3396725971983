"""Keys that can be destroyed one at a time, though only a few words are kept for all of them.

In: a seed. Out: a key per leaf of a tree of hashes, in order; and, for any leaves, the nodes that are left once nobody
shall ever derive those again.

A node's two children are halves of its hash: who has a node has every leaf below it, and nothing else. To destroy a
leaf, the node above it is replaced by the siblings along the way down: 24 nodes at most, from which every other leaf is
derived as before. (Goldreich, Goldwasser and Micali 1986; punctured: Boneh and Waters 2013.)

>>> nodes = {(0, 0): bytes(32)}
>>> fifth = Leaves(nodes).key(5)
>>> left = punctured(nodes, [5])
>>> len(left), Leaves(left).key(5), Leaves(left).key(6) == Leaves(nodes).key(6)
(24, None, True)
>>> forward = Forward(bytes(32))
>>> [forward.next() for _ in range(6)][5] == fifth
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

DEPTH = 24
LEAVES = 1 << DEPTH
"""So many keys has a seed."""
_PERSON = b"fw.log.key-tree"

Place = tuple[int, int]
"""A node: its level, 0 for the root, and its number within the level."""
Nodes = Mapping[Place, bytes]


def children(seed: bytes) -> tuple[bytes, bytes]:
    """Both, from one hash."""
    both = blake2b(seed, digest_size=64, person=_PERSON).digest()
    return both[:32], both[32:]


class Forward:
    """The keys of a seed from the first to the last, each once. What is held derives only those that are to come."""

    def __init__(self, seed: bytes) -> None:
        self._coming = [(0, seed)]

    def next(self) -> bytes:
        """Raises IndexError after the last."""
        level, seed = self._coming.pop()
        while level < DEPTH:
            seed, right = children(seed)
            level += 1
            self._coming.append((level, right))
        return seed


class Leaves:
    """The keys that some nodes derive, in any order; neighbours cost two hashes."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._path: list[tuple[int, int, bytes]] = []

    def key(self, leaf: int) -> bytes | None:
        """None where the leaf was destroyed."""
        path = self._path
        while path and leaf >> DEPTH - path[-1][0] != path[-1][1]:
            path.pop()
        if not path:
            top = covering(self._nodes, leaf)
            if top is None:
                return None
            path.append((*top, self._nodes[top]))
        level, place, seed = path[-1]
        while level < DEPTH:
            level += 1
            place = leaf >> DEPTH - level
            seed = children(seed)[place & 1]
            path.append((level, place, seed))
        return seed


def covering(nodes: Nodes, leaf: int) -> Place | None:
    """The node that derives a leaf."""
    for level in range(DEPTH + 1):
        if (place := (level, leaf >> DEPTH - level)) in nodes:
            return place
    return None


def punctured(nodes: Nodes, leaves: Iterable[int]) -> dict[Place, bytes]:
    """Nodes that derive what these do, without the leaves."""
    left = dict(nodes)
    for leaf in leaves:
        top = covering(left, leaf)
        if top is None:
            continue
        level, seed = top[0], left.pop(top)
        while level < DEPTH:
            level += 1
            place = leaf >> DEPTH - level
            pair = children(seed)
            seed = pair[place & 1]
            left[level, place ^ 1] = pair[~place & 1]
    return left


def without_first(nodes: Nodes, count: int) -> dict[Place, bytes]:
    """Nodes that derive what these do, without the first so many leaves."""
    left: dict[Place, bytes] = {}
    for (level, place), seed in nodes.items():
        if place << DEPTH - level >= count:
            left[level, place] = seed
        elif place + 1 << DEPTH - level > count:
            while place << DEPTH - level < count:
                one, other = children(seed)
                level += 1
                # The border runs through the left half, and the right one stays whole; or the left half goes.
                if (2 * place + 1) << DEPTH - level > count:
                    left[level, 2 * place + 1] = other
                    place, seed = 2 * place, one
                else:
                    place, seed = 2 * place + 1, other
            left[level, place] = seed
    return left
