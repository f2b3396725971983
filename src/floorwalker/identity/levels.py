"""Levels of confidence: how far down the order of evidence each use may go, and what that costs.

In: people, evidence with its verdicts, and target precisions by name. Out: a curve: at every step down the order how
many records are together, how many of those pairs are expected to be wrong, how much of all there is to find is
found; and for each target the last step that still holds it.

>>> steps = [Step(0, 30.0, "loyalty_id", 100, 50, 0.999, 0.4), Step(4, 2.0, "model", 200, 30, 0.96, 0.8)]
>>> choose_cut(steps, 0.95), choose_cut(steps, 0.99)
(Cut(tier=4, weight=2.0), Cut(tier=0, weight=30.0))

Evidence is ordered (`resolver`), so the partition at a step is a refinement of the one at the next: levels nest, and
an audience picks one without another run. What is expected:

- What rules join is judged by hard ids held back: the rules run as if nobody had a loyalty card, and the cards then
  tell which of the pairs they made are right. With too few cards, each tier's usual precision stands in.
- What the model joins is judged by its calibrated chances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from floorwalker.identity.resolver import PROBABLE, Evidence, People, components, resolve_within, smallest_member
from floorwalker.identity.settings import Limit

USUAL = {-1: 1.0, 0: 0.9999, 1: 0.998, 2: 0.99}
"""Precision of a tier's pairs where no hard ids can tell."""
TRUST = 500
"""Pairs that a tier's usual precision counts for, beside those that hard ids tell of."""
WEIGHTS = (20.0, 16.0, *(float(bits) for bits in range(14, -1, -1)))
"""Steps among what the model weighs, in bits."""


class Step(msgspec.Struct, frozen=True):
    """The order down to here. `weight`: the least weight of evidence of `tier` that is still in."""

    tier: int
    weight: float
    name: str
    pairs: int
    customers: int
    precision: float
    recall: float

    @property
    def wrong(self) -> int:
        """Pairs of records expected to be wrongly together."""
        return round(self.pairs * (1 - self.precision))


