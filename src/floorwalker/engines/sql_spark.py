"""The Spark twin of `engines.sql_duckdb`: the same models, on Spark, with the same rows.

In: SELECTs in DuckDB's dialect, Parquet files under table names. Out: Parquet files that DuckDB reads and delta-rs
commits, with the columns and types that DuckDB itself would have given.

    engine = SparkSql("spark://local[2]", scratch)
    engine.show("bronze.order_lines", files)
    engine.write("SELECT COUNT(*) AS n FROM bronze.order_lines", folder)

Types come from DuckDB: an empty DuckDB beside Spark knows the same tables and is asked what a SELECT would give; it
reads no row. Spark's answer is cast to that. So NTILE is BIGINT, and a sum has the scale that the model wrote.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from floorwalker.engines.spark_session import open_session
from floorwalker.engines.sql import SqlError
from floorwalker.engines.sql_duckdb import check_types, set_run, view_files
from floorwalker.engines.translate import adapt, render
from floorwalker.errors import ModelError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Result = TypeVar("Result")

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


class SparkSql:
    """`SqlEngine` on Spark. `session`: a Spark that is running already and outlives this engine."""

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

    # -- what engines.sql.SqlEngine promises ---------------------------------------------------------------------

    def show(self, table: str, files: Sequence[str]) -> None:
        self._schema_of(table)
        self._ask(lambda: view_files(self._shadow, table, files))
        schema = ", ".join(f"{_quoted(name)} {_spark_type(kind)}" for name, kind in self._columns(f"FROM {table}"))
        # With the columns given, Spark opens no file before it is asked for rows; what a file lacks is NULL.
        self.session.read.schema(schema).parquet(*files).createOrReplaceTempView(_flat(table))

    def define(self, table: str, sql: str) -> None:
        text = self._text(sql)
        self._schema_of(table)
        self._ask(lambda: self._shadow.execute(f"CREATE OR REPLACE VIEW {table} AS {sql}"))
        # As text, so that it follows the tables it reads when those are shown anew, as views of DuckDB do.
        self._spark(lambda: self.session.sql(f"CREATE OR REPLACE TEMPORARY VIEW {_flat(table)} AS {text}"))

    def write(self, sql: str, folder: Path) -> list[tuple[Path, int]]:
        self._ask(lambda: check_types(self._shadow, sql))
        frame = self._frame(sql)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(STAGING + "*"):  # of a run that was killed: a project has one run at a time
            shutil.rmtree(left)
        staging = folder / f"{STAGING}{uuid.uuid4().hex}"
        try:
            self._spark(lambda: frame.write.parquet(str(staging)))
            parts = [(part, pq.read_metadata(part).num_rows) for part in sorted(staging.glob("*.parquet"))]
            parts = [(part, rows) for part, rows in parts if rows] or [(self._empty(sql, staging), 0)]
            for part, _ in parts:
                with part.open("rb") as handle:
                    os.fsync(handle.fileno())
            return [(part.rename(folder / f"part-{uuid.uuid4().hex}.parquet"), rows) for part, rows in parts]
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        answer = self._spark(self._frame(sql).toArrow)
        return self._shadow.from_arrow(answer).fetchall()

    def set_run(self, run_id: str, as_of: dt.date, reporting_currency: str, precedence: Sequence[str] = ()) -> None:
        self._schema_of("meta.run")
        set_run(self._shadow, run_id, as_of, reporting_currency, precedence)
        for table in ("meta.run", "meta.sources"):
            known = self._shadow.sql(f"FROM {table}").to_arrow_table()
            self.session.createDataFrame(known).createOrReplaceTempView(_flat(table))

    def close(self) -> None:
        """Leave; stops Spark when this engine started it."""
        self._shadow.close()
        if self._owned:
            self._root.stop()

    # -- the work ------------------------------------------------------------------------------------------------

    def _frame(self, sql: str) -> DataFrame:
        text = self._text(sql)
        return self._spark(lambda: self.session.sql(text))

    def _text(self, sql: str) -> str:
        """A SELECT as Spark is told it, its columns cast to the types DuckDB gives them."""
        columns = self._columns(sql)
        if len({name.lower() for name, _ in columns}) < len(columns):
            raise ModelError("two columns have one name", fix="give each column a name of its own")
        casts = ", ".join(f"CAST({_quoted(name)} AS {_spark_type(kind)}) AS {_quoted(name)}" for name, kind in columns)
        names = ", ".join(_quoted(name) for name, _ in columns)
        return f"SELECT {casts} FROM ({spark_sql(sql)}) AS floorwalker_answer({names})"

    def _columns(self, sql: str) -> list[tuple[str, str]]:
        """Name and type of each column in DuckDB."""
        described = self._ask(lambda: self._shadow.execute(f"DESCRIBE {sql}").fetchall())
        return [(row[0], row[1]) for row in described]

    def _schema_of(self, table: str) -> None:
        if "." in table:
            self._shadow.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")

    def _empty(self, sql: str, staging: Path) -> Path:
        """The file of a table without rows: Spark writes none for some plans, and a table needs its columns."""
        staging.mkdir(exist_ok=True)
        file = staging / "part-empty.parquet"
        inner = sql.strip().rstrip(";")
        self._shadow.execute(f"COPY (SELECT * FROM ({inner}\n) AS q WHERE FALSE) TO {_string(file)} (FORMAT parquet)")
        return file

    @staticmethod
    def _ask(question: Callable[[], Result]) -> Result:
        try:
            return question()
        except duckdb.Error as error:
            raise SqlError(str(error)) from error

    @staticmethod
    def _spark(work: Callable[[], Result]) -> Result:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return work()
        except (PySparkException, Py4JError) as error:
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            # Spark quotes the value it could not use; that may be somebody's name.
            raise SqlError("Spark: " + re.sub(r"The value '.*?' of", "A value of", first)[:400]) from error


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


def _string(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _spark_type(kind: str) -> str:
    return _TYPES.get(kind, kind)
