"""Column lineage of single queries: every construct that models use, by hand."""

from __future__ import annotations

import pytest

from floorwalker.engines.columns import columns_of
from floorwalker.engines.relations import Relation

TABLES = {
    "silver.lines": ("order_key", "customer_id", "product_id", "quantity", "price", "country", "sold_on"),
    "silver.products": ("product_id", "name", "category", "cost"),
    "meta.run": ("run_id", "as_of"),
}


def of(sql: str, tables=TABLES) -> Relation:
    return columns_of(sql, tables)


def inputs(sql: str, column: str) -> dict[str, str]:
    return {name.removeprefix("silver."): how for name, how in of(sql).columns[column].inputs.items()}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT price AS x FROM silver.lines", {"lines.price": "value"}),
        (
            "SELECT l.quantity * l.price AS x FROM silver.lines AS l",
            {"lines.quantity": "value", "lines.price": "value"},
        ),
        ("SELECT 1 AS x FROM silver.lines", {}),
        ("SELECT COUNT(*) AS x FROM silver.lines", {"lines.*": "rows"}),
        (
            "SELECT CASE WHEN country = 'UK' THEN price ELSE quantity END AS x FROM silver.lines",
            {"lines.country": "condition", "lines.price": "value", "lines.quantity": "value"},
        ),
        (
            "SELECT CASE country WHEN 'UK' THEN price END AS x FROM silver.lines",
            {"lines.country": "condition", "lines.price": "value"},
        ),
        (
            "SELECT SUM(price) FILTER (WHERE quantity > 0) AS x FROM silver.lines",
            {"lines.price": "value", "lines.quantity": "condition"},
        ),
        (
            "SELECT LAG(price) OVER (PARTITION BY customer_id ORDER BY sold_on) AS x FROM silver.lines",
            {"lines.price": "value", "lines.customer_id": "order", "lines.sold_on": "order"},
        ),
        (
            "SELECT ROW_NUMBER() OVER (ORDER BY price DESC) AS x FROM silver.lines",
            {"lines.price": "order"},
        ),
        (
            "SELECT STRING_AGG(country, ',' ORDER BY sold_on) AS x FROM silver.lines",
            {"lines.country": "value", "lines.sold_on": "order"},
        ),
        # a column used in two ways counts as the stronger
        ("SELECT CASE WHEN price > 0 THEN price END AS x FROM silver.lines", {"lines.price": "value"}),
        (
            "WITH a AS (SELECT price AS p, country FROM silver.lines), b AS (SELECT p * 2 AS q FROM a)"
            " SELECT q AS x FROM b",
            {"lines.price": "value"},
        ),
        (
            "SELECT price AS x FROM silver.lines UNION ALL SELECT cost FROM silver.products",
            {"lines.price": "value", "products.cost": "value"},
        ),
        (
            "SELECT t.x FROM (SELECT MAX(price) AS x FROM silver.lines) AS t",
            {"lines.price": "value"},
        ),
        (
            "SELECT l.price - (SELECT MIN(p.cost) FROM silver.products AS p WHERE p.product_id = l.product_id) AS x"
            " FROM silver.lines AS l",
            {
                "lines.price": "value",
                "products.cost": "value",
                "products.product_id": "condition",
                "lines.product_id": "condition",
            },
        ),
        (
            "SELECT EXISTS (SELECT 1 FROM silver.products AS p WHERE p.product_id = l.product_id) AS x"
            " FROM silver.lines AS l",
            {"products.product_id": "condition", "lines.product_id": "condition"},
        ),
        ("SELECT list_transform([price], v -> v + quantity) AS x FROM silver.lines",
         {"lines.price": "value", "lines.quantity": "value"}),
        ("SELECT x FROM (SELECT price, country FROM silver.lines) AS t(x, y)", {"lines.price": "value"}),
        ("SELECT DATE_DIFF('day', l.sold_on, q.as_of) AS x FROM silver.lines AS l CROSS JOIN meta.run AS q",
         {"lines.sold_on": "value", "meta.run.as_of": "value"}),
        ("SELECT price AS y, y + 1 AS x FROM silver.lines", {"lines.price": "value"}),
        ("SELECT t.v AS x FROM silver.lines AS l, UNNEST([l.price, l.quantity]) AS t(v)",
         {"lines.price": "value", "lines.quantity": "value"}),
        # a struct's field belongs to its column
        ("SELECT country.code AS x FROM silver.lines", {"lines.country": "value"}),
        ("SELECT PRICE AS x FROM silver.lines", {"lines.price": "value"}),
        ("WITH RECURSIVE n AS (SELECT price AS x FROM silver.lines UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
         {"lines.price": "value"}),
    ],
)  # fmt: skip
def test_inputs(sql, expected):
    assert inputs(sql, "x") == expected


