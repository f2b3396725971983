"""What a file's footer proves is what counting its rows finds; what it cannot prove is left to counting."""

from __future__ import annotations

import math
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floorwalker.engines.checks import COLUMN_TESTS, read_tests, run_tests
from floorwalker.engines.footers import proven

TESTS = read_tests("gold.t", {"columns": {"x": {"tests": [one for one in COLUMN_TESTS if one != "unique"]}}})
VALUES = {
    pa.int64(): st.integers(-1, 2),
    pa.decimal128(28, 4): st.sampled_from([Decimal(one) for one in ("-0.0001", "0", "0.5", "1", "1.0001")]),
    pa.float64(): st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 1.5, math.nan, math.inf]),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
@pytest.mark.parametrize("writer", ["arrow", "duckdb"])
def test_a_footer_proves_only_what_holds(kind, writer, tmp_path):
    file = str(tmp_path / "t.parquet")

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.one_of(st.none(), VALUES[kind]), max_size=12))
    def holds(values):
        table = pa.table({"x": pa.array(values, kind)})
        with duckdb.connect() as connection:
            if writer == "arrow":
                pq.write_table(table, file, row_group_size=3)
            else:
                connection.from_arrow(table).write_parquet(file)
            connection.execute(f"CREATE SCHEMA gold; CREATE VIEW gold.t AS FROM '{file}'")

            def ask(sql):
                return connection.execute(sql).fetchall()

            counted = run_tests(ask, "gold.t", TESTS)
            assert run_tests(ask, "gold.t", TESTS, [file]) == counted
            passed = {one.test for one in counted if one.status == "pass"}
            found = {one.name for one in proven([file], TESTS)}
            assert found <= passed
            # Clean rows are not counted: that is what footers are for.
            if values and passed == {one.name for one in TESTS} and (writer, kind) != ("arrow", pa.float64()):
                assert found == passed

    holds()


def test_every_file_of_a_table_has_to_prove_it(tmp_path):
    good, bad, lacking = (str(tmp_path / f"{name}.parquet") for name in ("good", "bad", "lacking"))
    duckdb.sql("SELECT 1 AS x").write_parquet(good)
    duckdb.sql("SELECT NULL::INTEGER AS x").write_parquet(bad)
    duckdb.sql("SELECT 1 AS y").write_parquet(lacking)
    names = {file: {one.name for one in proven([good, file], TESTS)} for file in (good, bad, lacking)}
    assert names == {
        good: {"x not_null", "x not_negative", "x share"},
        bad: {"x not_negative", "x share"},  # nothing that is NULL is out of bounds
        lacking: set(),  # older file without the column: its rows read as NULL
    }
