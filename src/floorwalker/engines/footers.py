"""Tests that the footers of a table's files answer, without reading a row.

In: Parquet files and data tests of single columns. Out: those of the tests that surely hold. A footer has for each
column and row group how many values are NULL, and the smallest and largest of the others: enough to say that none is
NULL, or that all lie from 0 to 1. What is not proven this way, because a writer left it out or because it is not so,
has to be counted. DuckDB leaves bounds out where there is a NaN; Arrow passes over it, so its doubles are counted.

>>> import tempfile, duckdb
>>> from floorwalker.engines.checks import read_tests
>>> file = tempfile.mktemp(suffix=".parquet")
>>> _ = duckdb.sql("SELECT 1 AS a, -1 AS b").write_parquet(file)
>>> tests = read_tests("gold.t", {"columns": {"a": {"tests": ["not_null", "share"]}, "b": {"tests": ["not_negative"]}}})
>>> [test.name for test in proven([file], tests)]
['a not_null', 'a share']
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from floorwalker.engines.checks import DataTest

RANGES: dict[str, tuple[int, float]] = {"not_negative": (0, float("inf")), "share": (0, 1)}
"""Tests that ask for values between two bounds, both allowed."""


def proven(files: Iterable[str], tests: Sequence[DataTest]) -> list[DataTest]:
    """The tests that hold for every row of all files, by what their footers say."""
    open_ones = [test for test in tests if test.kind == "not_null" or test.kind in RANGES]
    for file in files if open_ones else ():
        footer = pq.read_metadata(file)
        place = {footer.schema.column(number).path: number for number in range(footer.num_columns)}
        for group in (footer.row_group(number) for number in range(footer.num_row_groups)):
            open_ones = [
                test
                for test in open_ones
                if test.column in place and _holds(test, group.column(place[test.column]), footer.created_by)
            ]
    return open_ones


def _holds(test: DataTest, chunk: Any, writer: str) -> bool:
    said = chunk.statistics
    if said is None or not said.has_null_count:
        return False
    if test.kind == "not_null":
        return said.null_count == 0
    if said.null_count == chunk.num_values:
        return True
    if not said.has_min_max or not isinstance(said.min, int | float | Decimal):
        return False
    if isinstance(said.min, float) and not writer.startswith("DuckDB"):
        return False
    low, high = RANGES[test.kind]
    return bool(low <= said.min and said.max <= high)