def test_stars_are_opened_in_order_and_may_leave_out_replace_and_rename():
    assert list(of("SELECT l.* FROM silver.lines AS l").columns) == list(TABLES["silver.lines"])
    found = of("SELECT * EXCLUDE (country) REPLACE (price * 2 AS price) FROM silver.lines")
    assert "country" not in found.columns and found.columns["price"].inputs == {"silver.lines.price": "value"}
    assert not found.columns["price"].copied and found.columns["quantity"].copied
    joined = of("SELECT * FROM silver.lines JOIN silver.products USING (product_id)")
    assert [*joined.columns].count("product_id") == 1 and "cost" in joined.columns


def test_filters_joins_and_groups_are_told_with_the_columns_in_them():
    found = of(
        "SELECT l.customer_id, SUM(l.price) AS spent, MAX(p.category) AS liked FROM silver.lines AS l"
        " LEFT JOIN silver.products AS p ON p.product_id = l.product_id WHERE l.quantity > 0 AND l.country IS NOT NULL"
        " GROUP BY l.customer_id HAVING SUM(l.price) > 10"
    )
    told = {(one.reason, one.text) for one in found.columns["spent"].influences}
    assert told == {
        ("filter", "l.quantity > 0 AND l.country IS NOT NULL"),
        ("group", "l.customer_id"),
        ("filter", "SUM(l.price) > 10"),
        ("join", "p.product_id = l.product_id"),  # rows are summed: a join may double them
    }
    where = next(one for one in found.columns["spent"].influences if one.text.startswith("l.quantity"))
    assert where.inputs == ("silver.lines.country", "silver.lines.quantity")


def test_a_left_join_touches_only_the_columns_of_its_side():
    found = of(
        "SELECT l.price, p.category FROM silver.lines AS l"
        " LEFT JOIN silver.products AS p ON p.product_id = l.product_id"
    )
    assert found.columns["price"].influences == ()
    assert [one.reason for one in found.columns["category"].influences] == ["join"]
    inner = of(
        "SELECT l.price, p.category FROM silver.lines AS l JOIN silver.products AS p ON p.product_id = l.product_id"
    )
    assert [one.reason for one in inner.columns["price"].influences] == ["join"]


def test_filters_of_a_cte_reach_only_what_is_made_of_it():
    found = of(
        "WITH dear AS (SELECT product_id, cost FROM silver.products WHERE cost > 10)"
        " SELECT l.price, d.cost FROM silver.lines AS l LEFT JOIN dear AS d ON d.product_id = l.product_id"
    )
    assert found.columns["price"].influences == ()
    assert {one.text for one in found.columns["cost"].influences} == {"cost > 10", "d.product_id = l.product_id"}


def test_qualify_uses_names_of_the_select():
    found = of("SELECT product_id, ROW_NUMBER() OVER (ORDER BY price) AS place FROM silver.lines QUALIFY place = 1")
    (qualify,) = found.columns["product_id"].influences
    assert (qualify.reason, qualify.inputs) == ("filter", ("silver.lines.price",))


def test_a_table_whose_columns_nobody_knows_is_believed():
    found = of("SELECT m.customer_id FROM silver.map AS m", {"silver.map": None})
    assert found.columns["customer_id"].inputs == {"silver.map.customer_id": "value"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM (PIVOT silver.lines ON country USING SUM(price))",
        "SELECT COLUMNS('p.*') FROM silver.lines",
        "SELECT * FROM read_parquet('x.parquet')",
    ],
)
def test_what_cannot_be_followed_is_no_error(sql):
    assert isinstance(of(sql), Relation)