class Cut(msgspec.Struct, frozen=True):
    """Where a level ends: evidence of a lower tier, or of this tier and at least this weight, is in."""

    tier: int
    weight: float

    def keeps(self, tier: NDArray[np.int8], weight: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Per piece of evidence."""
        return (tier < self.tier) | ((tier == self.tier) & (weight >= self.weight))


@dataclass(frozen=True)
class Graph:
    """Evidence as edges between points: rows of records, then identifiers. Made once, cut at many steps."""

    count: int
    points: int
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    tier: NDArray[np.int8]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, count: int, evidence: Evidence, accepted: NDArray[np.bool_]) -> Graph:
        """The accepted evidence over `count` records."""
        part = evidence.take(np.flatnonzero(accepted))
        nodes, node = np.unique(part.node, return_inverse=True)
        right = np.where(part.partner >= 0, part.partner, node.astype(np.int32) + count)
        return cls(count, count + len(nodes), part.record, right, part.tier, part.weight)

    def labels(self, cut: Cut) -> NDArray[np.int32]:
        """Label per record of what is joined down to a cut."""
        (labels,) = self.walk([cut])
        return labels

    def walk(self, cuts: Iterable[Cut]) -> Iterator[NDArray[np.int32]]:
        """The labels at each of some cuts, every one further down than the one before.

        What a step adds joins what is together already: only edges between different labels, and the points these
        touch, are looked at again."""
        labels = np.arange(self.points, dtype=np.int32)
        waiting = np.arange(len(self.left))
        for cut in cuts:
            kept = cut.keeps(self.tier[waiting], self.weight[waiting])
            left, right = labels[self.left[waiting[kept]]], labels[self.right[waiting[kept]]]
            waiting, joining = waiting[~kept], left != right
            if joining.any():
                ends, place = np.unique(np.concatenate([left[joining], right[joining]]), return_inverse=True)
                group = components(*np.split(place, 2), len(ends))
                new = np.arange(self.points, dtype=np.int32)
                new[ends] = ends[smallest_member(group)]
                labels = new[labels]
            yield labels[: self.count]


def plan(rules: Iterable[tuple[int, float, str]]) -> list[tuple[Cut, str]]:
    """The steps to be judged: each rule in use (tier, base weight, name), then down the model's weights."""
    # The weight of a rule's evidence is above its base, and at most one more.
    certain = [(Cut(tier, weight + 1e-6), name) for tier, weight, name in sorted(rules, key=lambda r: (r[0], -r[1]))]
    return certain + [(Cut(PROBABLE, weight), f"model, {weight:g} bits") for weight in WEIGHTS]


def _pairs(labels: NDArray[np.integer]) -> int:
    """Pairs of rows with one label; labels are small numbers."""
    counts = np.bincount(labels)
    return int((counts * (counts - 1) // 2).sum())


def _pairs_of_both(one: NDArray[np.integer], two: NDArray[np.integer]) -> int:
    """Pairs of rows that agree on both."""
    key = np.sort(one.astype(np.int64) * (int(two.max(initial=0)) + 1) + two)
    ends = np.flatnonzero(np.append(key[1:] != key[:-1], True))
    counts = np.diff(ends, prepend=-1)
    return int((counts * (counts - 1) // 2).sum()) if len(key) else 0


class Judged(NamedTuple):
    """What hard ids that were held back tell: precision per step, and how many right pairs there are to find in all
    (None where no pair tells)."""

    precision: list[float]
    matches: float | None


def judge_rules(
    people: People,
    evidence: Evidence,
    hidden: NDArray[np.bool_],
    hard: str,
    steps: Sequence[Cut],
    limits: Mapping[str, Limit],
    most_records: int,
) -> Judged:
    """Run the rules as if nobody had a hard id (`hard`: its kind, `hidden`: evidence that speaks of it), then look.

    Once the ids are in use, a pair of which both are known cannot be wrong. That is not taken off the error: records
    without a card say less of everything else too, and are wrong more often than those that can be looked at."""
    _, ids = np.unique(people.codes[hard], return_inverse=True)
    seen = evidence.take(np.flatnonzero((evidence.tier < PROBABLE) & ~hidden))
    blind = replace(people, codes={kind: codes for kind, codes in people.codes.items() if kind != hard})
    _, refused = resolve_within(
        blind, seen, {kind: limit for kind, limit in limits.items() if kind != hard}, most_records
    )
    graph = Graph.of(len(people), seen, refused == 0)
    known = np.flatnonzero(people.codes[hard])
    there = _pairs(ids[known])
    found: list[float] = []
    matches, pairs, usual = None, 0, 0.0
    for cut, labels in zip(steps, graph.walk(steps), strict=True):
        together = _pairs(labels[known])
        right = _pairs_of_both(labels[known], ids[known])
        before, pairs = pairs, _pairs(labels)
        usual += (pairs - before) * (1 - USUAL[cut.tier])
        # A few pairs with cards say little: the usual precision of the tiers speaks too.
        error = (together - right + TRUST * usual / max(pairs, 1)) / (together + TRUST)
        found.append(1 - error)
        matches = pairs * (1 - error) * there / right if right else None
    return Judged(found, matches)


def curve(
    people: People,
    evidence: Evidence,
    refused: NDArray[np.int8],
    steps: Sequence[tuple[Cut, str]],
    judged: Judged,
    modelled_matches: float = 0.0,
) -> list[Step]:
    """The steps with their figures. `modelled_matches`: pairs to find as the model expects, if hard ids do not tell."""
    graph = Graph.of(len(people), evidence, refused == 0)
    found: list[Step] = []
    pairs, wrong, before = 0, 0.0, np.arange(len(people), dtype=np.int32)
    walk = graph.walk(cut for cut, _ in steps)
    for place, ((cut, name), labels) in enumerate(zip(steps, walk, strict=True)):
        now = _pairs(labels)
        if cut.tier < PROBABLE:
            told = judged.precision[place] if place < len(judged.precision) else None
            wrong = now * (1 - told) if told is not None else wrong + (now - pairs) * (1 - USUAL[cut.tier])
        elif now > pairs:
            band = cut.keeps(graph.tier, graph.weight) & (graph.tier == cut.tier)
            if place and steps[place - 1][0].tier == cut.tier:
                band &= graph.weight < steps[place - 1][0].weight
            wrong += (now - pairs) * _doubt(before, graph, band)
        pairs, before = now, labels
        matches = max(judged.matches or modelled_matches, pairs - wrong)
        found.append(
            Step(
                tier=cut.tier,
                weight=cut.weight,
                name=name,
                pairs=pairs,
                customers=int(np.count_nonzero(np.bincount(labels))),
                precision=1 - wrong / pairs if pairs else 1.0,
                recall=(pairs - wrong) / matches if matches else 0.0,
            )
        )
    return found


def _doubt(before: NDArray[np.int32], graph: Graph, band: NDArray[np.bool_]) -> float:
    """Expected share of wrong ones among the pairs that evidence of the model adds: each join of a and b records counts
    for the a * b pairs that it makes."""
    sizes = np.bincount(before)
    left, right = before[graph.left[band]], before[graph.right[band]]
    made = np.where(left != right, sizes[left].astype(np.float64) * sizes[right], 0.0)
    chance = 1 / (1 + np.exp2(graph.weight[band]))
    return float((made * chance).sum() / made.sum()) if made.any() else 0.0


def choose_cut(steps: Sequence[Step], target: float) -> Cut:
    """The lowest step at which the expected precision holds `target`; the very first where none does."""
    holds = [step for step in steps if step.precision >= target] or list(steps[:1])
    return Cut(holds[-1].tier, holds[-1].weight)
