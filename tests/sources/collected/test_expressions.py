"""Expressions of mappings give in Python what a database makes of them."""

from __future__ import annotations

import functools
import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tests.sources.collected.odd_events import Odd

from floorwalker.sources.collected import COLLECTED, values
from floorwalker.sources.collected.expressions import TEXTS, TREES, Compiler, NotCompiled, parsed
from floorwalker.sources.mapping import load_mapping

OWN = (
    "properties->>'$.a'", "properties->>'a'", "properties->'$.a'->>'$.id'", "properties->>'$.a[0]'",
    "line->>'$.a.id.x'",
    "json_type(properties->'$.a')", "json_type(context->'$.a.id')", "context->>'$.a'", "(context->>'$.a.id')",
    "json_extract_string(properties, '$.a')", "properties->'$.a'", "context->'$.a'", "properties->>'$.\"x y\"'",
    "coalesce(properties->>'$.a', line->>'$.a', 'none')", "CASE WHEN email <> '' THEN phone ELSE 'x' END",
    "CASE event_name WHEN 'a' THEN '1' WHEN 'true' THEN '2' END", "if(email = phone, 'same', email)", "email <> phone",
    "NOT (email = 'a' OR phone = 'a')", "NOT (email = 'a' AND phone = 'a')", "email IS NULL", "email IS NOT NULL",
    "email IN ('a', 'true', 'GBP')", "email NOT IN ('a', 'true')", "NOT starts_with(email, 'P')",
    "starts_with(email, '')",
    "coalesce(email, '') = ''", "coalesce(email, '') <> ''", "email <> ''", "NOT email <> ''", "email = ''",
    "lower(email)", "upper(email)", "trim(email)", "left(email, 2)", "substring(email, 2, 3)", "substr(email, 3)",
    "replace(email, '.', ',')", "nullif(trim(email), '')", "nullif(email, phone)", "email || '-' || phone",
    "concat(email, '-', phone)", "CASE WHEN email = 'a' THEN NULL ELSE email END", "CAST(email AS VARCHAR)",
    "CAST(properties->'$.a' AS VARCHAR)", "left(occurred_at, 10)", "properties", "(properties->'$.a') IS NULL",
    "properties->>'$.a' IS NULL", "true", "NULL", "'it''s'", "CASE WHEN email = 'a' OR NULL IS NULL THEN 1 ELSE 0 END",
    "email = 'a' AND (phone = 'a' OR starts_with(event_name, 'S'))", "properties->>'$.a' = 'a'",
)  # fmt: skip
MAPPED = tuple(
    column.expression
    for item in load_mapping(COLLECTED).maps
    for column in item.columns
    if column.expression is not None
)


def expressions() -> list[str]:
    return list(dict.fromkeys((*OWN, *MAPPED)))


def by_python(sql: str, rows: list[dict[str, Any]]) -> list[Any]:
    made = Compiler().value(parsed(sql))
    names = ", ".join((*TEXTS, *TREES))
    space = dict(vars(values))
    exec(f"def it({names}):\n    s = {made.code}\n    return s", space)
    found = []
    for row in rows:
        value = space["it"](**row)
        if made.kind == "json":
            value = None if value is values.MISSING else values.json_text(value)
        found.append(value)
    return found


@functools.cache
def given() -> duckdb.DuckDBPyConnection:
    """A database with the rows."""
    connection = duckdb.connect(config={"threads": 1})
    columns: dict[str, list[Any]] = {name: [row[name] for row in ROWS] for name in TEXTS if name != "occurred_at"}
    columns["occurred_at"] = [values.written(row["occurred_at"]) for row in ROWS]
    for name in TREES:
        columns[name] = [values.json_text(row[name]) for row in ROWS]
    connection.register("arrow", pa.table({name: pa.array(one, pa.string()) for name, one in columns.items()}))
    merged = "json_merge_patch('{}'::JSON, context::JSON)::VARCHAR AS context"
    connection.execute(f"CREATE TABLE given AS SELECT * REPLACE ({merged}) FROM arrow")
    return connection


def by_database(sql: str) -> list[Any]:
    return [one for (one,) in given().execute(f"SELECT TRY(({sql})) FROM given").fetchall()]


def rows_of(seed: int, count: int) -> list[dict[str, Any]]:
    odd = Odd(seed, 0.4)
    known = ("a", "id", "email", "firstName", "address", "sku", "quantity", "page", "price", "x y")
    found = []
    for _ in range(count):
        row: dict[str, Any] = {name: odd.value(None, "a", "P-10", "true") for name in TEXTS}
        row = {name: one if one is None or isinstance(one, str) else json.dumps(one) for name, one in row.items()}
        row |= {name: {key: odd.odd() for key in known if odd.maybe(0.6)} for name in TREES}
        found.append(row | {"occurred_at": 1_772_366_400_000_000 + odd.rng.randrange(10**12)})
    return found


ROWS = rows_of(1, 400)


@pytest.mark.parametrize("sql", expressions())
def test_it_is_what_a_database_makes_of_it(sql: str) -> None:
    assert by_python(sql, ROWS) == by_database(sql)


@pytest.mark.parametrize("sql", [
    "regexp_extract(email, '@')", "nobody", "email = properties->'$.a'", "email > 'a'", "properties->>'$.*'", "1.5",
    "CASE WHEN email = 'a' THEN 1 ELSE 'x' END", "email->>'$.a'", "context", "left(email, -1)", "as_number(email)",
    "coalesce(properties->'$.a', line->'$.a')", "CASE email WHEN phone THEN 'x' END", "email LIKE 'a%'",
    "trim(email, 'x')",
    "properties->>'/a/b'", "CAST(email AS INTEGER)", "substring(email, 0, 2)", "line", "email IN (SELECT 1)",
    "length(email)",
])  # fmt: skip
def test_what_it_does_not_know_it_says(sql: str) -> None:
    with pytest.raises(NotCompiled):
        Compiler().value(parsed(sql))
