"""The key store of a log on Kafka: who may write from where on, which keys are left, what was put in place of frames.

In: a folder of the project. Out: sessions, keys by offset, and changes that are whole or not at all.

    keys.db         sessions of writers, the nodes of their key trees, a key per frame that was replaced. Small
    rewritten.db    the frames that were replaced, encrypted: without their key in keys.db they are noise

A session is one writer's time on a partition. It owns the offsets from its `floor` to the next one's, and the frame at
`floor + n` is the n-th it wrote: a frame that says otherwise came late, from a writer that had failed or was gone, and
does not count. Its seed is on disk before its first frame is sent.

After a change that destroys keys the file is made anew and its write-ahead log emptied: no page keeps a copy. A process
that was killed in between leaves a note, and the next one does it.

>>> import tempfile
>>> keys = KeyStore(Path(tempfile.mkdtemp()))
>>> session, seed = keys.begin(0, floor=10)
>>> key = keys.key(0, 12)
>>> keys.rewrite(0, {12: b"new"}); keys.key(0, 12), keys.rewritten(0, 12), keys.key(0, 13) is None
(None, b'new', False)
>>> keys.close()
"""

from __future__ import annotations

import bisect
import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from floorwalker.engines.event_log.files import WAIT, sync
from floorwalker.engines.event_log.kafka_frames import Place, seal, unseal
from floorwalker.engines.event_log.key_tree import Leaves, Nodes, punctured, without_first
from floorwalker.errors import ConfigError, StateError

