"""Adobe Commerce, Salesforce, Klaviyo and Zendesk as their documentation says that they answer, small enough to count.

In: requests. Out: answers: pages, marks, filters, errors. Each is a class with lists that a test may change.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from typing import Any
from urllib.parse import parse_qs

from tests.web_server import Answer, Asked

Record = dict[str, Any]


class Commerce:
    """searchCriteria, items and total_count; a page beyond the last is the last again."""

    def __init__(self) -> None:
        item = {"parent_item_id": None, "qty_canceled": 0, "discount_amount": 0}
        self.lists: dict[str, list[Record]] = {
            "orders": [
                {"entity_id": 1, "increment_id": "000000001", "created_at": "2026-01-05 10:00:00",
                 "updated_at": "2026-01-05 10:00:00", "customer_id": 5, "customer_email": "ann@example.com",
                 "customer_is_guest": 0, "order_currency_code": "USD", "billing_address": {"country_id": "US"},
                 "items": [{**item, "item_id": 1, "sku": "JACKET", "name": "Jacket", "qty_ordered": 2, "price": 36.39,
                            "discount_amount": 7.28},
                           {**item, "item_id": 2, "parent_item_id": 1, "sku": "JACKET", "name": "Jacket-XS-Blue",
                            "qty_ordered": 2, "price": 0}]},
                {"entity_id": 2, "increment_id": "000000002", "created_at": "2026-01-06 10:00:00",
                 "updated_at": "2026-01-06 10:00:00", "customer_email": "guest@example.org", "customer_is_guest": 1,
                 "order_currency_code": "EUR", "billing_address": {"country_id": "FR", "telephone": "+33 123456789"},
                 "items": [{**item, "item_id": 3, "sku": "MUG", "name": "Mug", "qty_ordered": 3, "qty_canceled": 1,
                            "price": 1234567890.1234}]},
            ],
            "creditmemos": [
                {"entity_id": 7, "order_id": 1, "created_at": "2026-01-08 09:00:00",
                 "updated_at": "2026-01-08 09:00:00", "order_currency_code": "USD",
                 "items": [{"order_item_id": 1, "sku": "JACKET", "name": "Jacket", "qty": 1, "price": 36.39,
                            "row_total": 36.39, "discount_amount": 3.64},
                           {"order_item_id": 2, "sku": "JACKET", "qty": 1, "price": None, "row_total": None}]},
            ],
            "customers/search": [
                {"id": 5, "email": "ann@example.com", "firstname": "Ann", "lastname": "Miller", "gender": 2,
                 "updated_at": "2026-01-05 09:00:00", "extension_attributes": {"is_subscribed": True},
                 "addresses": [{"street": ["1 High Street"], "postcode": "10001", "city": "New York",
                                "country_id": "US", "telephone": "+1 212 555 0100"}]},
            ],
            "products": [{"id": 9, "sku": "MUG", "name": "Mug", "price": 4.2, "status": 1,
                          "updated_at": "2026-01-01 00:00:00"}],
        }  # fmt: skip
        self.size = 1

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Bearer secret-token":
            return Answer(401, {"message": "The consumer isn't authorized to access %resources."})
        name = asked.path.removeprefix("/rest/all/V1/")
        filter_ = "searchCriteria[filter_groups][0][filters][0]"
        assert asked.query[f"{filter_}[field]"] == "updated_at" and asked.query[f"{filter_}[condition_type]"] == "gteq"
        assert asked.query["searchCriteria[sortOrders][0][field]"] == "entity_id"
        found = [one for one in self.lists[name] if one["updated_at"] >= asked.query[f"{filter_}[value]"]]
        size = int(asked.query["searchCriteria[pageSize]"])
        page = int(asked.query["searchCriteria[currentPage]"])
        page = min(page, max(-(-len(found) // size), 1))
        return Answer(200, {"items": found[(page - 1) * size : page * size], "total_count": len(found)})


class Force:
    """A token, SOQL, nextRecordsUrl; a query locator that can be lost."""

    def __init__(self) -> None:
        stamp = "2026-01-05T10:00:0{0}.000+0000"
        line = {"OrderId": "801A", "Product2Id": "01tA", "Product2": {"Name": "Sofa", "ProductCode": "SOFA"},
                "UnitPrice": 1299.95, "IsDeleted": False, "CurrencyIsoCode": "EUR",
                "Order": {"EffectiveDate": "2026-01-04", "StatusCode": "Activated", "BillToContactId": "003A",
                          "BillToContact": {"Email": "ann@example.com"}, "BillingCountry": "DE"}}  # fmt: skip
        self.lists: dict[str, list[Record]] = {
            "Contact": [
                {"Id": f"003{letter}", "FirstName": name, "LastName": "Miller", "Email": f"{name.lower()}@example.com",
                 "HasOptedOutOfEmail": name == "Bob", "IsDeleted": name == "Cid",
                 "SystemModstamp": stamp.format(place)}
                for place, (letter, name) in enumerate(zip("ABC", ("Ann", "Bob", "Cid"), strict=True))
            ],
            "Case": [{"Id": "500A", "Reason": "Broken", "Type": "Problem", "Status": "New", "ContactId": "003A",
                      "ContactEmail": "ann@example.com", "IsDeleted": False, "SystemModstamp": stamp.format(1)}],
            "OrderItem": [{**line, "Id": "802A", "Quantity": 2.0, "SystemModstamp": stamp.format(1)},
                          {**line, "Id": "802B", "Quantity": 1.0, "SystemModstamp": stamp.format(2)}],
        }  # fmt: skip
        self.queries: dict[str, list[Record]] = {}
        self.lose = 0
        self.used = "18/5000"

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/services/oauth2/token":
            form = {key: value[0] for key, value in parse_qs(asked.body.decode()).items()}
            if (form["grant_type"], form["client_secret"]) != ("client_credentials", "hush"):
                return Answer(400, {"error": "invalid_client"})
            return Answer(200, {"access_token": "00D!token", "token_type": "Bearer", "issued_at": "1767603600000"})
        if asked.headers.get("authorization") != "Bearer 00D!token":
            return Answer(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])
        if asked.path == "/services/data/v65.0/queryAll":
            soql = re.fullmatch(
                r"SELECT .* FROM (\w+) WHERE SystemModstamp >= (\S+) ORDER BY SystemModstamp, Id", asked.query["q"]
            )
            assert soql, asked.query["q"]
            since = dt.datetime.fromisoformat(soql[2])
            found = [one for one in self.lists[soql[1]] if dt.datetime.fromisoformat(one["SystemModstamp"]) >= since]
            found.sort(key=lambda one: one["SystemModstamp"])
        else:
            mark = asked.path.rpartition("/")[2]
            if self.lose or mark not in self.queries:
                self.lose = max(self.lose - 1, 0)
                return Answer(400, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}])
            found = self.queries[mark]
        page, rest = found[:1], found[1:]
        body: Record = {"totalSize": len(found), "done": not rest, "records": page}
        if rest:
            mark = f"01gA{len(self.queries)}-1"
            self.queries[mark] = rest
            body["nextRecordsUrl"] = f"/services/data/v65.0/query/{mark}"
        return Answer(200, body, {"Sforce-Limit-Info": f"api-usage={self.used}"})


class Mail:
    """JSON:API: filter, sort, included, links.next; a revision in the header."""

    def __init__(self) -> None:
        metrics = ("Received Email", "Opened Email", "Clicked Email", "Unsubscribed from Email Marketing",
                   "Placed Order", "Subscribed to Email Marketing")  # fmt: skip
        self.metrics = {f"M{place}": name for place, name in enumerate(metrics)}
        self.events = [
            {"type": "event", "id": f"E{place}",
             "attributes": {"datetime": f"2026-01-05T10:0{place}:00+00:00",
                            "event_properties": {"$message": "C1", "Campaign Name": "January", "$value": 12.5}},
             "relationships": {"metric": {"data": {"type": "metric", "id": f"M{place}"}},
                               "profile": {"data": {"type": "profile", "id": "P1"}}}}
            for place in range(len(metrics))
        ]  # fmt: skip
        self.profiles = [
            {"type": "profile", "id": "P1",
             "attributes": {"email": "ann@example.com", "phone_number": "+442079460018", "first_name": "Ann",
                            "last_name": "Miller", "updated": "2026-01-05T10:00:00+00:00",
                            "location": {"city": "Leeds", "zip": "AB1 2CD", "country": "United Kingdom"}}}
        ]  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Klaviyo-API-Key pk_secret":
            return Answer(401, {"errors": [{"code": "not_authenticated"}]})
        assert asked.headers["revision"] == "2026-10-15"
        name, field = ("events", "datetime") if asked.path == "/api/events" else ("profiles", "updated")
        assert asked.path == f"/api/{name}" and asked.query["sort"] == field
        wanted = re.fullmatch(rf"greater-(?:or-equal|than)\({field},(\S+)\)", asked.query["filter"])
        assert wanted, asked.query["filter"]
        since = dt.datetime.fromisoformat(wanted[1])
        found = [one for one in getattr(self, name) if dt.datetime.fromisoformat(one["attributes"][field]) >= since]
        at = int(asked.query.get("page[cursor]", 0))
        page = found[at : at + 4]
        body: Record = {"data": page, "links": {"self": "…", "next": None, "prev": None}}
        if at + 4 < len(found):
            kept = "&".join(f"{key}={value}" for key, value in asked.query.items() if key != "page[cursor]")
            body["links"]["next"] = f"http://{asked.headers['host']}{asked.path}?{kept}&page[cursor]={at + 4}".replace(
                "+00:00", "%2B00:00"
            )
        if "include" in asked.query:
            metrics = {one["relationships"]["metric"]["data"]["id"] for one in page}
            body["included"] = [
                {"type": "metric", "id": one, "attributes": {"name": self.metrics[one]}} for one in sorted(metrics)
            ] + [{"type": "profile", "id": "P1", "attributes": {"email": "ann@example.com", "phone_number": None}}]
        return Answer(200, body, {"RateLimit-Limit": "350", "RateLimit-Remaining": "9", "RateLimit-Reset": "1"})


class Desk:
    """start_time or cursor, after_cursor, end_of_stream."""

    def __init__(self) -> None:
        ticket = {"type": "problem", "requester_id": 31, "satisfaction_rating": {"score": "good"}}
        self.tickets: list[Record] = [
            {**ticket, "id": 1, "status": "open", "updated_at": "2026-01-05T10:00:00Z"},
            {**ticket, "id": 2, "status": "deleted", "updated_at": "2026-01-05T11:00:00Z",
             "satisfaction_rating": {"score": "unoffered"}},
            {**ticket, "id": 3, "status": "solved", "updated_at": "2026-01-05T12:00:00Z",
             "satisfaction_rating": {"score": "bad"}},
        ]  # fmt: skip
        self.users: list[Record] = [
            {"id": 31, "name": "Ann Louise Miller", "email": "ann@example.com", "phone": None, "role": "end-user",
             "updated_at": "2026-01-05T09:00:00Z"},
            {"id": 99, "name": "Agent", "email": "agent@shop.example", "role": "agent",
             "updated_at": "2026-01-05T09:00:00Z"},
        ]  # fmt: skip
        self.forgotten: set[str] = set()

    def answer(self, asked: Asked) -> Answer:
        login = base64.b64encode(b"bob@shop.example/token:hush").decode()
        if asked.headers.get("authorization") != f"Basic {login}":
            return Answer(401, {"error": "Couldn't authenticate you"})
        name = asked.path.split("/")[4]
        records = getattr(self, name)
        if "cursor" in asked.query:
            assert "start_time" not in asked.query
            if asked.query["cursor"] in self.forgotten:
                return Answer(400, {"error": "InvalidValue", "description": "cursor is not valid"})
            at = int(asked.query["cursor"].removeprefix("MTU4"))
        else:
            since = dt.datetime.fromtimestamp(int(asked.query["start_time"]), dt.UTC)
            at = sum(dt.datetime.fromisoformat(one["updated_at"]) < since for one in records)
        after = min(at + 2, len(records))
        mark = f"MTU4{after}"
        return Answer(
            200,
            {name: records[at:after], "after_cursor": mark, "end_of_stream": after == len(records),
             "after_url": f"http://{asked.headers['host']}{asked.path}?cursor={mark}"},
        )  # fmt: skip
