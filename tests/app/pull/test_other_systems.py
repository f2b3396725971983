"""From Adobe Commerce, Salesforce, Klaviyo and Zendesk to the bronze tables, by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.app.driving import call
from tests.app.pull.other_systems import Commerce, Desk, Force, Mail
from tests.app.pull.taking_in import bronze, new_project, pulled, take_in
from tests.web_server import Answer, web_server

pytest.importorskip("dlt", reason="needs the extra: pip install -e '.[connectors]'")


def project(folder: Path, connector: str, url: str, more: str) -> Path:
    return new_project(folder, f'\n[pulls.it]\nconnector = "{connector}"\nurl = "{url}"\nbackoff = 0.01\n{more}\n')


def test_adobe_commerce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret-token")
    shop = Commerce()
    for number in range(3, 240):
        # Three pages, of which the last is not full.
        shop.lists["orders"].append({**shop.lists["orders"][1], "entity_id": number, "items": []})
    with web_server(shop.answer) as server:
        folder = project(tmp_path / "p", "magento", server.url, 'token_env = "TOKEN"')
        server.next += [Answer(500, {"message": "Internal Error"}), Answer(503, b"<html>")]
        found = pulled(folder)
        assert {name: (one["records"], one["new"]) for name, one in found.items()} == {
            "orders": (239, 239), "credit_memos": (1, 1), "customers": (1, 1), "products": (1, 1),
        }  # fmt: skip
        again = pulled(folder)
        assert [one["new"] for one in again.values()] == [0, 0, 0, 0]
    assert not any(one.rows_quarantined for one in take_in(folder).values())
    assert bronze(
        folder,
        "SELECT order_id, line_no, product_id, quantity, unit_price, discount, amount, currency, email, customer_ref,"
        " epoch_ms(occurred_at) FROM bronze.order_lines ORDER BY 1",
    ) == [
        ("1", "1", "JACKET", "2.000", "36.3900", "7.2800", "65.5000", "USD", "ann@example.com", "5", "1767607200000"),
        ("2", "3", "MUG", "2.000", "1234567890.1234", "0.0000", "2469135780.2468", "EUR", "guest@example.org", None,
         "1767693600000"),
    ]  # fmt: skip
    refunds = bronze(folder, "SELECT return_id, order_id, product_id, quantity, amount, currency FROM bronze.returns")
    assert refunds == [("7", "1", "JACKET", "1.000", "32.7500", "USD")]
    assert bronze(folder, "SELECT given_name, gender, postcode, phone FROM bronze.customers") == [
        ("Ann", "female", "10001", "+1 212 555 0100")
    ]
    assert bronze(folder, "SELECT status, email FROM bronze.consents") == [("granted", "ann@example.com")]


def test_salesforce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ID", "app")
    monkeypatch.setenv("SECRET", "hush")
    force = Force()
    more = 'client_id_env = "ID"\nclient_secret_env = "SECRET"\nmore_order_fields = ", CurrencyIsoCode"'
    with web_server(force.answer) as server:
        folder = project(tmp_path / "p", "salesforce", server.url, more)
        # The mark of a query is lost once: it is asked again from the last record that came.
        force.lose = 1
        found = pulled(folder)
        assert {name: (one["new"], one["cursor"]) for name, one in found.items()} == {
            "contacts": (3, "2026-01-05T10:00:02Z"),
            "cases": (1, "2026-01-05T10:00:01Z"),
            "order_products": (2, "2026-01-05T10:00:02Z"),
        }
        take_in(folder)
        line = force.lists["OrderItem"][1]
        line |= {"IsDeleted": True, "SystemModstamp": "2026-01-06T10:00:00.000+0000"}
        force.lists["Case"][0] |= {"IsDeleted": True, "SystemModstamp": "2026-01-06T10:00:00.000+0000"}
        assert [one["new"] for one in pulled(folder).values()] == [0, 1, 1]
        force.used = "4990/5000"
        done = call(folder, "pull", "--full")
        assert done.code == 1 and "most of what the system allows is used" in done.err
        monkeypatch.setenv("SECRET", "wrong-secret")
        done = call(folder, "pull")
        assert "HTTP 400" in done.err and "wrong-secret" not in done.err
    assert not any(one.rows_quarantined for one in take_in(folder).values())
    assert bronze(
        folder,
        "SELECT line_no, product_id, quantity, unit_price, currency, email, occurred_at::DATE FROM bronze.order_lines"
        " ORDER BY 1, 3 DESC",
    ) == [
        ("802A", "SOFA", "2.000", "1299.9500", "EUR", "ann@example.com", "2026-01-04"),
        ("802B", "SOFA", "1.000", "1299.9500", "EUR", "ann@example.com", "2026-01-04"),
        ("802B", "SOFA", "0.000", "1299.9500", "EUR", "ann@example.com", "2026-01-04"),
    ]
    assert bronze(folder, "SELECT given_name FROM bronze.customers ORDER BY 1") == [("Ann",), ("Bob",)]
    assert bronze(folder, "SELECT email, status FROM bronze.consents") == [("bob@example.com", "withdrawn")]
    assert bronze(folder, "SELECT status FROM bronze.tickets ORDER BY 1") == [("deleted",), ("new",)]


def test_klaviyo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "pk_secret")
    with web_server(Mail().answer) as server:
        folder = project(tmp_path / "p", "klaviyo", server.url, 'api_key_env = "KEY"')
        server.next.append(Answer(429, {"errors": [{"code": "throttled"}]}, {"Retry-After": "0"}))
        assert {name: one["new"] for name, one in pulled(folder).items()} == {"events": 6, "profiles": 1}
    assert not any(one.rows_quarantined for one in take_in(folder).values())
    events = bronze(folder, "SELECT event_name, email, campaign_id, campaign_name FROM bronze.email_events ORDER BY 1")
    assert events == [
        (name, "ann@example.com", "C1", "January")
        for name in ("Email Delivered", "Email Link Clicked", "Email Opened", "Unsubscribed")
    ]
    consents = bronze(folder, "SELECT status, email FROM bronze.consents ORDER BY occurred_at")
    assert consents == [("withdrawn", "ann@example.com"), ("granted", "ann@example.com")]
    assert bronze(folder, "SELECT phone, city FROM bronze.customers") == [("+442079460018", "Leeds")]


def test_zendesk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hush")
    desk = Desk()
    more = 'email = "bob@shop.example"\ntoken_env = "TOKEN"\nrequests_per_minute = 60000'
    with web_server(desk.answer) as server:
        folder = project(tmp_path / "p", "zendesk", server.url, more)
        assert {name: one["new"] for name, one in pulled(folder).items()} == {"tickets": 3, "users": 2}
        # It goes on from its own mark.
        desk.tickets.append({**desk.tickets[0], "id": 1, "status": "closed", "updated_at": "2026-01-06T10:00:00Z"})
        again = pulled(folder)
        assert {name: one["records"] for name, one in again.items()} == {"tickets": 1, "users": 0}
        assert "cursor" in server.asked[-2].query
        # A mark that is no longer known: from the time of the last record, less the overlap.
        desk.forgotten.add("MTU44")
        desk.tickets.append({**desk.tickets[0], "id": 4, "updated_at": "2026-01-06T11:00:00Z"})
        third = pulled(folder, "it")["tickets"]
        assert (third["records"], third["new"]) == (2, 1)
    assert not any(one.rows_quarantined for one in take_in(folder).values())
    assert bronze(folder, "SELECT ticket_id, status, satisfaction, customer_ref FROM bronze.tickets ORDER BY 1, 2") == [
        ("1", "closed", "5", "31"),
        ("1", "open", "5", "31"),
        ("2", "deleted", None, "31"),
        ("3", "solved", "1", "31"),
        ("4", "open", "5", "31"),
    ]
    assert bronze(folder, "SELECT given_name, family_name FROM bronze.customers") == [("Ann Louise", "Miller")]
