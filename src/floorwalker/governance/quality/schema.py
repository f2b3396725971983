"""SQLite tables of quality: measurements, days, results of tests and anomalies, each with the run that saw them.

In: nothing. Out: `MIGRATIONS`, applied in order and never edited after release, and what erasure must know: values of
categories and the sentences that quote them are looked through, the rest holds numbers only.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE quality_tables (
        number INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        measured_at TEXT NOT NULL,
        as_of TEXT NOT NULL,
        table_name TEXT NOT NULL,
        source TEXT NOT NULL,           -- '' for a whole table; else what this source newly brought
        version INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        looked_at INTEGER NOT NULL,
        UNIQUE (table_name, source, run_id)
    );

    CREATE TABLE quality_columns (
        measure INTEGER NOT NULL REFERENCES quality_tables (number) ON DELETE CASCADE,
        column_name TEXT NOT NULL,
        type TEXT NOT NULL,
        empty REAL NOT NULL,
        distinct_values INTEGER NOT NULL,
        low TEXT,
        high TEXT,
        mean REAL,
        shape TEXT,                     -- JSON: quantiles of a number, shares of a category
        PRIMARY KEY (measure, column_name)
    ) WITHOUT ROWID;

    -- Rows per source and day as known now, and as known when the day was the source's newest.
    CREATE TABLE quality_days (
        table_name TEXT NOT NULL,
        source TEXT NOT NULL,
        day TEXT NOT NULL,
        rows INTEGER NOT NULL,
        first_rows INTEGER,
        PRIMARY KEY (table_name, source, day)
    ) WITHOUT ROWID;

    -- Up to which moment of receipt a bronze table's rows have been counted.
    CREATE TABLE quality_seen (
        table_name TEXT PRIMARY KEY,
        received_at TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE quality_tests (
        run_id TEXT NOT NULL,
        tested_at TEXT NOT NULL,
        table_name TEXT NOT NULL,
        test TEXT NOT NULL,
        status TEXT NOT NULL,           -- pass, warn, fail
        failures INTEGER NOT NULL,
        PRIMARY KEY (table_name, test, run_id)
    ) WITHOUT ROWID;

    CREATE TABLE quality_anomalies (
        number INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        found_at TEXT NOT NULL,
        severity TEXT NOT NULL,         -- high, medium, low
        kind TEXT NOT NULL,             -- volume, freshness, empty, drift, category, schema, rows
        table_name TEXT NOT NULL,
        column_name TEXT NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        also TEXT NOT NULL,             -- JSON: where the same cause shows
        touches TEXT NOT NULL           -- JSON: what it may reach
    );
    CREATE INDEX quality_anomalies_of_run ON quality_anomalies (run_id);

    CREATE TABLE quality_runs (
        run_id TEXT PRIMARY KEY,
        checked_at TEXT NOT NULL,
        as_of TEXT NOT NULL,
        seconds REAL NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- Batch against live: what was compared after a run, and which features differed for how many customers.
    CREATE TABLE quality_skew (
        run_id TEXT PRIMARY KEY,
        checked_at TEXT NOT NULL,
        as_of TEXT NOT NULL,
        customers INTEGER NOT NULL,
        compared INTEGER NOT NULL,
        differences INTEGER NOT NULL,
        different TEXT NOT NULL,        -- JSON: feature -> customers
        left_out TEXT NOT NULL,         -- JSON: tables that were not read in time
        seconds REAL NOT NULL
    ) WITHOUT ROWID;
    """,
)

PERSONAL_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("quality_columns", ("shape",)),
    ("quality_anomalies", ("text", "also")),
)
"""Tables and columns that could quote what was received: a row that names an erased person goes."""

IMPERSONAL_TABLES = ("quality_tables", "quality_days", "quality_seen", "quality_tests", "quality_runs", "quality_skew")
"""Tables of numbers and of names of tables."""
