"""Messages in the shapes that the documentation of Debezium's PostgreSQL and MySQL connectors shows.

In: rows and where they stand. Out: one line of JSON each.
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


def decimal(value: str, scale: int = 2) -> str:
    """A decimal as Kafka Connect encodes it: its unscaled number, big-endian, two's complement, in base64."""
    unscaled = int(Decimal(value).scaleb(scale))
    size = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
    return base64.b64encode(unscaled.to_bytes(size, "big", signed=True)).decode()


def postgres(op: str, lsn: int, before: Row | None, after: Row | None, *, table: str = "lines", **source: Any) -> Row:
    """The payload of a message of the PostgreSQL connector."""
    return {
        "before": before,
        "after": after,
        "source": {
            "version": "3.0.0.Final", "connector": "postgresql", "name": "PostgreSQL_server", "ts_ms": 1767607200123,
            "ts_us": 1767607200123456, "ts_ns": 1767607200123456000, "snapshot": "true" if op == "r" else "false",
            "db": "shop", "sequence": f'["{lsn - 1}","{lsn}"]', "schema": "public", "table": table, "txId": 555,
            "lsn": lsn, "xmin": None, **source,
        },
        "transaction": {"id": f"555:{lsn}", "total_order": 1, "data_collection_order": 1} if op != "r" else None,
        "op": op,
        "ts_ms": 1767607201000,
    }  # fmt: skip


def mysql(op: str, file: int, pos: int, before: Row | None, after: Row | None, row: int = 0) -> Row:
    """The payload of a message of the MySQL connector."""
    return {
        "before": before,
        "after": after,
        "source": {
            "version": "3.0.0.Final", "connector": "mysql", "name": "mysql-server-1", "ts_ms": 1767607200000,
            "snapshot": "false", "db": "shop", "table": "lines", "server_id": 223344, "gtid": None,
            "file": f"mysql-bin.{file:06d}", "pos": pos, "row": row, "thread": 7, "query": None,
        },
        "op": op,
        "ts_ms": 1767607201000,
    }  # fmt: skip


COLUMNS = [
    {"type": "int32", "optional": False, "field": "id"},
    {"type": "string", "optional": True, "field": "sku"},
    {"type": "bytes", "optional": True, "field": "price", "name": "org.apache.kafka.connect.data.Decimal", "version": 1,
     "parameters": {"scale": "2", "connect.decimal.precision": "10"}},
    {"type": "struct", "optional": True, "field": "qty", "name": "io.debezium.data.VariableScaleDecimal",
     "fields": [{"type": "int32", "field": "scale"}, {"type": "bytes", "field": "value"}]},
    {"type": "int64", "optional": True, "field": "sold_at", "name": "io.debezium.time.MicroTimestamp", "version": 1},
    {"type": "string", "optional": True, "field": "changed_at", "name": "io.debezium.time.ZonedTimestamp"},
    {"type": "string", "optional": True, "field": "info", "name": "io.debezium.data.Json", "version": 1},
]  # fmt: skip


def with_schema(payload: Row) -> Row:
    """The same with the schema that the JSON converter puts beside it."""
    sides = [{"type": "struct", "optional": True, "name": "shop.Value", "field": side, "fields": COLUMNS}
             for side in ("before", "after")]  # fmt: skip
    return {"schema": {"type": "struct", "name": "shop.Envelope", "fields": sides}, "payload": payload}


def line(number: int, qty: str = "2", price: str = "5.10", sku: str = "CUP") -> Row:
    """A row of the table, encoded."""
    return {
        "id": number, "sku": sku, "price": decimal(price), "qty": {"scale": 1, "value": decimal(qty, 1)},
        "sold_at": 1767607200250000, "changed_at": "2026-01-05T10:00:00.25Z",
        "info": '{"buyer": {"email": "ann@example.com"}}',
    }  # fmt: skip


def lines(*messages: Any) -> str:
    """A file of messages; a text stands as it is."""
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in messages)
