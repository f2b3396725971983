"""What is asked of a decision, and what it answers.

In: JSON from a surface. Out: structs that are checked when they are decoded.

>>> msgspec.json.decode(b'{"surface": "home", "k": 3}', type=Request).k
3
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Ids = Annotated[list[Id], msgspec.Meta(max_length=200)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One question. Who: `customer` (an id) or `identifiers` (kind → value), or nobody."""

    surface: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "home"
    k: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    """How many items; the surface's own number when absent."""
    customer: Id | None = None
    identifiers: Annotated[dict[Id, Annotated[str, msgspec.Meta(max_length=400)]], msgspec.Meta(max_length=10)] = {}
    product_id: Id | None = None
    """The product on the page."""
    cart: Ids = []
    store_id: Id | None = None
    """Whose stock counts."""
    market: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    exclude: Ids = []
    """Products not to show, such as those on the page already."""
    request_id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    """The caller's own number for this request, kept in the record. No personal data."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    """For policies that draw lots."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an item is there. `code` is for machines, `text` for people; `product_id` is what it follows from."""

    code: str
    text: str
    product_id: str | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """One product of the answer. Money as exact decimal text."""

    product_id: str
    name: str
    category: str
    brand: str
    price: str | None
    score: float
    propensity: float
    """The probability with which this policy shows this item here: 1.0 while no lots are drawn."""
    reason: Reason


class Decision(msgspec.Struct, frozen=True):
    """The answer to one request."""

    decision_id: str
    surface: str
    customer_id: str | None
    personalized: bool
    purposes: dict[str, str]
    """What consent said: purpose → 'granted', 'denied', 'unknown', or 'nobody' for an unknown visitor."""
    items: list[Item]
    trace: dict[str, int]
    """How many candidates there were, and how many each rule dropped."""
    run_id: str
    policy: str
    policy_version: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists, for printing."""
        return msgspec.to_builtins(self)
