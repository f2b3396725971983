"""A policy worked out for one bundle and surface: what is the same for every request, done once.

In: a bundle, a policy, a surface. Out: arrays over product numbers that a decision only has to look up.

    plan = plan_for(bundle, policy, "home")
    plan.value      what a sale of an item is worth: relevance, revenue, margin and clearance, each weighted
    plan.verdict    0, or the code of the rule that drops the product for everybody
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from floorwalker.decisions.policy import Match, Policy, Rules, Surface, Weights
    from floorwalker.profiles.bundle import Bundle

RULES = ("kept", "inactive", "excluded", "out_of_stock", "bought", "asked_not_to")
"""What becomes of a candidate, by code: the first rule that drops it counts."""
KEPT, INACTIVE, EXCLUDED, OUT_OF_STOCK, BOUGHT, ASKED_NOT_TO = range(len(RULES))


@dataclass(frozen=True)
class Plan:
    """See the module. Arrays are over product numbers."""

    surface: Surface
    weights: Weights
    rules: Rules
    value: Any
    """What an item's relevance is multiplied by: the objectives' weights times the item's places, and its boosts."""
    verdict: Any
    pinned: Any
    """Whether a product goes first; None when nothing is pinned."""
    pinned_numbers: Any
    """Products pinned by their own id: they are candidates even when no source names them."""


def plan_for(bundle: Bundle, policy: Policy, surface: str) -> Plan:
    """Work out the policy. `surface` is one of the policy's."""
    goals = policy.objectives
    # Value times chance, as an expected value is made: what nobody wants is not shown however dear it is.
    value = (
        goals.relevance
        + goals.revenue * bundle.revenue.astype(np.float64)
        + goals.margin * bundle.margin.astype(np.float64)
        + goals.clearance * bundle.clearance.astype(np.float64)
    )
    verdict = np.where(bundle.active, KEPT, INACTIVE).astype(np.uint8)
    for match in _of(policy.exclude, surface):
        verdict[_matching(bundle, match) & (verdict == KEPT)] = EXCLUDED
    for boost in _of(policy.boost, surface):
        value[_matching(bundle, boost)] *= boost.factor
    pinned, named = None, []
    for match in _of(policy.pin, surface):
        chosen = _matching(bundle, match)
        pinned = chosen if pinned is None else pinned | chosen
        named += [number for number in map(bundle.number, match.products) if number is not None]
    return Plan(
        surface=policy.surfaces[surface],
        weights=policy.weights[surface],
        rules=policy.rules[surface],
        value=value,
        verdict=verdict,
        pinned=pinned,
        pinned_numbers=np.array(sorted(set(named)), dtype=np.uint32),
    )


def _of(entries: tuple[Any, ...], surface: str) -> list[Any]:
    return [entry for entry in entries if not entry.surfaces or surface in entry.surfaces]


def _matching(bundle: Bundle, match: Match) -> Any:
    """Per product, whether an entry names it. Names the catalogue does not have match nothing."""
    chosen = np.zeros(len(bundle.active), dtype=bool)
    for product_id in match.products:
        if (number := bundle.number(product_id)) is not None:
            chosen[number] = True
    for names, known, codes in (
        (match.categories, bundle.meta.categories, bundle.categories),
        (match.brands, bundle.meta.brands, bundle.brands),
    ):
        wanted = [known.index(name) for name in names if name in known]
        if wanted:
            chosen |= np.isin(codes, wanted)
    return chosen
