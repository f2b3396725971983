"""How far a stream has been read: values that can be compared, and where they are kept.

In: records and a rule. Out: a position to go on from, in the project's database, moved only after what it covers is on
the disk.

Times are compared as instants, whatever zone they were written in. The next pull looks back by the rule's overlap,
because systems show a change later than they date it; what it brings a second time is known by `seen`, digests of the
records at the end of what was read.

>>> rule = CursorRule("updated_at")
>>> value_of(rule, {"updated_at": "2026-01-05T10:00:00+01:00"})
Decimal('1767603600.000000')
>>> written(rule, 1767603600.0)
'2026-01-05T09:00:00Z'
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from floorwalker.sources.connectors.definition import CursorRule
from floorwalker.sources.connectors.rows import at

ORIGIN = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""From where a first pull reads when nobody says."""
MOST_SEEN = 20_000
"""Digests kept per stream; beyond, the overlap is delivered again and known by its content."""


@dataclass
class Position:
    """`value`: seconds or a number, None before anything was read; `token`: the system's own mark."""

    value: Decimal | None = None
    token: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    """Digest of a record → its value, as text."""


def load(state: sqlite3.Connection, pull: str, stream: str) -> Position:
    """Where the last pull of a stream ended."""
    row = state.execute(
        "SELECT value, token, seen FROM pull_cursors WHERE (pull, stream) = (?, ?)", (pull, stream)
    ).fetchone()
    if row is None:
        return Position()
    return Position(None if row[0] is None else Decimal(row[0]), row[1], json.loads(row[2]))


def save(
    state: sqlite3.Connection, pull: str, stream: str, position: Position, shown: str, at_time: dt.datetime
) -> None:
    """Move on. What the position covers is on the disk by now. `shown`: the cursor for people."""
    seen = position.seen if len(position.seen) <= MOST_SEEN else {}
    value = None if position.value is None else str(position.value)
    state.execute(
        "INSERT OR REPLACE INTO pull_cursors VALUES (?, ?, ?, ?, ?, ?, ?)",
        (pull, stream, value, shown, position.token, json.dumps(seen), at_time.isoformat(timespec="seconds")),
    )


def pulled(state: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """(pull, stream, until) of every stream that has been read: its cursor as it is shown."""
    return state.execute("SELECT pull, stream, shown FROM pull_cursors ORDER BY 1, 2").fetchall()


def value_of(rule: CursorRule | None, record: Any) -> Decimal | None:
    """A record's place on the cursor's scale; None where it says nothing that can be read."""
    return None if rule is None else number(rule, at(record, rule.field))


def number(rule: CursorRule, value: Any) -> Decimal | None:
    """A cursor's value as a number: seconds for times."""
    if isinstance(value, dt.datetime):
        return seconds(value if value.tzinfo else value.replace(tzinfo=dt.UTC))
    if isinstance(value, dt.date):
        return seconds(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC))
    if value is None or isinstance(value, bool | dict | list):
        return None
    if rule.type in ("epoch", "number"):
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            return None
        return found if found.is_finite() else None
    text = str(value).strip()
    # Salesforce writes +0000, which fromisoformat reads from Python 3.11 on; a blank for T is read too.
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return seconds(time if time.tzinfo else time.replace(tzinfo=dt.UTC))


def seconds(time: dt.datetime) -> Decimal:
    """Seconds since 1970, exact to the microsecond."""
    passed = time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return Decimal(passed.days * 86_400 + passed.seconds) + Decimal(passed.microseconds).scaleb(-6)


def time_of(value: Decimal | float) -> dt.datetime:
    """The reverse."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(Decimal(value).scaleb(6)))


def back(rule: CursorRule, value: Decimal) -> Decimal:
    """The value from which the next pull reads: before the last one by the overlap."""
    return value if rule.type == "number" else value - Decimal(rule.overlap_minutes * 60)


def written(rule: CursorRule, value: Decimal | float) -> str:
    """A value as the system is asked with it."""
    if rule.type == "number":
        return f"{Decimal(value):f}"
    if rule.type == "epoch" or rule.format == "epoch":
        return str(int(value))
    time = time_of(value)
    if rule.format == "iso":
        # To the second, downwards: a system that keeps less than we do must not leave anything out.
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return time.strftime(rule.format)
