"""Expressions: Python and SQL give one value, whatever stands in the row; what could differ is refused."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.errors import ModelError
from floorwalker.profiles.catalogue import ALL
from floorwalker.profiles.features.expression import parse

TYPES = {
    "a": "BIGINT",
    "b": "BIGINT",
    "m": "DECIMAL(18,4)",
    "x": "DOUBLE",
    "t": "VARCHAR",
    "d": "DATE",
    "e": "DATE",
    "f": "BOOLEAN",
}
EXPRESSIONS = [
    "a + b * 2 - 7", "a / b", "a / b / m",
    "(a + b) / (a - b)", "m - a", "m * 2", "x * 2.5 + a", "-m", "a % b", "ABS(m)",
    "SQRT(ABS(x))", "FLOOR(x / 3)",
    "a > b AND f", "a > b OR f", "NOT f", "f = FALSE", "a IS NULL", "a IS NOT NULL AND b > 1",
    "t = 'web' AND a >= 1",
    "t IN ('web', 'app')", "t NOT IN ('web')",
    "t <> 'x'", "a BETWEEN 1 AND 3", "COALESCE(a, b, 0)",
    "NULLIF(a, 0)",
    "GREATEST(a, b)", "LEAST(a, b, 3)", "CASE WHEN a > 1 THEN 'big' WHEN a = 1 THEN 'one' END",
    "CASE WHEN f THEN a ELSE b END",
    "DAYS(d, e)", "DAYS(CAST('1970-01-05' AS DATE), d) % 7", "YEAR(d) * 12 + MONTH(d)",
    "SUBSTRING(t, 1, 2)", "LENGTH(t)", "LOWER(t)", "CAST(a AS VARCHAR)", "CAST(a AS DOUBLE)", "x > m", "a = m",
    "d < e", "d >= CAST('2026-01-01' AS DATE)",
]  # fmt: skip

numbers = st.none() | st.integers(-5, 5)
row = st.fixed_dictionaries(
    {
        "a": numbers, "b": numbers, "m": st.none() | st.decimals(-100, 100, places=4),
        "x": st.none() | st.floats(-1e6, 1e6), "t": st.none() | st.sampled_from(["web", "App", "", "éa", "x"]),
        "d": st.none() | st.dates(dt.date(1995, 1, 1), dt.date(2030, 1, 1)),
        "e": st.none() | st.dates(dt.date(1995, 1, 1), dt.date(2030, 1, 1)), "f": st.none() | st.booleans(),
    }
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(row)
def test_python_gives_what_duckdb_gives(values):
    columns = ", ".join(f"CAST(? AS {kind}) AS {name}" for name, kind in TYPES.items())
    listed = ", ".join(parse(text).sql for text in EXPRESSIONS)
    found = duckdb.execute(f"SELECT {listed} FROM (SELECT {columns})", [values[name] for name in TYPES]).fetchall()[0]
    for text, expected in zip(EXPRESSIONS, found, strict=True):
        assert parse(text).value(values) == expected, text


@pytest.mark.parametrize(
    "text",
    ["LN(a)", "POWER(a, 2)", "a::FLOAT", "now()", "(SELECT 1)", "t LIKE 'x%'", "SUM(a)", "a IN (SELECT 1)", "RANDOM()"],
)
def test_what_could_differ_is_refused(text):
    with pytest.raises(ModelError):
        parse(text)


def test_what_does_not_parse_says_so():
    with pytest.raises(ModelError, match="is not an expression"):
        parse("a + ")


def test_every_expression_and_condition_of_the_catalogue_is_in_the_language():
    for features in ALL:
        for one in features.features:
            for text in (one.expression, one.aggregate and one.aggregate.where, one.aggregate and one.aggregate.key):
                assert not text or parse(text).value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("channel IN (store_id)", ("store_id", "compare with = and OR")),
        ("channel IN ('web', NULL)", ("IN lists NULL", "compare with = and OR")),
        ("amount > 1e5", ("exponent", "write it out")),
        ("CAST(amount AS DECIMAL(10))", ("unknown size", "DECIMAL(28, 4)")),
        ("o.amount > 1", ("names a table", "write amount")),
    ],
)
def test_what_would_differ_between_sql_and_python_is_refused(text, told):
    with pytest.raises(ModelError) as caught:
        parse(text)
    for word in told:
        assert word in str(caught.value)