KEYS, REWRITTEN = "keys.db", "rewritten.db"
_VERSION = 1
_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL UNIQUE, partition INTEGER NOT NULL,
    floor INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS nodes (
    session INTEGER NOT NULL, level INTEGER NOT NULL, place INTEGER NOT NULL, seed BLOB NOT NULL,
    PRIMARY KEY (session, level, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rewritten (
    partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, key BLOB NOT NULL, kept INTEGER NOT NULL,
    PRIMARY KEY (partition, "offset")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS starts (partition INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS due (what TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topic (name TEXT NOT NULL);
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_KEPT = "CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY AUTOINCREMENT, frame BLOB NOT NULL)"


class Session(NamedTuple):
    """A writer's time on a partition."""

    id: int
    floor: int


class KeyStore:
    """Open in any number of processes. One thread at a time gets in."""

    def __init__(self, folder: Path, topic: str = "") -> None:
        self.folder = folder
        self._turn = RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._keys = self._rewritten = sqlite3.connect(":memory:")
        with self._told("opened"):
            self._keys = self._connect(KEYS, _TABLES)
            self._rewritten = self._connect(REWRITTEN, _KEPT)
            sync(folder)
            self._seen = -1
            self._forget()
            if self._keys.execute("SELECT 1 FROM due").fetchone():
                self._tidy()
            self._check(topic)

    def refresh(self) -> None:
        """See what other processes have changed."""
        with self._turn, self._told("read"):
            (seen,) = self._keys.execute("PRAGMA data_version").fetchone()
            if seen != self._seen:
                self._seen = seen
                self._forget()

    def begin(self, partition: int, floor: int) -> tuple[Session, bytes]:
        """A new session that owns everything from `floor` on, and the seed of its keys; on disk."""
        seed, session = secrets.token_bytes(32), Session(secrets.randbits(62), floor)
        with self._changing():
            last = self._keys.execute("SELECT max(floor) FROM sessions WHERE partition = ?", (partition,)).fetchone()[0]
            if last is not None and last > floor:
                raise StateError(
                    f"partition {partition} of the log on Kafka has lost frames",
                    why=f"it ends at {floor}, and was written from {last} on",
                    fix="give the log another topic: what runs and readers know of this one's offsets is not true",
                )
            self._keys.execute(
                "INSERT INTO sessions (id, partition, floor) VALUES (?, ?, ?)", (session.id, partition, floor)
            )
            self._keys.execute("INSERT INTO nodes VALUES (?, 0, 0, ?)", (session.id, seed))
        return session, seed

    def owner(self, partition: int, offset: int) -> Session | None:
        """The session whose frame counts at an offset."""
        with self._turn:
            if partition not in self._sessions:
                with self._told("read"):
                    rows = self._keys.execute(
                        "SELECT id, floor FROM sessions WHERE partition = ? ORDER BY number", (partition,)
                    ).fetchall()
                self._sessions[partition] = [Session(*row) for row in rows]
            sessions = self._sessions[partition]
            place = bisect.bisect_right(sessions, offset, key=lambda one: one.floor) - 1
            return sessions[place] if place >= 0 else None

    def is_newest(self, partition: int, session: Session) -> bool:
        """Whether no writer has begun after this one."""
        with self._turn:
            return self._sessions[partition][-1] == session

    def knows(self, session: int) -> bool:
        """Whether a session was one of ours."""
        with self._turn, self._told("read"):
            return self._keys.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone() is not None

    def key(self, partition: int, offset: int) -> bytes | None:
        """The key of the frame that counts at an offset; None when it was destroyed."""
        with self._turn:
            session = self.owner(partition, offset)
            if session is None:
                return None
            leaves = self._leaves.get(session.id)
            if leaves is None:
                with self._told("read"):
                    leaves = self._leaves[session.id] = Leaves(self._nodes(session.id))
            return leaves.key(offset - session.floor)

    def start(self, partition: int) -> int:
        """The offset from which on keys are kept."""
        with self._turn:
            if partition not in self._starts:
                with self._told("read"):
                    row = self._keys.execute('SELECT "offset" FROM starts WHERE partition = ?', (partition,)).fetchone()
                self._starts[partition] = row[0] if row else 0
            return self._starts[partition]

    def rewritten(self, partition: int, offset: int) -> bytes | None:
        """What was put in the place of a frame."""
        with self._turn, self._told("read"):
            if partition not in self._replaced:
                rows = self._keys.execute('SELECT "offset" FROM rewritten WHERE partition = ?', (partition,)).fetchall()
                self._replaced[partition] = {one for (one,) in rows}
            if offset not in self._replaced[partition]:
                return None
            # Replaced once more meanwhile? Then its row says so now.
            for _ in range(3):
                found = self._keys.execute(
                    'SELECT key, kept FROM rewritten WHERE (partition, "offset") = (?, ?)', (partition, offset)
                ).fetchone()
                kept = found and self._rewritten.execute("SELECT frame FROM kept WHERE id = ?", found[1:]).fetchone()
                if kept:
                    frame = unseal(found[0], Place(partition, 0, offset), kept[0])
                    if frame is not None:
                        return frame
            raise StateError(
                f"offset {offset} of partition {partition} of the log cannot be read",
                why=f"what was put in its place is not in {self.folder / REWRITTEN}",
                fix=f"bring the folder back from a backup, whole, or go on reading at {offset + 1}",
            )

    def rewrite(self, partition: int, frames: Mapping[int, bytes]) -> None:
        """Put other frames in the place of some, and destroy the keys of these. When it returns they are destroyed."""
        with self._changing(tidy=True):
            # First what takes their place, on disk; it counts from the moment the keys are gone.
            replaced: list[tuple[int, int, bytes, int]] = []
            with self._rewritten:
                self._rewritten.execute("BEGIN IMMEDIATE")
                for offset, frame in frames.items():
                    key = secrets.token_bytes(32)
                    sealed = seal(key, Place(partition, 0, offset), frame)
                    row = self._rewritten.execute("INSERT INTO kept (frame) VALUES (?)", (sealed,))
                    replaced.append((partition, offset, key, row.lastrowid or 0))
            going: dict[Session, list[int]] = {}
            for offset in frames:
                if session := self.owner(partition, offset):
                    going.setdefault(session, []).append(offset - session.floor)
            for session, leaves in going.items():
                nodes = self._nodes(session.id)
                self._put_nodes(session.id, nodes, punctured(nodes, leaves))
            self._keys.executemany("INSERT OR REPLACE INTO rewritten VALUES (?, ?, ?, ?)", replaced)

    def destroy_before(self, partition: int, start: int) -> None:
        """Destroy the keys of all frames before an offset, and forget what was put in the place of some."""
        with self._changing(tidy=True):
            sessions = self._keys.execute(
                "SELECT id, floor FROM sessions WHERE partition = ? AND floor < ? ORDER BY number", (partition, start)
            ).fetchall()
            for place, (session, floor) in enumerate(sessions):
                over = place + 1 < len(sessions)
                nodes = self._nodes(session)
                self._put_nodes(session, nodes, {} if over else without_first(nodes, start - floor))
            self._keys.execute('DELETE FROM rewritten WHERE partition = ? AND "offset" < ?', (partition, start))
            self._keys.execute("INSERT OR REPLACE INTO starts VALUES (?, ?)", (partition, start))

    def all_nodes(self) -> dict[int, Nodes]:
        """Per session every node that is left: for a proof that a key cannot be derived."""
        with self._turn, self._told("read"):
            ids = self._keys.execute("SELECT id FROM sessions").fetchall()
            return {session: self._nodes(session) for (session,) in ids}

    def close(self) -> None:
        with self._turn:
            self._keys.close()
            self._rewritten.close()

    def _nodes(self, session: int) -> Nodes:
        rows = self._keys.execute("SELECT level, place, seed FROM nodes WHERE session = ?", (session,)).fetchall()
        return {(level, place): seed for level, place, seed in rows}

    def _put_nodes(self, session: int, old: Nodes, new: Nodes) -> None:
        gone = [(session, *place) for place in old.keys() - new.keys()]
        self._keys.executemany("DELETE FROM nodes WHERE (session, level, place) = (?, ?, ?)", gone)
        come = [(session, *place, new[place]) for place in sorted(new.keys() - old.keys())]
        self._keys.executemany("INSERT INTO nodes VALUES (?, ?, ?, ?)", come)

    @contextlib.contextmanager
    def _changing(self, *, tidy: bool = False) -> Generator[None]:
        """A transaction on the keys; all who change them take turns."""
        with self._turn, self._told("changed"):
            self._keys.execute("BEGIN IMMEDIATE")
            self._forget()
            try:
                yield
                if tidy:
                    self._keys.execute("INSERT OR IGNORE INTO due VALUES ('tidy')")
                self._keys.execute("COMMIT")
            except BaseException:
                if self._keys.in_transaction:
                    self._keys.execute("ROLLBACK")
                raise
            finally:
                self._forget()
            if tidy:
                self._tidy()

    def _tidy(self) -> None:
        """No page, and no write-ahead log, keeps what was destroyed; frames without a key go."""
        self._keys.execute("BEGIN IMMEDIATE")
        used = {one for (one,) in self._keys.execute("SELECT kept FROM rewritten").fetchall()}
        ids = {one for (one,) in self._rewritten.execute("SELECT id FROM kept").fetchall()}
        with self._rewritten:
            self._rewritten.executemany("DELETE FROM kept WHERE id = ?", [(one,) for one in sorted(ids - used)])
        self._keys.execute("COMMIT")
        self._keys.execute("VACUUM")
        until = time.monotonic() + WAIT
        while self._keys.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                raise StateError(
                    f"keys that were destroyed are still in {KEYS}-wal",
                    why="somebody has been reading that file all the time",
                    fix="do the same again",
                )
        self._keys.execute("DELETE FROM due")

    def _check(self, topic: str) -> None:
        """The keys are those of one topic."""
        self._keys.execute("INSERT INTO topic SELECT ? WHERE NOT EXISTS (SELECT 1 FROM topic)", (topic,))
        (known,) = self._keys.execute("SELECT name FROM topic").fetchone()
        if known != topic:
            self.close()
            raise ConfigError(
                f"the keys of the log are those of another topic than '{topic}'",
                why=f"{self.folder} belongs to '{known}'",
                fix="set the URL of the log back, or give the new topic another folder",
            )

    def _forget(self) -> None:
        """What is known of the file; it is read again when it is needed."""
        self._sessions: dict[int, list[Session]] = {}
        self._leaves: dict[int, Leaves] = {}
        self._starts: dict[int, int] = {}
        self._replaced: dict[int, set[int]] = {}

    def _connect(self, name: str, tables: str) -> sqlite3.Connection:
        path = self.folder / name
        if not path.exists():
            # Nobody else may read what is in it, and SQLite gives its sidecars the same rights.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StateError(
                    f"{name} of the log was written by a newer Floorwalker",
                    why=f"it has version {version}, this one knows {_VERSION}",
                    fix="pip install --upgrade floorwalker",
                )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.executescript(tables)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _told(self, done: str) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(
                f"the key store of the log could not be {done}",
                why=f"{type(error).__name__}: {error} ({self.folder})",
                fix="look at the free space and the health of the disk; without its keys the log cannot be read",
            ) from error
