"""Candidates: what may be shown, and how relevant each source finds it.

In: a plan, what is known of the visitor, the request. Out: product numbers, ascending, with relevance from 0 to 1.

Each source's scores run up to 1, are multiplied by the weight of its family and added: an item two sources name beats
one that only one of them does. The best relevance of a request is then 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from floorwalker.decisions.policy import FAMILY
from floorwalker.profiles.bundle.layout import MODEL_POPULAR, NO_CAUSE, POPULAR, unpack_numbers

if TYPE_CHECKING:
    from floorwalker.decisions.plan import Plan
    from floorwalker.profiles.bundle import Bundle
    from floorwalker.profiles.bundle.layout import Person

_SEEDS = 10  # products of a cart whose likes are looked up, newest first
_VIEWED_SEEDS = 3
_SHALLOW = 60  # how far down the popular list goes, unless rules left too few


class Candidates(NamedTuple):
    """What the sources name, by product number, ascending."""

    numbers: Any
    relevance: Any
    causes: Any
    """int32: what the first source that names an item says of it: the product it follows from, or it is like, else
    NO_CAUSE or MODEL_POPULAR."""
    near: Any
    """Whether that cause is a product of the request (page, cart) that the item is like."""


def find_candidates(
    bundle: Bundle, plan: Plan, person: Person | None, market: str, asked: list[int], *, deep: bool
) -> Candidates:
    """Ask the surface's sources. `person`: None when unknown or without consent; `asked`: page product, then cart."""
    parts: list[Any] = []
    scores: list[Any] = []
    causes: list[Any] = []
    near_from, near_to = 0, 0
    size = 0

    for source in plan.surface.sources:
        weight = getattr(plan.weights, FAMILY[source])
        if source == "recommended":
            if person is not None and person.recommended:
                parts.append(unpack_numbers(person.recommended))
                scores.append(_upto(np.frombuffer(person.scores, "<f4"), weight))
                causes.append(np.frombuffer(person.causes, "<i4"))
                size += len(parts[-1])
        elif source == "similar":
            seeds = asked[:_SEEDS]
            if not seeds and person is not None:
                seeds = unpack_numbers(person.viewed)[:_VIEWED_SEEDS].tolist()
            start = size
            for seed in seeds:
                like = bundle.similar(seed)
                if like.numbers:
                    parts.append(unpack_numbers(like.numbers))
                    scores.append(_upto(np.frombuffer(like.scores, "<f4"), weight / len(seeds)))
                    causes.append(np.full(len(parts[-1]), seed, np.int32))
                    size += len(parts[-1])
            if asked:
                near_from, near_to = start, size
        else:
            numbers, values = bundle.popular(market)
            limit = POPULAR if deep else _SHALLOW
            parts.append(numbers[:limit])
            scores.append(_upto(values[:limit], weight))
            causes.append(np.full(len(parts[-1]), MODEL_POPULAR, np.int32))
            size += len(parts[-1])
    if len(plan.pinned_numbers):
        parts.append(plan.pinned_numbers)
        scores.append(np.zeros(len(plan.pinned_numbers)))
        causes.append(np.full(len(plan.pinned_numbers), NO_CAUSE, np.int32))
        size += len(plan.pinned_numbers)
    if not size:
        return Candidates(np.empty(0, np.uint32), np.empty(0), np.empty(0, np.int32), np.empty(0, bool))
    numbers = np.concatenate(parts)
    order = numbers.argsort(kind="stable")  # stable: of equal numbers the first source's comes first
    ordered = numbers[order]
    new = np.ones(size, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    first = new.nonzero()[0]
    total = np.add.reduceat(np.concatenate(scores)[order], first)
    best = total.max()
    origin = order[first]
    return Candidates(
        ordered[first],
        total / best if best > 0 else total,
        np.concatenate(causes)[origin],
        (origin >= near_from) & (origin < near_to),
    )


def _upto(scores: Any, weight: float) -> Any:
    """Falling scores as float64, the first of them `weight`."""
    best = float(scores[0]) if len(scores) else 0.0
    return scores.astype(np.float64) * (weight / best) if best > 0 else np.full(len(scores), weight)
