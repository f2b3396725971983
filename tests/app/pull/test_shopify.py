"""From a shop on Shopify to the bronze tables, by the command line: amounts, guests, refunds, faults on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run
from tests.app.pull.shopify_shop import Shop, refund
from tests.app.pull.taking_in import bronze, new_project, pulled, take_in
from tests.web_server import Answer, Asked, Server, web_server

pytest.importorskip("dlt", reason="needs the extra: pip install -e '.[connectors]'")
LINES = "SELECT order_id, line_no, product_id, quantity, unit_price, discount, amount, currency, email, customer_ref"


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    with web_server(shop.answer) as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_TOKEN", "shpat_secret")
    return new_project(
        tmp_path / "project",
        f'\n[pulls.shop]\nconnector = "shopify"\nurl = "{server.url}/"\ntoken_env = "SHOP_TOKEN"\nbackoff = 0.01\n',
    )


def test_from_the_shop_to_the_bronze_tables(folder: Path, server: Server) -> None:
    found = pulled(folder)
    assert {name: (one["records"], one["new"], one["files"]) for name, one in found.items()} == {
        "orders": (5, 5, 1),
        "customers": (1, 1, 3),
        "products": (1, 1, 1),
    }
    assert not any(one.rows_quarantined for one in take_in(folder).values())
    lines = bronze(folder, f"{LINES} FROM bronze.order_lines ORDER BY line_no")
    assert lines == [
        ("1001", "11", "501", "2.000", "5.1000", "1.2000", "9.0000", "GBP", "ann@example.com", "7001"),
        ("1001", "12", "502", "1.000", "120.0000", None, "120.0000", "GBP", "ann@example.com", "7001"),
        ("1002", "13", "501", "1.000", "5.1000", None, "5.1000", "GBP", "guest@example.org", None),
        ("1003", "14", "SKU-14", "1.000", "2.0000", None, "2.0000", "GBP", "eva@example.de", None),
        ("1005", "16", "502", "0.000", "120.0000", None, "0.0000", "GBP", "bob@example.com", None),
    ]
    (when,) = bronze(folder, "SELECT DISTINCT occurred_at::VARCHAR FROM bronze.order_lines")
    assert when[0].startswith("2026-01-05 15:00:00")
    consents = bronze(folder, "SELECT purpose, status, email, customer_ref FROM bronze.consents")
    assert consents == [("marketing_email", "granted", "ann@example.com", "7001")]
    assert bronze(folder, "SELECT given_name, postcode, country, phone FROM bronze.customers") == [
        ("Ann", "AB1 2CD", "GB", "+44 20 7946 0018")
    ]
    asked = [one for one in server.asked if "page_info" in one.query]
    assert len(asked) == 2


def test_a_second_pull_brings_only_what_changed(folder: Path, shop: Shop) -> None:
    settings = folder / "floorwalker.toml"
    settings.write_text(settings.read_text().replace("[run]", "[run]\npull = true"))
    assert run(folder)["rows_new"] == 8
    again = pulled(folder)
    assert {name: (one["new"], one["files"]) for name, one in again.items()} == {
        "orders": (0, 0), "customers": (0, 0), "products": (0, 0)
    }  # fmt: skip
    one = shop.lists["orders"][0]
    one["updated_at"] = "2026-01-09T08:00:01Z"
    one["line_items"][1]["quantity"] = 0
    one["refunds"] = [refund(9001, one["line_items"][0], 1, 4.5)]
    orders = pulled(folder)["orders"]
    assert (orders["new"], orders["files"], orders["cursor"]) == (1, 2, "2026-01-09T08:00:01Z")
    run(folder)
    returns = rows(
        folder,
        "SELECT return_id, order_id, product_id, quantity, amount, currency, reason FROM bronze.returns",
    )
    assert [tuple(map(str, row)) for row in returns] == [("9001", "1001", "501", "1.000", "4.5000", "GBP", "torn")]
    # The line that is told again in other words counts by its last word: it went to nothing.
    silver = rows(folder, "SELECT line_no, quantity FROM silver.order_lines WHERE order_id = '1001'")
    assert {line: str(quantity) for line, quantity in silver} == {"11": "2.000", "12": "0.000"}


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429, {"errors": "Exceeded 2 calls per second"}, {"Retry-After": "0.0"}),
        Answer(503, b"<html>busy</html>"),
        Answer(200, b'{"orders": [{"id": 1,'),
        None,
    ],
    ids=["too many", "unavailable", "half a page", "broken connection"],
)
def test_what_passes_is_asked_for_again(folder: Path, server: Server, fault: Answer | None) -> None:
    server.next += [fault, fault]
    assert pulled(folder)["orders"]["records"] == 5


def test_a_page_mark_that_is_no_longer_known(folder: Path, server: Server, shop: Shop) -> None:
    answer = shop.answer
    lost = iter([True])

    def forgetful(asked: Asked) -> Answer:
        if "page_info" in asked.query and next(lost, False):
            shop.pages.clear()
        return answer(asked)

    server.next.clear()
    with web_server(forgetful) as other:
        text = (folder / "floorwalker.toml").read_text().replace(server.url, other.url)
        (folder / "floorwalker.toml").write_text(text)
        orders = pulled(folder)["orders"]
    assert (orders["new"], orders["error"]) == (5, "")
    take_in(folder)
    assert bronze(folder, "SELECT count(*) FROM bronze.order_lines") == [("5",)]


def test_a_page_in_another_form_leaves_the_cursor(folder: Path, server: Server) -> None:
    server.next.append(Answer(200, {"data": []}))
    done = call(folder, "pull", "--json")
    assert done.code == 1
    assert "has no list 'orders'" in done.err
    assert pulled(folder)["orders"]["new"] == 5


def test_secrets_are_never_said(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "shpat_wrong_one")
    done = call(folder, "pull")
    assert done.code == 1
    assert "HTTP 401" in done.err and "shpat" not in done.err + done.out
    monkeypatch.delenv("SHOP_TOKEN")
    assert "export SHOP_TOKEN=" in call(folder, "pull").err
    # Nor do they travel to another host.
    monkeypatch.setenv("SHOP_TOKEN", "shpat_secret")
    server.next.append(Answer(200, {"orders": [{"id": 1}]}, {"Link": '<http://localhost:1/x>; rel="next"'}))
    assert "another host is not followed" in call(folder, "pull").err
    assert b"shpat" not in b"".join(path.read_bytes() for path in (folder / "state").rglob("*") if path.is_file())


def test_a_secret_in_the_file_is_refused(folder: Path) -> None:
    with (folder / "floorwalker.toml").open("a") as file:
        file.write('access_token = "shpat_secret"\n')
    for command in (("pull",), ("config", "show"), ("run",)):
        done = call(folder, *command)
        assert done.code == 1
        assert "holds a secret" in done.err and "shpat_secret" not in done.err + done.out


def test_since_full_and_dry_run(folder: Path) -> None:
    dry = pulled(folder, "--dry-run")
    assert dry["orders"]["new"] == 5 and dry["orders"]["files"] == 0
    assert not list((folder / "state" / "pulled").rglob("*.jsonl"))
    assert pulled(folder, "--since", "2026-01-06T11:30:00Z")["orders"]["records"] == 2
    # What came before that time is not behind the cursor for ever: it had none, so it is now; --full brings it.
    assert pulled(folder, "--full")["orders"]["new"] == 5
    later = pulled(folder, "--since", "2026-01-07")["orders"]
    assert later["records"] == 0
    take_in(folder)
    assert bronze(folder, "SELECT count(*) FROM bronze.order_lines") == [("5",)]
