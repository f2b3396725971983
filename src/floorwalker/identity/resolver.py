"""From evidence to a partition: constrained merging in one total order.

In: per record what constrains it (`People`), per piece of evidence which record it ties to which identifier, or to
which other record (`Evidence`). Out: a label per record (the smallest record of its customer) and, per piece of
evidence, why it was refused.

The partition is a pure function of these and the limits. Evidence is taken by (tier, weight descending, hash of the
identifier or pair, hash of the record's words, record); a piece is refused when joining its two sides would break a
constraint. Tiers run from a person's decision (-1) over authenticated ids (0) to a model's probability (4). Connected
components that break none keep all their evidence, which is what merging one by one would give, because the
constraints only ever tighten as sets grow; the others are merged one by one (`merging`). A component never sees
another, so that the same call on one touched component gives the batch's answer. Since merging follows the order, what
the evidence down to some weight makes of the records is a refinement of what more evidence makes: levels of confidence
nest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from floorwalker.identity.compatibility import compatible_names, near_dates
from floorwalker.identity.merging import Cluster, clusters_of, merge_in_order
from floorwalker.identity.settings import IdentitySettings, Limit

COUNTED = ("loyalty_id", "account_id", "customer_ref", "email", "phone")
"""Kinds whose number per customer is limited by the records' own values."""

PROBABLE = 4
"""Tier of evidence that a model weighs: taken when all that is certain has been."""

_SMALL = 12
"""Components with more different names or dates than this are merged one by one without a look at each pair."""


def _none(kind: type) -> NDArray:
    return np.empty(0, dtype=kind)


@dataclass(frozen=True)
class Cuts:
    """A person's decisions that records are not one: the sides of cut `cut` never meet; one row per record."""

    record: NDArray[np.int32] = field(default_factory=lambda: _none(np.int32))
    cut: NDArray[np.int32] = field(default_factory=lambda: _none(np.int32))
    side: NDArray[np.int8] = field(default_factory=lambda: _none(np.int8))


@dataclass(frozen=True)
class People:
    """What constrains each record; row = record, 0 = unknown.

    `codes`: kind -> uint64 hash of its key, for kinds with a limit. `given`, `family`: rows of `names`, whose first is
    "". `birth`: yyyymmdd. `words`: hash of everything the record says except device and cookie. `days`: days since 1970
    on which a record was first seen; needed where a limit has days.
    """

    codes: dict[str, NDArray[np.uint64]]
    given: NDArray[np.int32]
    family: NDArray[np.int32]
    names: list[str]
    birth: NDArray[np.int32]
    words: NDArray[np.uint64]
    cuts: Cuts = field(default_factory=Cuts)
    days: NDArray[np.int32] = field(default_factory=lambda: _none(np.int32))

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Evidence:
    """Pieces of evidence, one per row: `record` belongs with identifier `node` (a uint64 hash of rule and key) or,
    where `partner` is not -1, with that record (`node`: a hash of the two)."""

    record: NDArray[np.int32]
    node: NDArray[np.uint64]
    tier: NDArray[np.int8]
    weight: NDArray[np.float64]
    partner: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.record)

    def take(self, rows: NDArray) -> Evidence:
        """These rows of it."""
        return Evidence(self.record[rows], self.node[rows], self.tier[rows], self.weight[rows], self.partner[rows])

    def in_order(self, people: People) -> NDArray[np.intp]:
        """Rows in the total order."""
        return np.lexsort((self.record, people.words[self.record], self.node, -self.weight, self.tier))


def reasons(settings: IdentitySettings) -> tuple[str, ...]:
    """Why evidence is refused, by code; code 0 is accepted."""
    return (
        "",
        *(f"limit {kind} {limit}" for kind, limit in limits_of(settings).items()),
        "different first names",
        "birth date",
        f"limit records {settings.cluster_records}",
        "a person's decision",
    )


