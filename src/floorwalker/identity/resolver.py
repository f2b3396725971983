"""From evidence to a partition: constrained merging in one total order.

In: per record what constrains it (`People`), per piece of evidence which record it ties to which identifier
(`Evidence`). Out: a label per record (the smallest record of its customer) and, per piece of evidence, why it was
refused.

The partition is a pure function of these and the limits. Evidence is taken by (tier, weight descending, hash of the
identifier, hash of the record's words, record); a piece is refused when joining its two sides would break a limit.
Connected components that break none keep all their evidence, which is what merging one by one would give, because the
constraints only ever tighten as sets grow; the others are merged one by one. A component never sees another, so that
the same call on one touched component gives the batch's answer.

Evidence of another kind (weights from a model, a person's decision) joins here with its own tier and weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from floorwalker.identity.settings import IdentitySettings

COUNTED = ("loyalty_id", "account_id", "customer_ref", "email", "phone")
"""Kinds whose number per customer is limited by the records' own values."""

BIRTH_TIER = 2
"""From this tier on birth dates must agree: authenticated ids and e-mail outweigh a mistyped date, phones and names
do not."""


@dataclass(frozen=True)
class People:
    """What constrains each record; row = record, 0 = unknown.

    `codes`: kind of COUNTED -> uint64 hash of its key. `given`, `family`: code point of the first letter.
    `birth`: yyyymmdd. `words`: hash of everything the record says except device and cookie.
    """

    codes: dict[str, NDArray[np.uint64]]
    given: NDArray[np.int32]
    family: NDArray[np.int32]
    birth: NDArray[np.int32]
    words: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Evidence:
    """Pieces of evidence, one per row: `record` belongs with identifier `node` (a uint64 hash of rule and key)."""

    record: NDArray[np.int32]
    node: NDArray[np.uint64]
    tier: NDArray[np.int8]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.record)


def reasons(settings: IdentitySettings) -> tuple[str, ...]:
    """Why evidence is refused, by code; code 0 is accepted."""
    return (
        "",
        *(f"limit {kind} {getattr(settings.limits, kind)}" for kind in COUNTED),
        "first initial",
        "birth date",
        f"limit records {settings.cluster_records}",
    )


_INITIAL = len(COUNTED) + 1
_BIRTH = len(COUNTED) + 2
_RECORDS = len(COUNTED) + 3


