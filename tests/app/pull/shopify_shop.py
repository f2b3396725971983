"""A shop that answers as Shopify's Admin REST API is documented: pages by Link header, updated_at_min, fields, limits.

In: nothing. Out: `Shop`, whose lists a test may change; `Shop.answer` for `web_server`.

Ann is a customer, somebody buys as a guest, one order is in euros for its buyer, one is a test, one was called off.
"""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from tests.web_server import Answer, Asked

ANN = {"id": 7001, "email": "ann@example.com", "phone": None, "first_name": "Ann", "last_name": "Miller",
       "created_at": "2026-01-01T09:00:00+00:00", "updated_at": "2026-01-05T10:00:00+00:00",
       "default_address": {"address1": "1 High Street", "zip": "AB1 2CD", "city": "Leeds", "country_code": "GB",
                           "phone": "+44 20 7946 0018"},
       "email_marketing_consent": {"state": "subscribed", "opt_in_level": "single_opt_in",
                                   "consent_updated_at": "2026-01-02T09:00:00+00:00"},
       "sms_marketing_consent": {"state": "not_subscribed", "opt_in_level": "single_opt_in",
                                 "consent_updated_at": None}}  # fmt: skip


def line(number: int, product: int | None, title: str, quantity: int, price: str, *off: str) -> dict[str, Any]:
    """A line of an order; `off`: what each of its discounts takes."""
    return {
        "id": number, "product_id": product, "sku": f"SKU-{number}", "title": title, "quantity": quantity,
        "price": price, "variant_title": None, "total_discount": "0.00",
        "discount_allocations": [{"amount": amount, "discount_application_index": 0} for amount in off],
    }  # fmt: skip


def order(number: int, updated: str, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """An order with Shopify's fields."""
    return {
        "id": number, "name": f"#{number}", "created_at": "2026-01-05T10:00:00-05:00",
        "processed_at": "2026-01-05T10:00:00-05:00", "updated_at": updated, "cancelled_at": None, "test": False,
        "email": None, "phone": None, "currency": "GBP", "presentment_currency": "GBP", "customer_locale": "en-GB",
        "source_name": "web", "location_id": None, "discount_codes": [], "customer": None,
        "shipping_address": {"country_code": "GB"}, "line_items": lines, "refunds": [], **more,
    }  # fmt: skip


def refund(number: int, of: dict[str, Any], quantity: int, subtotal: float) -> dict[str, Any]:
    """A refund of one line; `subtotal` is a number there, as Shopify sends it."""
    money = {"amount": f"{subtotal:.2f}", "currency_code": "GBP"}
    return {"id": number, "created_at": "2026-01-09T08:00:00Z", "processed_at": "2026-01-09T08:00:00Z", "note": "torn",
            "refund_line_items": [{"id": number + 1, "line_item_id": of["id"], "quantity": quantity,
                                   "location_id": None,
                                   "restock_type": "return", "subtotal": subtotal, "line_item": of,
                                   "subtotal_set": {"shop_money": money, "presentment_money": money}}]}  # fmt: skip


def first_orders() -> list[dict[str, Any]]:
    cup, coat = line(11, 501, "Cup", 2, "5.10", "1.00", "0.20"), line(12, 502, "Coat", 1, "120.00")
    return [
        order(1001, "2026-01-05T10:00:01-05:00", [cup, coat], email="ann@example.com", customer=copy.deepcopy(ANN),
              discount_codes=[{"code": "NEWYEAR", "amount": "1.20", "type": "fixed_amount"}]),
        order(1002, "2026-01-06T10:00:00Z", [line(13, 501, "Cup", 1, "5.10")], email="guest@example.org"),
        order(1003, "2026-01-06T11:00:00Z", [line(14, None, "Gift wrap", 1, "2.00")], email="eva@example.de",
              presentment_currency="EUR", shipping_address={"country_code": "DE"}, customer_locale="de-DE"),
        order(1004, "2026-01-06T12:00:00Z", [line(15, 501, "Cup", 9, "5.10")], test=True),
        order(1005, "2026-01-06T13:00:00Z", [line(16, 502, "Coat", 1, "120.00")],
              cancelled_at="2026-01-06T12:30:00Z", email="bob@example.com"),
    ]  # fmt: skip


class Shop:
    """The shop's lists and how many records a page has."""

    def __init__(self, size: int = 2) -> None:
        self.size = size
        self.lists: dict[str, list[dict[str, Any]]] = {
            "orders": first_orders(),
            "customers": [copy.deepcopy(ANN)],
            "products": [{"id": 501, "title": "Cup", "vendor": "Acme", "product_type": "Kitchen", "status": "active",
                          "published_at": "2025-11-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
                          "variants": [{"id": 1, "price": "5.10"}]}],
        }  # fmt: skip
        self.pages: dict[str, list[dict[str, Any]]] = {}
        self.base = ""

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("x-shopify-access-token") != "shpat_secret":
            return Answer(401, {"errors": "[API] Invalid API key or access token"})
        name = asked.path.rsplit("/", 1)[-1].removesuffix(".json")
        if not asked.path.startswith("/admin/api/2026-10/") or name not in self.lists:
            return Answer(404, {"errors": "Not Found"})
        if "page_info" in asked.query:
            if set(asked.query) - {"page_info", "limit"}:
                return Answer(400, {"errors": "updated_at_min cannot be passed when page_info is present."})
            if asked.query["page_info"] not in self.pages:
                return Answer(400, {"errors": {"page_info": "Invalid value."}})
            found = self.pages[asked.query["page_info"]]
        else:
            since = dt.datetime.fromisoformat(asked.query["updated_at_min"])
            fields = asked.query["fields"].split(",")
            found = [
                {key: value for key, value in one.items() if key in fields}
                for one in sorted(self.lists[name], key=lambda one: -one["id"])
                if dt.datetime.fromisoformat(one["updated_at"]) >= since
            ]
        page, rest = found[: self.size], found[self.size :]
        headers = {"X-Shopify-Shop-Api-Call-Limit": "1/40"}
        if rest:
            mark = f"mark{len(self.pages)}"
            self.pages[mark] = rest
            host = asked.headers["host"]
            headers["Link"] = f'<http://{host}{asked.path}?limit=250&page_info={mark}>; rel="next"'
        return Answer(200, {name: page}, headers)
