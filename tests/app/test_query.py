"""`query`: one SELECT on the published tables, and nothing else of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.app.driving import call


def test_a_question_is_answered_as_json_and_as_a_table(shop_once: Path) -> None:
    sql = "SELECT given_name, revenue FROM gold.customers WHERE orders > 0 ORDER BY revenue DESC"
    assert call(shop_once, "query", sql, "--limit", "1", "--json").json == [{"given_name": "Ann", "revenue": "60.0000"}]
    assert "Ann" in call(shop_once, "query", sql).out


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "COPY (SELECT 1 AS x) TO '{table}' (FORMAT parquet)",
        "EXPLAIN ANALYZE COPY (SELECT 1 AS x) TO '{table}' (FORMAT parquet)",
        "ATTACH '{folder}/other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW gold.customers",
        "SELECT * FROM sql",
        "SELECT CAST(given_name AS INTEGER) FROM gold.customers",
        "SELECT nothing FROM gold.customers",
        "SELEC 1",
        "",
    ],
)
def test_anything_else_is_refused(shop_once: Path, tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nhidden\n")
    table = next((shop_once / "state" / "lake" / "gold" / "customers").glob("*.parquet"))
    before = table.read_bytes()
    done = call(shop_once, "query", sql.format(file=secret, folder=tmp_path, table=table))
    assert done.code == 1, done.out
    assert done.err.startswith("error: ") and "hidden" not in done.out + done.err
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert table.read_bytes() == before
