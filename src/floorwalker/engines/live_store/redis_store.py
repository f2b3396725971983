"""The distributed store: one hash of Redis per table, read and written over the network.

In: a URL. Out: `interface.LiveStore`.

    {shop}:profiles     a hash: key → value         {shop}::version     1
    {shop}::writer      the token of the one that writes, for some seconds (`redis_lease`)

Hashes, because HGET, HMGET, HSCAN, HLEN and UNLINK are then all there is to it. Plain keys would need a counter beside
them, and are dearer: 300,000 entries of 32 + 200 bytes took 341 bytes each against 325, and of the server's processor
61 µs against 46 for twenty at once, of the client's 162 against 70. The braces keep a store on one node of a cluster,
where a transaction can reach all of it. Only commands of Redis 4 are used: Valkey and the services of clouds have them.

    with RedisStore("redis://localhost:6379/0?prefix=shop", ("profiles",), writing=True) as store:
        store.write([("profiles", b"v1", b"…")])
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from redis.exceptions import NoPermissionError

from floorwalker.engines.live_store.batches import batch, named, no_table
from floorwalker.engines.live_store.interface import LONGEST_KEY, Change, Reads
from floorwalker.engines.live_store.moments import Moments
from floorwalker.engines.live_store.redis_lease import Lease
from floorwalker.engines.live_store.redis_link import Link
from floorwalker.engines.live_store.settings import StoreSettings
from floorwalker.errors import ConfigError, StateError

VERSION = 1
_PIECE_BYTES = 1 << 20
_FIRST_PIECE, _LARGEST_PIECE = 10, 1000
_SAMPLES = 100


class RedisStore:
    """The store in a database of Redis."""

    def __init__(
        self, url: str, tables: Iterable[str], settings: StoreSettings | None = None, *, writing: bool = False
    ) -> None:
        settings = settings or StoreSettings()
        self.tables = named(tables)
        self._moments = Moments()
        self._process = os.getpid()
        self._link = Link(url, settings)
        self._lease: Lease | None = None
        self._closed = False
        start = f"{{{self._link.prefix}}}:"
        self._keys = {table: start + table for table in self.tables}
        try:
            self._check(f"{start}:version", writing)
            if writing:
                self._lease = Lease(self._link, f"{start}:writer", settings.lease_seconds)
        except BaseException:
            self._link.close()
            raise

    def get(self, table: str, key: bytes) -> bytes | None:
        return self.get_many(table, (key,))[0]

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        name = self._key(table)
        if len(keys) == 1 and 0 < len(keys[0]) <= LONGEST_KEY:
            return [self._ask("read", lambda client: client.hget(name, keys[0]))]
        # Keys that cannot be there are asked for too: the answer is the same, and they are rare.
        return self._ask("read", lambda client: client.hmget(name, keys)) if keys else []

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """In no order. An entry may come twice when the table shrinks meanwhile: Redis moves it then."""
        name, cursor, count = self._key(table), 0, _FIRST_PIECE
        while True:
            cursor, found = self._ask("read", lambda client, at=cursor, n=count: client.hscan(name, at, count=n))
            yield from found.items()
            if not cursor:
                return
            # As many at a time as come to a megabyte.
            each = sum(map(len, found.values())) // max(len(found), 1)
            count = min(max(_PIECE_BYTES // max(each, 1), 1), _LARGEST_PIECE, 2 * count)

    def count(self, table: str) -> int:
        name = self._key(table)
        return self._ask("read", lambda client: client.hlen(name))

    @contextmanager
    def reading(self) -> Generator[Reads]:
        """Each call by itself sees one moment; two calls may see two."""
        self._open()
        self._moments.enter()
        try:
            yield self
        finally:
            self._moments.leave()

    def write(self, changes: Iterable[Change]) -> None:
        new = batch(self.tables, changes)

        def put(pipe: Any) -> None:
            for table, entries in new.items():
                kept = {key: value for key, value in entries.items() if value is not None}
                if kept:
                    pipe.hset(self._keys[table], mapping=kept)
                if len(kept) < len(entries):
                    pipe.hdel(self._keys[table], *(key for key, value in entries.items() if value is None))

        self._writer().change(put)

    def clear(self) -> None:
        self._writer().change(lambda pipe: pipe.unlink(*self._keys.values()))

    def size(self) -> int:
        """The server's own estimate of its memory for the tables, from a sample of their entries."""
        names = list(self._keys.values())
        return sum(self._ask("read", lambda client, n=n: client.memory_usage(n, _SAMPLES)) or 0 for n in names)

    def sync(self) -> None:
        """Whether and when a server has its memory on disk is its own configuration: there is nothing to add to it."""
        self._ask("reached", lambda client: client.ping())

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._lease:
                self._lease.release()
            self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, key: str, writing: bool) -> None:
        """Of this version, and on a server that keeps what it is given."""
        held = self._ask("opened", lambda client: client.get(key))
        if held is None:
            self._ask("opened", lambda client: client.set(key, str(VERSION), nx=True))
        elif int(held) > VERSION:
            raise StateError(
                f"the live store {self._link.shown} was written by a newer version",
                why=f"it has version {int(held)}, this one knows {VERSION}",
                fix="update Floorwalker, or give another prefix and have that filled",
            )
        for name in self._keys.values():
            kind = self._ask("opened", lambda client, name=name: client.type(name))
            if kind not in (b"none", b"hash"):
                raise StateError(
                    f"{name} of {self._link.shown} is not a table of a live store",
                    why=f"it is a {kind.decode()}",
                    fix="give another prefix",
                )
        if writing and self._ask("opened", _evicts):
            raise ConfigError(
                f"the server {self._link.shown} would throw away tables of the live store",
                why="its maxmemory-policy is one of all keys, and a table is one key",
                fix="set maxmemory-policy to noeviction, or give the store a server of its own",
            )

    def _writer(self) -> Lease:
        self._open()
        if self._lease is None or self._process != os.getpid():
            raise StateError(
                f"the live store {self._link.shown} is not written by this process",
                why="it was opened for reading" if self._lease is None else "a parent opened it, and writes",
                fix="open it with writing=True, in one process",
            )
        self._moments.before_writing()
        return self._lease

    def _key(self, table: str) -> str:
        name = self._keys.get(table)
        if name is None:
            raise no_table(self.tables, table)
        return name

    def _ask(self, done: str, work: Any) -> Any:
        self._open()
        return self._link.ask(done, work)

    def _open(self) -> None:
        if self._closed:
            raise StateError(
                f"the live store {self._link.shown} is closed", why="it was closed in this process", fix="open it again"
            )


def _evicts(client: Any) -> bool:
    try:
        memory = client.info("memory")
    except NoPermissionError:
        return False
    return bool(memory.get("maxmemory")) and str(memory.get("maxmemory_policy", "")).startswith("allkeys")
