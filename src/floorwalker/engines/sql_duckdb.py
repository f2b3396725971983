"""SQL models on DuckDB: views on Parquet files, results written as Parquet.

In: a connection of the lake (`Lake.connect`). Out: a `SqlEngine`; and the same three things as functions, for who holds
a connection: `view_files`, `set_run`, `write_parquet`.

>>> import tempfile
>>> connection = duckdb.connect()
>>> [(file, rows)] = write_parquet(connection, "SELECT 1 AS x UNION ALL SELECT 2", Path(tempfile.mkdtemp()))
>>> view_files(connection, "numbers", [str(file)])
>>> rows, connection.execute("SELECT MAX(x) FROM numbers").fetchall()
(2, [(2,)])
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from floorwalker.engines.sql import SqlError
from floorwalker.errors import StateError

# Parquet has no such integers: they would turn into DOUBLE on the way to another engine.
_UNPORTABLE = ("HUGEINT", "UHUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT", "TIME", "INTERVAL", "BIT", "UUID")
Data = duckdb.DuckDBPyRelation | pa.Table | pa.RecordBatchReader
ROW_GROUPS_PER_FILE = 8
"""About a million rows: a merge writes anew only the files that hold touched keys."""
FILE_ROWS = ROW_GROUPS_PER_FILE * 122_880


class DuckDBSql:
    """`SqlEngine` on a connection of the lake, which Python steps may share."""

    name = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def show(self, table: str, files: Sequence[str]) -> None:
        with _own_words():
            view_files(self.connection, table, files)

    def define(self, table: str, sql: str) -> None:
        with _own_words():
            self.connection.execute(f"CREATE OR REPLACE VIEW {table} AS {sql}")

    def write(self, sql: str, folder: Path) -> list[tuple[Path, int]]:
        with _own_words():
            return write_parquet(self.connection, sql, folder)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with _own_words():
            return self.connection.execute(sql).fetchall()

    def set_run(self, run_id: str, as_of: dt.date, reporting_currency: str, precedence: Sequence[str] = ()) -> None:
        set_run(self.connection, run_id, as_of, reporting_currency, precedence)

    def close(self) -> None:
        """The connection belongs to who made it."""


@contextmanager
def _own_words() -> Generator[None]:
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise SqlError(str(error)) from error


def as_relation(connection: duckdb.DuckDBPyConnection, data: Data) -> duckdb.DuckDBPyRelation:
    """Data as a relation that can be read more than once."""
    if isinstance(data, duckdb.DuckDBPyRelation):
        return data
    return connection.from_arrow(data.read_all() if isinstance(data, pa.RecordBatchReader) else data)


def quoted_list(files: Iterable[str | Path]) -> str:
    """Files as a SQL list of strings."""
    return "[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]"


def scan(files: Sequence[str | Path], options: str = "") -> str:
    """SQL that reads Parquet files as one table: columns may be added over time, and older files then lack them."""
    union = ", union_by_name = true" if len(files) > 1 else ""
    return f"read_parquet({quoted_list(files)}{union}{options})"


def view_files(connection: duckdb.DuckDBPyConnection, name: str, files: Iterable[str | Path]) -> None:
    """Make `name` in the connection a view on Parquet files."""
    connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {scan(list(files))}")


def set_run(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    as_of: dt.date,
    reporting_currency: str,
    precedence: Sequence[str] = (),
) -> None:
    """The tables by which models know the run, so that they never ask the clock or a setting.

    `meta.run` (run_id, as_of, reporting_currency) has one row; `meta.sources` (source, precedence) ranks the sources
    that may report the same order, 1 the most believed.
    """
    connection.execute(
        "CREATE OR REPLACE TABLE meta.run AS SELECT CAST(? AS VARCHAR) AS run_id, CAST(? AS DATE) AS as_of,"
        " CAST(? AS VARCHAR) AS reporting_currency",
        [run_id, as_of, reporting_currency],
    )
    connection.execute("CREATE OR REPLACE TABLE meta.sources (source VARCHAR, precedence INTEGER)")
    if precedence:
        ranked = [(source, rank) for rank, source in enumerate(precedence, 1)]
        connection.executemany("INSERT INTO meta.sources VALUES (?, ?)", ranked)


def write_parquet(connection: duckdb.DuckDBPyConnection, sql: str, folder: Path) -> list[tuple[Path, int]]:
    """Write a SELECT's rows into `folder` as Parquet files of about a million rows each: (file, rows)."""
    check_types(connection, sql)
    folder.mkdir(parents=True, exist_ok=True)
    target = str(folder).replace("'", "''")
    # Level 1 writes in 3/4 of the time and still half of what snappy makes of it.
    ((_, written),) = connection.execute(
        f"COPY ({sql.strip().rstrip(';')}\n) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,"
        f" ROW_GROUPS_PER_FILE {ROW_GROUPS_PER_FILE}, APPEND true, RETURN_FILES true,"
        " FILENAME_PATTERN 'part-{i}-{uuid}')"
    ).fetchall()
    files = [Path(file) for file in written]
    for file in files:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    return [(file, pq.read_metadata(file).num_rows) for file in files]


def check_types(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises StateError for a column whose type other engines would misread in Parquet."""
    for column, kind, *_ in connection.execute(f"DESCRIBE {sql}").fetchall():
        if kind in _UNPORTABLE:
            raise StateError(
                f"column {column} has type {kind}",
                why="no other engine reads it from Parquet as it is",
                fix="cast it: CAST(SUM(x) AS BIGINT) for counts, DECIMAL(28,4) for money",
            )
