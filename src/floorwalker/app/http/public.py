"""What a public key may ask and see.

A browser key stands in the page's source: whoever reads the page has it. If it could ask for anybody by e-mail address,
phone, card or customer id, the answer would tell a stranger what that person buys. So a browser key

- names the visitor only by what this browser alone holds: `cookie_id` or `device_id`;
- gets items and neutral reasons, never a purchase, a view, a preference, a score, a customer id or a consent state;
- is told the market only where the request or the key says it.

That a list is personalised, and so reveals something to who holds the visitor's own cookie, remains; a shop that minds
asks with a server key from its own session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.http.answers import Problem
from floorwalker.decisions.explain import neutral

if TYPE_CHECKING:
    from floorwalker.decisions.request import Decision, Request

PUBLIC_KINDS = frozenset({"cookie_id", "device_id"})


class PublicReason(msgspec.Struct, frozen=True, gc=False):
    """Why an item is there, without a fact of the visitor."""

    code: str
    text: str


class PublicItem(msgspec.Struct, frozen=True, gc=False):
    """One product of the answer."""

    product_id: str
    name: str
    category: str
    brand: str
    price: str | None
    reason: PublicReason


class PublicDecision(msgspec.Struct, frozen=True):
    """The answer to a browser key."""

    decision_id: str
    surface: str
    items: list[PublicItem]


def check_public(request: Request) -> None:
    """Refuse what a public key must not name. Raises Problem 403."""
    if request.customer is not None or not PUBLIC_KINDS.issuperset(request.identifiers):
        raise Problem(
            403,
            "public_key",
            "a browser key names the visitor only by cookie_id or device_id",
            "anybody can read this key, and could ask with another person's address, card or customer id",
            "send the visitor's cookie_id, or ask from the server with a server key",
        )


def as_public(decision: Decision) -> PublicDecision:
    """The decision as a public key may see it."""
    items = []
    for item in decision.items:
        reason = neutral(item.reason, personalized=decision.personalized)
        said = PublicReason(reason.code, reason.text)
        items.append(PublicItem(item.product_id, item.name, item.category, item.brand, item.price, said))
    return PublicDecision(decision.decision_id, decision.surface, items)
