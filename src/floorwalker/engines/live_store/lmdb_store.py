"""The embedded store: one LMDB file, mapped by every process that reads it.

In: a folder. Out: `interface.LiveStore`.

    <folder>/data.mdb, lock.mdb    LMDB's own: the entries, and who reads
    <folder>/writer.lock           held by the one that writes
    <folder>/written-in-boot       there while a writer has not synced and closed

A batch is one transaction of LMDB, committed to the operating system without a sync: a killed process loses nothing
that it committed. `sync` has it on disk.

>>> import tempfile
>>> store = LmdbStore(Path(tempfile.mkdtemp()), ("a", "b"), StoreSettings(), writing=True)
>>> store.write([("a", b"k", b"1"), ("b", b"k", b"2"), ("b", b"gone", None)])
>>> store.get("a", b"k"), store.get_many("b", [b"k", b"gone"]), store.count("b")
(b'1', [b'2', None], 1)
>>> store.close()
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import lmdb

from floorwalker.engines.event_log.holding import PartitionLock
from floorwalker.engines.live_store import unclean
from floorwalker.engines.live_store.batches import batch, named, no_table
from floorwalker.engines.live_store.environment import Environment, Passes, opened
from floorwalker.engines.live_store.interface import LONGEST_KEY, Change, Reads
from floorwalker.engines.live_store.mapping import MappedMoment, Tables, told
from floorwalker.engines.live_store.settings import StoreSettings
from floorwalker.errors import StateError

_CHUNK_ENTRIES = 1000
_CHUNK_BYTES = 4 << 20
_CHECK_READERS = 60.0


class LmdbStore:
    """The store in a folder."""

    def __init__(
        self, folder: Path, tables: Iterable[str], settings: StoreSettings | None = None, *, writing: bool = False
    ) -> None:
        self.folder = folder
        self.tables = named(tables)
        folder.mkdir(parents=True, exist_ok=True)
        self._held = _lock(folder) if writing else None
        self._writing = Lock()
        self._process = os.getpid()
        self._checked = time.monotonic()
        try:
            self._environment: Environment | None = opened(folder, self.tables, (settings or StoreSettings()).map_bytes)
            if writing:
                unclean.begin(folder)
                self._environment.check_readers()
        except BaseException:
            if self._held:
                self._held.release()
            raise
        self._passes = self._environment.passes

    def get(self, table: str, key: bytes) -> bytes | None:
        if not 0 < len(key) <= LONGEST_KEY:
            return None
        while True:
            passes = self._passes
            try:
                one = self._open().take() if passes.closed else passes.pop()
            except IndexError:
                one = self._open().take()
            try:
                transaction = one[0](one[1][table])
                try:
                    return transaction.get(key)
                finally:
                    transaction.abort()
            except (KeyError, lmdb.Error) as error:
                failed = error
            finally:
                passes.append(one)
            self._recover(failed, table)

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        while True:
            passes = self._passes
            try:
                one = self._open().take() if passes.closed else passes.pop()
            except IndexError:
                one = self._open().take()
            try:
                transaction = one[0](one[1][table])
                try:
                    get = transaction.get
                    return [get(key) if 0 < len(key) <= LONGEST_KEY else None for key in keys]
                finally:
                    transaction.abort()
            except (KeyError, lmdb.Error) as error:
                failed = error
            finally:
                passes.append(one)
            self._recover(failed, table)

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """In the order of the keys, piece by piece: a transaction of LMDB that lasts would keep every old page."""
        last = b""
        while chunk := self._chunk(table, last):
            yield from chunk
            last = chunk[-1][0]

    def count(self, table: str) -> int:
        with self._transaction(table) as (transaction, handle):
            return transaction.stat(handle)["entries"]

    @contextmanager
    def reading(self) -> Generator[Reads]:
        environment = self._open()
        with told(self.folder, "read"), environment.transaction() as (transaction, tables):
            environment.moments.enter()
            try:
                yield MappedMoment(transaction, tables, self.tables)
            finally:
                environment.moments.leave()

    def write(self, changes: Iterable[Change]) -> None:
        new = batch(self.tables, changes)

        def put(transaction: Any, tables: Tables) -> None:
            for table, entries in new.items():
                # In the order of the keys LMDB comes back to a page while it is still warm.
                kept = sorted((key, value) for key, value in entries.items() if value is not None)
                transaction.cursor(tables[table]).putmulti(kept)
                if len(kept) < len(entries):
                    for key, value in entries.items():
                        if value is None:
                            transaction.delete(key, db=tables[table])

        self._change(put)

    def clear(self) -> None:
        def drop(transaction: Any, tables: Tables) -> None:
            for table in self.tables:
                transaction.drop(tables[table], delete=False)

        self._change(drop)

    def size(self) -> int:
        total = 0
        for table in self.tables:
            with self._transaction(table) as (transaction, handle):
                figures = transaction.stat(handle)
            pages = figures["branch_pages"] + figures["leaf_pages"] + figures["overflow_pages"]
            total += pages * figures["psize"]
        return total

    def sync(self) -> None:
        """Have on disk what was written: a machine that stops after it, and before the next write, loses nothing."""
        with told(self.folder, "synced"):
            self._open().sync()

    def close(self) -> None:
        environment, self._environment, self._passes = self._environment, None, Passes()
        if environment is None:
            return
        try:
            if self._held and self._process == os.getpid():
                with self._writing, told(self.folder, "synced"):
                    environment.sync()
                    unclean.end(self.folder)
        finally:
            try:
                environment.close()
            finally:
                if self._held:
                    self._held.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _change(self, change: Callable[[Any, Tables], None]) -> None:
        """One transaction; once more, from its beginning, with a larger map when that is full."""
        environment = self._open()
        if self._held is None or self._process != os.getpid():
            raise StateError(
                f"the live store {self.folder} is not written by this process",
                why="it was opened for reading" if self._held is None else "a parent opened it, and writes",
                fix="open it with writing=True, in one process",
            )
        environment.moments.before_writing()
        with self._writing, told(self.folder, "written"):
            if time.monotonic() - self._checked > _CHECK_READERS:
                self._checked = time.monotonic()
                environment.check_readers()
            while True:
                try:
                    with environment.transaction(write=True) as (transaction, tables):
                        change(transaction, tables)
                    return
                except lmdb.MapFullError:
                    environment.grow()

    def _chunk(self, table: str, last: bytes) -> list[tuple[bytes, bytes]]:
        """Entries after a key."""
        found: list[tuple[bytes, bytes]] = []
        room = _CHUNK_BYTES
        with self._transaction(table) as (transaction, handle):
            cursor = transaction.cursor(handle)
            # No key lies between one and the same with a zero behind it.
            if cursor.set_range(last + b"\0"):
                for key, value in itertools.islice(cursor, _CHUNK_ENTRIES):
                    found.append((key, value))
                    room -= len(value)
                    if room < 0:
                        break
        return found

    @contextmanager
    def _transaction(self, table: str) -> Generator[tuple[Any, Any]]:
        with told(self.folder, "read"), self._open().transaction() as (transaction, tables):
            if table not in self.tables:
                raise no_table(self.tables, table)
            yield transaction, tables[table]

    def _open(self) -> Environment:
        if self._environment is None:
            raise StateError(
                f"the live store {self.folder} is closed", why="it was closed in this process", fix="open it again"
            )
        return self._environment

    def _recover(self, failed: Exception, table: str) -> None:
        """After a read that failed: raise, or have it tried again."""
        if isinstance(failed, lmdb.MapResizedError):
            self._open().adopt()
        elif isinstance(failed, KeyError):
            raise no_table(self.tables, table) from None
        else:
            with told(self.folder, "read"):
                raise failed


def _lock(folder: Path) -> PartitionLock:
    try:
        return PartitionLock(folder, 0)
    except StateError as error:
        raise StateError(
            f"the live store {folder} has a writer already",
            why=error.why,
            fix="one process writes it: stop that one, or open the store for reading",
        ) from None
