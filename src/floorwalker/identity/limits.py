"""How many different identifiers a customer was seen with, ever or in any so many days on end.

In: sightings of one kind, (day, identifier). Out: a count that can only grow as sightings are added, which is what
lets the resolver take whole components at once (see `resolver`).

>>> seen = {(1, "a"), (2, "b"), (40, "c"), (41, "a")}
>>> most_at_once(seen, 0), most_at_once(seen, 30), most_at_once(seen, 1)
(3, 2, 1)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from floorwalker.identity.settings import Limit

MICROSECONDS_PER_DAY = 86_400_000_000


def most_at_once(seen: Set[tuple[int, Hashable]], days: int) -> int:
    """The largest number of different identifiers in any `days` days on end; 0 days: in all."""
    if not days:
        return len({value for _, value in seen})
    # A window slides over the sightings in order of time; per identifier, how many of its sightings are in it.
    inside: Counter[Hashable] = Counter()
    most, start, ordered = 0, 0, sorted(seen, key=lambda one: one[0])
    for day, value in ordered:
        inside[value] += 1
        while ordered[start][0] <= day - days:
            gone = ordered[start][1]
            inside[gone] -= 1
            if not inside[gone]:
                del inside[gone]
            start += 1
        most = max(most, len(inside))
    return most


def beyond(days: Sequence[int], limit: Limit) -> list[bool]:
    """Which identifiers are too many, of identifiers in the order in which they are preferred, each seen on a day.

    >>> from floorwalker.identity.settings import Limit
    >>> beyond([50, 49, 48, 1], Limit(2)), beyond([50, 49, 48, 1], Limit(2, days=30))
    ([False, False, True, True], [False, False, True, False])
    """
    if not limit.days or len(days) <= limit.most:
        return [place >= limit.most for place in range(len(days))]
    kept: set[tuple[int, Hashable]] = set()
    over = []
    for place, day in enumerate(days):
        over.append(most_at_once({*kept, (day, place)}, limit.days) > limit.most)
        if not over[-1]:
            kept.add((day, place))
    return over
