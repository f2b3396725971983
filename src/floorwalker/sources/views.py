"""From staged rows to rows of the lake: keys, defaults, and what follows from other columns.

In: the staged table of a kind, with all groups of a batch in it. Out: the view `incoming_<kind>` with the kind's
bronze columns. What is equal for all rows, or follows from others, is worked out here instead of being stored for
every row.

    event_id   hash of the content; of content and n for the n-th of equal rows in one delivery
    record_id  hash of the words that say who this is; NULL where none does
    order_key  order_id within its scope
    amount     quantity × unit_price − discount, unless mapped
    received_at  when the batch came, deliveries a microsecond apart in their order: of two that tell of the same line,
               the later one is believed, whether they came in one run or in two
"""

from __future__ import annotations

import datetime as dt

import duckdb

from floorwalker.events.vocabulary import DEMOGRAPHICS, LAKE_TYPES, SCHEMA_VERSION, Column, Kind
from floorwalker.sources.compile import (
    IDENTIFIERS,
    constant_text,
    default_amount,
    separated,
    staged_name,
    stored_columns,
)
from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.mapping import Mapping, needs_time

_GOOD = "fw_reason IS NULL AND NOT fw_suppressed"

# Only keys that occur twice need a look at order: few, so nothing wide is sorted.
_EQUAL = """
CREATE OR REPLACE TEMP TABLE incoming_equal_{kind} AS
SELECT fw_rowid, fw_turn, row_number() OVER (PARTITION BY fw_key, fw_turn ORDER BY fw_delivery) > 1 AS fw_again
FROM (
  SELECT rowid AS fw_rowid, fw_key, fw_delivery,
         row_number() OVER (PARTITION BY fw_delivery, fw_key ORDER BY fw_file, fw_row) AS fw_turn
  FROM {staged}
  WHERE {good} AND fw_key IN (SELECT fw_key FROM {staged} WHERE {good} GROUP BY fw_key HAVING count(*) > 1)
)"""

_VIEW = """
CREATE OR REPLACE TEMP VIEW incoming_{kind} AS
SELECT {columns}
FROM (SELECT s.*, s.rowid AS fw_rowid FROM {staged} AS s)
JOIN (SELECT fw_delivery, delivery_id FROM incoming_deliveries) USING (fw_delivery)
LEFT JOIN incoming_equal_{kind} USING (fw_rowid)
WHERE {good} AND NOT coalesce(fw_again, false)"""


def make_view(connection: duckdb.DuckDBPyConnection, mapping: Mapping, kind: Kind, received_at: dt.datetime) -> None:
    """Number equal rows within their delivery, leave out those an earlier delivery has, and make the view."""
    names = {"kind": kind.name, "staged": staged_name(kind.name), "good": _GOOD}
    connection.execute(_EQUAL.format(**names))
    held = {column.name: _held(connection, mapping, kind, column) for column in kind.columns}
    for name in ("channel", "market", "brand", "legal_entity", "language", "purposes", "currency"):
        default = getattr(mapping.defaults, name)
        if default and name in held and not kind.column(name).required:
            held[name] = f"coalesce({held[name]}, {literal(default)})"
    received = f"(TIMESTAMPTZ {literal(received_at.astimezone(dt.UTC).isoformat())} + to_microseconds(fw_delivery))"
    key = "lower(lpad(to_hex(fw_key), 32, '0'))"
    held |= {
        "event_id": f"CASE WHEN coalesce(fw_turn, 1) = 1 THEN {key} ELSE md5({key} || '#' || fw_turn) END",
        "source": literal(mapping.source),
        "delivery_id": "delivery_id",
        "schema_version": str(SCHEMA_VERSION),
        "received_at": received,
        "occurred_on": "fw_day",
        "occurred_hour": "fw_hour",
    }
    if not needs_time(kind):
        zone = literal(mapping.defaults.time_zone)
        held["occurred_at"] = f"coalesce({held['occurred_at']}, {received})"
        held["occurred_on"] = f"coalesce(fw_day, CAST(timezone({zone}, {received}) AS DATE))"
        held["occurred_hour"] = f"CASE WHEN fw_day IS NULL THEN hour(timezone({zone}, {received})) ELSE fw_hour END"
    if "order_key" in held:
        held["order_key"] = f"coalesce({held['order_key']}, {literal(mapping.order_scope + ':')} || {held['order_id']})"
    if amount := default_amount(held):
        held["amount"] = f"coalesce({held['amount']}, {amount})"
    if kind.person:
        held["record_id"] = _record_id(mapping, kind, held)
    columns = ", ".join(
        f"CAST({held[column.name]} AS {LAKE_TYPES[column.type]}) AS {quoted(column.name)}" for column in kind.columns
    )
    connection.execute(_VIEW.format(columns=columns, **names))


def _held(connection: duckdb.DuckDBPyConnection, mapping: Mapping, kind: Kind, column: Column) -> str:
    """SQL of a column over the staged table: stored, or a constant of the map the row came by, or nothing."""
    null = f"CAST(NULL AS {LAKE_TYPES[column.type]})"
    if column in stored_columns(mapping, kind):
        return quoted(column.name)
    arms = []
    for number, item in enumerate(mapping.maps):
        found = item.mapped.get(column.name) if item.kind == kind.name else None
        if found is not None and found.value is not None:
            text = constant_text(connection, mapping, found, column)
            arms.append(f"WHEN {number} THEN CAST({literal(text or '')} AS {LAKE_TYPES[column.type]})")
    return f"CASE fw_map {' '.join(arms)} ELSE {null} END" if arms else null


def _record_id(mapping: Mapping, kind: Kind, held: dict[str, str]) -> str:
    """Hash of who the row says it is: all identifiers, for customers also what describes the person; else NULL."""
    own = [one for one in kind.own if one not in DEMOGRAPHICS] if kind.name == "customers" else ()
    mapped = {target for item in mapping.maps if item.kind == kind.name for target in item.mapped}
    columns = [column for column in (*IDENTIFIERS, *own) if column.name in mapped]
    naming = [f"CAST({held[column.name]} AS VARCHAR)" for column in columns if column.personal]
    if not naming:
        return "CAST(NULL AS VARCHAR)"
    words = separated(mapping.source, {column.name: held[column.name] for column in columns})
    return f"CASE WHEN coalesce({', '.join(naming)}) IS NOT NULL THEN md5({words}) END"
