"""A user's own models: they join the run, and a test of theirs that fails stops it before anything is published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run, tables


def test_own_models_join_the_run_in_the_order_their_sql_demands(shop: Path) -> None:
    (shop / "sql" / "a_total.sql").write_text(
        "SELECT CAST(SUM(revenue) AS DECIMAL(28,4)) AS total FROM custom.buyers\n"
    )
    (shop / "sql" / "buyers.sql").write_text("SELECT customer_id, revenue FROM gold.customers WHERE orders > 0\n")
    (shop / "sql" / "buyers.toml").write_text(
        'description = "Who bought"\n[columns.customer_id]\ntests = ["not_null", "unique"]\n'
    )
    result = run(shop)
    assert (result["status"], result["tables_built"]) == ("published", 2)
    assert str(rows(shop, "SELECT total FROM custom.a_total")) == "[(Decimal('105.0000'),)]"
    order = [row["table"] for row in call(shop, "models", "list", "--json").json]
    assert order.index("gold.customers") < order.index("custom.buyers") < order.index("custom.a_total")
    assert "Dialect" not in call(shop, "models", "show", "custom.buyers", "--dialect", "spark").err

    # A test that fails holds back its table and what reads it, at what was published; nothing else.
    seen = tables(shop)
    (shop / "sql" / "buyers.sql").write_text("SELECT 'same' AS customer_id, revenue FROM gold.customers\n")
    done = call(shop, "run")
    assert done.code == 1
    assert "custom.buyers: test 'customer_id unique' failed" in done.err, done.err
    assert "nothing of it was published" in done.err
    assert "held back custom.a_total: waits for custom.buyers" in done.out
    assert tables(shop) == seen
    assert set(call(shop, "status", "--json").json["published"]["held_back"]) == {"custom.buyers", "custom.a_total"}
    (shop / "data" / "till_2026_03.csv").write_text(
        "receipt;line;sold_at;sku;name;qty;price;email;card\nR9;1;05/02/2026 10:00;B;Scarf;1;20,00;ann@example.com;\n"
    )
    assert call(shop, "run").code == 1
    assert str(rows(shop, "SELECT SUM(revenue) FROM gold.customers")) == "[(Decimal('125.0000'),)]"
    assert str(rows(shop, "SELECT total FROM custom.a_total")) == "[(Decimal('105.0000'),)]"
    assert "held back custom.buyers" in call(shop, "status").out

    # Mended, it is brought up to date.
    (shop / "sql" / "buyers.sql").write_text("SELECT customer_id, revenue FROM gold.customers WHERE orders > 0\n")
    assert call(shop, "run").code == 0
    assert str(rows(shop, "SELECT total FROM custom.a_total")) == "[(Decimal('125.0000'),)]"
    assert call(shop, "status", "--json").json["published"]["held_back"] == {}


def test_a_table_that_decisions_need_stops_the_run_when_it_never_was(shop: Path) -> None:
    shutil.rmtree(shop / "state")
    (shop / "data" / "rates.csv").write_text("currency,rate,day\nUSD,0.50,2026-01-01\n")
    done = call(shop, "run")
    assert done.code == 1 and "exchange rate" in done.err
    assert not (shop / "state" / "published.json").exists()


def test_errors_in_a_model_name_the_file_and_the_line(shop: Path) -> None:
    file = shop / "sql" / "mine.sql"
    seen = tables(shop)
    for sql, told in (
        ("SELECT\n  revenu\nFROM gold.customers\n", ("mine.sql", "line 2", "revenu")),
        ("SELECT 1 AS x FROM gold.customer\n", ("mine.sql", "gold.customer", "did you mean 'gold.customers'")),
        ("SELECT FROM WHERE\n", ("mine.sql",)),
        ("SELECT x FROM custom.mine\n", ("mine",)),
    ):
        file.write_text(sql)
        done = call(shop, "run")
        assert done.code == 1 and "Traceback" not in done.err
        for word in told:
            assert word in done.err, done.err
    file.unlink()
    (shop / "sql" / "gold").mkdir()
    (shop / "sql" / "gold" / "customers.sql").write_text("SELECT 1 AS x\n")
    done = call(shop, "run")
    assert done.code == 1 and "would replace the product's own gold.customers" in done.err
    assert tables(shop) == seen


@pytest.mark.slow
def test_lint_finds_what_does_not_travel(shop: Path) -> None:
    (shop / "sql" / "mine.sql").write_text(
        "SELECT customer_id,\n  SUM(revenue) AS total\nFROM gold.customers\nGROUP BY ALL\n"
    )
    done = call(shop, "models", "lint")
    assert done.code == 1 and "mine.sql" in done.out and "GROUP BY ALL" in done.out
    refused = call(shop, "run")
    assert refused.code == 1 and "mine.sql:" in refused.err and "portable = false" in refused.err
