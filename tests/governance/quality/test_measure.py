"""One look at a table: figures by hand, nothing of private columns, samples that count all rows."""

from __future__ import annotations

import duckdb
import pytest

from floorwalker.governance.quality.measure import days_of, measure


@pytest.fixture
def connection():
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE t AS SELECT CASE WHEN n % 2 = 0 THEN 'till' ELSE 'web' END AS source, n AS amount,"
        " CASE WHEN n % 4 = 0 THEN NULL ELSE 'UK' END AS country, 'p' || n AS product, n % 5 = 0 AS sold,"
        " 'ann' || n % 3 AS given_name, DATE '2026-01-01' + CAST(n % 7 AS INTEGER) AS occurred_on,"
        " CAST(NULL AS VARCHAR) AS nothing FROM range(1000) AS r(n)"
    )
    return connection


def test_figures_by_hand(connection):
    (one,) = measure(connection, "t")
    columns = one.columns
    assert (one.rows, one.looked_at) == (1000, 1000)
    assert columns["country"].empty == 0.25 and columns["country"].shape == {"UK": 1.0}
    assert columns["sold"].shape == {"true": 0.2, "false": 0.8}
    amount = columns["amount"]
    assert (amount.low, amount.high, amount.mean) == ("0", "999", 499.5)
    assert amount.shape is not None and len(amount.shape) == 21 and amount.shape[10] == 499
    assert columns["product"].shape is None and 900 < columns["product"].distinct < 1100
    assert (columns["occurred_on"].low, columns["occurred_on"].high) == ("2026-01-01", "2026-01-07")
    assert columns["nothing"].empty == 1.0


def test_private_columns_give_rates_only(connection):
    (one,) = measure(connection, "t", private={"given_name", "amount", "occurred_on", "sold"})
    for name in ("given_name", "amount", "occurred_on", "sold"):
        column = one.columns[name]
        assert (column.low, column.high, column.mean, column.shape) == (None, None, None, None)
        assert column.empty == 0.0
    assert "ann" not in repr(one)


def test_rare_values_are_not_kept(connection):
    connection.execute("UPDATE t SET country = 'a person typed this' WHERE amount = 1")
    (one,) = measure(connection, "t")
    assert isinstance(one.columns["country"].shape, dict) and set(one.columns["country"].shape) == {"UK", ""}


def test_sources_apart_in_one_look(connection):
    found = {one.source: one for one in measure(connection, "t", by_source=True, where="amount < 500")}
    assert {source: one.rows for source, one in found.items()} == {"till": 250, "web": 250}
    assert found["web"].columns["country"].empty == 0.0 and found["till"].columns["country"].empty == 0.5
    assert days_of(connection, "t", "amount < 14")["web", __import__("datetime").date(2026, 1, 2)] == 1


def test_large_tables_are_sampled_but_counted_whole(connection):
    connection.execute("INSERT INTO t SELECT t.* FROM t, range(99)")
    (one,) = measure(connection, "t", sample=5000)
    assert one.rows == 100_000 and 3000 < one.looked_at < 7000
    assert abs(one.columns["country"].empty - 0.25) < 0.05
    again = measure(connection, "t", sample=5000)
    assert again == [one], "the same rows are looked at each time"


def test_plain_columns_are_only_counted_and_an_empty_table_is_no_error(connection):
    (one,) = measure(connection, "t", plain={"amount"})
    assert one.columns["amount"].shape is None and one.columns["amount"].empty == 0.0
    (nothing,) = measure(connection, "t", where="FALSE")
    assert nothing.rows == 0 and set(nothing.columns) == set(one.columns)
    assert measure(connection, "t", where="FALSE", by_source=True) == []
