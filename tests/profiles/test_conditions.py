"""Conditions: what a marketer may write is understood; whatever could reach beyond one customer's row is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.errors import ConfigError
from floorwalker.profiles.conditions import parse, resolve
from floorwalker.profiles.segments import CUSTOMER_COLUMNS

KNOWN = {**CUSTOMER_COLUMNS, "as_of": "DATE"}


@pytest.mark.parametrize("name", sorted(CUSTOMER_COLUMNS))
def test_every_column_can_be_asked_about(name: str) -> None:
    assert parse(f"{name} IS NOT NULL", KNOWN).names == (name,)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("has_loyalty", ["has_loyalty"]),
        ("(orders > 1 AND (lines > 2)) AND NOT has_loyalty", ["orders > 1", "lines > 2", "NOT has_loyalty"]),
        ("orders > 1 OR lines > 2 AND units > 3", ["orders > 1 OR lines > 2 AND units > 3"]),
        ("ORDERS > 1 -- more than one", ["ORDERS > 1"]),
        ("lower(city) LIKE 'new%' AND market IN ('uk', 'de')", ["LOWER(city) LIKE 'new%'", "market IN ('uk', 'de')"]),
        ("first_order_on > as_of - INTERVAL 60 DAY", ["first_order_on > as_of - INTERVAL '60' DAY"]),
        ("last_order_on >= DATE '2026-01-01'", ["last_order_on >= CAST('2026-01-01' AS DATE)"]),
        (" OR ".join(f"city = 'c{i}'" for i in range(200)), None),
    ],
)
def test_what_a_marketer_writes_is_understood(text: str, parts: list[str] | None) -> None:
    condition = parse(text, KNOWN)
    if parts is not None:
        assert [part.sql for part in condition.parts] == parts
    assert parse(condition.sql, KNOWN, longest=10_000).sql == condition.sql


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("-- nothing", "empty"),
        ("orders >", "not a condition"),
        ("orders > 0; DROP TABLE gold.customers", "2 statements"),
        ("orders > 0 UNION SELECT 1", "not allowed"),
        ("orders", "is a BIGINT, not true or false"),
        ("ordres > 0", "did you mean 'orders'"),
        ("other.orders > 0", "names a table"),
        ("orders IN (SELECT 1)", "IN takes a list"),
        ("EXISTS (SELECT 1 FROM bronze.orders)", "not allowed"),
        ("orders > (SELECT max(orders) FROM gold.customers)", "not allowed"),
        ("read_text('/etc/passwd') IS NOT NULL", "not allowed"),
        ("getenv('HOME') = 'x'", "not allowed"),
        ("random() < 0.5", "not allowed"),
        ("last_order_on = current_date", "not allowed"),
        ("count(*) > 1", "not allowed"),
        ("row_number() OVER () = 1", "not allowed"),
        ("orders > $limit", "not allowed"),
        ("CAST(city AS INTEGER) > 1", "casts a column"),
        ("CAST('x' AS JSON) IS NULL", "cannot cast"),
        ("orders = 'many'", "Could not convert"),
        ("last_order_on > '2026-13-45'", "2026-13-45"),
        ("city > 5", "Cannot compare"),
        ("NOT " * 900 + "has_loyalty", "nested too deeply"),
        ("orders > 0" + " " * 5000, "characters"),
    ],
)
def test_what_reaches_beyond_a_row_is_refused_and_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(text, KNOWN, "segment 'x'")
    assert says in str(refusal.value)
    assert str(refusal.value).startswith("segment 'x'")


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_a_config_error(text: str) -> None:
    try:
        parse(text, KNOWN)
    except ConfigError as refusal:
        assert refusal.what


def test_quantities_become_literals() -> None:
    known = {**KNOWN, "bar": "DECIMAL(28,4)", "floor": "BIGINT", "none": "BIGINT"}
    tree = parse("revenue >= bar AND orders > floor AND first_order_on > as_of AND lines > none", known).tree
    values = {"bar": Decimal("1E+3"), "floor": -2, "as_of": dt.date(2026, 1, 31), "none": None}
    resolved = resolve(tree, values)
    assert resolved == (
        "revenue >= 1000 AND orders > (-2) AND first_order_on > CAST('2026-01-31' AS DATE) AND lines > NULL"
    )
    assert parse(resolved, KNOWN).sql == resolved
    assert "bar" in tree.sql()
    with pytest.raises(ConfigError, match="quantity of type list"):
        resolve(tree, {"bar": [1]})


def test_conditions_travel_to_spark() -> None:
    condition = parse("first_order_on > as_of - INTERVAL 60 DAY AND lower(city) LIKE 'a%'", KNOWN)
    (spark,) = sqlglot.transpile(condition.sql, read="duckdb", write="spark")
    assert spark == "first_order_on > as_of - INTERVAL '60' DAY AND LOWER(city) LIKE 'a%'"