def components(left: NDArray[np.integer], right: NDArray[np.integer], size: int) -> NDArray[np.int32]:
    """Connected components of `size` points: the label of each."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def smallest_member(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Labels renamed to the smallest row that carries them."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int32)


def resolve(
    people: People, evidence: Evidence, settings: IdentitySettings
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """(label per record, refusal code per piece of evidence); linear in both but for sorting."""
    count = len(people)
    hashes, node = np.unique(evidence.node, return_inverse=True)
    node = node.astype(np.int32)
    refused = np.zeros(len(evidence), dtype=np.int8)
    labels = components(evidence.record, node + count, count + len(hashes))
    doubtful = _doubtful(people, labels, settings)
    pieces = np.flatnonzero(doubtful[labels[evidence.record]])
    if len(pieces):
        record = evidence.record[pieces]
        order = np.lexsort(
            (record, people.words[record], evidence.node[pieces], -evidence.weight[pieces], evidence.tier[pieces])
        )
        pieces = pieces[order]
        refused[pieces] = merge_in_order(
            people, evidence.record[pieces].tolist(), node[pieces].tolist(), evidence.tier[pieces].tolist(), settings
        )
        kept = refused == 0
        labels = components(evidence.record[kept], node[kept] + count, count + len(hashes))
    return smallest_member(labels[:count]), refused


def _first_of_words(people: People) -> NDArray[np.int8]:
    """1 for one record of each set of words, 0 for its repeats on other devices: what a limit of records counts."""
    one = np.zeros(len(people), dtype=np.int8)
    one[np.unique(people.words, return_index=True)[1]] = 1
    return one


def _more_than(labels: NDArray[np.int32], values: NDArray[np.integer], limit: int, size: int) -> NDArray[np.bool_]:
    """Per label: does it carry more than `limit` different non-zero values?"""
    known = np.flatnonzero(values)
    label, value = labels[known], values[known]
    order = np.lexsort((value, label))
    label, value = label[order], value[order]
    new = np.ones(len(label), dtype=bool)
    new[1:] = (label[1:] != label[:-1]) | (value[1:] != value[:-1])
    return np.bincount(label[new], minlength=size) > limit


def _doubtful(people: People, labels: NDArray[np.int32], settings: IdentitySettings) -> NDArray[np.bool_]:
    """Per component: could any merge inside it break a constraint?"""
    own, size = labels[: len(people)], int(labels.max(initial=-1)) + 1
    doubtful = np.bincount(own, weights=_first_of_words(people), minlength=size) > settings.cluster_records
    for kind in COUNTED:
        doubtful |= _more_than(own, people.codes[kind], getattr(settings.limits, kind), size)
    doubtful |= _more_than(own, people.given, 1, size)
    doubtful |= _more_than(own, people.birth, 1, size)
    return doubtful


def same_initials(one: tuple[int, int], two: tuple[int, int]) -> bool:
    """May these (given, family) initials be one person's? Unknown agrees with all; exchanged names agree.

    >>> same_initials((97, 115), (115, 97)), same_initials((97, 115), (98, 115)), same_initials((0, 115), (98, 115))
    (True, False, True)
    """
    if not one[0] or not two[0] or one[0] == two[0]:
        return True
    return one[0] == two[1] and one[1] == two[0]


def near_dates(one: int, two: int) -> bool:
    """May these dates (yyyymmdd) be one date mistyped: equal, one digit apart, or day and month exchanged?

    >>> near_dates(19800304, 19800403), near_dates(19800304, 19800384), near_dates(19800304, 19520304)
    (True, True, False)
    """
    if one == two or (one // 10000 == two // 10000 and one % 100 == two // 100 % 100 and two % 100 == one // 100 % 100):
        return True
    return sum(a != b for a, b in zip(f"{one:08d}", f"{two:08d}", strict=True)) <= 1


class _Cluster:
    """What a growing customer holds."""

    __slots__ = ("births", "codes", "initials", "records")

    def __init__(self) -> None:
        self.codes: list[set[int]] = [set() for _ in COUNTED]
        self.initials: set[tuple[int, int]] = set()
        self.births: set[int] = set()
        self.records = 0

    def obstacle(self, other: _Cluster, tier: int, limits: list[int], most_records: int) -> int:
        """Why the two cannot be one customer: a code of `reasons`, 0 if they can."""
        for code, (mine, theirs, limit) in enumerate(zip(self.codes, other.codes, limits, strict=True), start=1):
            if len(mine) + len(theirs) > limit and mine and theirs and len(mine | theirs) > limit:
                return code
        if any(not same_initials(one, two) for one in self.initials for two in other.initials):
            return _INITIAL
        if (
            tier >= BIRTH_TIER
            and self.births
            and other.births
            and not any(near_dates(one, two) for one in self.births for two in other.births)
        ):
            return _BIRTH
        return _RECORDS if self.records and other.records and self.records + other.records > most_records else 0

    def absorb(self, other: _Cluster) -> None:
        for mine, theirs in zip(self.codes, other.codes, strict=True):
            mine |= theirs
        self.initials |= other.initials
        self.births |= other.births
        self.records += other.records


def merge_in_order(
    people: People, records: list[int], nodes: list[int], tiers: list[int], settings: IdentitySettings
) -> list[int]:
    """Refusal codes of evidence taken one by one in the order given: the reference the vectorised path must equal."""
    limits = [getattr(settings.limits, kind) for kind in COUNTED]
    involved = np.unique(np.asarray(records, dtype=np.int64))
    columns = [people.codes[kind][involved].tolist() for kind in COUNTED]
    one = _first_of_words(people)[involved].tolist()
    given, family, birth = (column[involved].tolist() for column in (people.given, people.family, people.birth))
    # Points: 0 … r-1 the involved records, then the nodes.
    point = {record: row for row, record in enumerate(involved.tolist())}
    parent = list(range(len(point)))
    clusters: list[_Cluster] = []
    for row in range(len(point)):
        cluster = _Cluster()
        for codes, column in zip(cluster.codes, columns, strict=True):
            if column[row]:
                codes.add(column[row])
        if given[row]:
            cluster.initials.add((given[row], family[row]))
        if birth[row]:
            cluster.births.add(birth[row])
        cluster.records = one[row]
        clusters.append(cluster)
    node_point: dict[int, int] = {}

    def find(x: int) -> int:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    refused = []
    for record, node, tier in zip(records, nodes, tiers, strict=True):
        a = find(point[record])
        b = node_point.get(node)
        if b is None:
            node_point[node] = a
            refused.append(0)
            continue
        b = find(b)
        if a == b:
            refused.append(0)
            continue
        code = clusters[a].obstacle(clusters[b], tier, limits, settings.cluster_records)
        refused.append(code)
        if not code:
            if clusters[a].records < clusters[b].records:
                a, b = b, a
            clusters[a].absorb(clusters[b])
            parent[b] = a
    return refused
