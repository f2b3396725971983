"""A step's context in memory, for tests of steps: fill `context.connection`, run the step, read the tables it wrote.

>>> context = MemoryContext(tmp_path, dt.date(2026, 1, 31))
>>> context.connection.execute("CREATE TABLE gold.numbers AS SELECT 1 AS x")
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
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
        self.merged: list[str] = []
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

    standing = False
    """Were the tables called `<table>_previous` made by the step as it is? Then it may merge into them."""

    def merge(
        self, table: str, key: Sequence[str], touched: duckdb.DuckDBPyRelation, rows: duckdb.DuckDBPyRelation,
        *, tell: bool = True,
    ) -> int:  # fmt: skip
        """`rows` in the place of the touched keys' rows of `<table>_previous`."""
        self.connection.register("touched_keys", touched.to_arrow_table())
        self.connection.register("new_rows", rows.to_arrow_table())
        listed = ", ".join(key)
        merged = self.connection.sql(
            f"SELECT * FROM {table}_previous WHERE ({listed}) NOT IN (SELECT ({listed}) FROM touched_keys)"
            " UNION ALL BY NAME SELECT * FROM new_rows"
        ).to_arrow_table()
        for view in ("touched_keys", "new_rows"):
            self.connection.unregister(view)
        self.merged.append(table)
        return self.write(table, merged)

    def changed(self, table: str, key: str, columns: Sequence[str]) -> duckdb.DuckDBPyRelation:
        """Keys of rows that differ between `<table>_previous` and the table."""
        listed = ", ".join((key, *columns))
        one, other = (f"SELECT {listed} FROM {name}" for name in (table, f"{table}_previous"))
        return self.connection.sql(
            f"SELECT DISTINCT {key} FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
        )

    def changes(self, table: str, columns: Sequence[str]) -> duckdb.DuckDBPyRelation | None:
        """Rows in which `<table>_previous` and the table differ; None without the former."""
        if not self.connection.sql("SHOW ALL TABLES").filter(f"schema || '.' || name = '{table}_previous'"):
            return None
        listed = ", ".join(columns)
        one, other = (f"SELECT {listed} FROM {name}" for name in (table, f"{table}_previous"))
        return self.connection.sql(f"(({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))")

    def made_by(self, table: str) -> str:
        """This run: there is no other."""
        return self.run_id

    def keep(self, *tables: str) -> None:
        """Remember what these tables hold as `<table>_previous`: it has been published."""
        for table in tables:
            self.connection.execute(f"CREATE OR REPLACE TABLE {table}_previous AS FROM {table}")

    def progress(self, done: float, text: str = "") -> None:
        """Remember what was reported."""
        self.reports.append((done, text))
