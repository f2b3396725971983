"""The project's database for tests of this room: as `engines.database` opens it, with the tables of two rooms."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from floorwalker.channels import schema as channels
from floorwalker.governance import schema as governance


def open_test_database(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit'").fetchone():
        for script in (*governance.MIGRATIONS, *channels.MIGRATIONS):
            connection.executescript(script)
    return connection
