"""Tests beside models find what is wrong, and their own mistakes are named."""

from __future__ import annotations

import duckdb
import pytest

from floorwalker.engines.checks import read_tests, run_tests
from floorwalker.errors import ModelError


@pytest.fixture
def connection():
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    connection.execute("CREATE TABLE gold.t AS SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (NULL, 'x')) AS v(id, word)")
    connection.execute("CREATE TABLE gold.r AS SELECT 'a' AS word UNION ALL SELECT 'b'")
    return connection


def outcome(connection, document) -> dict[str, tuple[str, int]]:
    results = run_tests(lambda sql: connection.execute(sql).fetchall(), "gold.t", read_tests("gold.t", document))
    return {result.test: (result.status, result.failures) for result in results}


def test_column_tests_count_failing_rows(connection):
    document = {
        "columns": {
            "id": {"tests": ["not_null", "unique"]},
            "word": {"accepted": ["a", "b"], "references": "gold.r.word", "tests": ["unique"]},
        }
    }
    assert outcome(connection, document) == {
        "id not_null": ("fail", 1),
        "id unique": ("fail", 1),
        "word unique": ("pass", 0),
        "word accepted": ("fail", 1),
        "word references gold.r.word": ("fail", 1),
    }


def test_totals_that_differ_are_shown(connection):
    document = {"tests": [{"name": "same", "equal": ["SELECT COUNT(*) FROM gold.t", "SELECT COUNT(*) FROM gold.r"]}]}
    result = run_tests(lambda sql: connection.execute(sql).fetchall(), "gold.t", read_tests("gold.t", document))[0]
    assert (result.status, result.detail) == ("fail", "3 ≠ 2")


@pytest.mark.parametrize(
    "document",
    [
        {"colums": {}},
        {"columns": {"id": {"tests": ["uniqe"]}}},
        {"tests": [{"name": "both", "sql": "SELECT 1", "equal": []}]},
        {"tests": [{"name": "neither"}]},
        {"tests": [{"sql": "SELECT 1", "severity": "loud"}]},
    ],
)
def test_mistakes_in_a_document_are_errors(document):
    with pytest.raises(ModelError):
        read_tests("gold.t", document)
