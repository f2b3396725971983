"""The tables a report reads: in, a connection that sees a run; out, rows as plain dictionaries, or why there are none.

>>> import duckdb
>>> tables = Tables(duckdb.connect())
>>> tables.missing("gold.rfm", "customer scores")
'No customer scores: this run has no table gold.rfm.'
>>> tables.rows("SELECT 1 AS one, DATE '2011-12-09' AS day")
[{'one': 1, 'day': '2011-12-09'}]
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import duckdb

Row = dict[str, Any]


class Tables:
    """Reads of one run, with the questions "is it there?" and "has it rows?" asked first."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._columns: dict[str, set[str]] = {}
        for schema, table, column in connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns "
            "ORDER BY table_schema, table_name, ordinal_position"
        ).fetchall():
            self._columns.setdefault(f"{schema}.{table}", set()).add(column)

    def has(self, table: str, column: str) -> bool:
        """Whether the table is there with that column."""
        return column in self._columns.get(table, set())

    def missing(self, table: str, what: str, *columns: str) -> str:
        """Why `what` cannot be shown, as a sentence; empty when the table is there, has the columns, and has rows."""
        if table not in self._columns:
            return f"No {what}: this run has no table {table}."
        lacking = [column for column in columns if column not in self._columns[table]]
        if lacking:
            return f"No {what}: the table {table} lacks {', '.join(lacking)}."
        if self.connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:
            return f"No {what}: the table {table} is empty in this run."
        return ""

    def rows(self, sql: str) -> list[Row]:
        """All rows of a query, with values that JSON can carry (money as the nearest double: to show, not to sum)."""
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]

    def one(self, sql: str) -> Row:
        """The only row of an aggregate."""
        return self.rows(sql)[0]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
