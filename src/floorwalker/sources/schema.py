"""SQLite tables of the sources room: which deliveries have been read, how far each pulled
stream was, and what people asked of their data."""

MIGRATIONS = (
    """
    CREATE TABLE deliveries (
      delivery_id TEXT NOT NULL,
      fingerprint TEXT PRIMARY KEY,   -- of the bytes and the mapping: the same file again is not read again
      source TEXT NOT NULL,
      path TEXT NOT NULL,
      received_at TEXT NOT NULL,
      run_id TEXT NOT NULL,
      rows_read INTEGER NOT NULL,
      rows_new INTEGER NOT NULL,
      rows_known INTEGER NOT NULL,
      rows_quarantined INTEGER NOT NULL,
      rows_suppressed INTEGER NOT NULL
    );
    CREATE INDEX deliveries_of_source ON deliveries (source);
    """,
    """
    CREATE TABLE pull_cursors (
      pull TEXT NOT NULL,
      stream TEXT NOT NULL,
      value TEXT,                     -- seconds or a number, exact
      shown TEXT NOT NULL,            -- the same for people
      token TEXT NOT NULL,            -- the system's own mark, where it has one
      seen TEXT NOT NULL,             -- JSON: digests of the records at the end of what was read
      pulled_at TEXT NOT NULL,
      PRIMARY KEY (pull, stream)
    );
    """,
    """
    CREATE TABLE privacy_requests (
      number TEXT PRIMARY KEY,        -- of what was sent: the same again is the same request
      pull TEXT NOT NULL,
      topic TEXT NOT NULL,
      customer_ref TEXT NOT NULL,
      email TEXT NOT NULL,
      phone TEXT NOT NULL,
      received_at TEXT NOT NULL,
      due_on TEXT NOT NULL
    );
    """,
)
