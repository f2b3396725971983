"""Engines give the same rows for the same SQL, and say the same when they cannot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from floorwalker.engines.sql import SqlEngine, SqlError
from floorwalker.engines.sql_duckdb import DuckDBSql
from floorwalker.errors import StateError

NOON = dt.datetime(2026, 1, 2, 12, 30, tzinfo=dt.UTC)


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.slow)])
def engine(request) -> Iterator[SqlEngine]:
    if request.param == "spark":
        yield request.getfixturevalue("spark")
        return
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for schema in ("bronze", "silver", "gold", "meta"):
        connection.execute(f"CREATE SCHEMA {schema}")
    engine = DuckDBSql(connection)
    yield engine
    engine.close()
    connection.close()


def parquet(folder: Path, name: str, **columns: pa.Array) -> str:
    pq.write_table(pa.table(columns), folder / name)
    return str(folder / name)


def test_a_table_is_its_files_and_columns_that_one_lacks_are_null_there(engine, tmp_path):
    old = parquet(tmp_path, "old.parquet", x=pa.array([1, 2], pa.int64()))
    new = parquet(tmp_path, "new.parquet", x=pa.array([3], pa.int64()), y=pa.array(["b"]))
    engine.show("bronze.t", [old, new])
    assert engine.rows("SELECT t.x, t.y FROM bronze.t AS t ORDER BY t.x") == [(1, None), (2, None), (3, "b")]
    engine.show("bronze.t", [new])
    assert engine.rows("SELECT t.x, t.y FROM bronze.t AS t") == [(3, "b")]


def test_views_stand_on_views_and_can_be_replaced(engine, tmp_path):
    engine.show("bronze.t", [parquet(tmp_path, "t.parquet", x=pa.array([1, 2, 3], pa.int64()))])
    engine.define("touched", "SELECT t.x FROM bronze.t AS t WHERE t.x > 1")
    engine.define("silver.t", "SELECT t.x FROM bronze.t AS t JOIN touched AS c ON c.x IS NOT DISTINCT FROM t.x")
    assert engine.rows("SELECT COUNT(*) FROM silver.t") == [(2,)]
    engine.define("touched", "SELECT t.x FROM bronze.t AS t WHERE t.x > 2")
    assert engine.rows("SELECT COUNT(*) FROM silver.t") == [(1,)]


def test_values_come_back_as_python_has_them(engine):
    sql = (
        "SELECT CAST(1.50 AS DECIMAL(18,4)) AS money, DATE '2026-01-02' AS day,"
        " CAST('2026-01-02 12:30:00+00' AS TIMESTAMPTZ) AS moment, CAST(NULL AS VARCHAR) AS nothing, TRUE AS yes"
    )
    assert engine.rows(sql) == [(Decimal("1.5000"), dt.date(2026, 1, 2), NOON, None, True)]


def test_written_files_hold_the_rows_with_their_types_and_lie_beside_others(engine, tmp_path):
    sql = (
        "SELECT CAST('2026-01-02 12:30:00+00' AS TIMESTAMPTZ) AS moment, CAST(1.50 AS DECIMAL(18,4)) AS money,"
        " CAST(COUNT(*) AS BIGINT) AS n"
    )
    first = engine.write(sql, tmp_path / "t")
    second = engine.write(sql + " HAVING COUNT(*) > 1", tmp_path / "t")
    assert sum(rows for _, rows in first) == 1 and sum(rows for _, rows in second) == 0
    assert len({file for file, _ in first + second}) == len(first) + len(second) >= 2
    table = pa.concat_tables(pq.read_table(file) for file, _ in first)
    assert table.to_pylist() == [{"moment": NOON, "money": Decimal("1.5000"), "n": 1}]
    assert table.schema.field("money").type == pa.decimal128(18, 4)
    assert str(table.schema.field("moment").type) == "timestamp[us, tz=UTC]"
    assert pq.read_schema(second[0][0]).names == ["moment", "money", "n"]


def test_models_know_the_run(engine):
    engine.set_run("r1", dt.date(2026, 1, 2), "GBP", ("till", "shop"))
    assert engine.rows("SELECT r.run_id, r.as_of, r.reporting_currency FROM meta.run AS r") == [
        ("r1", dt.date(2026, 1, 2), "GBP")
    ]
    assert engine.rows("SELECT s.source, s.precedence FROM meta.sources AS s ORDER BY s.precedence") == [
        ("till", 1),
        ("shop", 2),
    ]
    engine.set_run("r2", dt.date(2026, 1, 3), "EUR")
    assert engine.rows("SELECT COUNT(*) FROM meta.sources") == [(0,)]


def test_what_cannot_run_is_an_sql_error(engine, tmp_path):
    for attempt in (
        lambda: engine.rows("SELECT nothing FROM meta.nowhere"),
        lambda: engine.write("SELECT nothing FROM meta.nowhere", tmp_path / "t"),
    ):
        with pytest.raises(SqlError, match="nowhere"):
            attempt()


def test_a_failure_in_the_middle_leaves_no_file(engine, tmp_path):
    words = parquet(tmp_path, "words.parquet", x=pa.array(["1", "2", "three"]))
    engine.show("bronze.words", [words])
    with pytest.raises(SqlError):
        engine.write("SELECT CAST(w.x AS INTEGER) AS x FROM bronze.words AS w", tmp_path / "t")
    assert [file.name for file in tmp_path.rglob("*.parquet")] == ["words.parquet"]


def test_types_that_do_not_travel_are_refused(engine, tmp_path):
    with pytest.raises(StateError, match="HUGEINT"):
        engine.write("SELECT CAST(1 AS HUGEINT) AS x", tmp_path)


def test_the_order_of_rows_is_kept(engine, tmp_path):
    engine.show("bronze.t", [parquet(tmp_path, "t.parquet", x=pa.array([2, None, 1], pa.int64()))])
    assert engine.rows("SELECT t.x FROM bronze.t AS t ORDER BY t.x DESC") == [(2,), (1,), (None,)]
    assert engine.rows("SELECT t.x FROM bronze.t AS t ORDER BY t.x") == [(1,), (2,), (None,)]