def components(left: NDArray[np.integer], right: NDArray[np.integer], size: int) -> NDArray[np.int32]:
    """Connected components of `size` points: the label of each."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def smallest_member(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Labels renamed to the smallest row that carries them."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int32)


def limits_of(settings: IdentitySettings) -> dict[str, Limit]:
    """How many identifiers of a kind a customer may hold, for the kinds that are counted."""
    return {kind: settings.limits.of(kind) for kind in COUNTED}


def resolve(
    people: People, evidence: Evidence, settings: IdentitySettings
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """(label per record, refusal code per piece of evidence); linear in both but for sorting."""
    return resolve_within(people, evidence, limits_of(settings), settings.cluster_records)


def resolve_within(
    people: People, evidence: Evidence, limits: dict[str, Limit], most_records: int
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """`resolve` for any kinds: `limits` names those of `people.codes` that are counted."""
    codes = {kind: people.codes[kind] for kind in limits}
    people = replace(people, codes=codes)
    refused = np.zeros(len(evidence), dtype=np.int8)
    labels = np.arange(len(people), dtype=np.int32)
    # What a model weighs comes after everything else: on its own, few components are in doubt by either.
    for stage in (np.flatnonzero(evidence.tier < PROBABLE), np.flatnonzero(evidence.tier >= PROBABLE)):
        if len(stage):
            labels, refused[stage] = _stage(people, evidence.take(stage), labels, limits, most_records)
    return smallest_member(labels), refused


def _stage(
    people: People, evidence: Evidence, start: NDArray[np.int32], limits: dict[str, Limit], most_records: int
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """`resolve_within` on top of a partition that stands (labels are rows of records)."""
    count = len(people)
    hashes, node = np.unique(evidence.node, return_inverse=True)
    size = count + len(hashes)
    left = start[evidence.record]
    right = np.where(evidence.partner >= 0, start[np.maximum(evidence.partner, 0)], node.astype(np.int32) + count)
    own = np.arange(count, dtype=np.int32)
    refused = np.zeros(len(evidence), dtype=np.int8)
    labels = components(np.concatenate([left, own]), np.concatenate([right, start]), size)
    doubtful = _doubtful(people, labels, limits, most_records)
    pieces = np.flatnonzero(doubtful[labels[left]])
    if len(pieces):
        order = evidence.take(pieces).in_order(people)
        pieces = pieces[order]
        refused[pieces] = merge_in_order(
            _standing(people, start, labels[:count], np.flatnonzero(doubtful[labels[:count]]), list(limits.values())),
            left[pieces].tolist(),
            right[pieces].tolist(),
            evidence.tier[pieces].tolist(),
            list(limits.values()),
            most_records,
        )
        kept = refused == 0
        labels = components(np.concatenate([left[kept], own]), np.concatenate([right[kept], start]), size)
    return smallest_member(labels[:count]), refused


def _standing(
    people: People,
    start: NDArray[np.int32],
    component: NDArray[np.int32],
    records: NDArray[np.integer],
    limits: list[Limit],
) -> dict[int, Cluster]:
    """What each standing part of the partition holds, for the records given."""
    clusters: dict[int, Cluster] = {}
    counted = _first_of_words(people, component)
    for label, one in zip(start[records].tolist(), clusters_of(people, records, counted, limits), strict=True):
        standing = clusters.get(label)
        if standing is None:
            clusters[label] = one
        else:
            standing.absorb(one)
    return clusters


def _first_of_words(people: People, component: NDArray[np.int32]) -> NDArray[np.int8]:
    """1 for one record of each set of words in a component, 0 for its repeats on other devices: what a limit of records
    counts. A repeat in another component, which none of them may see, is no repeat."""
    one = np.zeros(len(people), dtype=np.int8)
    # The odd factor (2^64 / the golden ratio) spreads small labels over all bits: no two sums fall together by chance.
    said = people.words + component.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    one[np.unique(said, return_index=True)[1]] = 1
    return one


def _distinct(labels: NDArray[np.int32], values: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.integer]]:
    """The different (label, non-zero value), by label."""
    known = np.flatnonzero(values)
    label, value = labels[known], values[known]
    order = np.lexsort((value, label))
    label, value = label[order], value[order]
    new = np.ones(len(label), dtype=bool)
    new[1:] = (label[1:] != label[:-1]) | (value[1:] != value[:-1])
    return label[new], value[new]


def _doubtful(
    people: People, labels: NDArray[np.int32], limits: dict[str, Limit], most_records: int
) -> NDArray[np.bool_]:
    """Per component: could any merge inside it break a constraint?"""
    own, size = labels[: len(people)], int(labels.max(initial=-1)) + 1
    doubtful = np.bincount(own, weights=_first_of_words(people, own), minlength=size) > most_records
    for kind, limit in limits.items():
        # Who never held more cannot have held more in some days either.
        doubtful |= np.bincount(_distinct(own, people.codes[kind])[0], minlength=size) > limit.most
    named = people.given.astype(np.int64) * len(people.names) + np.where(people.given, people.family, 0)
    doubtful |= _disagreeing(
        *_distinct(own, named), size, lambda one, two: compatible_names(_name(people, one), _name(people, two))
    )
    doubtful |= _disagreeing(*_distinct(own, people.birth), size, near_dates)
    doubtful[own[people.cuts.record]] = True
    return doubtful


def _name(people: People, code: int) -> tuple[str, str]:
    return people.names[code // len(people.names)], people.names[code % len(people.names)]


def _disagreeing(label: NDArray[np.int32], value: NDArray[np.integer], size: int, agree) -> NDArray[np.bool_]:
    """Per component: are any two of its values (sorted by component) at odds?"""
    counts = np.bincount(label, minlength=size)
    found = counts > _SMALL
    most = int(counts[~found].max(initial=0))
    row = np.flatnonzero((counts[label] > 1) & ~found[label])
    for step in range(1, most):
        # Each value with the one `step` places on, as long as both are of one component.
        here = row[row + step < len(label)]
        here = here[label[here] == label[here + step]]
        if not len(here):
            break
        pairs, which = np.unique(np.stack([value[here], value[here + step]]), axis=1, return_inverse=True)
        odd = np.fromiter((not agree(one, two) for one, two in pairs.T.tolist()), bool, pairs.shape[1])
        found[label[here[odd[which.reshape(-1)]]]] = True
    return found
