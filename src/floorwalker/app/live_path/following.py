"""The live process: it follows the log and writes the live store.

In: a project. Out: a generation of the live store that has what the log has, milliseconds later. A generation stands on
a run: its base is what the run has published, and the log is applied from where the run ended. Killed at any moment, it
goes on where the store ends; if the store is gone, it is made again from base and log.

    with Follower(project, settings) as follower:
        follower.catch_up()
        follower.follow(lambda: stopped)
"""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from floorwalker.app.collect.log import project_log
from floorwalker.app.intake import load_mappings
from floorwalker.app.live_path import generations
from floorwalker.app.live_path.erasing import request_path
from floorwalker.app.live_path.telling import Telling, path_of
from floorwalker.engines.event_log.ranges import pieces
from floorwalker.engines.lake import Lake
from floorwalker.errors import StateError
from floorwalker.events.frames import Subjects
from floorwalker.events.language.words import words
from floorwalker.governance import suppression
from floorwalker.identity.stitching.opening import open_stitcher
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.live import Updater
from floorwalker.profiles.live import run_base
from floorwalker.profiles.live.applying import Applier
from floorwalker.profiles.live.forgetting import Forget, copied, forget
from floorwalker.profiles.live.layout import KEPT, Stretch
from floorwalker.profiles.live.window import Window
from floorwalker.sources.collected.live_rows import LiveRows

if TYPE_CHECKING:
    import sqlite3

    from floorwalker.app.settings import Settings
    from floorwalker.engines.event_log.interface import EventLog, Stored
    from floorwalker.engines.project import Project

_log = logging.getLogger(__name__)
COLLECTOR = "collector"
_IDLE = 0.002
"""Seconds between two looks at a log that does not grow."""
_LOOK = 0.25
_MANY = 4096


