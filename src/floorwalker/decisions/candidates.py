"""Candidates: what may be shown, and how relevant each source finds it.

In: a plan, what is known of the visitor, the request. Out: product numbers, ascending, with relevance from 0 to 1.

Each source's scores run up to 1, are multiplied by the weight of its family and added: an item two sources name beats
one that only one of them does. The best relevance of a request is then 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from floorwalker.decisions.policy import FAMILY
from floorwalker.profiles.bundle.layout import POPULAR, unpack_numbers

if TYPE_CHECKING:
    from floorwalker.decisions.plan import Plan
    from floorwalker.profiles.bundle import Bundle
    from floorwalker.profiles.bundle.layout import Person

_SEEDS = 10  # products of a cart whose likes are looked up, newest first
_VIEWED_SEEDS = 3
_SHALLOW, _DEEP = 60, POPULAR  # how far down the popular list goes; deep only when rules left too few


@dataclass(frozen=True)
class Candidates:
    """What the sources name. `seeds`: for the source 'similar', which product each item is like."""

    numbers: Any
    relevance: Any
    seeds: list[tuple[int, list[int]]]
    """(seed, products like it), in the order of the seeds."""
    seeds_viewed: bool
    """The seeds are what the person viewed last, not what the request names."""


def find_candidates(
    bundle: Bundle, plan: Plan, person: Person | None, market: str, asked: list[int], *, deep: bool
) -> Candidates:
    """Ask the surface's sources. `person`: None when unknown or without consent; `asked`: page product, then cart."""
    parts: list[Any] = []
    scores: list[Any] = []
    seeds: list[tuple[int, list[int]]] = []
    seeds_viewed = False

    def add(numbers: bytes, values: bytes, weight: float, limit: int | None = None) -> Any:
        found = unpack_numbers(numbers)[:limit]
        if len(found):
            weights = np.frombuffer(values, dtype="<f4")[:limit].astype(np.float64)
            best = float(weights[0])  # lists come best first
            parts.append(found)
            scores.append(weights * (weight / best) if best > 0 else np.full(len(found), weight))
        return found

    for source in plan.surface.sources:
        weight = getattr(plan.weights, FAMILY[source])
        if source == "recommended":
            if person is not None:
                add(person.recommended, person.scores, weight)
        elif source == "similar":
            near = asked[:_SEEDS]
            if not near and person is not None:
                near = unpack_numbers(person.viewed)[:_VIEWED_SEEDS].tolist()
                seeds_viewed = True
            for seed in near:
                like = bundle.similar(seed)
                seeds.append((seed, add(like.numbers, like.scores, weight / len(near)).tolist()))
        else:
            popular = bundle.popular(market)
            add(popular.numbers, popular.scores, weight, _DEEP if deep else _SHALLOW)
    if len(plan.pinned_numbers):
        parts.append(plan.pinned_numbers)
        scores.append(np.zeros(len(plan.pinned_numbers)))
    if not parts:
        return Candidates(np.empty(0, np.uint32), np.empty(0), seeds, seeds_viewed)
    numbers, values = np.concatenate(parts), np.concatenate(scores)
    order = np.argsort(numbers, kind="stable")
    numbers, values = numbers[order], values[order]
    first = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))
    total = np.add.reduceat(values, first)
    best = total.max()
    return Candidates(numbers[first], total / best if best > 0 else total, seeds, seeds_viewed)
