"""One SQLite transaction around several statements, whatever isolation level the connection was opened with.

In: a connection. Out: everything inside the block is committed, or nothing is.

>>> import sqlite3
>>> connection = sqlite3.connect(":memory:", isolation_level=None)
>>> _ = connection.execute("CREATE TABLE toys (name TEXT)")
>>> with atomic(connection):
...     _ = connection.execute("INSERT INTO toys VALUES ('bear')")
>>> connection.in_transaction
False
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def atomic(connection: sqlite3.Connection) -> Generator[None]:
    """Begin, and commit or roll back; inside an open transaction it joins that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
