"""Scoring on Spark: the twin of `duckdb_scoring`, from the same model and the same texts of SQL.

In: a session, a model, names of tables or views of records. Out: a temporary view of edges (see `scoring`), held in
memory; the same pairs as DuckDB finds, with weights that differ by rounding at most.

    edges(session, model, "records", "probable")
    session.table("probable").write.parquet(…)

Distances come with Splink's jar, which the session is told of here. Its Jaro and Winkler counts half transpositions
where DuckDB drops them, which moves one similarity in ten; so that function is rapidfuzz, whose C++ DuckDB has too.
The machines of a cluster need rapidfuzz beside PySpark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from floorwalker.identity.matching.comparisons import FUNCTIONS
from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.scoring import (
    candidate_sql,
    edges_sql,
    frequency_rows,
    frequency_sql,
    score,
    skipped_rows,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession


def edges(session: SparkSession, model: Model, records: str, into: str, new: str | None = None) -> int:
    """Make the view `into`; returns its number of rows. `new`: only pairs with a side in that table."""
    from splink import SparkAPI

    add_functions(session)
    load_model(session, model)
    columns = ", ".join(model.fields)
    frequencies = {column: f"match_tf_{column}" for column in model.frequencies}
    views = {
        "match_candidates": candidate_sql(model, records, new, "match_skipped"),
        "match_prepared": f"SELECT rid, {columns} FROM {records}",
        **{name: frequency_sql(model, column, "match_prepared") for column, name in frequencies.items()},
    }
    for name, query in views.items():
        # Views are read anew each time they are asked: what is used more than once is kept.
        session.sql(query).persist().createOrReplaceTempView(name)
    api = SparkAPI(spark_session=session, break_lineage_method="persist", register_udfs_automatically=False)
    table = score(api, model, "match_prepared", "match_candidates", frequencies)
    found = session.sql(edges_sql(model, table)).persist()
    found.createOrReplaceTempView(into)
    count = found.count()
    for name in (*views, table):
        session.table(name).unpersist()
    for name in (*views, table, "match_skipped", "match_frequencies"):
        session.catalog.dropTempView(name)
    return count


def add_functions(session: SparkSession) -> None:
    """The functions of `comparisons.FUNCTIONS`, for this session."""
    from pyspark.sql.functions import arrow_udf
    from pyspark.sql.types import DoubleType
    from splink.backends.spark import similarity_jar_location

    session.sql(f"ADD JAR '{similarity_jar_location()}'")
    names = FUNCTIONS["spark"]
    session.udf.registerJavaFunction(names["dl"], "uk.gov.moj.dash.linkage.LevDamerauDistance", DoubleType())

    # A function within a function travels to a cluster by value: its machines need no Floorwalker.
    def similarity(left: pa.Array, right: pa.Array) -> pa.Array:
        import pyarrow
        from rapidfuzz.distance import JaroWinkler
        from rapidfuzz.process import cpdist

        known = [side.is_valid().to_numpy(zero_copy_only=False) for side in (left, right)]
        texts = [side.fill_null("").to_pylist() for side in (left, right)]
        found = cpdist(*texts, scorer=JaroWinkler.similarity, dtype="float64")
        return pyarrow.array(found, mask=~(known[0] & known[1]))

    # Spark would look the names in the annotations up, on machines that have not imported them.
    similarity.__annotations__ = {}
    of_arrays: Any = arrow_udf
    session.udf.register(names["jw"], of_arrays(similarity, DoubleType()))


def load_model(session: SparkSession, model: Model) -> None:
    """The views match_skipped and match_frequencies: what the SQL of scoring reads of a model."""
    tables = {
        "match_skipped": ("block INT, hash STRING", list(skipped_rows(model))),
        "match_frequencies": ("name STRING, value STRING, share DOUBLE", frequency_rows(model)),
    }
    for name, (columns, rows) in tables.items():
        session.createDataFrame(rows, columns).createOrReplaceTempView(name)
