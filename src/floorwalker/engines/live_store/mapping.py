"""The file of the embedded store: how it is mapped, what it says of its version, and LMDB's errors in our words.

In: a folder and the names of tables. Out: LMDB's environment, with a handle per table; made where it is not there.

>>> import tempfile
>>> mapped, tables = map_file(Path(tempfile.mkdtemp()), 1 << 20, ["a"])
>>> with mapped.begin() as transaction:
...     MappedMoment(transaction, tables, ("a",)).get_many("a", [b"k"])
[None]
>>> mapped.close()
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

from floorwalker.engines.live_store.batches import no_table
from floorwalker.engines.live_store.interface import LONGEST_KEY
from floorwalker.errors import StateError

VERSION = 1
_META = b":store"
_MOST_READERS = 1024
_MOST_DATABASES = 128

Tables = dict[str, Any]
"""LMDB's handles of the tables."""


def map_file(folder: Path, map_bytes: int, names: Iterable[str]) -> tuple[lmdb.Environment, Tables]:
    """Map the file, at least twice as far as it has grown, and make it and its tables where they are not there.

    Pages are written, not changed in the map (`writemap`): the map would halve the processor's work of a batch, and a
    full disk would kill the process instead of failing the batch."""
    file = folder / "data.mdb"
    held = file.stat().st_size if file.exists() else 0
    mapped = lmdb.open(
        str(folder),
        map_size=max(map_bytes, 2 * held),
        max_dbs=_MOST_DATABASES,
        max_readers=_MOST_READERS,
        max_spare_txns=16,
        sync=False,
        metasync=False,
        writemap=False,
        readahead=False,
    )
    before = mapped.info()["last_txnid"]
    try:
        with mapped.begin(write=True) as transaction:
            meta = mapped.open_db(_META, txn=transaction)
            version = transaction.get(b"version", db=meta)
            if version is None:
                transaction.put(b"version", str(VERSION).encode(), db=meta)
            elif int(version) > VERSION:
                raise StateError(
                    f"the live store {folder} was written by a newer version",
                    why=f"it has version {int(version)}, this one knows {VERSION}",
                    fix="update Floorwalker, or remove the folder and have it filled again",
                )
            tables = {name: mapped.open_db(name.encode(), txn=transaction) for name in sorted(names)}
        if mapped.info()["last_txnid"] > before:
            mapped.sync(True)
    except BaseException:
        mapped.close()
        raise
    return mapped, tables


class MappedMoment:
    """Reads of one transaction."""

    def __init__(self, transaction: Any, handles: Tables, tables: tuple[str, ...]) -> None:
        self._get = transaction.get
        self._handles = handles
        self._tables = tables

    def get(self, table: str, key: bytes) -> bytes | None:
        return self.get_many(table, (key,))[0]

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        handle = self._handles.get(table)
        if handle is None:
            raise no_table(self._tables, table)
        get = self._get
        return [get(key, None, handle) if 0 < len(key) <= LONGEST_KEY else None for key in keys]


@contextmanager
def told(folder: Path, done: str) -> Generator[None]:
    """LMDB's errors as ours."""
    try:
        yield
    except lmdb.Error as error:
        raise StateError(
            f"the live store {folder} could not be {done}",
            why=str(error),
            fix="see that the disk has room; if the file is damaged: remove the folder and have it filled again",
        ) from error
