"""The ledger of decisions: every record, kept to be counted, explained, replayed and erased.

In: decisions as they are made. Out: rows in `state/decisions/decisions.db` (SQLite, WAL).

    with Ledger(project.state / "decisions") as ledger:
        ledger.add(decision_id, record, customer_id)      a queue; a thread writes it ten times a second
    find_record(folder, decision_id)                      the packed record, to replay

The queue is bounded: when the disk cannot follow, records are dropped and counted (`dropped`); no answer is delayed.
Everything is appended: ids begin with their time, and `subjects` (whose decision) has no index, because keeping one
sorted by customer would write a page per decision. An erasure reads that narrow table through: 40 bytes per decision.
`sync=True` writes at once, for the command line. A decision that is added twice is kept once.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import zlib
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np

from floorwalker.decisions.plan import RULES
from floorwalker.decisions.record import unpack_record
from floorwalker.engines.database import WAIT, use_write_ahead_log
from floorwalker.errors import NotFoundError, StateError

_log = logging.getLogger(__name__)

LEDGER_VERSION = 1
_PAUSE = 0.1  # seconds between two transactions: the most a crash of the process can lose
_SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
  number INTEGER PRIMARY KEY,
  decision_id TEXT NOT NULL UNIQUE,
  record BLOB,
  erased TEXT
);
CREATE TABLE IF NOT EXISTS subjects (number INTEGER PRIMARY KEY, customer_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS policies (
  digest TEXT PRIMARY KEY, absent_personalization INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS numberings (run_id TEXT PRIMARY KEY, product_ids BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS erased_customers (hash BLOB PRIMARY KEY) WITHOUT ROWID;
"""
# A record still in a worker's queue when its person is erased must not come after the erasure.
_INSERT = """
INSERT OR IGNORE INTO decisions (decision_id, record)
SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM erased_customers WHERE hash = ?)
"""

Row = tuple[str, "str | None", bytes]


def open_ledger(folder: Path) -> sqlite3.Connection:
    """The ledger's database. Raises StateError when a newer Floorwalker wrote it."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "decisions.db", timeout=WAIT, isolation_level=None, check_same_thread=False)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > LEDGER_VERSION:
        connection.close()
        raise StateError(
            "the ledger of decisions was written by a newer Floorwalker",
            why=f"it has version {version}, this one knows {LEDGER_VERSION}",
            fix="pip install --upgrade floorwalker",
        )
    # NORMAL: a power cut may lose the last decisions, never damage the rest; no answer waits for the disk.
    # Large pages: a record of 5 KB lies in one instead of two, at half the cost of writing.
    connection.execute("PRAGMA page_size = 16384")
    use_write_ahead_log(connection)
    for setting in ("synchronous = NORMAL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA user_version = {LEDGER_VERSION}")
    return connection


class Ledger:
    """Writes records. `limit`: how many may wait; `sync`: write each at once instead of by a thread."""

    def __init__(self, folder: Path, *, limit: int = 50_000, batch: int = 2_000, sync: bool = False) -> None:
        self._connection = open_ledger(folder)
        self._limit, self._batch, self._sync = limit, batch, sync
        self._rows: deque[Row] = deque()
        self._closing, self._lock = threading.Event(), threading.Lock()
        self.dropped = 0
        """Records lost because the queue was full or the disk refused them."""
        self.written = 0
        self._thread: threading.Thread | None = None
        if not sync:
            self._thread = threading.Thread(target=self._write_on, name="decision-ledger", daemon=True)
            self._thread.start()

    @property
    def waiting(self) -> int:
        """How many records wait to be written."""
        return len(self._rows)

    def add(self, decision_id: str, record: bytes, customer_id: str | None) -> None:
        """Keep a record. Never waits, unless the ledger is `sync`."""
        row = (decision_id, customer_id, record)
        if self._sync:
            self._write([row])
        elif len(self._rows) >= self._limit:
            self.dropped += 1
        else:
            self._rows.append(row)

    def keep_policy(self, digest: str, text: str, absent_personalization: bool) -> None:
        """Keep the text behind a policy's digest, so that its decisions can be replayed after it changed."""
        with self._lock:
            self._connection.execute(
                "INSERT OR IGNORE INTO policies VALUES (?, ?, ?)", (digest, int(absent_personalization), text)
            )

    def keep_numbering(self, run_id: str, product_ids: Sequence[str]) -> None:
        """Keep which product a number of this run's records means, also when its bundle is gone."""
        with self._lock:
            known = self._connection.execute("SELECT 1 FROM numberings WHERE run_id = ?", (run_id,)).fetchone()
            if known is None:
                packed = zlib.compress(msgspec.msgpack.encode(list(product_ids)), 1)
                self._connection.execute("INSERT OR IGNORE INTO numberings VALUES (?, ?)", (run_id, packed))

    def close(self) -> None:
        """Write what waits, then close."""
        if self._thread is not None:
            self._closing.set()
            self._thread.join()
            self._thread = None
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_on(self) -> None:
        while True:
            # A pause gathers records: one transaction of 500 costs a tenth of 500 transactions. Whether to close is
            # read before the queue, so that what was added before closing is written.
            closing = self._closing.wait(_PAUSE)
            while self._rows:
                batch = [self._rows.popleft() for _ in range(min(self._batch, len(self._rows)))]
                try:
                    self._write(batch)
                except sqlite3.Error as error:  # a full disk must not end the thread, and with it every later record
                    self.dropped += len(batch)
                    _log.error("%d decision records were not written: %s", len(batch), error)
            if closing:
                return

    def _write(self, rows: list[Row]) -> None:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                subjects = []
                for decision_id, customer_id, record in rows:
                    cursor = self._connection.execute(_INSERT, (decision_id, record, customer_hash(customer_id)))
                    if customer_id is not None and cursor.rowcount == 1:
                        subjects.append((cursor.lastrowid, customer_id))
                self._connection.executemany("INSERT INTO subjects VALUES (?, ?)", subjects)
            except sqlite3.Error:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        self.written += len(rows)


