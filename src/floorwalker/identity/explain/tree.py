"""The spanning evidence of a customer: the fewest pieces that hold its records together, the most trusted ones.

In: records and the accepted evidence about them. Out: `Spanning`: the pieces of the tree, those beside it, and the
connected parts (one, unless the tables do not belong together).

Points are records and identifiers; every piece is an edge between two. Kruskal's algorithm (1956) takes the pieces in
the order of confidence (tier, then weight) and leaves out those whose ends are connected already: what remains is the
spanning tree whose weakest piece is as strong as can be. An identifier at the tree's edge connects nothing and goes.

>>> def piece(record, rule, key):
...     return Piece(record, rule, 0, rule, key, 1.0, "det", "", None, True, "")
>>> found = span(["a", "b", "c"], [piece("a", "email", "x"), piece("b", "email", "x"), piece("b", "phone", "y"),
...                                piece("c", "phone", "y"), piece("a", "phone", "y"), piece("c", "email", "z")])
>>> [(one.record_id, one.key) for one in found.tree], [(one.record_id, one.key) for one in found.beside]
([('a', 'x'), ('b', 'x'), ('a', 'y'), ('c', 'y')], [('c', 'z'), ('b', 'y')])
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import NamedTuple

from floorwalker.identity.explain.pieces import CUT, Piece

Point = Hashable


class Spanning(NamedTuple):
    """`tree` and `beside` in the order of confidence; `parts`: sets of records that nothing connects."""

    tree: list[Piece]
    beside: list[Piece]
    parts: list[set[str]]


def ends(piece: Piece) -> tuple[Point, Point]:
    """The record, and the identifier or the other record."""
    return piece.record_id, piece.partner or piece.node


def subject(piece: Piece) -> Point:
    """What a piece is about: the identifier, or the pair of records."""
    return frozenset((piece.record_id, piece.partner)) if piece.partner else piece.node


def span(records: Collection[str], evidence: Iterable[Piece]) -> Spanning:
    """The spanning evidence of these records; evidence about others and refused evidence is passed over."""
    members = set(records)
    usable = [one for one in evidence if one.accepted and one.way != CUT and one.record_id in members]
    usable = [one for one in usable if not one.partner or one.partner in members]
    parent: dict[Point, Point] = {}

    def find(point: Point) -> Point:
        while (up := parent.setdefault(point, point)) != point:
            parent[point] = parent[up]
            point = up
        return point

    tree, beside = [], []
    for piece in sorted(usable, key=lambda one: one.place):
        one, two = map(find, ends(piece))
        if one == two:
            beside.append(piece)
        else:
            parent[one] = two
            tree.append(piece)
    degree: dict[Point, int] = defaultdict(int)
    for piece in tree:
        degree[ends(piece)[1]] += 1
    needed = [one for one in tree if one.partner or degree[one.node] > 1]
    beside += [one for one in tree if not one.partner and degree[one.node] == 1]
    groups: dict[Point, set[str]] = defaultdict(set)
    for record in sorted(members):
        groups[find(record)].add(record)
    parts = sorted(groups.values(), key=lambda part: (-len(part), min(part)))
    return Spanning(needed, sorted(beside, key=lambda one: one.place), parts)


def walk(tree: Iterable[Piece], start: str) -> Iterator[tuple[str, list[Piece]]]:
    """Along the tree from a record, strongest evidence first: (record one comes from, pieces to records that are new).
    All pieces about one identifier come together."""
    at = _incidence(tree)
    seen: set[Point] = {start}
    waiting: list[tuple[tuple, str, Piece]] = [(one.place, start, one) for one in at[start]]
    heapq.heapify(waiting)
    while waiting:
        _, record, piece = heapq.heappop(waiting)
        if piece.partner:
            news = [piece]
        else:
            news = [one for one in at[piece.node] if one.record_id != record]
            seen.add(piece.node)
        yield record, news
        reached = {end for one in news for end in (one.record_id, one.partner) if end} - seen
        seen |= reached
        for new in sorted(reached):
            for further in at[new]:
                if not seen.issuperset(ends(further)):
                    heapq.heappush(waiting, (further.place, new, further))


def path(tree: Iterable[Piece], start: str, goal: str) -> list[Piece]:
    """The pieces of the tree between two records, in order; empty where nothing connects them or they are one."""
    at = _incidence(tree)
    came: dict[Point, tuple[Point, Piece]] = {}
    waiting: list[Point] = [start]
    for point in waiting:
        for piece in at[point]:
            one, two = ends(piece)
            other = two if point == one else one
            if other != start and other not in came:
                came[other] = (point, piece)
                waiting.append(other)
    steps: list[Piece] = []
    point: Point = goal
    while point in came:
        point, piece = came[point]
        steps.append(piece)
    return steps[::-1]


def _incidence(tree: Iterable[Piece]) -> dict[Point, list[Piece]]:
    """Point -> the pieces that end in it."""
    at: dict[Point, list[Piece]] = defaultdict(list)
    for piece in tree:
        for end in ends(piece):
            at[end].append(piece)
    return at
