"""Merging one by one: the reference that says, for evidence in a given order, what is joined and what is refused.

In: `People` (what constrains each record), pieces of evidence in order, as pairs of points, and where merging starts.
Out: a refusal code per piece, 0 where it was accepted (`resolver.reasons` has the words).

Points 0 … n-1 are records, the others identifiers. A growing customer holds what its records hold; a piece is refused
when joining its two sides would break a limit, join names that no one person bears, birth dates that are none mistyped,
or both sides of a person's decision that they are two. A person's decision to join is refused by a cut alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from floorwalker.identity.compatibility import compatible_names, near_dates
from floorwalker.identity.limits import most_at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from floorwalker.identity.resolver import People
    from floorwalker.identity.settings import Limit

MANUAL = -1
"""Tier of a person's decision that two records belong together."""
BIRTH_TIER = 2
"""From this tier on birth dates must agree: authenticated ids and e-mail outweigh a mistyped date, phones and names
do not."""


class Cluster:
    """What a growing customer holds. `codes`: per kind the identifiers; of a kind whose limit has days, the sightings
    (day, identifier)."""

    __slots__ = ("births", "codes", "cuts", "names", "records")

    def __init__(self, kinds: int) -> None:
        self.codes: list[set] = [set() for _ in range(kinds)]
        self.names: set[tuple[str, str]] = set()
        self.births: set[int] = set()
        self.cuts: dict[int, int] = {}
        self.records = 0

    def obstacle(self, other: Cluster, tier: int, limits: list[Limit], most_records: int) -> int:
        """Why the two cannot be one customer: a code of `resolver.reasons`, 0 if they can."""
        kinds = len(limits)
        if self.cuts and other.cuts and any(other.cuts.get(cut, side) != side for cut, side in self.cuts.items()):
            return kinds + 4
        if tier <= MANUAL:
            return 0
        for code, (mine, theirs, limit) in enumerate(zip(self.codes, other.codes, limits, strict=True), start=1):
            # What a person joined may hold more than the limit: what adds nothing to it may still come in.
            if mine and theirs and _exceeds(mine, theirs, limit):
                return code
        if not (self.names <= other.names or other.names <= self.names) and any(
            not compatible_names(one, two) for one in self.names for two in other.names
        ):
            return kinds + 1
        if (
            tier >= BIRTH_TIER
            and self.births
            and other.births
            and not any(near_dates(one, two) for one in self.births for two in other.births)
        ):
            return kinds + 2
        return kinds + 3 if self.records and other.records and self.records + other.records > most_records else 0

    def absorb(self, other: Cluster) -> None:
        """Take over what `other` holds."""
        for mine, theirs in zip(self.codes, other.codes, strict=True):
            mine |= theirs
        self.names |= other.names
        self.births |= other.births
        self.cuts |= other.cuts
        self.records += other.records


def _exceeds(mine: set, theirs: set, limit: Limit) -> bool:
    if not limit.days:
        return len(mine | theirs) > max(limit.most, len(mine), len(theirs))
    counts = [most_at_once(seen, limit.days) for seen in (mine | theirs, mine, theirs)]
    return counts[0] > max(limit.most, *counts[1:])


def clusters_of(
    people: People, records: NDArray[np.integer], counted: NDArray[np.integer], limits: list[Limit]
) -> list[Cluster]:
    """One cluster per record named. `counted`: 1 where the record counts towards a limit of records; `limits`: of the
    kinds of `people.codes`."""
    days = people.days[records].tolist() if any(limit.days for limit in limits) else []
    columns = [codes[records].tolist() for codes in people.codes.values()]
    given, family, births = (column[records].tolist() for column in (people.given, people.family, people.birth))
    ones = counted[records].tolist()
    made = []
    for row in range(len(records)):
        cluster = Cluster(len(columns))
        for codes, column, limit in zip(cluster.codes, columns, limits, strict=True):
            if column[row]:
                codes.add((days[row], column[row]) if limit.days else column[row])
        if given[row]:
            cluster.names.add((people.names[given[row]], people.names[family[row]]))
        if births[row]:
            cluster.births.add(births[row])
        cluster.records = ones[row]
        made.append(cluster)
    place = {record: row for row, record in enumerate(records.tolist())}
    cuts = people.cuts
    for record, cut, side in zip(cuts.record.tolist(), cuts.cut.tolist(), cuts.side.tolist(), strict=True):
        if record in place:
            made[place[record]].cuts[cut] = side
    return made


def union_find() -> tuple[dict[int, int], Callable[[int], int]]:
    """Each point's parent, and a function that finds its root, halving the path (Tarjan and van Leeuwen 1984).

    >>> parent, find = union_find()
    >>> parent[find(1)] = find(2)
    >>> find(1) == find(2) != find(3)
    True
    """
    parent: dict[int, int] = {}

    def find(x: int) -> int:
        while (up := parent.setdefault(x, x)) != x:
            parent[x] = parent[up]
            x = up
        return x

    return parent, find


def merge_in_order(
    clusters: dict[int, Cluster],
    left: list[int],
    right: list[int],
    tiers: list[int],
    limits: list[Limit],
    most_records: int,
) -> list[int]:
    """Refusal codes of pieces (left, right) taken one by one. `clusters`: what each point holds at the start; a point
    without one (an identifier) holds nothing. Clusters are used up."""
    parent, find = union_find()
    refused = []
    for one, two, tier in zip(left, right, tiers, strict=True):
        a, b = find(one), find(two)
        if a == b:
            refused.append(0)
            continue
        mine, theirs = clusters.get(a), clusters.get(b)
        if mine is None or theirs is None:
            parent[a if mine is None else b] = b if mine is None else a
            refused.append(0)
            continue
        code = mine.obstacle(theirs, tier, limits, most_records)
        refused.append(code)
        if not code:
            if mine.records < theirs.records:
                a, b, mine, theirs = b, a, theirs, mine
            mine.absorb(theirs)
            parent[b] = a
    return refused
