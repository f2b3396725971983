"""Changes as they come → a batch: checked as a whole before any of it is written, one dictionary per table.

In: the names of the tables, and changes. Out: per table the last value of each key, None where it goes.

>>> batch(("a", "b"), [("a", b"k", b"1"), ("b", b"k", None), ("a", b"k", b"2")])
{'a': {b'k': b'2'}, 'b': {b'k': None}}
>>> try:
...     batch(("a",), [("a", b"", b"")])
... except StateError as error:
...     print(error.what)
a key of 0 bytes cannot be stored
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from floorwalker.engines.live_store.interface import LARGEST_VALUE, LONGEST_KEY, Change
from floorwalker.errors import ConfigError, NotFoundError, StateError

MOST_TABLES = 60
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


def batch(tables: tuple[str, ...], changes: Iterable[Change]) -> dict[str, dict[bytes, bytes | None]]:
    """Raises before anything was written: NotFoundError for a table, StateError for a key or value that is too long."""
    found: dict[str, dict[bytes, bytes | None]] = {}
    for table, key, value in changes:
        if table not in found:
            if table not in tables:
                raise no_table(tables, table)
            found[table] = {}
        if not isinstance(key, bytes) or not (value is None or isinstance(value, bytes)):
            raise TypeError(f"keys and values are bytes, not {type(key).__name__} and {type(value).__name__}")
        if not 0 < len(key) <= LONGEST_KEY:
            raise StateError(
                f"a key of {len(key)} bytes cannot be stored",
                why=f"keys are 1 to {LONGEST_KEY} bytes; nothing was written",
                fix="use a hash of it",
            )
        if value is not None and len(value) > LARGEST_VALUE:
            raise StateError(
                f"a value of {len(value):,} bytes cannot be stored",
                why=f"a value has at most {LARGEST_VALUE:,} bytes; nothing was written",
                fix="keep less of it, or divide it over several keys",
            )
        found[table][key] = value
    return found


def named(tables: Iterable[str]) -> tuple[str, ...]:
    """The names of the tables, if a store can have them."""
    names = tuple(dict.fromkeys(tables))
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"'{name}' cannot be a table of the live store",
                why="a name has 1 to 60 letters, digits, hyphens and underscores",
                fix="give it another name",
            )
    if not 0 < len(names) <= MOST_TABLES:
        raise ConfigError(
            f"a live store cannot have {len(names)} tables",
            why=f"it has 1 to {MOST_TABLES}",
            fix="keep several kinds of entries in one table, under keys that begin differently",
        )
    return names


def no_table(tables: tuple[str, ...], table: str) -> NotFoundError:
    return NotFoundError(
        f"the live store has no table {table}",
        why=f"it was opened with {', '.join(tables)}",
        fix="open it with every table that is used",
    )
