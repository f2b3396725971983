"""Rows of one customer as the silver tables have them: what the SQL of `profiles/sql/silver` does, for one person.

In: the rows that the live store keeps of a customer, and what a run says of products, currencies, coupons and
campaigns. Out: (silver table, row) pairs, as `features.live.Updater` takes them.

>>> facts = Facts("GBP", lambda key: None)
>>> at = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
>>> looked = {"event_name": "Product Viewed", "product_id": "p1", "price": None, "currency": None, "category": "Hats",
...           "occurred_at": at, "occurred_on": at.date(), "occurred_hour": 12, "channel": "web"}
>>> [(table, row["category"]) for table, row in silver([Row("browse_events", 0, 1, 0, looked)], facts)]
[('silver.browse_events', 'Hats'), ('silver.views', 'Hats')]

Where a row counts once although it was told twice (a line of an order, a return, a ticket), what came last counts, as
in a run. `tests/profiles/live` holds this module against the SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from floorwalker.profiles.live.layout import Row

_CENTS = Decimal("0.0001")
_NOTHING = Decimal(0)
Table = tuple[str, dict[str, Any]]


class Product(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a run says of a product. `price`: in the reporting currency, or None."""

    category: str | None = None
    subcategory: str | None = None
    brand_name: str | None = None
    garment: str | None = None
    color: str | None = None
    price: Decimal | None = None
    launched_on: dt.date | None = None
    price_rank: Decimal | None = None


class Rate(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One unit of a currency in the reporting currency, on days from `begin` to before `end`."""

    begin: dt.date
    end: dt.date
    rate: Decimal


_product = msgspec.msgpack.Decoder(Product).decode
_rates = msgspec.msgpack.Decoder(list[Rate]).decode
_text = msgspec.msgpack.Decoder(str).decode
_UNKNOWN = Product()


class Facts:
    """`get`: key -> what the store's table `facts` has. Keys: `p:` product id, `c:` currency, `o:` coupon (its
    campaign), `k:` campaign (its type). `source`: what the rows' source is called."""

    def __init__(
        self, reporting_currency: str, get: Callable[[bytes], bytes | None], source: str = "collector"
    ) -> None:
        self.reporting_currency, self._get, self.source = reporting_currency, get, source

    def product(self, product_id: str | None) -> Product:
        found = self._get(b"p:" + product_id.encode()) if product_id else None
        return _product(found) if found else _UNKNOWN

    def text(self, letter: bytes, key: str | None) -> str | None:
        found = self._get(letter + b":" + key.encode()) if key else None
        return _text(found) if found else None

    def reported(self, amount: Decimal | None, currency: str | None, day: dt.date | None) -> Decimal | None:
        """An amount in the reporting currency; None where no rate is known."""
        if amount is None or currency == self.reporting_currency:
            return amount
        found = self._get(b"c:" + currency.encode()) if currency and day else None
        for one in _rates(found) if found else ():
            if day and one.begin <= day < one.end:
                return (amount * one.rate).quantize(_CENTS, ROUND_HALF_UP)
        return None


def silver(rows: Iterable[Row], facts: Facts, orders: Collection[str] = ()) -> Iterator[Table]:
    """All rows of a customer, in any order. `orders`: keys of orders that the last run has from another source."""
    of_kind: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind != "order_lines" or row.values["order_key"] not in orders:
            of_kind.setdefault(row.kind, []).append(row)
    for kind, make in _MAKERS.items():
        if kind in of_kind:
            yield from make(of_kind[kind], facts)
    yield from _exposures(of_kind.get("exposures", ()), of_kind.get("email_events", ()), facts)


def _browse_events(rows: list[Row], facts: Facts) -> Iterator[Table]:
    for row in rows:
        currency = row.values["currency"] or facts.reporting_currency
        price = facts.reported(row.values["price"], currency, row.values["occurred_on"])
        values: dict[str, Any] = {**row.values, "price": price}
        yield "silver.browse_events", values
        if values["event_name"] == "Product Viewed" and values["product_id"] is not None:
            product = facts.product(values["product_id"])
            yield (
                "silver.views",
                values
                | {
                    "category": product.category or values["category"],
                    "brand_name": product.brand_name,
                    "price": price if price is not None else product.price,
                    "price_rank": product.price_rank,
                },
            )