class Follower:
    """The one writer of a generation: the newest of the published run, or a new one. `again`: make a new one in any
    case, and apply the log in the order that the one before has recorded."""

    def __init__(self, project: Project, settings: Settings, *, again: bool = False) -> None:
        self.project, self.settings = project, settings
        self.live = settings.live
        pointer = Lake(project).pointer()
        self.run_id = pointer.run_id if pointer else generations.NO_RUN
        self._cut = {int(one): at for one, at in pointer.log.items()} if pointer else {}
        self.log: EventLog = project_log(project, partitions=settings.collect.workers, settings=settings.collect.log)
        known = generations.sound(project, self.live)
        is_new = again or known is None or generations.run_of(known) != self.run_id
        self.name = generations.next_name(project, self.run_id) if is_new or known is None else known
        same = again and known is not None and generations.run_of(known) == self.run_id
        order = list(self._recorded(known)) if same and known else []
        self.store = generations.open_generation(project, self.live, self.name, writing=True)
        self._suppressed = Suppressed(project)
        mapping = next(one for one in load_mappings(project, settings) if one.source == COLLECTOR)
        self.applier = Applier(
            self.store,
            open_stitcher(project, settings.identity, journal=False),
            LiveRows(mapping, words(), KEPT),
            Window(self.live.window_minutes * 60, self.live.window_ids),
            Subjects(project.secret),
            source=COLLECTOR,
            suppressed=self._suppressed,
        )
        if is_new:
            self._install()
        else:
            self.applier.restore()
        self.telling = Telling(self._figures)
        self._warm()
        self._repeat(order)
        gc.collect()
        gc.freeze()
        # What a step makes is no rings: to look for some every 700 objects costs a tenth of it.
        gc.set_threshold(100_000)

    def _install(self) -> None:
        """A new store: the base, and what the one before applied after it, in the same steps."""
        self.store.clear()
        updater = Updater(CUSTOMER)
        lake = Lake(self.project)
        pointer = lake.pointer()
        if pointer:
            with lake.read(run_base.tables_of(updater)) as connection:
                run_base.install(self.store, connection, updater, pointer.as_of, COLLECTOR)
        self.applier.begin(self.run_id, self._cut, self._received_before(self._cut))

    def _received_before(self, cut: Mapping[int, int]) -> int:
        """When the last frame before the cut came."""
        found = 0
        for partition, end in cut.items():
            if end > self.log.starts().get(partition, 0):
                (last,) = self.log.read(partition, end - 1, most_frames=1)
                found = max(found, last.appended_at)
        return found

    def _warm(self) -> None:
        """The window, from what was applied in the span that runs and the one before."""
        span = self.applier.window.span
        since = (self.applier.state.received // span - 1) * span
        for partition, end in self.applier.positions.items():
            begin = max(self.log.offset_at(partition, since), self.log.starts().get(partition, 0))
            for stored in pieces(self.log, partition, begin, end):
                self.applier.warm([(partition, stored)])

    def _repeat(self, steps: Iterable[Sequence[Stretch]]) -> None:
        for step in steps:
            self.applier.apply([(one.partition, list(self._stretch(one))) for one in step])

    def _stretch(self, one: Stretch) -> Iterator[Stored]:
        for stored in pieces(self.log, one.partition, one.begin, one.end):
            yield from stored

    def _recorded(self, name: str) -> Iterator[list[Stretch]]:
        with generations.open_generation(self.project, self.live, name) as store:
            for _, value in store.items("order"):
                yield msgspec.msgpack.decode(value, type=list[Stretch])

    def step(self) -> int:
        """Apply what is new, a bounded part of it; how many frames that was."""
        found: list[tuple[int, Sequence[Stored]]] = []
        for partition in self.log.partitions():
            if stored := self._read(partition):
                found.append((partition, stored))
        if found:
            self.applier.apply(found)
            self.telling.applied(one.appended_at for _, stored in found for one in stored)
        self.telling.tell(path_of(self.project))
        return sum(len(stored) for _, stored in found)

    def _figures(self) -> dict[str, object] | None:
        if generations.current(self.project) not in (self.name, None):
            return None  # the one that is read tells until this one takes over
        positions = self.applier.positions
        return {
            "generation": self.name,
            "counts": dict(self.applier.counts),
            "lag": sum(max(end - positions.get(one, 0), 0) for one, end in self.log.ends().items()),
            "window_ids": len(self.applier.window),
        }

    def _read(self, partition: int) -> list[Stored]:
        offset = self.applier.positions.get(partition, 0)
        try:
            return self.log.read(partition, offset, most_frames=_MANY, most_bytes=self.live.step_bytes)
        except StateError:
            start = self.log.starts().get(partition, 0)
            if start <= offset:
                raise
            _log.warning("partition %s: frames %s to %s of the log are gone", partition, offset, start)
            return self.log.read(partition, start, most_frames=_MANY, most_bytes=self.live.step_bytes)

    def catch_up(self) -> None:
        """Apply all that is there, then have this generation read."""
        while self.step():
            pass
        if generations.current(self.project) != self.name:
            generations.switch(self.project, self.name)
            generations.remove_others(self.project, self.live, self.name)

    def follow(self, is_over: Callable[[], bool]) -> None:
        """Go on until it is over."""
        next_look = 0.0
        while not is_over():
            if not self.step():
                time.sleep(_IDLE)
            if (now := time.monotonic()) >= next_look:
                next_look = now + _LOOK
                self.forget_whom_asked()

    def forget_whom_asked(self) -> None:
        """Take out somebody who is erased, and write the store anew, so that no freed page has them."""
        path = request_path(self.project)
        try:
            asked = msgspec.json.decode(path.read_bytes(), type=Forget)
        except FileNotFoundError:
            return
        gone = forget(self.applier, asked)
        name = generations.next_name(self.project, self.run_id)
        store = generations.open_generation(self.project, self.live, name, writing=True)
        copied(self.store, store)
        store.sync()
        self.store.close()
        self.store = self.applier.store = store
        self.name = name
        generations.switch(self.project, name)
        generations.remove_others(self.project, self.live, name)
        path.unlink()
        _log.info("%s records were forgotten", gone)

    def close(self) -> None:
        """Let everything go; the store is on disk."""
        with contextlib.suppress(StateError):
            self.store.sync()
        self.store.close()
        self.log.close()
        self._suppressed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Suppressed:
    """Whether a record names somebody who was erased; looks for news once a second."""

    def __init__(self, project: Project) -> None:
        from floorwalker.app.state import open_state

        self._secret = project.secret
        self._state = open_state(project)
        self._database: sqlite3.Connection = self._state.__enter__()
        self._hashes: set[str] = set()
        self._next = 0.0

    def close(self) -> None:
        self._state.__exit__(None, None, None)

    def __call__(self, record: Mapping[str, Any]) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 1.0
            if suppression.count(self._database) != len(self._hashes):
                self._hashes = {one for (one,) in self._database.execute("SELECT hash FROM suppressed").fetchall()}
        if not self._hashes:
            return False
        return any(
            suppression.hash_identifier(self._secret, kind, str(value)) in self._hashes
            for kind in suppression.KINDS
            if (value := record.get(kind)) is not None
        )
