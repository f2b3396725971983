"""Tables of this room in the project's SQLite database.

In: nothing. Out: `MIGRATIONS`, applied in order by `engines.database.open_database`; a script that has shipped is never
edited.

>>> import sqlite3
>>> connection = sqlite3.connect(":memory:")
>>> for script in MIGRATIONS:
...     _ = connection.executescript(script)
>>> sorted(row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
['audit', 'erasure_pending', 'erasure_receipts', 'suppressed']
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE suppressed (
        hash TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        added_at TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT,
        detail TEXT NOT NULL,
        previous TEXT NOT NULL,
        digest TEXT NOT NULL
    );
    CREATE INDEX audit_by_subject ON audit (subject);
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

    -- An erasure that has begun: surrogate ids and keyed hashes, no identifier. The row goes once it is proven.
    CREATE TABLE erasure_pending (
        erasure_id TEXT PRIMARY KEY,
        started_at TEXT NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL,
        customer_ids TEXT NOT NULL,
        record_ids TEXT NOT NULL,
        hashes TEXT NOT NULL,
        receipts TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE erasure_receipts (
        erasure_id TEXT PRIMARY KEY,
        subjects TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL,
        proven INTEGER NOT NULL,
        receipts TEXT NOT NULL,
        findings TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)

IMPERSONAL_TABLES: tuple[str, ...] = ("suppressed", "audit", "erasure_pending", "erasure_receipts")
"""Tables that hold keyed hashes at most: the erasure of a person leaves them."""
