"""Models become dbt's: names of tables where tables are named, and nowhere else; tests keep what they mean."""

from __future__ import annotations

import duckdb
import jinja2
import pytest

from floorwalker.engines.checks import COLUMN_TESTS, read_tests
from floorwalker.engines.dbt_sql import BUILT_IN, column_tests, generic_tests, singular_test, to_jinja

MODELS = {"silver.orders", "gold.customers", "meta.run"}


def rendered(text: str) -> str:
    """What dbt would send: ref and source as the names of tables again."""
    return (
        jinja2.Environment()
        .from_string(text)
        .render(
            ref=lambda name: name.replace("__", "."),
            source=lambda layer, name: f"{layer}.{name}",
            config=lambda **_: "",
        )
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 AS x FROM silver.orders", "SELECT 1 AS x FROM {{ ref('silver__orders') }} AS orders"),
        ("SELECT o.x FROM silver.orders o", "SELECT o.x FROM {{ ref('silver__orders') }} o"),
        ("SELECT 1 FROM bronze.x AS y;\n", "SELECT 1 FROM {{ source('bronze', 'x') }} AS y"),
        ("SELECT 1 -- silver.orders\nFROM meta.run", "SELECT 1 -- silver.orders\nFROM {{ ref('meta__run') }} AS run"),
        (
            "WITH orders AS (SELECT 'silver.orders' AS s FROM silver.orders AS o) SELECT s FROM orders",
            "WITH orders AS (SELECT 'silver.orders' AS s FROM {{ ref('silver__orders') }} AS o) SELECT s FROM orders",
        ),
        (
            "SELECT silver.orders.x FROM silver.orders",
            "SELECT orders.x FROM {{ ref('silver__orders') }} AS orders",
        ),
        ('SELECT 1 FROM gold."customers"', "SELECT 1 FROM {{ ref('gold__customers') }} AS \"customers\""),
        ("SELECT '{{ x }}', '{% y %}', '{#'", "SELECT '{{ '{{' }} x }}', '{{ '{%' }} y %}', '{{ '{#' }}'"),
        (
            "SELECT 'Zürich ''silver.orders''' AS z FROM silver.orders, gold.customers",
            "SELECT 'Zürich ''silver.orders''' AS z FROM {{ ref('silver__orders') }} AS orders,"
            " {{ ref('gold__customers') }} AS customers",
        ),
    ],
)
def test_only_tables_are_renamed(sql, said):
    assert to_jinja(sql, MODELS) == said


@pytest.mark.parametrize("sql", ["SELECT '{{' AS a, '{%' AS b, '{#' AS c, '}}' AS d", "SELECT 1 AS x /* {# {{ */"])
def test_jinja_gives_the_text_back(sql):
    assert rendered(to_jinja(sql, MODELS)) == sql


def test_tests_of_columns_that_dbt_has_are_its_own():
    about = {"tests": ["not_null", "share"], "accepted": ["a", 1, "it's", "{{ x"], "references": "bronze.stores.id"}
    assert column_tests(about, MODELS) == [
        "not_null",
        "share",
        {"accepted_values": {"arguments": {"values": ["a", "1", "it''s", "{{ '{{' }} x"]}}},
        {"relationships": {"arguments": {"to": "source('bronze', 'stores')", "field": "id"}}},
    ]


def test_every_other_test_of_columns_is_written_and_counts_as_here():
    files = generic_tests()
    assert set(files) == {f"tests/generic/{name}.sql" for name in COLUMN_TESTS if name not in BUILT_IN}
    body = files["tests/generic/share.sql"].splitlines()[2:4]
    asked = jinja2.Template("\n".join(body)).render(
        model="(VALUES (0.5), (1.5), (-1), (NULL)) AS t(x)", column_name="x"
    )
    assert duckdb.sql(asked).fetchall() == [(2,)]
    right = jinja2.Template("\n".join(body)).render(model="(VALUES (0.5), (NULL)) AS t(x)", column_name="x")
    assert duckdb.sql(right).fetchall() == []


@pytest.mark.parametrize(("totals", "wrong"), [((1, 1), 0), ((1, 2), 1), ((1, 1, 3), 1), (("NULL", "NULL"), 0)])
def test_totals_that_differ_are_a_row(totals, wrong):
    document = {"tests": [{"name": "all {{ equal", "equal": [f"SELECT {one} -- as said" for one in totals]}]}
    (test,) = read_tests("silver.orders", document)
    assert len(duckdb.sql(rendered(singular_test(test, MODELS))).fetchall()) == wrong


def test_rows_that_are_wrong_keep_their_severity():
    document = {"tests": [{"name": "none", "sql": "SELECT x FROM silver.orders", "severity": "warn"}]}
    text = singular_test(read_tests("silver.orders", document)[0], MODELS)
    assert "config(severity='warn')" in text and text.endswith("FROM {{ ref('silver__orders') }} AS orders\n")
