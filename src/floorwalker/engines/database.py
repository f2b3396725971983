"""The project's small tables in SQLite: runs, deliveries, quarantine, suppression, keys, receipts.

In: a project and the migrations of the rooms. Out: a connection whose tables are up to date.

Rooms own their tables: each has a `schema.py` with `MIGRATIONS`, a tuple of SQL scripts applied in order, once, and
never edited afterwards. What is committed here survives a power cut (`synchronous=FULL`).

>>> import tempfile
>>> from floorwalker.engines.project import Project
>>> project = Project(tempfile.mkdtemp())
>>> database = open_database(project, {"toys": ("CREATE TABLE toys (name TEXT)",)})
>>> database.execute("SELECT room, version FROM schema_versions").fetchall()
[('toys', 1)]
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING

from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


def open_database(project: Project, migrations: Mapping[str, tuple[str, ...]]) -> sqlite3.Connection:
    """Open (or make) the project's database and bring each room's tables to their newest version.

    Raises StateError when a room's tables were written by a newer Floorwalker.
    """
    project.state.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(project.database, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    for room, scripts in migrations.items():
        _migrate(connection, room, scripts)
    return connection


def _migrate(connection: sqlite3.Connection, room: str, scripts: tuple[str, ...]) -> None:
    row = connection.execute("SELECT version FROM schema_versions WHERE room = ?", (room,)).fetchone()
    version = row[0] if row else 0
    if version > len(scripts):
        raise StateError(
            f"the tables of '{room}' were written by a newer Floorwalker",
            why=f"they have version {version}, this one knows {len(scripts)}",
            fix="pip install --upgrade floorwalker",
        )
    for number in range(version, len(scripts)):
        # One transaction per step: killed in the middle, the step is as if never begun.
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{scripts[number]};\n"
                f"INSERT INTO schema_versions VALUES ('{room}', {number + 1})"
                f" ON CONFLICT (room) DO UPDATE SET version = excluded.version;\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
