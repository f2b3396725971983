"""Tables the events room keeps in the project's SQLite database; `engines.database` applies them in order.

>>> import sqlite3; database = sqlite3.connect(":memory:"); _ = [database.executescript(sql) for sql in MIGRATIONS]
>>> database.execute("SELECT count(*) FROM quarantine").fetchone()
(0,)
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE quarantine (
      id          INTEGER PRIMARY KEY,
      source      TEXT NOT NULL,
      mapping     TEXT NOT NULL,          -- name of the mapping that refused it
      kind        TEXT NOT NULL,          -- '' where no kind could be told: a malformed line, a row no map takes
      delivery_id TEXT NOT NULL,
      fingerprint TEXT NOT NULL,          -- the delivery's bytes and mapping
      content     TEXT NOT NULL,          -- the delivery's bytes and the mapping's name
      file        TEXT NOT NULL,
      row_number  INTEGER NOT NULL,       -- 1 is the first row after the header
      reason      TEXT NOT NULL,
      raw         TEXT NOT NULL,          -- the row as JSON: an object, or the line as a string where it is no row
      received_at TEXT NOT NULL,
      UNIQUE (fingerprint, file, row_number)
    );
    CREATE INDEX quarantine_content ON quarantine (source, content);
    CREATE INDEX quarantine_reason ON quarantine (source, reason);
    """,
    """
    CREATE TABLE log_positions (              -- how far the log has been brought into the lake
      partition   INTEGER PRIMARY KEY,
      next_offset INTEGER NOT NULL
    );
    CREATE TABLE log_again (                  -- frames to be brought into the lake once more: an event was mended
      partition   INTEGER NOT NULL,
      log_offset  INTEGER NOT NULL,
      PRIMARY KEY (partition, log_offset)
    );
    """,
    """
    CREATE TABLE mended (                     -- rows of files that were in quarantine, as somebody has put them right
      mapping     TEXT NOT NULL,
      source      TEXT NOT NULL,
      content     TEXT NOT NULL,          -- of the delivery that brought the row, as in quarantine
      file        TEXT NOT NULL,
      row_number  INTEGER NOT NULL,
      raw         TEXT NOT NULL,          -- the row as JSON: an object of the source's columns
      mended_at   TEXT NOT NULL,
      PRIMARY KEY (mapping, content, file, row_number)
    );
    """,
)
