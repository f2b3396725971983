"""One message of Debezium → the change it tells, or nothing, or the reason why it cannot be meant.

In: JSON, with its schema or without, alone or as {"key": …, "value": …}. Out: a `Change`; None for what changes no row:
tombstones, heartbeats, marks of transactions, changes of a table's definition.

    c create  u update  r read by a snapshot    the row after
    d delete                                    the row before, with `__deleted` true
    t truncate                                  refused: which rows it took is not said

>>> change = read_change(b'{"op": "c", "after": {"id": 1}, "source": {"table": "t", "lsn": 7}}')
>>> change.row["id"], change.row["__op"], change.position
(1, 'c', (1, 7, 0, 0))
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from floorwalker.sources.connectors.rows import decode
from floorwalker.sources.debezium.values import UNAVAILABLE, decoded_row

Position = tuple[int, ...]
_DIGITS = re.compile(r"\d+$")


@dataclass(frozen=True)
class Change:
    """A row after a change. `row` has the table's columns and, as Debezium's own unwrapping calls them, `__op`,
    `__deleted`, `__table`, `__db`, `__schema`, `__source_ts_ms`; and `__time`, `__position`, `__transaction`."""

    row: dict[str, Any]
    position: Position
    """Where it stands in the database's log: those of one table can be compared."""


def read_change(text: bytes) -> Change | None:
    """Read one message. Raises ValueError with a reason that quotes nothing of it."""
    message = decode(text) if text.strip() else None
    if isinstance(message, dict) and message.keys() <= {"key", "value", "headers", "topic", "partition", "offset"}:
        if "value" not in message:
            raise ValueError("a message without a value")
        message = message["value"]
    schema: dict[str, Any] = {}
    if isinstance(message, dict) and "payload" in message and message.keys() <= {"schema", "payload"}:
        schema, message = message.get("schema") or {}, message["payload"]
    if message is None:
        return None
    if not isinstance(message, dict):
        raise ValueError("the message is no object")
    if "op" not in message:
        if _changes_no_row(message):
            return None
        raise ValueError("no envelope of Debezium: it has no op")
    return _change(message, schema)


def _changes_no_row(message: dict[str, Any]) -> bool:
    transaction = message.get("status") in ("BEGIN", "END") and "id" in message
    definition = "ddl" in message or "tableChanges" in message
    heartbeat = message.keys() <= {"ts_ms", "ts_us", "ts_ns"} and "ts_ms" in message
    return transaction or definition or heartbeat


def _change(message: dict[str, Any], schema: dict[str, Any]) -> Change | None:
    op, source = message["op"], message.get("source")
    if op == "m":
        return None
    if op == "t":
        raise ValueError("the table was emptied (truncate): pull it again in full")
    if op not in ("c", "u", "r", "d"):
        raise ValueError("an op that is none of c, u, r, d")
    if not isinstance(source, dict) or not source.get("table"):
        raise ValueError("the envelope has no source with a table")
    fields = {one.get("field"): one for one in schema.get("fields", ())}
    before, after = (_row(message.get(side), fields.get(side, {}), side) for side in ("before", "after"))
    row = before if op == "d" else after
    if row is None:
        side = "before" if op == "d" else "after"
        raise ValueError(f"op {op} without {side}")
    kept = {name: _available(name, value, before) for name, value in row.items()}
    transaction = message.get("transaction")
    position = _position(source)
    told = {
        "__op": op,
        "__deleted": op == "d",
        "__table": source["table"],
        "__db": source.get("db"),
        "__schema": source.get("schema"),
        "__source_ts_ms": source.get("ts_ms"),
        "__time": _time(source),
        "__transaction": transaction.get("id") if isinstance(transaction, dict) else None,
        # A snapshot that is taken again tells the same rows at another place: they are known by their content.
        "__position": None if op == "r" else ".".join(map(str, position)),
    }
    return Change({**kept, **told}, position)


def _row(row: Any, schema: dict[str, Any], side: str) -> dict[str, Any] | None:
    if row is None:
        return None
    if not isinstance(row, dict):
        raise ValueError(f"{side} is no row")
    return decoded_row(row, schema)


def _available(name: str, value: Any, before: dict[str, Any] | None) -> Any:
    """A value that was not logged is what it was before, where that is known; its stand-in is never a value."""
    if value != UNAVAILABLE:
        return value
    was = (before or {}).get(name)
    return None if was == UNAVAILABLE else was


def _position(source: dict[str, Any]) -> Position:
    """PostgreSQL: the log's sequence number. MySQL and MariaDB: file, place, row. SQL Server: the log's sequence
    numbers. Else the time of the change. The first number keeps the kinds apart."""
    if isinstance(source.get("lsn"), int):
        return (1, source["lsn"], 0, 0)
    if isinstance(source.get("pos"), int) and (file := _DIGITS.search(str(source.get("file", "")))):
        return (2, int(file[0]), source["pos"], int(source.get("row") or 0))
    if isinstance(source.get("commit_lsn"), str) and isinstance(source.get("change_lsn"), str):
        commit, change = (int(source[one].replace(":", ""), 16) for one in ("commit_lsn", "change_lsn"))
        return (3, commit, change, int(source.get("event_serial_no") or 0))
    if isinstance(source.get("ts_ms"), int):
        return (0, source["ts_ms"], 0, 0)
    raise ValueError("the source says neither where nor when the change was")


def _time(source: dict[str, Any]) -> str | None:
    """When the database changed, UTC; zero stands for unknown."""
    micros = source.get("ts_us") or (source.get("ts_ms") or 0) * 1000
    if not isinstance(micros, int) or not micros:
        return None
    try:
        return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        raise ValueError("the time of the change is out of range") from None