def customer_hash(customer_id: str | None) -> bytes | None:
    """How an erased customer is remembered: the id is opaque and keyed already, its hash names nobody."""
    return hashlib.blake2b(customer_id.encode(), digest_size=16).digest() if customer_id else None


def find_record(folder: Path, decision_id: str) -> bytes:
    """The packed record of a decision. Raises NotFoundError; StateError when it was erased."""
    connection = open_ledger(folder)
    try:
        row = connection.execute("SELECT record FROM decisions WHERE decision_id = ?", (decision_id,)).fetchone()
    finally:
        connection.close()
    if row is None:
        raise NotFoundError(f"no decision {decision_id}", why="it was never recorded, or its record was dropped")
    if row[0] is None:
        raise StateError(f"decision {decision_id} was erased", why="the person it was made for asked for erasure")
    return row[0]


def find_policy(folder: Path, digest: str) -> tuple[str, bool]:
    """Text and absent-personalization rule of a policy decisions were made with. Raises NotFoundError."""
    connection = open_ledger(folder)
    try:
        row = connection.execute(
            "SELECT text, absent_personalization FROM policies WHERE digest = ?", (digest,)
        ).fetchone()
    finally:
        connection.close()
    if row is None:
        raise NotFoundError(f"no policy {digest} in the ledger")
    return row[0], bool(row[1])


def candidates_of(folder: Path, data: bytes) -> list[tuple[str, float, str]]:
    """The candidates of a packed record: (product id, score, what became of it: a word of plan.RULES)."""
    record = unpack_record(data)
    connection = open_ledger(folder)
    try:
        row = connection.execute("SELECT product_ids FROM numberings WHERE run_id = ?", (record.run_id,)).fetchone()
    finally:
        connection.close()
    if row is None:
        raise NotFoundError(f"no product numbers of run {record.run_id} in the ledger")
    ids = msgspec.msgpack.decode(zlib.decompress(row[0]), type=list[str])
    numbers = np.frombuffer(record.candidates, "<u4").tolist()
    scores = np.frombuffer(record.scores, "<f8").tolist()
    rows = zip(numbers, scores, record.verdicts, strict=True)
    return [(ids[number], score, RULES[code]) for number, score, code in rows]


def decisions_of(folder: Path, customer_ids: Collection[str]) -> list[str]:
    """Ids of the decisions made for these customers, oldest first: for access requests."""
    connection = open_ledger(folder)
    try:
        marks = ",".join("?" * len(customer_ids))
        return [
            row[0]
            for row in connection.execute(
                "SELECT decision_id FROM subjects JOIN decisions USING (number)"
                f" WHERE customer_id IN ({marks}) ORDER BY number",
                tuple(customer_ids),
            )
        ]
    finally:
        connection.close()
