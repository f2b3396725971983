"""Decisions that contradict each other: which of them stand, and for which records.

In: decisions in any order. Out: `Standing`s, oldest first, that contradict each other nowhere.

The later of two contradicting decisions wins, and it takes out of the earlier one the fewest records that stand in its
way:

- A cut leaves an earlier link whole but for the smaller of the two groups it parts (both, if they are equal): a record
  cut off a linked customer goes, the rest stay linked. A link that has lost one of its two sides says nothing more.
- A link takes out of an earlier cut those of its records that stand on the side with fewer of them (both, if equal):
  two customers that were cut and are linked again are one; one record moved over the cut leaves the cut standing for
  the others.

Links chain: a cut contradicts two links that together join its sides. Nothing depends on the order in which decisions
arrive, only on when they were made; without the records of a person, it is as if these had never been named.

>>> from floorwalker.identity.decisions import Decision, Member
>>> one, two, three = Member("r1"), Member("r2"), Member("r3")
>>> link = Decision("d1", "link", "2026-01-01", "ana", a=(one, two), b=(three,))
>>> cut = Decision("d2", "cut", "2026-01-02", "ana", a=(one,), b=(two, three))
>>> [(s.decision_id, len(s.a), len(s.b)) for s in standing([cut, link])]
[('d1', 1, 1), ('d2', 1, 2)]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from floorwalker.identity.decisions import Decision, Member, in_force


class Standing(NamedTuple):
    """What is left of a decision: `kind` is 'link' or 'cut', and neither side is empty."""

    decision_id: str
    kind: str
    at: str
    a: tuple[Member, ...]
    b: tuple[Member, ...]


class _Groups:
    """Records that later links join, and on which sides of later cuts each group stands."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}
        self.sides: dict[str, dict[int, int]] = {}

    def find(self, record: str) -> str:
        while (up := self.parent.setdefault(record, record)) != record:
            self.parent[record] = self.parent[up]
            record = up
        return record

    def of(self, record: str) -> dict[int, int]:
        """cut -> side, for the record's group."""
        return self.sides.get(self.find(record), {})

    def join(self, records: Iterable[str]) -> None:
        first, *others = records
        for other in others:
            a, b = self.find(first), self.find(other)
            if a != b:
                self.parent[b] = a
                self.sides[a] = {**self.sides.get(a, {}), **self.sides.pop(b, {})}

    def stand(self, records: Iterable[str], cut: int, side: int) -> None:
        for record in records:
            self.sides.setdefault(self.find(record), {})[cut] = side


def standing(decisions: Iterable[Decision]) -> tuple[Standing, ...]:
    """The links and cuts that stand, oldest first; linear in the records they name, but for cuts of one group."""
    groups, kept = _Groups(), []
    for place, one in enumerate(reversed(in_force(list(decisions)))):
        if one.kind == "undo":
            continue
        named = ({m.record_id for m in one.a}, {m.record_id for m in one.b})
        out = _against_links(groups, *named) if one.kind == "cut" else _against_cuts(groups, named[0] | named[1])
        a, b = (side - out for side in named)
        if not a or not b:
            continue
        if one.kind == "cut":
            groups.stand(a, place, 0)
            groups.stand(b, place, 1)
        else:
            groups.join(sorted(a | b))
        left = (tuple(m for m in side if m.record_id not in out) for side in (one.a, one.b))
        kept.append(Standing(one.decision_id, one.kind, one.at, *left))
    return tuple(reversed(kept))


def _against_links(groups: _Groups, a: Collection[str], b: Collection[str]) -> set[str]:
    """Records that a cut between `a` and `b` loses to later links."""
    held: dict[str, tuple[list[str], list[str]]] = {}
    for side, records in enumerate((a, b)):
        for record in records:
            held.setdefault(groups.find(record), ([], []))[side].append(record)
    return {record for mine, theirs in held.values() for record in _fewest(mine, theirs)}


def _against_cuts(groups: _Groups, records: Collection[str]) -> set[str]:
    """Records that a link loses to later cuts, the latest cut first."""
    out: set[str] = set()
    for cut in sorted({cut for record in records for cut in groups.of(record)}):
        parted: tuple[list[str], list[str]] = ([], [])
        for record in records:
            side = groups.of(record).get(cut)
            if side is not None and record not in out:
                parted[side].append(record)
        out |= _fewest(*parted)
    return out


def _fewest(one: list[str], other: list[str]) -> set[str]:
    """What must go so that only one of two groups is left; both, when neither is the smaller. Nothing, if one is
    empty."""
    if not one or not other:
        return set()
    if len(one) == len(other):
        return {*one, *other}
    return set(min(one, other, key=len))
