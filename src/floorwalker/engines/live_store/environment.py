"""An LMDB environment, mapped once per process, whoever opens the folder how often; grown, and carried over forks.

In: a folder and the tables. Out: passes: who has one may read; who has all of them may map the file anew.

LMDB asks three things of a process: that it maps a file once, that nothing reads while the map is replaced, and that a
forked child does not use its parent's map. So a reader takes a pass from a pile and puts it back, which costs a third
of a microsecond; to grow the map, to follow another process that has grown it, and before a fork, all passes are taken
away. After a fork parent and child each map the file anew at their next read.

>>> import tempfile
>>> environment = opened(Path(tempfile.mkdtemp()), ("a",), 1 << 20)
>>> with environment.transaction(write=True) as (transaction, tables):
...     transaction.put(b"k", b"v", db=tables["a"])
True
>>> environment.grow()
>>> with environment.transaction() as (transaction, tables):
...     transaction.get(b"k", db=tables["a"]), environment.map_bytes >> 20
(b'v', 2)
>>> environment.close()
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import lmdb

from floorwalker.engines.live_store import unclean
from floorwalker.engines.live_store.mapping import Tables, map_file, told
from floorwalker.engines.live_store.moments import Moments
from floorwalker.errors import StateError

_PATIENCE = 10.0
_PAUSE = 0.0002

Pass = tuple[Callable[..., Any], Tables]
"""How to begin a transaction, and LMDB's handles of the tables."""


class Passes(deque[Pass]):
    """The pile. Who finds it closed, or empty, asks for another pass, and waits there."""

    closed = False


