"""`floorwalker features` on the small shop, and a feature of its own from the file to its values and the page."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from tests.app.driving import call, rows, run

MINE = """[features.store_orders_365d]
description = "How many orders of the last year did they place in stores?"
source = "orders"
aggregate = "count"
where = "channel = 'store'"
window = 365
type = "integer"
default = 0
group = "mine"
[features.store_share]
description = "Which share of their orders?"
type = "number"
expression = "store_orders_365d / orders_365d"
group = "mine"
"""


def test_list_and_show(shop_once: Path) -> None:
    listed = call(shop_once, "features", "list", "--entity", "customer", "--search", "orders coupon", "--json").json
    assert listed and all("coupon" in f"{one['name']} {one['question']}".lower() for one in listed)
    assert {one["entity"] for one in call(shop_once, "features", "list", "--json").json} == {
        "customer",
        "product",
        "store",
    }
    shown = call(shop_once, "features", "show", "average_order", "--sql", "--json").json
    assert (shown["computed"], shown["live"], shown["reads"]) == ("revenue / orders", True, ["revenue", "orders"])
    assert shown["tree"][1] == "├─ revenue: sum of amount of silver.orders, ever"
    assert shown["sql"].rstrip().endswith("FROM level_1")
    text = call(shop_once, "features", "show", "sessions_30d").out
    assert "batch only: a visit is known when it is over" in text and "tests" in text
    assert "of each store" in call(shop_once, "features", "show", "revenue_30d").out


def test_the_sql_shown_gives_the_published_value(shop_once: Path) -> None:
    sql = call(shop_once, "features", "show", "average_order", "--sql", "--json").json["sql"]
    assert rows(shop_once, f"SELECT customer_id, average_order FROM ({sql}) ORDER BY 1") == rows(
        shop_once, "SELECT customer_id, average_order FROM gold.customer_features ORDER BY 1"
    )


def test_what_is_misspelt_is_hinted_at(shop_once: Path) -> None:
    for arguments, hint in (
        (("show", "ordrs"), "did you mean 'orders'"),
        (("show", "orders", "--entity", "custmer"), "did you mean 'customer'"),
        (("list", "--entity", "custmer"), "did you mean 'customer'"),
        (("list", "--group", "retruns"), "did you mean 'returns'"),
        (("values", "ann@example.com", "--feature", "ordrs"), "did you mean 'orders'"),
        (("values", "nobody@example.com"), "no customer answers"),
    ):
        done = call(shop_once, "features", *arguments)
        assert done.code == 1 and hint in done.err, done.err


def test_values_of_a_customer_by_any_identifier(shop_once: Path) -> None:
    by_mail = call(shop_once, "features", "values", "ann@example.com", "--json").json
    assert by_mail == call(shop_once, "features", "values", "name:ann miller", "--json").json
    assert (by_mail["values"]["orders"], by_mail["values"]["revenue"]) == (2, "60.0000")
    two = ("--feature", "orders", "--feature", "revenue")
    assert call(shop_once, "features", "values", "L-77", *two, "--json").json["values"] == {
        "orders": 1, "revenue": "42.0000"
    }  # fmt: skip
    text = call(shop_once, "features", "values", "ann@example.com").out
    assert "frequency" in text and "orders" in text


def test_nothing_published_is_said(tmp_path: Path) -> None:
    assert call(tmp_path, "init", str(tmp_path / "new"), "--template", "blank").code == 0
    done = call(tmp_path / "new", "features", "values", "ann@example.com")
    assert done.code == 1 and "nothing has been published" in done.err
    assert call(tmp_path / "new", "features", "page").code == 0
    assert "no run has been published yet" in (tmp_path / "new" / "features.html").read_text(encoding="utf-8")


def test_a_feature_of_the_project_s_own(shop: Path) -> None:
    (shop / "features").mkdir(exist_ok=True)
    (shop / "features" / "mine.toml").write_text(MINE)
    early = call(shop, "features", "values", "ann@example.com", "--feature", "store_share")
    assert early.code == 1 and "the published run has no 'store_share'" in early.err
    assert run(shop)["status"] == "published"
    told = call(
        shop, "features", "values", "ann@example.com", "--feature", "store_orders_365d", "--feature", "store_share"
    )
    assert "0.5000" in told.out
    values = rows(shop, "SELECT SUM(store_orders_365d), SUM(orders_store_365d) FROM gold.customer_features")
    assert values == [(2, 2)]
    done = call(shop, "features", "page", "--out", str(shop / "out" / "all.html"), "--json").json
    page = Path(done["path"]).read_text(encoding="utf-8")
    assert 'id="customer.store_share"' in page and "store_orders_365d / orders_365d" in page
    assert "@example" not in page
    # A column that no source has: the engine says so, and the features stay as they were published.
    pointer = json.loads((shop / "state" / "published.json").read_text())
    (shop / "features" / "mine.toml").write_text(MINE.replace("channel = 'store'", "chanel = 'store'"))
    failed = call(shop, "run", "--no-report")
    assert failed.code == 1 and "chanel" in failed.err and "Traceback" not in failed.err
    now = json.loads((shop / "state" / "published.json").read_text())
    assert now["held_back"]["gold.customer_features"] == "waits for silver.customer_orders_days"
    assert now["tables"]["gold.customer_features"] == pointer["tables"]["gold.customer_features"]
    # And without the file everything is as it was.
    (shop / "features" / "mine.toml").unlink()
    assert run(shop)["status"] == "published"
    assert not _has(shop, "store_share")


def _has(shop: Path, column: str) -> bool:
    try:
        rows(shop, f"SELECT {column} FROM gold.customer_features")
    except duckdb.BinderException:
        return False
    return True
