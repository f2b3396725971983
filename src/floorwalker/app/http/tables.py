"""The published tables, for routes that ask more than the serving bundle holds.

In: a project. Out: `Identity` on the tables of the run that readers see, opened when somebody first asks and again when
a run publishes or an erasure rewrites; a worker that is never asked opens nothing.

Questions take from ten milliseconds to some hundreds, by the size of the tables, so they are answered beside the event
loop by one thread per worker, one after the other (`service`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import duckdb

from floorwalker.app.identifying import Identity, model_of, open_tables
from floorwalker.engines.lake import Lake

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.profiles.bundle.reader import Normalise

MEMORY = "512MB"
"""What a worker's questions may use."""

T = TypeVar("T")


class Tables:
    """Keeps the published tables open. Not for several threads at once."""

    def __init__(
        self,
        project: Project,
        *,
        normalise: Normalise,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project, self._normalise, self._every, self._clock = project, normalise, every, clock
        self._open: Identity | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._next_look = clock()

    def ask(self, question: Callable[[Identity], T]) -> T:
        """The answer to a question about the published run. Raises NotFoundError before the first."""
        try:
            return question(self._current())
        except duckdb.IOException:
            # The files went while we looked: another run was published, and ours forgotten.
            self.close()
            return question(self._current())

    def close(self) -> None:
        """Let the tables go."""
        if self._open is not None:
            self._open.connection.close()
            self._open = None

    def _current(self) -> Identity:
        now = self._clock()
        if self._open is None or now >= self._next_look:
            self._next_look = now + self._every
            stamp = self._look()
            if self._open is None or stamp != self._stamp:
                self.close()
                connection = open_tables(Lake(self._project, memory_limit=MEMORY, threads=1))
                self._open, self._stamp = Identity(connection, self._keys, model_of(self._project)), stamp
        return self._open

    def _keys(self, kind: str, value: str) -> list[str]:
        key = self._normalise(kind, value)
        return [key] if key else []

    def _look(self) -> tuple[int, int, int] | None:
        try:
            stat = (self._project.state / "published.json").stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
