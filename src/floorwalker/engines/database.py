"""The project's small tables in SQLite: runs, deliveries, quarantine, suppression, keys, receipts.

In: a project and the migrations of the rooms. Out: a connection whose tables are up to date.

Rooms own their tables: each has a `schema.py` with `MIGRATIONS`, a tuple of SQL scripts applied in order, once, and
never edited afterwards. What is committed here survives a power cut (`synchronous=FULL`). Processes that open a new
project at the same moment wait for each other.

>>> import tempfile
>>> from floorwalker.engines.project import Project
>>> project = Project(tempfile.mkdtemp())
>>> database = open_database(project, {"toys": ("CREATE TABLE toys (name TEXT)",)})
>>> database.execute("SELECT room, version FROM schema_versions").fetchall()
[('toys', 1)]
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


WAIT = 30
"""Seconds that one process waits for another to end its transaction."""


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Put a database into WAL mode. SQLite itself does not wait for another process that is just doing the same."""
    until = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def open_database(project: Project, migrations: Mapping[str, tuple[str, ...]]) -> sqlite3.Connection:
    """Open (or make) the project's database and bring each room's tables to their newest version.

    Raises StateError when a room's tables were written by a newer Floorwalker.
    """
    project.state.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(project.database, timeout=WAIT, isolation_level=None, check_same_thread=False)
    use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    for room, scripts in migrations.items():
        _migrate(connection, room, scripts)
    return connection


def _migrate(connection: sqlite3.Connection, room: str, scripts: tuple[str, ...]) -> None:
    while (version := _version(connection, room)) < len(scripts):
        # One transaction per step: killed in the middle, the step is as if never begun.
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have taken the step while this one waited for it.
            if _version(connection, room) == version:
                for statement in _statements(scripts[version]):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO schema_versions VALUES (?, ?)"
                    " ON CONFLICT (room) DO UPDATE SET version = excluded.version",
                    (room, version + 1),
                )
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
    if version > len(scripts):
        raise StateError(
            f"the tables of '{room}' were written by a newer Floorwalker",
            why=f"they have version {version}, this one knows {len(scripts)}",
            fix="pip install --upgrade floorwalker",
        )


def _version(connection: sqlite3.Connection, room: str) -> int:
    row = connection.execute("SELECT version FROM schema_versions WHERE room = ?", (room,)).fetchone()
    return row[0] if row else 0


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would end the transaction around it."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip(" \n;"):
        yield statement
