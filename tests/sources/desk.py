"""A reading desk for tests: files into a folder, a mapping beside them, rows out of memory."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

from floorwalker.sources.files import Delivery, find_deliveries
from floorwalker.sources.ingest import BatchResult, new_rows_sql, read_deliveries
from floorwalker.sources.mapping import Defaults, Mapping, parse_mapping

RECEIVED = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)

SALES = """
source = "till"
files = "*"
time_zone = "Europe/London"
market = "UK"
channel = "store"
currency = "GBP"
{options}
[[maps]]
kind = "order_lines"
[maps.columns]
order_id = "no"
occurred_at = "at"
product_id = "sku"
product_name = "name"
quantity = "qty"
unit_price = "price"
customer_ref = "customer"
"""
HEADER = "no,at,sku,name,qty,price,customer"


def sales(options: str = "", **columns: str) -> Mapping:
    """The till's mapping; `columns` are TOML values that replace or add columns."""
    lines = SALES.format(options=options).splitlines()
    kept = [line for line in lines if line.split(" = ")[0] not in columns]
    return parse_mapping("\n".join([*kept, *(f"{name} = {value}" for name, value in columns.items())]), Defaults())


class Desk:
    """Reads deliveries into one in-memory table per kind, as the lake does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        self.result: BatchResult

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def found(self, mapping: Mapping) -> list[Delivery]:
        return find_deliveries(mapping, self.folder)

    def read(self, mapping: Mapping, deliveries: list[Delivery] | None = None, **options: Any) -> BatchResult:
        """Read and append what is new."""
        given = self.found(mapping) if deliveries is None else deliveries
        self.result = read_deliveries(self.connection, mapping, given, RECEIVED, **options)
        for kind in mapping.kinds:
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS {kind} AS SELECT * FROM incoming_{kind} WHERE false")
            self.connection.execute(f"INSERT INTO {kind} {new_rows_sql(kind, kind)}")
        return self.result

    def rows(self, columns: str, table: str = "order_lines", order: str = "ALL") -> list[tuple[Any, ...]]:
        return self.connection.execute(f"SELECT {columns} FROM {table} ORDER BY {order}").fetchall()

    def quarantine(self) -> list[tuple[int, str]]:
        return self.rows("row_number, reason", "incoming_quarantine", "row_number")
