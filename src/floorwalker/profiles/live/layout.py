"""How the live store is laid out: its tables, keys and packed records. Writer, reader and eraser agree here.

In: values. Out: bytes, and back.

    records      record → Record: since when, until when, what it says of somebody, its newest rows
    rows         record, number → older rows of a record, 3 KB at a time
    customer_of  record → customer id, as it was when it last changed
    customers    customer id → its records, 16 bytes each
    parts        customer id → the customers of the last run that are in it, where these are others than itself
    moved        former customer id → customer id
    identifiers  keyed hash of kind and key → the record that had it last
    changes      number → what a step changed, for those who listen; the newest `CHANGES` steps
    order        number → which stretch of which partition a step applied, in this order
    base         customer of the last run → the states of its features (`run_base`)
    facts        what a run says of products, currencies and coupons
    meta         version, positions, cut

A record is what a source said with one wording, as in a run: who that is may change, its rows never do. So a merge or a
split writes a few customer ids, and no row.

>>> row = pack_row("browse_events", 0, 7, 1, {"occurred_at": 5, "occurred_on": dt.date(2026, 1, 5), "channel": "web"})
>>> [one] = unpack_rows(row)
>>> one.kind, one.offset, one.values["occurred_on"], one.values["channel"], one.values["price"]
('browse_events', 7, datetime.date(2026, 1, 5), 'web', None)
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from floorwalker.events.vocabulary import KINDS

VERSION = 2
"""A store of another version is made anew, from base and log."""
TABLES = (
    "records", "rows", "customer_of", "customers", "parts", "moved", "identifiers", "changes", "order", "base", "facts",
    "meta",
)  # fmt: skip
PERSONAL = ("records", "rows", "customer_of", "customers", "parts", "moved", "identifiers", "changes", "base")
SPILL = 3072
"""Bytes of rows that stay with their record: about a page of the store."""
MOST_SPILLED = 64
"""Older stretches of rows that a record keeps: some thousand rows. What is beyond them waits for the next run."""
CHANGES = 4096
"""Steps that can be listened to afterwards."""
_HEAD = struct.Struct("<qqII")
_LENGTH = 4
"""Bytes of a row's length: a mapping may put one long text into several columns."""

_LIVE: dict[str, tuple[str, ...]] = {
    "browse_events": ("channel", "event_name", "session_id", "product_id", "category", "query", "quantity", "price",
                      "currency"),
    "order_lines": ("channel", "order_key", "line_no", "product_id", "quantity", "unit_price", "discount", "amount",
                    "currency", "store_id", "country", "size", "coupon"),
    "returns": ("channel", "return_id", "product_id", "quantity", "amount", "currency", "store_id", "reason",
                "is_cancellation"),
    "email_events": ("channel", "event_name", "message_id", "campaign_id"),
    "loyalty_events": ("channel", "event_name", "points", "tier"),
    "tickets": ("channel", "ticket_id", "topic", "status", "satisfaction"),
    "exposures": ("channel", "campaign_id", "campaign_type", "message_id"),
    "redemptions": ("coupon_id", "campaign_id", "amount", "currency"),
    "consents": ("purpose", "status", "basis"),
    "customers": ("gender", "birth_date", "postcode", "city", "country", "language", "age_band", "income_band",
                  "home_ownership", "marital_status", "household_size", "children", "household_type", "has_email",
                  "has_phone", "has_loyalty_id", "has_account"),
}  # fmt: skip
"""Kind → the columns that are kept of its rows."""
KEPT = tuple(_LIVE)
_NUMBER = {kind: number for number, kind in enumerate(KEPT)}
_HAS = {"has_email": "email", "has_phone": "phone", "has_loyalty_id": "loyalty_id", "has_account": "account_id"}
_DECIMALS = {
    kind: tuple(name for name in names if name not in _HAS and KINDS[kind].column(name).type in ("money", "quantity"))
    for kind, names in _LIVE.items()
}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Row(NamedTuple):
    """A row of the vocabulary as the live store keeps it. `received`: microseconds."""

    kind: str
    partition: int
    offset: int
    received: int
    values: dict[str, Any]


def pack_row(kind: str, partition: int, offset: int, received: int, values: Mapping[str, Any]) -> bytes:
    """One row; rows that follow one another are simply joined."""
    get = values.get
    day = values["occurred_on"]
    packed = [
        _NUMBER[kind], partition, offset, received, get("event_id"), values["occurred_at"],
        day.toordinal() if day else None, get("occurred_hour"),
    ]  # fmt: skip
    if kind == "customers":
        packed += [get(_HAS[name]) is not None if name in _HAS else get(name) for name in _LIVE[kind]]
    else:
        packed += [get(name) for name in _LIVE[kind]]
    found = _encode(packed)
    return len(found).to_bytes(_LENGTH, "little") + found


def unpack_rows(data: bytes) -> Iterator[Row]:
    """Rows in the order in which they came."""
    at, end = 0, len(data)
    while at < end:
        size = int.from_bytes(data[at : at + _LENGTH], "little")
        number, partition, offset, received, event_id, occurred_at, day, hour, *rest = _decode(
            data[at + _LENGTH : at + _LENGTH + size]
        )
        at += _LENGTH + size
        kind = KEPT[number]
        values = dict(zip(_LIVE[kind], rest, strict=True))
        for name in _DECIMALS[kind]:
            if values[name] is not None:
                values[name] = Decimal(values[name])
        if values.get("birth_date"):
            values["birth_date"] = dt.date.fromisoformat(values["birth_date"])
        values |= {
            "event_id": event_id,
            "occurred_at": _EPOCH + dt.timedelta(microseconds=occurred_at),
            "occurred_on": dt.date.fromordinal(day) if day else None,
            "occurred_hour": hour,
        }
        yield Row(kind, partition, offset, received, values)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Record(NamedTuple):
    """`first`, `last`: when it was seen, microseconds, 0 unknown. `spilled`: stretches of older rows that were written,
    of which the newest `MOST_SPILLED` are kept. `said`: a `journal.Came`, packed."""

    first: int
    last: int
    spilled: int
    said: bytes
    rows: bytes


def pack_record(record: Record) -> bytes:
    return _HEAD.pack(record.first, record.last, record.spilled, len(record.said)) + record.said + record.rows


def unpack_record(data: bytes) -> Record:
    first, last, spilled, size = _HEAD.unpack_from(data)
    at = _HEAD.size
    return Record(first, last, spilled, data[at : at + size], data[at + size :])


def rows_key(record: bytes, number: int) -> bytes:
    """Where the `number`-th stretch of older rows of a record lies: the oldest ones are written over."""
    return record + (number % MOST_SPILLED).to_bytes(1, "big")


def number_key(number: int) -> bytes:
    return number.to_bytes(8, "big")


class Change(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a step brought to a record: when the newest event was, the names of what happened. Whose record it is may
    change: who listens asks then."""

    record: bytes
    at: int
    events: list[str]


class Stretch(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Frames that a step applied."""

    partition: int
    begin: int
    end: int