def _order_lines(rows: list[Row], facts: Facts) -> Iterator[Table]:
    newest: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.values["line_no"] is not None:
            key = (row.values["order_key"], row.values["line_no"])
            newest[key] = max(newest.get(key, 0), row.received)
    orders: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        values = row.values
        if values["line_no"] is not None and row.received < newest[values["order_key"], values["line_no"]]:
            continue
        if not (values["quantity"] > 0 and values["unit_price"] > 0):
            continue
        day, currency = values["occurred_on"], values["currency"]
        line: dict[str, Any] = {**values}
        line["has_discount"] = (values["discount"] or _NOTHING) > 0
        line["amount"] = facts.reported(values["amount"], currency, day)
        line["discount"] = facts.reported(values["discount"] or _NOTHING, currency, day)
        orders.setdefault(values["order_key"], []).append(line)
        product = facts.product(line["product_id"])
        yield (
            "silver.purchases",
            line
            | {
                "category": product.category,
                "subcategory": product.subcategory,
                "brand_name": product.brand_name,
                "garment": product.garment,
                "color": product.color,
                "price_rank": product.price_rank,
                "launched_on": product.launched_on,
            },
        )
    for lines in orders.values():
        yield "silver.orders", _order(lines)


def _order(lines: list[dict[str, Any]]) -> dict[str, Any]:
    hours = [(line["occurred_on"], line["occurred_hour"]) for line in lines if line["occurred_hour"] is not None]
    return {
        "order_key": lines[0]["order_key"],
        "occurred_at": min(line["occurred_at"] for line in lines),
        "occurred_on": min(line["occurred_on"] for line in lines),
        "occurred_hour": min(hours)[1] if hours else None,
        "lines": len(lines),
        "units": sum(line["quantity"] for line in lines),
        "products": len({line["product_id"] for line in lines}),
        "amount": _sum(line["amount"] for line in lines),
        "discount": _sum(line["discount"] for line in lines),
        "discounted_lines": sum(line["has_discount"] for line in lines),
        "coupon_lines": sum(line["coupon"] is not None for line in lines),
        **{name: _largest(line[name] for line in lines) for name in ("channel", "store_id", "country")},
    }


def _returns(rows: list[Row], facts: Facts) -> Iterator[Table]:
    newest: dict[tuple[str, str], int] = {}

    def key(row: Row) -> tuple[str, str]:
        return row.values["return_id"] or row.values["event_id"], row.values["product_id"]

    for row in rows:
        newest[key(row)] = max(newest.get(key(row), 0), row.received)
    for row in rows:
        if row.received == newest[key(row)]:
            values = row.values
            amount = facts.reported(values["amount"], values["currency"], values["occurred_on"])
            yield (
                "silver.returns",
                values | {"amount_reporting": amount, "is_cancellation": bool(values["is_cancellation"])},
            )


def _tickets(rows: list[Row], facts: Facts) -> Iterator[Table]:
    newest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row.received, row.values["occurred_at"])):
        newest[row.values["ticket_id"]] = row
    for row in newest.values():
        yield "silver.tickets", row.values


def _redemptions(rows: list[Row], facts: Facts) -> Iterator[Table]:
    for row in rows:
        values = row.values
        campaign = values["campaign_id"] or facts.text(b"o", values["coupon_id"])
        amount = facts.reported(values["amount"], values["currency"], values["occurred_on"])
        yield "silver.redemptions", values | {"campaign_id": campaign, "amount": amount}


def _exposures(shown: Iterable[Row], mails: Iterable[Row], facts: Facts) -> Iterator[Table]:
    known = {row.values["message_id"] for row in shown}
    sent = [
        row
        for row in mails
        if row.values["event_name"] == "Email Sent"
        and row.values["campaign_id"] is not None
        and (row.values["message_id"] is None or row.values["message_id"] not in known)
    ]
    for row in (*shown, *sent):
        kind = row.values.get("campaign_type") or facts.text(b"k", row.values["campaign_id"])
        yield "silver.exposures", row.values | {"campaign_type": kind}


def _customers(rows: list[Row], facts: Facts) -> Iterator[Table]:
    for row in rows:
        yield "silver.customer_records", row.values | {"source": facts.source}


def _as_they_are(table: str) -> Callable[[list[Row], Facts], Iterator[Table]]:
    def make(rows: list[Row], facts: Facts) -> Iterator[Table]:
        for row in rows:
            yield table, row.values

    return make


_MAKERS: dict[str, Callable[[list[Row], Facts], Iterator[Table]]] = {
    "browse_events": _browse_events,
    "order_lines": _order_lines,
    "returns": _returns,
    "email_events": _as_they_are("silver.email_events"),
    "loyalty_events": _as_they_are("silver.loyalty_events"),
    "tickets": _tickets,
    "redemptions": _redemptions,
    "customers": _customers,
}


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, _NOTHING) if known else None


def _largest(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)
