"""Tables of this room in the project's SQLite database: what people have decided about who is who.

In: nothing. Out: `MIGRATIONS`, applied in order by `engines.database.open_database`; a script that has shipped is never
edited.

A decision is written once. Only erasure takes something away: the records of the erased person, their words in a
note, and, by the trigger, a decision that has lost one of its sides.

>>> import sqlite3; database = sqlite3.connect(":memory:"); _ = [database.executescript(sql) for sql in MIGRATIONS]
>>> database.execute("SELECT count(*) FROM identity_decisions").fetchone()
(0,)
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE identity_decisions (
        decision_id TEXT PRIMARY KEY,
        kind        TEXT NOT NULL CHECK (kind IN ('link', 'cut', 'undo')),
        at          TEXT NOT NULL,           -- UTC, to the microsecond: the order in which decisions count
        actor       TEXT NOT NULL,
        note        TEXT NOT NULL,
        customer_a  TEXT NOT NULL,           -- whose the records were when it was decided; '' where nobody's alone
        customer_b  TEXT NOT NULL,
        supersedes  TEXT NOT NULL            -- of 'undo': the decision that is taken back; else ''
    ) WITHOUT ROWID;

    -- A record and the keys it had: what it can be known by when its source words it anew.
    CREATE TABLE identity_decision_records (
        decision_id TEXT NOT NULL,
        side        TEXT NOT NULL CHECK (side IN ('a', 'b')),
        record_id   TEXT NOT NULL,
        ref_key     TEXT,
        account_key TEXT,
        loyalty_key TEXT,
        email_key   TEXT,
        phone_key   TEXT,
        own_numbers TEXT,                    -- which of ref_key and account_key only records of this side had
        PRIMARY KEY (decision_id, side, record_id)
    ) WITHOUT ROWID;

    CREATE TRIGGER identity_decisions_stand BEFORE UPDATE OF decision_id, kind, at, actor, supersedes
    ON identity_decisions BEGIN SELECT RAISE(ABORT, 'a decision is not changed: decide again'); END;
    CREATE TRIGGER identity_decision_records_stand BEFORE UPDATE ON identity_decision_records
    BEGIN SELECT RAISE(ABORT, 'a decision is not changed: decide again'); END;

    CREATE TRIGGER identity_decision_void AFTER DELETE ON identity_decision_records
    WHEN NOT EXISTS (SELECT 1 FROM identity_decision_records WHERE decision_id = OLD.decision_id AND side = OLD.side)
    BEGIN
        DELETE FROM identity_decisions WHERE decision_id = OLD.decision_id OR supersedes = OLD.decision_id;
        DELETE FROM identity_decision_records WHERE decision_id = OLD.decision_id;
    END;
    """,
    """
    -- What the breaker has taken out. A code is a hash of a value that many customers share; no value is kept.
    CREATE TABLE identity_quarantine (
        code        TEXT NOT NULL,
        kind        TEXT NOT NULL,
        at          TEXT NOT NULL,           -- UTC
        run_id      TEXT NOT NULL,
        customers   INTEGER NOT NULL,        -- published customers that it would have joined
        joins       INTEGER NOT NULL,        -- that the run would have joined in all
        released_at TEXT NOT NULL,           -- '' while it is in quarantine
        released_by TEXT NOT NULL,
        PRIMARY KEY (kind, code)
    ) WITHOUT ROWID
    """,
)

RECORDS = "identity_decision_records"
DECISIONS = "identity_decisions"
"""The tables that hold ids and keys of people; `app.stores` says how erasure goes about them."""

IMPERSONAL_TABLES = ("identity_quarantine",)
"""Tables that name nobody."""