class Environment:
    """One file, mapped; `passes` is the pile, `take` is for when it is empty."""

    def __init__(self, folder: Path, map_bytes: int) -> None:
        self.folder = folder
        self.map_bytes = map_bytes
        self.passes = Passes()
        self.moments = Moments()
        self.users = 0
        self._made = 0
        self._lock = Lock()
        self._names: set[str] = set()
        self._mapped: tuple[lmdb.Environment, Tables] | None = None
        self._spoilt = False

    def add(self, names: Iterable[str]) -> None:
        """Have these tables too."""
        if not self._names.issuperset(names):
            with self._alone():
                self._names.update(names)
                self._unmap()
        self.passes.append(self.take())
        self.users += 1

    def take(self) -> Pass:
        """Another pass: waits while somebody has all of them, and maps the file if it is not mapped."""
        with self._lock:
            with suppress(IndexError):
                return self.passes.pop()
            mapped, tables = self._mapped or self._map()
            self._made += 1
            return mapped.begin, tables

    @contextmanager
    def transaction(self, write: bool = False) -> Generator[tuple[Any, Tables]]:
        """A transaction, when a microsecond does not matter."""
        for attempt in range(3):
            try:
                one = self.take() if self.passes.closed else self.passes.pop()
            except IndexError:
                one = self.take()
            try:
                begun = one[0](write=write)
            except lmdb.MapResizedError:
                self.passes.append(one)
                if attempt == 2:
                    raise
                self.adopt()
                continue
            try:
                yield begun, one[1]
            except BaseException:
                self._abort(begun, write)
                raise
            else:
                # A transaction that only read is aborted: LMDB keeps its slot for the next one.
                begun.commit() if write else begun.abort()
            finally:
                self.passes.append(one)
            return

    def grow(self) -> None:
        """Map twice as much."""
        with self._alone():
            mapped, _ = self._mapped or self._map()
            mapped.reader_check()
            self.map_bytes = 2 * max(self.map_bytes, mapped.info()["map_size"])
            mapped.set_mapsize(self.map_bytes)

    def adopt(self) -> None:
        """Map as much as another process has made of it."""
        with self._alone():
            if self._mapped:
                self._mapped[0].set_mapsize(0)

    def check_readers(self) -> None:
        """Forget readers that were killed: LMDB keeps for them what they saw."""
        with self.transaction():
            if self._mapped:
                self._mapped[0].reader_check()

    def sync(self) -> None:
        with self.transaction():
            if self._mapped:
                self._mapped[0].sync(True)

    def close(self) -> None:
        """One user less; the last one has the file unmapped."""
        with _registering:
            self.users -= 1
            if not self.users:
                with self._alone():
                    self._unmap()
                _environments.pop(self.folder, None)

    def before_fork(self) -> None:
        """Unmap, and keep everybody out until `after_fork`."""
        self._lock.acquire()
        if self._gather():
            self._unmap()
        else:
            self._spoilt = True

    def after_fork(self, child: bool) -> None:
        # What a thread reads in the parent goes on there; the child has no such thread, and must not touch its map.
        if self._spoilt and child:
            self.passes.clear()
            self._mapped = None
        self._spoilt = self._spoilt and child
        self._lock.release()

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Nobody else reads or writes in this process."""
        with self._lock:
            if not self._gather():
                raise StateError(
                    f"the live store {self.folder} cannot be mapped anew",
                    why="a thread of this process reads it as of one moment, and goes on doing so",
                    fix="leave `with store.reading()` after milliseconds",
                )
            yield

    def _gather(self) -> bool:
        """All passes are here, and destroyed; or they are put back."""
        with self._collected(self._made) as gathered:
            if len(gathered) < self._made:
                self.passes.extend(gathered)
                return False
            self._made = 0
            return True

    @contextmanager
    def _collected(self, wanted: int) -> Generator[list[Pass]]:
        """So many passes, or fewer when time is up. The lock is held: nobody gets another one meanwhile."""
        until = time.monotonic() + _PATIENCE
        gathered: list[Pass] = []
        self.passes.closed = True
        try:
            while len(gathered) < wanted:
                try:
                    gathered.append(self.passes.pop())
                except IndexError:
                    if self.moments.mine() or time.monotonic() > until:
                        break
                    time.sleep(_PAUSE)
            yield gathered
        finally:
            self.passes.closed = False

    def _abort(self, transaction: Any, write: bool) -> None:
        """Undo what was written, while nobody reads: the binding waits for a moment without readers, and among several
        that read without a pause it never finds one."""
        while write and not self._lock.acquire(blocking=False):
            if self.passes.closed:
                # Somebody else keeps readers out, and waits for us.
                write = False
            else:
                time.sleep(_PAUSE)
        if not write:
            transaction.abort()
            return
        try:
            with self._collected(self._made - 1) as others:
                transaction.abort()
                self.passes.extend(others)
        finally:
            self._lock.release()

    def _unmap(self) -> None:
        if self._mapped:
            self._mapped[0].close()
        self._mapped = None

    def _map(self) -> tuple[lmdb.Environment, Tables]:
        if self._spoilt:
            raise StateError(
                f"the live store {self.folder} cannot be read in this process",
                why="it was forked while a thread of its parent read as of one moment",
                fix="fork at another time, or start the process anew instead",
            )
        unclean.check(self.folder)
        with told(self.folder, "opened"):
            self._mapped = map_file(self.folder, self.map_bytes, self._names)
        return self._mapped


def opened(folder: Path, names: Iterable[str], map_bytes: int) -> Environment:
    """The environment of a folder, which this process may have already."""
    folder = folder.resolve()
    with _registering:
        environment = _environments.get(folder) or Environment(folder, map_bytes)
        environment.add(names)
        _environments[folder] = environment
        return environment


_environments: dict[Path, Environment] = {}
_registering = Lock()


def _before_fork() -> None:
    _registering.acquire()
    for environment in _environments.values():
        environment.before_fork()


def _after_fork(child: bool) -> None:
    for environment in _environments.values():
        environment.after_fork(child)
    _registering.release()


os.register_at_fork(
    before=_before_fork, after_in_parent=lambda: _after_fork(False), after_in_child=lambda: _after_fork(True)
)
