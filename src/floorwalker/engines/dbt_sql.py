"""A model's SQL as dbt reads it: `{{ ref() }}` and `{{ source() }}` in the places of table names, all else untouched.

In: SQL in DuckDB's dialect and which tables are models. Out: the same text with Jinja in it; a data test as dbt has it.

The places come from the parsed tree, so that a table's name in a string or a comment stays what it is; comments and
lines stay as they were written. `{{` in the text itself is escaped.

>>> said = to_jinja("SELECT orders.n, 'silver.orders' AS x FROM silver.orders JOIN bronze.x AS s", {"silver.orders"})
>>> print(said.replace(" FROM", chr(10) + "FROM").replace(" JOIN", chr(10) + "JOIN"))
SELECT orders.n, 'silver.orders' AS x
FROM {{ ref('silver__orders') }} AS orders
JOIN {{ source('bronze', 'x') }} AS s
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import sqlglot
from sqlglot import exp

from floorwalker.engines.checks import COLUMN_TESTS, DataTest

BUILT_IN = ("not_null", "unique")
"""Tests that dbt has itself, with the meaning they have here."""


def model_name(table: str) -> str:
    """dbt's name of a model, which is one for all schemas: `silver.orders` → `silver__orders`."""
    return table.replace(".", "__")


def reference(table: str, models: Collection[str]) -> str:
    """How dbt's expressions name a table.

    >>> reference("silver.orders", {"silver.orders"}), reference("bronze.stores", ())
    ("ref('silver__orders')", "source('bronze', 'stores')")
    """
    if table in models:
        return f"ref('{model_name(table)}')"
    layer, _, name = table.partition(".")
    return f"source('{layer}', '{name}')"


def to_jinja(sql: str, models: Collection[str]) -> str:
    """The text with every table named as dbt wants it. A table without an alias gets its own name as one."""
    text = sql.strip().rstrip(";").rstrip()
    edits: list[tuple[int, int, str]] = []
    tree = sqlglot.parse_one(text, dialect="duckdb")
    for table in tree.find_all(exp.Table):
        if table.db:
            alias = "" if table.alias else f" AS {_end(table.this, text)}"
            place = f"{{{{ {reference(f'{table.db}.{table.name}', models)} }}}}{alias}"
            edits.append((_start(table.args["db"]), table.this.meta["end"] + 1, place))
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):
            edits.append((_start(column.args["db"]), _start(column.args["table"]), ""))
    written, done = [], 0
    for start, end, place in sorted(edits):
        written += [escaped(text[done:start]), place]
        done = end
    return "".join([*written, escaped(text[done:])])


def _start(identifier: exp.Expr) -> int:
    return int(identifier.meta["start"])


def _end(identifier: exp.Expr, text: str) -> str:
    """An identifier as it stands in the text, quotes included."""
    return text[_start(identifier) : int(identifier.meta["end"]) + 1]


def escaped(text: str) -> str:
    """Text that Jinja leaves as it is.

    >>> escaped("a {{ b }} {% c")
    "a {{ '{{' }} b }} {{ '{%' }} c"
    """
    return re.sub(r"\{[{%#]", lambda found: f"{{{{ '{found[0]}' }}}}", text)


def column_tests(about: dict[str, Any], models: Collection[str]) -> list[Any]:
    """The tests of one column, as `data_tests` of a dbt properties file."""
    tests: list[Any] = list(about.get("tests", []))
    if "accepted" in about:
        # dbt puts quotes around a value and leaves those within as they are.
        values = [escaped(str(value).replace("'", "''")) for value in about["accepted"]]
        tests.append({"accepted_values": {"arguments": {"values": values}}})
    if "references" in about:
        table, _, key = about["references"].rpartition(".")
        tests.append({"relationships": {"arguments": {"to": reference(table, models), "field": key}}})
    return tests


def generic_tests() -> dict[str, str]:
    """Tests of single columns that dbt lacks: file → text, from the definitions that the runner itself uses."""
    files = {}
    for name, count in COLUMN_TESTS.items():
        if name not in BUILT_IN:
            failures = count.format(column="{{ column_name }}")
            files[f"tests/generic/{name}.sql"] = (
                f"{{% test {name}(model, column_name) %}}\n"
                '{{ config(fail_calc="COALESCE(MAX(failures), 0)") }}\n'
                f"SELECT failures FROM (SELECT {failures} AS failures FROM {{{{ model }}}}) AS counted\n"
                "WHERE failures > 0\n{% endtest %}\n"
            )
    return files


def singular_test(test: DataTest, models: Collection[str]) -> str:
    """A test with SQL of its own: the rows that are wrong, or totals that differ."""
    head = f"-- {test.model}: {escaped(test.name)}\n{{{{ config(severity='{test.severity}') }}}}\n"
    if test.rows:
        return f"{head}{to_jinja(test.rows, models)}\n"
    totals = ",\n".join(
        f"  ({to_jinja(sql, models)}\n  ) AS total_{number}" for number, sql in enumerate(test.equal, 1)
    )
    differ = " OR ".join(f"total_{number} IS DISTINCT FROM total_1" for number in range(2, len(test.equal) + 1))
    return f"{head}SELECT * FROM (SELECT\n{totals}\n) AS totals\nWHERE {differ or 'FALSE'}\n"
