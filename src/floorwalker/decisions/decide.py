"""The decision: which products this visitor sees here, and why.

In: a request, a bundle, a policy, the time. Out: a `Decision` and its record. Pure: the same input, the same answer.

    resolve the visitor → consent → candidates → rules and stock → caps → reasons → record

    decided = decide(Request(surface="home", customer=customer_id), bundle, policy, decided_at=now)
    decided.decision.items[0].reason.text          'because you bought Blue Mug on 3 May'
    replay(decided.record, bundle, policy)         the same answer, or StateError when the inputs are others

An unknown visitor, a refused or missing consent, an unknown product or store: an answer without them, never an error.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from floorwalker.decisions.candidates import Candidates, find_candidates
from floorwalker.decisions.explain import reasons
from floorwalker.decisions.plan import ASKED_NOT_TO, BOUGHT, KEPT, OUT_OF_STOCK, RULES, Plan, plan_for
from floorwalker.decisions.record import RECORD_VERSION, Record, pack_record, unpack_record
from floorwalker.decisions.request import Decision, Item, Request
from floorwalker.errors import ConfigError, StateError, did_you_mean
from floorwalker.profiles.bundle.layout import unpack_numbers, unpack_person

if TYPE_CHECKING:
    from floorwalker.decisions.policy import Policy
    from floorwalker.profiles.bundle import Bundle
    from floorwalker.profiles.bundle.layout import Person

PURPOSE = "personalization"

_AT_ONCE = 48  # candidates whose categories are looked up together: seldom more are needed for a list


class Decided(NamedTuple):
    """A decision and its packed record."""

    decision: Decision
    record: bytes


class Planner:
    """Keeps the plans of one bundle and policy, by surface; other ones replace them."""

    def __init__(self) -> None:
        self._of: tuple[object, object] = (None, None)
        self._plans: dict[str, Plan] = {}

    def plan(self, bundle: Bundle, policy: Policy, surface: str) -> Plan:
        """The plan of a surface. Raises ConfigError when the policy has no such surface."""
        if self._of[0] is not bundle or self._of[1] is not policy:
            self._of, self._plans = (bundle, policy), {}
        plan = self._plans.get(surface)
        if plan is None:
            if surface not in policy.surfaces:
                raise ConfigError(
                    f"no surface '{surface}'",
                    why="the decision policy does not have it",
                    fix=did_you_mean(surface, policy.surfaces),
                )
            plan = self._plans[surface] = plan_for(bundle, policy, surface)
        return plan


def who(request: Request, bundle: Bundle) -> str | None:
    """The customer a request is about: by id, else by the first identifier that is known. None: nobody we know."""
    if request.customer is not None:
        return bundle.current_id(request.customer)
    for kind, value in request.identifiers.items():
        if (customer_id := bundle.resolve(kind, value)) is not None:
            return customer_id
    return None


def decide(
    request: Request,
    bundle: Bundle,
    policy: Policy,
    *,
    decided_at: int,
    scope: str = "",
    secret: bytes = b"",
    planner: Planner | None = None,
) -> Decided:
    """Decide. `decided_at`: microseconds since 1970; `scope`: market of the key that asks (empty: all markets).

    Raises ConfigError when the policy does not have the request's surface: a mistake of the shop, not of the visitor.
    """
    plan = (planner or Planner()).plan(bundle, policy, request.surface)
    customer_id = who(request, bundle)
    raw = bundle.person_bytes(customer_id) if customer_id else None
    person = unpack_person(raw) if raw is not None else None
    if person is not None and scope and person.market != scope:
        customer_id = person = raw = None  # a key of one market does not know the people of another
    status = person.personalization if person else "nobody"
    allowed = status == "granted" or (status == "unknown" and policy.absent_personalization)
    known = person if allowed else None
    market = (known.market if known else "") or scope or request.market or bundle.meta.main_market

    asked = _numbers(bundle, ([request.product_id] if request.product_id else []) + request.cart[::-1])
    hidden = asked + _numbers(bundle, request.exclude)
    place = bundle.stock_place(request.store_id) if plan.rules.exclude_out_of_stock else None
    k = request.k or plan.surface.k
    for deep in (False, True):
        found = find_candidates(bundle, plan, known, market, asked, deep=deep)
        scores, verdicts = _judge(bundle, plan, known, found, hidden, place)
        chosen, capped = _choose(bundle, plan, found, scores, verdicts, k)
        if len(chosen) >= k:
            break
    numbers = found.numbers[chosen].tolist()
    pinned = None if plan.pinned is None else plan.pinned[numbers].tolist()
    why = reasons(bundle, found, known, market, chosen, pinned)
    items, shown = [], []
    for number, score, reason in zip(numbers, scores[chosen].tolist(), why, strict=True):
        product = bundle.product(number)
        items.append(
            Item(product.product_id, product.name, product.category, product.brand, product.price, score, 1.0, reason)
        )
        shown.append((product.product_id, score, 1.0, reason.code, reason.text, reason.product_id))
    counts = np.bincount(verdicts, minlength=len(RULES)).tolist()
    purposes = {PURPOSE: status}
    record = Record(
        version=RECORD_VERSION,
        decided_at=decided_at,
        surface=request.surface,
        k=request.k,
        customer_id=customer_id,
        product_id=request.product_id,
        cart=request.cart,
        store_id=request.store_id,
        market=request.market,
        exclude=request.exclude,
        request_id=request.request_id,
        seed=request.seed,
        scope=scope,
        run_id=bundle.run_id,
        policy=policy.digest,
        policy_version=policy.version,
        profile=_digest(raw),
        purposes=purposes,
        personalized=known is not None,
        features=_features(known, market, place),
        candidates=found.numbers.tobytes(),
        scores=scores.tobytes(),
        verdicts=verdicts.tobytes(),
        propensities=b"",
        items=shown,
    )
    decision_id, data = pack_record(record, secret)
    decision = Decision(
        decision_id=decision_id,
        surface=request.surface,
        customer_id=customer_id,
        personalized=known is not None,
        purposes=purposes,
        items=items,
        trace={"candidates": len(verdicts)} | dict(zip(RULES[1:], counts[1:], strict=True)) | capped,
        run_id=bundle.run_id,
        policy=policy.digest,
        policy_version=policy.version,
    )
    return Decided(decision, data)


def replay(record: bytes, bundle: Bundle, policy: Policy, *, secret: bytes = b"") -> Decision:
    """Decide again from a record.

    Raises StateError when bundle, policy or profile are not those of the record, or the answer differs.
    """
    then = unpack_record(record)
    raw = bundle.person_bytes(then.customer_id) if then.customer_id else None
    for what, was, now in (
        ("bundle", then.run_id, bundle.run_id),
        ("policy", then.policy, policy.digest),
        ("profile", then.profile, _digest(raw)),
    ):
        if was != now:
            raise StateError(
                f"this decision cannot be replayed with this {what}",
                why=f"it was made with {was or 'nobody'}, this is {now or 'nobody'}",
                fix=f"open the {what} of that time",
            )
    request = Request(
        surface=then.surface,
        k=then.k,
        customer=then.customer_id,
        product_id=then.product_id,
        cart=then.cart,
        store_id=then.store_id,
        market=then.market,
        exclude=then.exclude,
        request_id=then.request_id,
        seed=then.seed,
    )
    again = decide(request, bundle, policy, decided_at=then.decided_at, scope=then.scope, secret=secret)
    if again.record != record:
        raise StateError(
            "the replay gives another answer",
            why="the program decides otherwise than the one that wrote the record",
            fix="replay with the version that made the decision",
        )
    return again.decision


def _numbers(bundle: Bundle, product_ids: list[str]) -> list[int]:
    """Numbers of the products the catalogue has, in order, each once."""
    found = (bundle.number(product_id) for product_id in product_ids)
    return list(dict.fromkeys(number for number in found if number is not None))


def _judge(
    bundle: Bundle, plan: Plan, person: Person | None, found: Candidates, hidden: list[int], place: str | None
) -> tuple[Any, Any]:
    """Scores of the candidates, and for each the code of the first rule that drops it (0: kept)."""
    numbers = found.numbers
    scores = found.relevance * plan.value[numbers]
    # From the last rule to the first: what an earlier rule drops is counted there.
    verdicts = np.zeros(len(numbers), np.uint8)
    if hidden:
        verdicts[np.isin(numbers, hidden)] = ASKED_NOT_TO
    if person is not None and plan.rules.exclude_bought and person.bought:
        bought = unpack_numbers(person.bought)
        places = bought.searchsorted(numbers[: numbers.searchsorted(bought[-1], side="right")])
        verdicts[: len(places)][bought[places] == numbers[: len(places)]] = BOUGHT
    if place is not None:
        verdicts[bundle.out_of_stock(place)[numbers]] = OUT_OF_STOCK
    everywhere = plan.verdict[numbers]
    np.copyto(verdicts, everywhere, where=everywhere != KEPT)
    return scores, verdicts


def _choose(
    bundle: Bundle, plan: Plan, found: Candidates, scores: Any, verdicts: Any, k: int
) -> tuple[list[int], dict[str, int]]:
    """Places of the best k kept candidates, pinned ones first, within the caps; and how many the caps dropped."""
    kept = np.flatnonzero(verdicts == KEPT)
    # Stable, over numbers that ascend: equal scores stand in the order of the product ids.
    order = kept[np.argsort(-scores[kept], kind="stable")]
    if plan.pinned is not None:
        first = plan.pinned[found.numbers[order]]
        order = np.concatenate((order[first], order[~first]))
    category_cap, brand_cap = plan.rules.category_cap, plan.rules.brand_cap
    capped = {"category_cap": 0, "brand_cap": 0}
    if not category_cap and not brand_cap:
        return order[:k].tolist(), capped
    # Without a cap every code counts as none.
    no_category, no_brand = [-1] * _AT_ONCE, [-1] * _AT_ONCE
    in_category: dict[int, int] = {}
    in_brand: dict[int, int] = {}
    chosen: list[int] = []
    for start in range(0, len(order), _AT_ONCE):
        part = order[start : start + _AT_ONCE]
        numbers = found.numbers[part]
        categories = bundle.categories[numbers].tolist() if category_cap else no_category
        brands = bundle.brands[numbers].tolist() if brand_cap else no_brand
        for place, category, brand in zip(part.tolist(), categories, brands, strict=False):
            # A product without category or brand (-1) is like no other.
            if category >= 0 and in_category.get(category, 0) >= category_cap:
                capped["category_cap"] += 1
                continue
            if brand >= 0 and in_brand.get(brand, 0) >= brand_cap:
                capped["brand_cap"] += 1
                continue
            if category >= 0:
                in_category[category] = in_category.get(category, 0) + 1
            if brand >= 0:
                in_brand[brand] = in_brand.get(brand, 0) + 1
            chosen.append(place)
            if len(chosen) == k:
                return chosen, capped
    return chosen, capped


def _features(person: Person | None, market: str, place: str | None) -> dict[str, str]:
    features = {"market": market, "stock_place": "none" if place is None else place or "web"}
    if person is not None:
        features |= {"favourite_category": person.favourite_category, "favourite_brand": person.favourite_brand}
    return features


def _digest(raw: bytes | None) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest() if raw is not None else ""
