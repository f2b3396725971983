"""Anonymous visits: which customer a device or cookie lends them to.

In: the partition of known records, and evidence record -> device or cookie. Out: a refusal reason per piece; what
remains never connects two known customers.

A device or cookie seen with one known customer is that customer's. Seen with several it is nobody's, unless it changed
hands: the latest customer came after the others had gone, and then it lends only visits that began after that too.
Seen with more than `shared_device_people` it is a kiosk. From owned values ownership spreads over anonymous records
and their other values, nearest owner first; what two owners reach at the same distance stays nobody's. Anonymous
records that no owner reaches are joined among themselves.

Every round looks at all records and values at once, so order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from floorwalker.identity.limits import MICROSECONDS_PER_DAY, beyond
from floorwalker.identity.resolver import Cuts, components
from floorwalker.identity.settings import IdentitySettings

KINDS = ("device_id", "cookie_id", "fingerprint")
_NOBODY = -1
_TORN = -2

SHARED, SEVERAL, LATE, LIMIT, DECIDED = 1, 2, 3, 4, 5
"""Refusal codes; 0 is accepted."""


def reasons(settings: IdentitySettings) -> tuple[str, ...]:
    """Why a device or cookie lends a record to nobody, by code."""
    return (
        "",
        f"shared device: more than {settings.shared_device_people} customers",
        "seen with several customers",
        "seen before its customer",
        "limit per customer",
        "a person's decision",
    )


@dataclass(frozen=True)
class Visits:
    """Evidence of tier 3, one per row: `record` (row of the people) on `node` (hash of rule and value), `kind` index in
    KINDS, and when the record was first and last seen (microseconds)."""

    record: NDArray[np.int32]
    node: NDArray[np.uint64]
    kind: NDArray[np.int8]
    first_seen: NDArray[np.int64]
    last_seen: NDArray[np.int64]

    def take(self, rows: NDArray) -> Visits:
        """These rows of it."""
        return Visits(self.record[rows], self.node[rows], self.kind[rows], self.first_seen[rows], self.last_seen[rows])


def _only(owner: NDArray[np.int64], point: NDArray[np.integer], label: NDArray[np.int64]) -> None:
    """Give each unowned point the one label offered to it; _TORN where several are."""
    low = np.full(len(owner), np.iinfo(np.int64).max)
    high = np.full(len(owner), -1, dtype=np.int64)
    np.minimum.at(low, point, label)
    np.maximum.at(high, point, label)
    offered = (high >= 0) & (owner == _NOBODY)
    owner[offered] = np.where(low[offered] == high[offered], low[offered], _TORN)


def attach_apart(
    labels: NDArray[np.int32], known: NDArray[np.bool_], visits: Visits, cuts: Cuts, settings: IdentitySettings
) -> NDArray[np.int8]:
    """`attach`, obeying what people have decided: a visit that they have linked goes where its link says, and what
    would bring a visit over a cut is refused, so that the visit is on its own."""
    named = np.zeros(len(labels), dtype=bool)
    np.logical_or.at(named, labels, known)
    # A linked visit and its customer are one point, known as soon as one of them is.
    points = Visits(labels[visits.record], visits.node, visits.kind, visits.first_seen, visits.last_seen)
    refused = np.zeros(len(points.record), dtype=np.int8)
    while True:
        open_ = np.flatnonzero(refused != DECIDED)
        refused[open_] = attach(labels, named, points.take(open_), settings)
        over = _over_a_cut(labels, named, points, refused, cuts)
        if not len(over):
            return refused
        refused[np.isin(points.record, over)] = DECIDED


def _over_a_cut(
    labels: NDArray[np.int32], named: NDArray[np.bool_], points: Visits, refused: NDArray[np.int8], cuts: Cuts
) -> NDArray[np.int32]:
    """Labels of visits that stand on a side of a cut and have come together with the other side."""
    if not len(cuts.record):
        return np.empty(0, dtype=np.int32)
    kept = np.flatnonzero(refused == 0)
    hashes, node = np.unique(points.node[kept], return_inverse=True)
    count = len(labels)
    left = np.concatenate([points.record[kept], np.arange(count, dtype=np.int32)])
    right = np.concatenate([node.astype(np.int32) + count, labels])
    place = components(left, right, count + len(hashes))[cuts.record]
    _, group = np.unique(np.stack([cuts.cut, place]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    sides = np.zeros(int(group.max()) + 1, dtype=np.int8)
    np.bitwise_or.at(sides, group, (1 << cuts.side).astype(np.int8))
    met = labels[cuts.record[sides[group] == 3]]
    return np.unique(met[~named[met]])


def attach(
    labels: NDArray[np.int32], known: NDArray[np.bool_], visits: Visits, settings: IdentitySettings
) -> NDArray[np.int8]:
    """Refusal code per visit. Accepted visits joined to the partition `labels` never join two labels of known
    records."""
    refused = np.zeros(len(visits.record), dtype=np.int8)
    if not len(visits.record):
        return refused
    hashes, node = np.unique(visits.node, return_inverse=True)
    size = len(hashes)
    node = node.astype(np.int64)
    label = labels[visits.record].astype(np.int64)
    is_known = known[visits.record]
    owner, since, shared = _owners(node, label, is_known, visits, size, settings)
    over = _over_limit(owner, node, label, is_known, visits, size, settings)
    owner[over] = _TORN

    # What a known record sees: its own value, or a value that is someone else's, a kiosk's or nobody's.
    theirs = is_known & (owner[node] != label)
    refused[theirs] = SEVERAL
    early = ~is_known & (owner[node] >= 0) & (visits.first_seen < since[node])
    refused[early] = LATE
    refused[shared[node]] = SHARED
    refused[over[node] & ~shared[node]] = LIMIT
    refused[~is_known & (owner[node] == _TORN) & ~shared[node] & ~over[node]] = SEVERAL

    free = np.flatnonzero(~is_known & (refused == 0))
    who = _spread(owner, visits.record[free], node[free], len(labels))
    mine, its = who[visits.record[free]], owner[node[free]]
    # Owned ends must agree; ends without owner join each other; a torn end joins nobody.
    refused[free[(mine != its) | (mine == _TORN)]] = SEVERAL
    _hold_limits(refused, visits, node, labels, known, settings)
    return refused


def _owners(
    node: NDArray[np.int64],
    label: NDArray[np.int64],
    is_known: NDArray[np.bool_],
    visits: Visits,
    size: int,
    settings: IdentitySettings,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Per value: its owner, from when it lends, and whether it is a kiosk."""
    rows = np.flatnonzero(is_known)
    pair, inverse = np.unique(np.stack([node[rows], label[rows]]), axis=1, return_inverse=True)
    inverse = inverse.reshape(-1)
    first = np.full(pair.shape[1], np.iinfo(np.int64).max)
    last = np.full(pair.shape[1], np.iinfo(np.int64).min)
    np.minimum.at(first, inverse, visits.first_seen[rows])
    np.maximum.at(last, inverse, visits.last_seen[rows])
    people = np.bincount(pair[0], minlength=size)
    owner = np.full(size, _NOBODY, dtype=np.int64)
    since = np.full(size, np.iinfo(np.int64).min)
    one = people[pair[0]] == 1
    owner[pair[0][one]] = pair[1][one]
    several = np.flatnonzero(~one)
    owner[pair[0][several]] = _TORN
    # Latest arrival per value, then whether everybody else had gone by then.
    order = several[np.lexsort((pair[1][several], first[several], pair[0][several]))]
    if len(order):
        value = pair[0][order]
        is_latest = np.append(value[1:] != value[:-1], True)
        gone = np.full(size, np.iinfo(np.int64).min)
        np.maximum.at(gone, value[~is_latest], last[order[~is_latest]])
        latest = order[is_latest]
        handed_over = first[latest] > gone[pair[0][latest]]
        owner[pair[0][latest[handed_over]]] = pair[1][latest[handed_over]]
        since[pair[0][latest[handed_over]]] = gone[pair[0][latest[handed_over]]] + 1
    shared = people > settings.shared_device_people
    owner[shared] = _TORN
    return owner, since, shared


