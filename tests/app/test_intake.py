"""Files into the lake by the command line: rows that do not fit, mappings that cannot be meant, missing files."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

from tests.app.driving import call, rows, run
from tests.app.shop import MAPPINGS, TILL

from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.events.vocabulary import DEMOGRAPHICS

HEAD = TILL.splitlines()[0]


def test_figures_of_the_small_shop(shop_once: Path) -> None:
    assert rows(shop_once, "SELECT given_name, market, orders, revenue, returned_amount, orders_store, orders_web,"
                " personalization, marketing_email FROM gold.customers WHERE email IS NOT NULL ORDER BY 1") == [
        ("Ann", "UK", 2, Decimal("60.0000"), Decimal("0.0000"), 1, 1, "granted", "granted"),
        ("Bob", "UK", 1, Decimal("42.0000"), Decimal("5.0000"), 1, 0, "denied", "granted"),
        ("Cora", "IE", 1, Decimal("3.0000"), Decimal("0.0000"), 0, 1, "unknown", "unknown"),
    ]  # fmt: skip
    lines = "SELECT order_id, market, brand, currency, amount, amount_reporting FROM silver.order_lines ORDER BY 1, 5"
    assert rows(shop_once, lines)[-2:] == [
        ("W1", "UK", "Acme", "GBP", Decimal("30.0000"), Decimal("30.0000")),
        ("W2", "IE", "Acme", "EUR", Decimal("6.0000"), Decimal("3.0000")),
    ]
    assert rows(shop_once, "SELECT name FROM gold.products WHERE product_id = 'A'") == [("Café cup",)]


def test_every_event_carries_market_brand_and_currency(shop_once: Path) -> None:
    for table in ("bronze.order_lines", "bronze.browse_events", "bronze.customers", "bronze.consents"):
        columns = {row[0] for row in rows(shop_once, f"DESCRIBE {table}")}
        assert {"market", "brand", "legal_entity", "language"} <= columns, table
    for table in ("bronze.order_lines", "bronze.returns", "silver.order_lines", "silver.returns"):
        assert "currency" in {row[0] for row in rows(shop_once, f"DESCRIBE {table}")}, table


def test_a_bad_row_waits_in_quarantine_while_its_neighbours_pass(shop: Path) -> None:
    bad = "R8;1;03/02/2026 11:00;B;Scarf;two;20,00;dora@example.com;"
    good = "R9;1;03/02/2026 11:05;B;Scarf;1;20,00;dora@example.com;"
    (shop / "data" / "till_2.csv").write_text(f"{HEAD}\n{bad}\n{good}\n")
    result = run(shop)
    till = next(one for one in result["sources"] if one["mapping"] == "till")
    assert (till["rows_read"], till["rows_new"], till["rows_quarantined"]) == (2, 1, 1)
    (waiting,) = call(shop, "quarantine", "list", "--source", "till", "--json").json
    assert waiting["file"].endswith("till_2.csv") and waiting["row_number"] == 1 and "quantity" in waiting["reason"]
    shown = call(shop, "quarantine", "show", str(waiting["id"]), "--json").json
    assert '"qty":"two"' in shown["raw"].replace(" ", "")
    assert call(shop, "quarantine", "list", "--source", "web", "--json").json == []
    gone = call(shop, "quarantine", "show", "4711")
    assert gone.code == 1 and "no row 4711" in gone.err

    mended = MAPPINGS["till"].replace('quantity = "qty"', "quantity = { expression = \"replace(qty, 'two', '2')\" }")
    (shop / "mappings" / "till.toml").write_text(mended)
    assert run(shop)["rows_new"] == 1
    assert call(shop, "quarantine", "list", "--json").json == []
    assert rows(shop, "SELECT orders, revenue FROM gold.customers WHERE email = 'dora@example.com'") == [
        (2, Decimal("60.0000"))
    ]


def test_a_mapping_that_cannot_be_meant(shop: Path) -> None:
    file = shop / "mappings" / "till.toml"
    text = file.read_text()
    for wrong, told in (
        (text.replace("quantity =", "quantiti ="), ("quantiti", "did you mean 'quantity'", "till.toml")),
        (text.replace('"order_lines"', '"order_line"'), ("order_line", "did you mean 'order_lines'")),
        (text.replace('order_id = "receipt"\n', ""), ("order_id",)),
        (text.replace("[[maps]]", "[maps"), ("till.toml",)),
    ):
        file.write_text(wrong)
        done = call(shop, "run")
        assert done.code == 1 and "Traceback" not in done.err
        for word in told:
            assert word in done.err, done.err
    assert call(shop, "status", "--json").json["runs"][0]["status"] == "failed"


def test_a_column_that_the_file_does_not_have(shop: Path) -> None:
    (shop / "data" / "till_2.csv").write_text(f"{HEAD.replace('qty', 'pieces')}\nR9;1;03/02/2026 11:05;B;x;1;2,00;;\n")
    done = call(shop, "run")
    assert "qty" in done.out + done.err and "till_2.csv" in done.out + done.err
    assert "Traceback" not in done.err


def test_files_that_are_not_there_and_a_source_that_is_not_known(shop: Path) -> None:
    shutil.rmtree(shop / "data")
    assert run(shop)["status"] == "unchanged"
    done = call(shop, "run", "--source", "til")
    assert done.code == 1 and "did you mean 'till'?" in done.err


def test_the_same_rows_in_another_file_add_nothing(shop: Path) -> None:
    (shop / "data" / "till_again.csv").write_text(TILL, encoding="utf-8")
    result = run(shop)
    till = next(one for one in result["sources"] if one["mapping"] == "till")
    assert (till["rows_new"], till["rows_known"], result["status"]) == (0, 5, "unchanged")


def test_a_lake_of_an_earlier_release_goes_on(shop_once: Path, tmp_path: Path) -> None:
    """Bronze tables without the columns, and without the kinds, that came later: they read as NULL, nothing is lost."""
    shop = tmp_path / "shop"
    shutil.copytree(shop_once, shop)
    lake = Lake(Project(shop))
    later = {"occurred_hour", *(one.name for one in DEMOGRAPHICS)}
    for kind in ("order_lines", "customers", "browse_events", "products"):
        name = f"bronze.{kind}"
        with lake.connect() as connection:
            lake.view(connection, name)
            kept = ", ".join(one for one in connection.table(name).columns if one not in later)
            lake.replace(name, connection.sql(f"SELECT {kept} FROM {name}"), connection)
    for kind in ("exposures", "redemptions", "campaigns", "coupons", "promotions"):
        shutil.rmtree(lake.path(f"bronze.{kind}"))
    pointer = shop / "state" / "published.json"
    published = json.loads(pointer.read_text())
    published["tables"] = {name: version for name, version in published["tables"].items() if lake.exists(name)}
    pointer.write_text(json.dumps(published))
    before = rows(shop, "SELECT customer_id, orders, revenue FROM gold.customers ORDER BY 1")
    (shop / "data" / "till_2.csv").write_text(f"{HEAD}\nR9;1;03/02/2026 11:05;B;Scarf;1;20,00;dora@example.com;\n")
    assert run(shop)["rows_new"] == 1
    after = rows(shop, "SELECT customer_id, orders, revenue FROM gold.customers ORDER BY 1")
    assert len(after) == len(before) + 1 and set(before) <= set(after)
    hours = "SELECT occurred_hour, COUNT(*) FROM silver.orders GROUP BY 1 ORDER BY 1 NULLS FIRST"
    assert rows(shop, hours) == [(None, 5), (11, 1)]
    assert rows(shop, "SELECT COUNT(*), COUNT(age_band) FROM silver.customer_records") == [(3, 0)]
    assert rows(shop, "SELECT COUNT(*) FROM silver.exposures") == [(0,)]
