"""A column's value, as Kafka Connect's JSON converter and Debezium's types encode it, as a mapping reads it.

In: a value and its field of the message's schema. Out: text, numbers and truth values. Without a schema a value stays
what it is: a time that was sent as a number of microseconds is then a number, and a decimal in base64 is text that no
amount can be read from, so that its row goes to quarantine; `decimal.handling.mode=string` sends it readable.

>>> decimal = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}}
>>> decoded("AfQ=", decimal), decoded(20458, {"type": "int32", "name": "io.debezium.time.Date"})
(Decimal('5.00'), '2026-01-05')
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from floorwalker.sources.connectors.rows import decode

UNAVAILABLE = "__debezium_unavailable_value"
"""What Debezium writes for a large value that PostgreSQL did not log, because it did not change."""
_EPOCH = dt.datetime(1970, 1, 1)
_DAY = 86_400_000_000


def decoded(value: Any, field: dict[str, Any]) -> Any:
    """The value. Raises ValueError where it is not what its schema says."""
    if value is None:
        return None
    name = field.get("name", "")
    try:
        if name == "org.apache.kafka.connect.data.Decimal":
            return _unscaled(value).scaleb(-int(field["parameters"]["scale"]))
        if name == "io.debezium.data.VariableScaleDecimal":
            return _unscaled(value["value"]).scaleb(-int(value["scale"]))
        if name in ("io.debezium.data.Json", "io.debezium.data.Jsonb"):
            return decode(str(value).encode())
        if name in _TIMES:
            return _TIMES[name](value)
        if field.get("type") == "struct" and isinstance(value, dict):
            return decoded_row(value, field)
        if field.get("type") == "array" and isinstance(value, list):
            return [decoded(one, field.get("items", {})) for one in value]
    except (TypeError, KeyError, ValueError, OverflowError, ArithmeticError) as error:
        raise ValueError(f"{field.get('field', 'a column')} is no {name.rpartition('.')[2]}") from error
    return value


def decoded_row(row: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """All values of a row by the fields of its schema; those that it does not name stay as they are."""
    fields = {one.get("field"): one for one in schema.get("fields", ())}
    return {name: decoded(value, fields.get(name, {})) for name, value in row.items()}


def _unscaled(text: str) -> Decimal:
    return Decimal(int.from_bytes(base64.b64decode(text, validate=True), "big", signed=True))


def _local(per_second: int) -> Callable[[int], str]:
    """A date and time without a zone, sent as if it were UTC; the mapping says whose time it is."""

    def read(value: int) -> str:
        return (_EPOCH + dt.timedelta(microseconds=value * 1_000_000 // per_second)).isoformat()

    return read


def _clock(per_second: int) -> Callable[[int], str]:
    def read(value: int) -> str:
        micros = value * 1_000_000 // per_second
        if not 0 <= micros < _DAY:
            raise ValueError(value)
        return (_EPOCH + dt.timedelta(microseconds=micros)).time().isoformat()

    return read


def _date(value: int) -> str:
    return (_EPOCH + dt.timedelta(days=value)).date().isoformat()


_TIMES: dict[str, Callable[[int], str]] = {
    "io.debezium.time.Date": _date,
    "org.apache.kafka.connect.data.Date": _date,
    "io.debezium.time.Timestamp": _local(1_000),
    "org.apache.kafka.connect.data.Timestamp": _local(1_000),
    "io.debezium.time.MicroTimestamp": _local(1_000_000),
    "io.debezium.time.NanoTimestamp": _local(1_000_000_000),
    "io.debezium.time.Time": _clock(1_000),
    "org.apache.kafka.connect.data.Time": _clock(1_000),
    "io.debezium.time.MicroTime": _clock(1_000_000),
    "io.debezium.time.NanoTime": _clock(1_000_000_000),
}
"""ZonedTimestamp, ZonedTime and Interval are ISO 8601 as they come."""