def _over_limit(
    owner: NDArray[np.int64],
    node: NDArray[np.int64],
    label: NDArray[np.int64],
    is_known: NDArray[np.bool_],
    visits: Visits,
    size: int,
    settings: IdentitySettings,
) -> NDArray[np.bool_]:
    """Values beyond a customer's limit of their kind; the latest seen are kept."""
    kind = np.zeros(size, dtype=np.int8)
    kind[node] = visits.kind
    seen = np.full(size, np.iinfo(np.int64).min)
    mine = is_known & (owner[node] == label)
    np.maximum.at(seen, node[mine], visits.last_seen[mine])
    over = np.zeros(size, dtype=bool)
    owned = np.flatnonzero(owner >= 0)
    over[owned] = _beyond(owner[owned], kind[owned], -seen[owned], owned, seen[owned], settings)
    return over


def _beyond(
    group: NDArray[np.integer],
    kind: NDArray[np.integer],
    first: NDArray[np.int64],
    then: NDArray[np.integer],
    seen: NDArray[np.int64],
    settings: IdentitySettings,
) -> NDArray[np.bool_]:
    """Per value last `seen` (microseconds): is it too much for its group? Those are kept that come first by `first`
    and `then`."""
    limits = [settings.limits.of(one) for one in KINDS]
    over = _rank_in_group(group, kind, first, then) >= np.array([limit.most for limit in limits])[kind]
    for number, limit in enumerate(limits):
        if not limit.days:
            continue
        # Within days a group holds too much only if it does in all.
        rows = np.flatnonzero((kind == number) & np.isin(group, group[over & (kind == number)]))
        rows = rows[np.lexsort((then[rows], first[rows], group[rows]))]
        for part in np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1):
            over[part] = beyond((seen[part] // MICROSECONDS_PER_DAY).tolist(), limit)
    return over


def _rank_in_group(
    group: NDArray[np.integer], kind: NDArray[np.integer], first: NDArray[np.int64], then: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Rank from 0 within (group, kind), by `first` and then `then`."""
    order = np.lexsort((then, first, kind, group))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (group[order][1:] != group[order][:-1]) | (kind[order][1:] != kind[order][:-1])
    start = np.flatnonzero(new)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - start[np.cumsum(new) - 1]
    return rank


def _spread(
    owner: NDArray[np.int64], record: NDArray[np.int32], node: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Owner per record, spreading from owned values (`owner` is completed in place) until nothing changes."""
    who = np.full(count, _NOBODY, dtype=np.int64)
    while True:
        offer = np.flatnonzero((owner[node] >= 0) & (who[record] == _NOBODY))
        if len(offer):
            _only(who, record[offer], owner[node[offer]])
        offer = np.flatnonzero((who[record] >= 0) & (owner[node] == _NOBODY))
        if not len(offer):
            return who
        _only(owner, node[offer], who[record[offer]])


def _hold_limits(
    refused: NDArray[np.int8],
    visits: Visits,
    node: NDArray[np.int64],
    labels: NDArray[np.int32],
    known: NDArray[np.bool_],
    settings: IdentitySettings,
) -> None:
    """Refuse the values by which a customer would hold more than its limits once ownership has spread."""
    size, count = int(node.max()) + 1, len(labels)
    while True:
        kept = np.flatnonzero(refused == 0)
        left = np.concatenate([visits.record[kept], np.arange(count, dtype=np.int64)])
        right = np.concatenate([node[kept] + count, labels.astype(np.int64)])
        customer = components(left, right, count + size)
        kind = np.zeros(size, dtype=np.int8)
        kind[node] = visits.kind
        seen = np.full(size, np.iinfo(np.int64).min)
        np.maximum.at(seen, node[kept], visits.last_seen[kept])
        direct = np.zeros(size, dtype=np.int64)
        direct[node[kept[known[visits.record[kept]]]]] = -1
        used = np.unique(node[kept])
        group = customer[used + count]
        # A customer's own values before those that visits brought along, then the latest seen.
        order = np.lexsort((used, -seen[used], direct[used]))
        place = np.empty(len(used), dtype=np.int64)
        place[order] = np.arange(len(used))
        over = np.zeros(size, dtype=bool)
        over[used] = _beyond(group, kind[used], place, used, seen[used], settings)
        excess = kept[over[node[kept]]]
        if not len(excess):
            return
        refused[excess] = LIMIT
