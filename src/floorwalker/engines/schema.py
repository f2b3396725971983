"""SQLite tables of the engines room: the log of runs."""

MIGRATIONS = (
    """
    CREATE TABLE runs (
      run_id TEXT PRIMARY KEY,
      started_at TEXT NOT NULL,
      finished_at TEXT,
      status TEXT NOT NULL,           -- running, published, unchanged, failed, interrupted
      as_of TEXT,
      rows_new INTEGER,
      tables_built INTEGER,
      seconds REAL,
      message TEXT
    );
    """,
)
