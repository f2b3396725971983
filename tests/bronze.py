"""Hand-made bronze tables for tests of models: rows as dicts, the rest filled with what a delivery would give."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from floorwalker.engines.lake import Lake
from floorwalker.events.vocabulary import KINDS, LAKE_TYPES

PEOPLE = ("customer_ref", "account_id", "loyalty_id", "email", "phone", "device_id", "cookie_id", "fingerprint")


def write_bronze(lake: Lake, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Write every bronze table, empty where `rows` has none; returns their versions."""
    versions = {}
    with lake.connect() as connection:
        for name, kind in KINDS.items():
            columns = ", ".join(f"{column.name} {LAKE_TYPES[column.type]}" for column in kind.columns)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE incoming ({columns})")
            for number, row in enumerate(rows.get(name, ())):
                insert(connection, kind.names, completed(name, number, row))
            version, _ = lake.replace(f"bronze.{name}", connection.sql("SELECT * FROM incoming"), connection)
            versions[f"bronze.{name}"] = version
    return versions


def completed(kind: str, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the columns that a delivery fills in by itself."""
    full = {
        "event_id": hashlib.md5(f"{kind} {number}".encode()).hexdigest(),
        "source": "shop",
        "delivery_id": "d1",
        "schema_version": 1,
        "occurred_at": "2026-01-01 12:00:00+00",
        "received_at": "2026-02-01 00:00:00+00",
        "channel": "web",
        "market": "UK",
        **row,
    }
    full.setdefault("occurred_on", dt.date.fromisoformat(str(full["occurred_at"])[:10]))
    names = KINDS[kind].names
    if "currency" in names:
        full.setdefault("currency", "GBP")
    if "order_key" in names and full.get("order_id"):
        full.setdefault("order_key", f"{full['source']}:{full['order_id']}")
    if kind in ("order_lines", "returns"):
        full.setdefault("amount", full.get("quantity", 0) * full.get("unit_price", 0) - full.get("discount", 0))
    words = [str(full.get(one, "")) for one in (*PEOPLE, "given_name", "family_name", "birth_date")]
    if "record_id" in names and any(words):
        full.setdefault("record_id", hashlib.md5("|".join([str(full["source"]), *words]).encode()).hexdigest())
    return full


def insert(connection: duckdb.DuckDBPyConnection, names: Sequence[str], row: Mapping[str, Any]) -> None:
    unknown = set(row) - set(names)
    assert not unknown, f"no such columns: {unknown}"
    listed = list(row)
    connection.execute(
        f"INSERT INTO incoming ({', '.join(listed)}) VALUES ({', '.join('?' for _ in listed)})",
        [row[one] for one in listed],
    )
