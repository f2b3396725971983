"""A step's context in memory, for tests of steps: fill `context.connection`, run the step, read the tables it wrote.

>>> context = MemoryContext(tmp_path, dt.date(2026, 1, 31))
>>> context.connection.execute("CREATE TABLE gold.numbers AS SELECT 1 AS x")
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa

from floorwalker.engines.project import Project


class MemoryContext:
    """Implements `StepContext` on an in-memory DuckDB with the lake's schemas."""

    run_id = "run-test"

    def __init__(self, folder: Path, as_of: dt.date) -> None:
        self.project = Project(folder)
        self.as_of = as_of
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        for schema in ("bronze", "silver", "gold", "meta"):
            self.connection.execute(f"CREATE SCHEMA {schema}")
        self.written: list[str] = []
        self.reports: list[tuple[float, str]] = []

    def write(self, table: str, data: pa.Table | pa.RecordBatchReader | duckdb.DuckDBPyRelation) -> int:
        """Replace `table` with `data`; returns its number of rows."""
        rows = data.to_arrow_table() if isinstance(data, duckdb.DuckDBPyRelation) else data
        self.connection.register("incoming", rows)
        self.connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM incoming")
        self.connection.unregister("incoming")
        self.written.append(table)
        return self.connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][
            0
        ]  # a half-read result blocks sql()

    def progress(self, done: float, text: str = "") -> None:
        """Remember what was reported."""
        self.reports.append((done, text))
