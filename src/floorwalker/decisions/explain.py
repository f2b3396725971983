"""Reasons: why an item is in this answer, in words a customer understands.

In: the chosen products, the candidates they came from, what is known of the person. Out: one `Reason` per item.

A reason of a personalised answer cites facts of this person ("because you bought Blue Mug on 3 May"); one of any other
answer cites none ("popular in UK this month"). `neutral` is what a public key may read: it never cites a purchase, a
view or a preference, so that whoever holds another visitor's cookie cannot learn what that person did.

>>> day_text(20576, 2026)
'3 May'
>>> neutral(Reason("bought", "because you bought Blue Mug on 3 May", "p1"))
Reason(code='for_you', text='chosen for you', product_id=None)
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from floorwalker.decisions.request import Reason
from floorwalker.profiles.bundle.layout import MODEL_POPULAR, unpack_numbers

if TYPE_CHECKING:
    from floorwalker.decisions.candidates import Candidates
    from floorwalker.profiles.bundle import Bundle
    from floorwalker.profiles.bundle.layout import Person, Product

_NOTHING: dict[int, int] = {}

_PUBLIC = frozenset({"goes_with", "featured"})
"""Codes whose text rests on the request or the shop alone."""

_FEATURED = Reason("featured", "featured by the shop")
_FOR_YOU = Reason("for_you", "chosen for you")
_POPULAR = Reason("popular", "popular now")


def neutral(reason: Reason, *, personalized: bool = True) -> Reason:
    """The reason as a public key may read it."""
    if reason.code in _PUBLIC or not personalized:
        return reason
    return _POPULAR if reason.code == "popular" else _FOR_YOU


def reasons(
    bundle: Bundle, found: Candidates, person: Person | None, market: str, chosen: list[int], pinned: list[bool] | None
) -> list[Reason]:
    """One reason per chosen place among the candidates. `person`: None for an answer that is not personalised."""
    year = int(bundle.meta.as_of[:4])
    listed = market if bundle.has_popular(market) else None
    numbers, causes, near = (array[chosen] for array in (found.numbers, found.causes, found.near))
    bought = viewed = _NOTHING
    if person is not None:
        bought = _days_of(unpack_numbers(person.bought), person.bought_days, causes)
        viewed = _views_of(person)
    answer = []
    for place, (number, cause, is_near) in enumerate(
        zip(numbers.tolist(), causes.tolist(), near.tolist(), strict=True)
    ):
        if pinned is not None and pinned[place]:
            answer.append(_FEATURED)
        elif is_near:
            seed = bundle.product(cause)
            answer.append(Reason("goes_with", f"goes with {seed.name}", seed.product_id))
        elif person is None:
            answer.append(_popular(bundle, listed, number))
        elif cause in bought:
            product = bundle.product(cause)
            answer.append(
                Reason("bought", f"because you bought {product.name}{_on(bought[cause], year)}", product.product_id)
            )
        elif cause in viewed:
            product = bundle.product(cause)
            what = "it" if cause == number else product.name
            answer.append(
                Reason("viewed", f"because you looked at {what}{_on(viewed[cause], year)}", product.product_id)
            )
        else:
            answer.append(_likely(bundle, person, number, cause))
    return answer


def _likely(bundle: Bundle, person: Person, number: int, cause: int) -> Reason:
    """The reason when no purchase or view of the person leads to the item: a preference, else the crowd."""
    preference = _preference(person, bundle.product(number))
    if preference is not None:
        return preference
    if cause == MODEL_POPULAR:
        where = f"in {person.market}, where you shop" if person.market else "where you shop"
        return Reason("popular", f"popular {where}")
    return Reason("recommended", "customers who buy what you buy chose this")


def _preference(person: Person, product: Product) -> Reason | None:
    if product.category and product.category == person.favourite_category:
        return Reason("favourite_category", f"from {product.category}, the category you buy most")
    if product.brand and product.brand == person.favourite_brand:
        return Reason("favourite_brand", f"from {product.brand}, the brand you buy most")
    return None


def _popular(bundle: Bundle, market: str | None, number: int) -> Reason:
    where = f"popular in {market}" if market else "popular with our customers"
    return Reason("popular", f"{where} this month" if bundle.sold_lately[number] else where)


def _days_of(have: Any, days: bytes, causes: Any) -> dict[int, int]:
    """The day of each cause the person bought; `have` is ascending, and may be long."""
    asked = causes[causes >= 0]
    if not len(have) or not len(asked):
        return {}
    places = have.searchsorted(asked)
    np.minimum(places, len(have) - 1, out=places)
    found = have[places] == asked
    return dict(zip(asked[found].tolist(), np.frombuffer(days, "<i4")[places[found]].tolist(), strict=True))


def _views_of(person: Person) -> dict[int, int]:
    return dict(
        zip(unpack_numbers(person.viewed).tolist(), np.frombuffer(person.viewed_days, "<i4").tolist(), strict=True)
    )


@lru_cache(maxsize=4096)
def _on(day: int, year: int) -> str:
    return f" on {day_text(day, year)}" if day >= 0 else ""


def day_text(day: int, year: int) -> str:
    """A day since 1970 in words; the year only when it is not the run's."""
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    text = f"{date.day} {date:%B}"
    return text if date.year == year else f"{text} {date.year}"
