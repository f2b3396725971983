"""Where SQL models run: what the runner needs of an engine, whichever it is.

In: tables as lists of Parquet files, queries in the DuckDB dialect. Out: Parquet files, small results. DuckDB does it
in this process (`engines.sql_duckdb`); others translate (`sqlglot`) and give the same rows.

    engine.show("silver.orders", ["/lake/silver/orders/part-1.parquet"])
    engine.write("SELECT customer_id, COUNT(*) AS orders FROM silver.orders GROUP BY customer_id", folder)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


class SqlError(Exception):
    """A query that an engine refused or could not finish, in the engine's own words (`LINE n: …` where it has lines).

    Interruption by a person is not one of these: it passes as what the engine makes of it.
    """


class SqlEngine(Protocol):
    """Where SQL models run: DuckDB in this process, or Spark. Every query may raise SqlError."""

    name: str
    """'duckdb' or 'spark'."""

    def show(self, table: str, files: Sequence[str]) -> None:
        """`layer.name` now reads these Parquet files: columns by name, NULL where an older file lacks one."""

    def define(self, table: str, sql: str) -> None:
        """`layer.name`, or a bare name, becomes a view on a SELECT in the DuckDB dialect."""

    def write(self, sql: str, folder: Path) -> list[tuple[Path, int]]:
        """Run a SELECT and write its rows as Parquet into `folder`: (file, rows), at least one file, maybe empty.

        Files have names that no other file has. Raises StateError for column types that do not travel in Parquet.
        """
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A small result as Python values: Decimal, date, aware UTC datetime, …"""
        ...

    def set_run(self, run_id: str, as_of: dt.date, reporting_currency: str, precedence: Sequence[str] = ()) -> None:
        """The tables `meta.run` and `meta.sources`, by which models know the run."""

    def close(self) -> None:
        """Let go of what the engine holds; the files it wrote stay."""
