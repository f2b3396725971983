"""Tables of this room in the project's SQLite database: which audience went where, and who was in it.

In: nothing. Out: `MIGRATIONS` for `engines.database.open_database`. Members are keyed 64-bit hashes, not names: enough
to tell, when a person asks to be erased, which recipients once received their data.

>>> import sqlite3
>>> _ = sqlite3.connect(":memory:").executescript(MIGRATIONS[0])
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE exports (
        export_id TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        run_id TEXT,
        audience TEXT NOT NULL,
        channel TEXT NOT NULL,
        purpose TEXT NOT NULL,
        recipient TEXT NOT NULL,
        file TEXT NOT NULL,
        format TEXT NOT NULL,
        hashed INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        report TEXT NOT NULL,
        members BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX exports_by_audience ON exports (audience, at);
    """,
)

IMPERSONAL_TABLES: tuple[str, ...] = ("exports",)
"""Holds keyed hashes at most; the handler of the exports reads them to name the recipients."""
