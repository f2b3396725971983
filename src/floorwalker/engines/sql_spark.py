"""The Spark twin of `engines.sql_duckdb`: the same models, on Spark, with the same rows.

In: SELECTs in DuckDB's dialect, Parquet files under table names. Out: Parquet files that DuckDB reads and delta-rs commits,
with the columns and types that DuckDB itself would have given.

    engine = SparkEngine("spark://local[2]", scratch)
    engine.show("bronze.order_lines", files)
    engine.write("SELECT COUNT(*) AS n FROM bronze.order_lines", folder)

Types come from DuckDB: an empty DuckDB beside Spark knows the same tables and is asked what a SELECT would give, without
reading a row; Spark's answer is cast to that. So NTILE is BIGINT and a sum has the scale that the model wrote.
"""

from __future__ import annotations

import datetime as dt
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from floorwalker.engines.spark_session import open_session
from floorwalker.engines.translate import adapt, render
from floorwalker.errors import ModelError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STAGING = "_spark-"
"""How the folders begin into which Spark writes; Delta and DuckDB look past them."""

_TYPES = {
    "VARCHAR": "STRING",
    "BLOB": "BINARY",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "INTEGER": "INT",
    "HUGEINT": "DECIMAL(38,0)",
    '"NULL"': "INT",
}


class SparkEngine:
    """SQL models on Spark. `session`: a Spark that is running already and outlives this engine."""

    name = "spark"

    def __init__(
        self,
        url: str,
        scratch: Path,
        *,
        memory: str = "2GB",
        settings: Mapping[str, str] | None = None,
        session: SparkSession | None = None,
    ) -> None:
        self._owned = session is None
        self._root = session or open_session(url, scratch, memory=memory, settings=settings)
        # Views of its own: engines that share a Spark do not see each other's tables.
        self.session = self._root.newSession()
        self._shadow = duckdb.connect(config={"autoinstall_known_extensions": "false", "threads": "1"})
        self._shadow.execute("SET TimeZone = 'UTC'")

    # -- what engines.sql.SqlEngine promises -----------------------------------------------------------------------

    def show(self, table: str, files: Sequence[str]) -> None:
        """`layer.name` reads these Parquet files; a column that older ones lack is NULL there."""
        quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        self._define_shadow(table, f"SELECT * FROM read_parquet([{quoted}], union_by_name = true)")
        columns = self._describe(f"SELECT * FROM {table}")
        schema = ", ".join(f"`{name}` {_spark_type(kind)}" for name, kind in columns)
        # With the schema given, Spark opens no file before it is asked for rows.
        self.session.read.schema(schema).parquet(*files).createOrReplaceTempView(_flat(table))

    def define(self, table: str, sql: str) -> None:
        """`layer.name`, or a bare name, becomes a view on a SELECT."""
        frame = self._frame(sql)
        self._define_shadow(table, sql)
        frame.createOrReplaceTempView(_flat(table))

    def write(self, sql: str, folder: Path) -> list[tuple[Path, int]]:
        """Run a SELECT into Parquet files in `folder`: (file, rows) each. A failure leaves none."""
        frame = self._frame(sql)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(STAGING + "*"):  # of a run that was killed: a project has one run at a time
            shutil.rmtree(left)
        staging = folder / f"{STAGING}{uuid.uuid4().hex}"
        try:
            self._run(lambda: frame.write.parquet(str(staging)))
            written = []
            for part in sorted(staging.glob("*.parquet")):
                rows = pq.read_metadata(part).num_rows
                if rows:
                    written.append((part, rows))
            if not written:
                written = [(self._empty(sql, staging), 0)]
            return [(part.rename(folder / f"part-{uuid.uuid4().hex}.parquet"), rows) for part, rows in written]
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A small result, with the Python values that DuckDB gives."""
        frame = self._frame(sql)
        answer = self._run(frame.toArrow)
        return self._shadow.from_arrow(answer).fetchall()

    def set_run(self, run_id: str, as_of: dt.date, reporting_currency: str, precedence: Sequence[str] = ()) -> None:
        """meta.run and meta.sources, by which models know the run."""
        self.define(
            "meta.run",
            f"SELECT CAST({_text(run_id)} AS VARCHAR) AS run_id, CAST('{as_of}' AS DATE) AS as_of,"
            f" CAST({_text(reporting_currency)} AS VARCHAR) AS reporting_currency",
        )
        ranked = [
            f"SELECT CAST({_text(source)} AS VARCHAR) AS source, CAST({rank} AS INTEGER) AS precedence"
            for rank, source in enumerate(precedence, 1)
        ]
        nothing = "SELECT CAST('' AS VARCHAR) AS source, CAST(0 AS INTEGER) AS precedence WHERE FALSE"
        self.define("meta.sources", " UNION ALL ".join(ranked) or nothing)

    def close(self) -> None:
        """Leave; stops Spark when this engine started it."""
        self._shadow.close()
        if self._owned:
            self._root.stop()

    # -- the work -------------------------------------------------------------------------------------------------------

    def _frame(self, sql: str) -> DataFrame:
        """Spark's plan of a SELECT, its columns cast to DuckDB's types."""
        columns = self._describe(sql)
        text = spark_sql(sql)
        frame = self._run(lambda: self.session.sql(text))
        cast = [
            f"CAST(`{name.replace('`', '``')}` AS {_spark_type(kind)}) AS `{name.replace('`', '``')}`"
            for name, kind in columns
        ]
        if len({name.lower() for name, _ in columns}) < len(columns):
            raise ModelError("two columns have one name", fix="give each column a name of its own")
        renamed = frame.toDF(*(name for name, _ in columns))
        return self._run(lambda: renamed.selectExpr(*cast))

    def _describe(self, sql: str) -> list[tuple[str, str]]:
        try:
            described = self._shadow.execute(f"DESCRIBE {sql.strip().rstrip(';')}").fetchall()
        except duckdb.Error as error:
            raise ModelError("the SELECT does not fit its tables", why=str(error)) from None
        return [(row[0], row[1]) for row in described]

    def _define_shadow(self, table: str, sql: str) -> None:
        if "." in table:
            self._shadow.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")
        self._shadow.execute(f"CREATE OR REPLACE VIEW {table} AS {sql.strip().rstrip(';')}")

    def _empty(self, sql: str, staging: Path) -> Path:
        """The file of a table without rows: Spark writes none for some plans, and a table needs its columns."""
        staging.mkdir(exist_ok=True)
        file = staging / "part-empty.parquet"
        self._shadow.execute(
            f"COPY (SELECT * FROM ({sql.strip().rstrip(';')}\n) AS q WHERE FALSE) TO {_text(str(file))} (FORMAT parquet)"
        )
        return file

    @staticmethod
    def _run(work: Any) -> Any:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return work()
        except (PySparkException, Py4JError) as error:
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ModelError(f"Spark: {first[:300]}") from None


def spark_sql(sql: str) -> str:
    """A model's SELECT as Spark runs it here: translated, `layer.name` written as the name of a temporary view.

    >>> spark_sql("SELECT orders.n FROM silver.orders")
    'SELECT orders.n FROM silver__orders AS orders'
    """
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    for table in tree.find_all(exp.Table):
        if table.db:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(_flat(f"{table.db}.{table.name}")))
            table.set("db", None)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
    return render(adapt(tree, "spark"), "spark")


def _flat(table: str) -> str:
    return table.replace(".", "__")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _spark_type(kind: str) -> str:
    return _TYPES.get(kind, kind)
