"""Data tests beside a model: what must hold in its table, checked each time it is built.

In: a model's TOML document. Out: one result per test, with the number of failing rows and a query that shows them.

    description = "One row per customer"
    [columns.customer_id]
    about = "the customer's stable id"
    tests = ["not_null", "unique"]
    [columns.status]
    accepted = ["granted", "denied"]
    references = "gold.customers.customer_id"       # values must exist there
    [[tests]]
    name = "no negative revenue"
    sql = "SELECT customer_id FROM gold.customers WHERE revenue < 0"     # the rows it returns are wrong
    severity = "warn"                               # default "error": the run stops and publishes nothing
    [[tests]]
    name = "revenue reconciles with the lines"
    equal = ["SELECT CAST(SUM(revenue) AS DECIMAL(28,4)) FROM gold.customers", "SELECT … FROM silver.order_lines"]

>>> tests = read_tests("gold.c", {"columns": {"id": {"tests": ["not_null"]}}})
>>> tests[0].name
'id not_null'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from floorwalker.engines.footers import proven
from floorwalker.errors import ModelError, did_you_mean

COLUMN_TESTS = {
    "not_null": "COUNT(*) FILTER (WHERE {column} IS NULL)",
    "unique": "COUNT({column}) - COUNT(DISTINCT {column})",
    "not_negative": "COUNT(*) FILTER (WHERE {column} < 0)",
    "share": "COUNT(*) FILTER (WHERE {column} < 0 OR {column} > 1)",
}
"""Tests of single columns, and how each counts the rows that fail; all of a table share one scan."""

_DOCUMENT_KEYS = ("description", "owner", "portable", "columns", "tests", "incremental")
_COLUMN_KEYS = ("about", "unit", "tests", "accepted", "references")
_TEST_KEYS = ("name", "sql", "equal", "severity")


@dataclass(frozen=True)
class DataTest:
    """One test. `count`: an expression over the model's table giving failing rows; else `rows` or `equal` as above."""

    model: str
    name: str
    severity: str = "error"
    count: str = ""
    rows: str = ""
    equal: tuple[str, ...] = ()
    column: str = ""
    kind: str = ""
    """Of a test of a single column: which, and a word of `COLUMN_TESTS`."""


@dataclass(frozen=True)
class TestResult:
    """`failures`: number of failing rows, or 1 when two totals differ; `detail` says more in words."""

    __test__ = False  # not a pytest class

    model: str
    test: str
    status: str
    failures: int
    detail: str = ""


def read_tests(model: str, document: dict[str, Any]) -> list[DataTest]:
    """The tests that a document declares. Raises ModelError for words it does not know."""
    _known(model, document, _DOCUMENT_KEYS)
    tests: list[DataTest] = []
    for column, about in document.get("columns", {}).items():
        _known(f"{model}.{column}", about, _COLUMN_KEYS)
        for test in about.get("tests", []):
            if not isinstance(test, str) or test not in COLUMN_TESTS:
                raise ModelError(f"{model}.{column}: unknown test '{test}'", fix=did_you_mean(test, COLUMN_TESTS))
            count = COLUMN_TESTS[test].format(column=column)
            tests.append(DataTest(model, f"{column} {test}", count=count, column=column, kind=test))
        if "accepted" in about:
            values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in about["accepted"])
            tests.append(
                DataTest(model, f"{column} accepted", count=f"COUNT(*) FILTER (WHERE {column} NOT IN ({values}))")
            )
        if "references" in about:
            table, _, key = about["references"].rpartition(".")
            rows = (
                f"SELECT m.{column} FROM {model} AS m WHERE m.{column} IS NOT NULL"
                f" AND NOT EXISTS (SELECT 1 FROM {table} AS r WHERE r.{key} = m.{column})"
            )
            tests.append(DataTest(model, f"{column} references {about['references']}", rows=rows))
    for number, test in enumerate(document.get("tests", []), 1):
        _known(f"{model}, test {number}", test, _TEST_KEYS)
        name = test.get("name", f"test {number}")
        if ("sql" in test) == ("equal" in test):
            raise ModelError(f"{model}: test '{name}' needs either sql or equal")
        severity = test.get("severity", "error")
        if severity not in ("error", "warn"):
            raise ModelError(f"{model}: test '{name}' has severity '{severity}'", fix="error or warn")
        tests.append(DataTest(model, name, severity, rows=test.get("sql", ""), equal=tuple(test.get("equal", ()))))
    return tests


def _known(where: str, table: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in table:
        if key not in keys:
            raise ModelError(f"{where}: unknown key '{key}'", fix=did_you_mean(key, keys))


def tables_of(tests: list[DataTest]) -> set[str]:
    """Tables that tests look at besides their own model: they must be built first."""
    text = " ".join(test.rows + " " + " ".join(test.equal) for test in tests)
    return set(re.findall(r"\b((?:bronze|silver|gold|custom|meta)\.[A-Za-z_]\w*)\b", text))


def run_tests(
    query: Callable[[str], list[tuple[Any, ...]]], model: str, tests: list[DataTest], files: Iterable[str] = ()
) -> list[TestResult]:
    """Run a model's tests. `query` gives the rows of a SELECT; `files`: the table's, where they are known.

    Tests on single columns are answered by the files' footers, the rest of them in one scan of the table.
    """
    files = list(files)
    found = {test: _result(test, 0) for test in (proven(files, tests) if files else ())}
    counted = [test for test in tests if test.count and test not in found]
    if counted:
        row = query(f"SELECT {', '.join(test.count for test in counted)} FROM {model}")[0]
        found |= {test: _result(test, int(failures or 0)) for test, failures in zip(counted, row, strict=True)}
    for test in tests:
        if test.rows:
            ((failures,),) = query(f"SELECT COUNT(*) FROM ({test.rows.strip().rstrip(';')}) AS failing")
            found[test] = _result(test, int(failures))
        elif test.equal:
            totals = [query(total)[0][0] for total in test.equal]
            differ = any(total != totals[0] for total in totals)
            detail = " ≠ ".join(str(total) for total in totals) if differ else f"{totals[0]}"
            found[test] = _result(test, int(differ), detail)
    return [found[test] for test in tests]


def _result(test: DataTest, failures: int, detail: str = "") -> TestResult:
    status = "pass" if failures == 0 else ("fail" if test.severity == "error" else "warn")
    return TestResult(test.model, test.name, status, failures, detail)
