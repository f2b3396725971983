"""What somebody is doing right now: the visit, what they looked at last, what is in the cart.

In: rows of a customer as the live store keeps them, and the time. Out: `Context`, plain values that serialise as they
are.

>>> at = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
>>> looked = {"event_name": "Product Viewed", "product_id": "p1", "category": "Hats", "occurred_at": at,
...           "channel": "web", "session_id": None, "quantity": None, "price": None, "currency": None, "query": None}
>>> found = context([Row("browse_events", 0, 1, 0, looked)], at + dt.timedelta(minutes=5))
>>> found.viewed, found.session.views, found.session.is_open, found.favourite_categories
(['p1'], 1, True, ['Hats'])
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from floorwalker.profiles.live.layout import Row

PAUSE = dt.timedelta(minutes=30)
"""A visit ends after so long a silence, as in silver.sessions."""
MOST = 20
"""Entries of a list."""
_ADDS = ("Product Added", "Wishlist Product Added to Cart")
_ENDS = ("Order Completed", "Store Sale Completed")


class CartLine(msgspec.Struct, frozen=True):
    """A product in the cart."""

    product_id: str
    quantity: Decimal
    price: Decimal | None
    currency: str | None


class Session(msgspec.Struct, frozen=True):
    """The last visit. `is_open`: something happened within the last 30 minutes."""

    started_at: dt.datetime
    last_at: dt.datetime
    is_open: bool
    channel: str | None
    events: int
    views: int
    searches: int
    adds: int
    checkouts: int


class Context(msgspec.Struct, frozen=True):
    """`viewed`: products, the last one first; `queries` likewise; `favourite_categories`: those looked into most."""

    last_seen: dt.datetime | None
    session: Session | None
    viewed: list[str]
    cart: list[CartLine]
    queries: list[str]
    favourite_categories: list[str]


def context(rows: Iterable[Row], now: dt.datetime) -> Context:
    """The context of a customer with these rows, in any order."""
    listed = sorted(rows, key=lambda row: (row.values["occurred_at"], row.received, row.partition, row.offset))
    browsed = [row.values for row in listed if row.kind == "browse_events"]
    looks = [one for one in browsed if one["event_name"] == "Product Viewed"]
    categories = Counter(one["category"] for one in looks if one["category"])
    return Context(
        last_seen=listed[-1].values["occurred_at"] if listed else None,
        session=_session(browsed, now),
        viewed=_newest(one["product_id"] for one in reversed(looks)),
        cart=_cart(listed),
        queries=_newest(one["query"] for one in reversed(browsed)),
        favourite_categories=sorted(categories, key=lambda one: (-categories[one], one))[:MOST],
    )


def _newest(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))[:MOST]


def _session(browsed: list[dict], now: dt.datetime) -> Session | None:
    if not browsed:
        return None
    last = browsed[-1]
    begin = len(browsed) - 1
    while begin and _together(browsed[begin - 1], browsed[begin]):
        begin -= 1
    visit = browsed[begin:]
    names = Counter(one["event_name"] for one in visit)
    return Session(
        started_at=visit[0]["occurred_at"],
        last_at=last["occurred_at"],
        is_open=now - last["occurred_at"] < PAUSE,
        channel=last["channel"],
        events=len(visit),
        views=names["Product Viewed"],
        searches=names["Products Searched"],
        adds=names["Product Added"],
        checkouts=names["Checkout Started"],
    )


def _together(one: dict, other: dict) -> bool:
    """Two events in a row belong to one visit: by its id, and without one by the time between them."""
    if one["session_id"] or other["session_id"]:
        return one["session_id"] == other["session_id"]
    return other["occurred_at"] - one["occurred_at"] < PAUSE


def _cart(listed: list[Row]) -> list[CartLine]:
    """What was put in and not taken out since the last order."""
    held: dict[str, CartLine] = {}
    for row in listed:
        values = row.values
        name = values.get("event_name")
        if row.kind == "order_lines" or name in _ENDS:
            held.clear()
        product = values.get("product_id")
        if row.kind != "browse_events" or product is None:
            continue
        quantity = values["quantity"] or Decimal(1)
        before = held[product].quantity if product in held else Decimal(0)
        if name in _ADDS:
            held[product] = CartLine(product, before + quantity, values["price"], values["currency"])
        elif name == "Product Removed" and product in held:
            left = before - (values["quantity"] or before)
            if left > 0:
                held[product] = msgspec.structs.replace(held[product], quantity=left)
            else:
                del held[product]
    return list(held.values())
