"""One sync for all who wait: what a server's many requests share when each must be on disk before it is answered.

In: frames, one at a time, from an event loop or from threads. Out: each frame's offset, once its group is on disk.

    committer = GroupCommit(log.writer(0), on_group=lambda frames, size, seconds: histogram.observe(seconds))
    offset = await committer.append(frame)          # Busy: too much waits; StateError: not stored
    offset = committer.append_and_wait(frame)       # the same for a thread
    committer.close()                               # stores what waits; the writer stays open

One thread takes whatever waits as one group. A group that cannot be stored fails for all who are in it, and the next
one is tried as if nothing had been: once the disk has room again, frames are stored again.

>>> import tempfile
>>> from floorwalker.engines.event_log.opening import open_log
>>> with open_log(tempfile.mkdtemp(), partitions=1).writer(0) as writer:
...     committer = GroupCommit(writer)
...     committer.append_and_wait(b"first"), committer.append_and_wait(b"second")
...     committer.close()
...     committer.figures().frames
(0, 1)
2
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.errors import Busy, FloorwalkerError, StateError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import Writer

_OVERHEAD = 512
"""What waiting costs beside the frame itself, roughly: small frames are bounded too."""

OnGroup = Callable[[int, int, float], None]
"""Told of each group that was stored: frames, bytes, seconds that writing and syncing took."""


class Figures(NamedTuple):
    """What a committer has done, and what waits."""

    groups: int
    frames: int
    bytes: int
    failed_groups: int
    failed_frames: int
    refused: int
    """Frames for which there was no room in the queue."""
    waiting_frames: int
    waiting_bytes: int


class _Waiting(NamedTuple):
    frame: bytes
    future: asyncio.Future[int] | concurrent.futures.Future[int]
    loop: asyncio.AbstractEventLoop | None


class GroupCommit:
    """Shares a writer, and its syncs, among all who append."""

    def __init__(
        self, writer: Writer, *, most_bytes: int = LogSettings().queue_bytes, on_group: OnGroup | None = None
    ) -> None:
        self._writer = writer
        self._most_bytes = most_bytes
        self._on_group = on_group
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._held_frames = self._held_bytes = 0
        self._groups = self._frames = self._bytes = self._failed_groups = self._failed_frames = self._refused = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="event-log-commit", daemon=True)
        self._thread.start()

    async def append(self, frame: bytes) -> int:
        """The frame's offset, once it is on disk. Raises Busy at once, or StateError when it was not stored.

        Who is cancelled while waiting does not know: the frame may be stored.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._enter(_Waiting(frame, future, loop))
        return await future

    def append_and_wait(self, frame: bytes) -> int:
        """The same for a thread that has no event loop."""
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._enter(_Waiting(frame, future, None))
        return future.result()

    def figures(self) -> Figures:
        with self._changed:
            return Figures(
                self._groups,
                self._frames,
                self._bytes,
                self._failed_groups,
                self._failed_frames,
                self._refused,
                self._held_frames,
                self._held_bytes,
            )

    def close(self) -> None:
        """Store what waits, and take nothing any more. An event loop calls it in a thread, to be told the offsets."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _enter(self, waiting: _Waiting) -> None:
        cost = len(waiting.frame) + _OVERHEAD
        with self._changed:
            if self._closing:
                raise StateError("the log takes no frames any more", why="this process is ending", fix="send it again")
            # A frame larger than the queue is taken when it is alone: it could never be sent otherwise.
            if self._held_bytes and self._held_bytes + cost > self._most_bytes:
                self._refused += 1
                raise Busy(
                    "too much is waiting to be stored",
                    why=f"{self._held_bytes:,} bytes wait, at most {self._most_bytes:,} may",
                    fix="send it again in a moment",
                )
            self._held_bytes += cost
            self._held_frames += 1
            self._waiting.append(waiting)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                group, self._waiting = self._waiting, []
            if not group:
                return
            self._commit(group)

    def _commit(self, group: Sequence[_Waiting]) -> None:
        frames = [waiting.frame for waiting in group]
        size = sum(map(len, frames))
        offsets, error = range(0), None
        began = time.perf_counter()
        try:
            offsets = self._writer.append(frames)
        except Exception as caught:  # whatever it is: those who wait must hear of it, and this thread goes on
            error = caught
        seconds = time.perf_counter() - began
        with self._changed:
            self._held_frames -= len(group)
            self._held_bytes -= size + _OVERHEAD * len(group)
            if error is None:
                self._groups += 1
                self._frames += len(group)
                self._bytes += size
            else:
                self._failed_groups += 1
                self._failed_frames += len(group)
        _tell(group, offsets, error)
        if error is None and self._on_group is not None:
            with contextlib.suppress(Exception):  # figures must not stop the log
                self._on_group(len(group), size, seconds)


def _tell(group: Sequence[_Waiting], offsets: range, error: Exception | None) -> None:
    """Give each who waits the offset or the error: in its own event loop, one call per loop, or right here."""
    places: dict[asyncio.AbstractEventLoop | None, list[int]] = {}
    for place, waiting in enumerate(group):
        places.setdefault(waiting.loop, []).append(place)

    def settle(mine: Sequence[int]) -> None:
        for place in mine:
            future = group[place].future
            if future.done():  # cancelled: the request is gone
                continue
            if error is None:
                future.set_result(offsets[place])
            else:
                future.set_exception(_own(error))

    for loop, mine in places.items():
        if loop is None:
            settle(mine)
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, mine)


def _own(error: Exception) -> Exception:
    """An error for each who waits: one that many raise collects all their tracebacks."""
    if isinstance(error, FloorwalkerError):
        told: Exception = type(error)(error.what, why=error.why, fix=error.fix)
    else:
        told = StateError("a group of frames could not be stored", why=f"{type(error).__name__}: {error}")
    told.__cause__ = error
    return told
