"""DuckDB and Spark find the same pairs, with the same levels and weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.identity.matching.conftest import Shop
from tests.identity.matching.test_comparisons import EXAMPLES
from tests.spark import needs_spark

from floorwalker.identity.matching import duckdb_scoring, spark_scoring
from floorwalker.identity.matching.comparisons import comparisons
from floorwalker.identity.matching.vectors import compare

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Spark in this process, with views of its own."""
    needs_spark()
    from floorwalker.engines.spark_session import open_session

    root = open_session("spark://local[2]", tmp_path_factory.mktemp("spark"))
    yield root.newSession()
    root.stop()


def test_the_same_edges(shop: Shop, session: SparkSession) -> None:
    connection, model = shop.connection, shop.model
    fields = ", ".join(model.fields)
    connection.execute("CREATE OR REPLACE TEMP TABLE newcomers AS FROM match_records WHERE rid % 9 = 0")
    for name in ("match_records", "newcomers"):
        rows = connection.sql(f"SELECT rid, {fields} FROM {name} ORDER BY rid").to_arrow_table()
        session.createDataFrame(rows).createOrReplaceTempView(name)
    for new in (None, "newcomers"):
        count = duckdb_scoring.edges(connection, model, "match_records", "edges_here", new)
        before = {view.name for view in session.catalog.listTables()}
        assert spark_scoring.edges(session, model, "match_records", "edges_there", new) == count > 500
        assert {view.name for view in session.catalog.listTables()} - before <= {"edges_there"}
        columns = connection.table("edges_here").columns
        assert session.table("edges_there").columns == columns
        here = {row[:2]: row[2:] for row in connection.sql("FROM edges_here").fetchall()}
        there = {tuple(row[:2]): tuple(row[2:]) for row in session.table("edges_there").collect()}
        assert here.keys() == there.keys() and len(here) == count
        assert all(here[pair] == pytest.approx(there[pair], abs=1e-6) for pair in here)


def test_the_same_levels_of_every_kind(session: SparkSession) -> None:
    from splink import SparkAPI

    spark_scoring.add_functions(session)
    rows, pairs, expected = [], [], []
    for kind, examples in EXAMPLES.items():
        for one, two, label in examples:
            pairs.append((len(rows), len(rows) + 1, "0"))
            rows += [{kind: one}, {kind: two}]
            expected.append((kind, label))
    schema = pa.schema([(kind, pa.string()) for kind in EXAMPLES])
    table = pa.Table.from_pylist(rows, schema).append_column("rid", pa.array(range(len(rows)), pa.int32()))
    session.createDataFrame(table).createOrReplaceTempView("crowd")
    session.createDataFrame(pairs, "join_key_l INT, join_key_r INT, match_key STRING").createOrReplaceTempView("pairs")
    definitions = comparisons({kind: kind for kind in EXAMPLES})
    api = SparkAPI(spark_session=session, break_lineage_method="persist", register_udfs_automatically=False)
    found = session.table(compare(api, "crowd", "pairs", definitions)).orderBy("rid_l").collect()
    labels = {one.name: one.labels for one in definitions}
    assert [
        (kind, labels[kind][row[f"gamma_{kind}"]] if row[f"gamma_{kind}"] >= 0 else "unknown")
        for row, (kind, _) in zip(found, expected, strict=True)
    ] == expected
