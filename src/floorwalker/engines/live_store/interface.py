"""What every twin of the store offers; `tests/engines/live_store` holds each to it.

In: changes, (table, key, value) each; a value of None deletes. Out: the values, to readers in any process.

A store has the tables it is opened with, one writer at a time and any number of readers. Keys are 1 to 200 bytes,
values 0 to 16 MB. Whoever opens a store first makes it, empty, readers included. The store is not the truth: it can be
filled again from the log, and how much of it outlives a machine that stops is said by each twin at `sync`.

    with open_store("state/live", ("profiles", "segments"), writing=True) as store:
        store.write([("profiles", b"v1", b"…"), ("segments", b"v1", None)])     # readers see both when it returns
        store.get("profiles", b"v1")                                            # b"…"
        with store.reading() as moment:
            moment.get_many("profiles", [b"v1", b"v2"])                         # [b"…", None]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

LONGEST_KEY = 200
LARGEST_VALUE = 16 << 20

Change = tuple[str, bytes, bytes | None]


class Reads(Protocol):
    """Values by their keys. An unknown table is a NotFoundError, an unknown key None."""

    def get(self, table: str, key: bytes) -> bytes | None: ...

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """A value per key, in their order, all as of one moment."""
        ...


class LiveStore(Reads, Protocol):
    """A store, open for reading, and for writing if it was opened so. May be used from several threads, and by a child
    that was forked: it reads on, and does not write."""

    @property
    def tables(self) -> tuple[str, ...]: ...

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Every entry, in bounded memory. What changes meanwhile may come as it was or as it is."""
        ...

    def count(self, table: str) -> int:
        """How many entries a table has."""
        ...

    def reading(self) -> AbstractContextManager[Reads]:
        """Reads that all see one moment, where the twin can: LMDB does. On Redis each call by itself is one moment.

        Hold it for milliseconds: what it sees is kept. The thread that holds it must not write (StateError).
        """
        ...

    def write(self, changes: Iterable[Change]) -> None:
        """Make all of the changes or none, the last one of a key counts; readers of any process see them on return.

        Raises StateError when they could not be made, or when another has become the writer.
        """
        ...

    def clear(self) -> None:
        """Empty all tables at once."""
        ...

    def size(self) -> int:
        """The bytes that the entries take: LMDB's pages of the tables, Redis' estimate of its memory for them."""
        ...

    def sync(self) -> None:
        """Have on disk what was written, as far as the twin can: LMDB does, Redis does it as its server is set up."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
