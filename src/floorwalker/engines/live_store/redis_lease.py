"""One writer per store on Redis: a key with a token that goes by itself when its holder is no more.

In: a link and the name of the key. Out: transactions that are made only while the token stands, checked in the same
MULTI by WATCH: who was paused for too long, and has been followed by another, writes nothing.

    lease = Lease(link, "{shop}::writer", 10)       # StateError while another has it
    lease.change(lambda pipe: pipe.hset("{shop}:profiles", "v1", "…"))
    lease.release()
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from redis.exceptions import WatchError

from floorwalker.errors import StateError

if TYPE_CHECKING:
    from redis import Redis

    from floorwalker.engines.live_store.redis_link import Link


class Lease:
    """Held, and renewed by a thread, until `release`."""

    def __init__(self, link: Link, key: str, seconds: int) -> None:
        self._link, self._key = link, key
        self._milliseconds = 1000 * seconds
        self._token = f"pid {os.getpid()} on {socket.gethostname()}, {secrets.token_hex(8)}".encode()
        self._lock = Lock()
        self._lost = False
        self._over = Event()
        self._process = os.getpid()
        holder = link.ask("opened", self._take)
        if holder != self._token:
            raise StateError(
                f"the live store {link.shown} has a writer already",
                why=f"it says: {(holder or b'it has just ended').decode(errors='replace')}",
                fix=f"one process writes it: stop that one; if it was killed, its lease ends within {seconds} s",
            )
        self._thread = Thread(target=self._renew, args=(seconds / 3,), name="live-store-lease", daemon=True)
        self._thread.start()

    def change(self, fill: Callable[[Any], object], *, keep: bool = True) -> None:
        """All that `fill` puts into a pipeline, or nothing. Raises StateError when the lease was lost."""

        def work(client: Redis) -> bool:
            with client.pipeline(transaction=True) as pipe:
                pipe.watch(self._key)
                if pipe.get(self._key) != self._token:
                    return False
                pipe.multi()
                fill(pipe)
                if keep:
                    pipe.pexpire(self._key, self._milliseconds)
                try:
                    pipe.execute()
                except WatchError:
                    return False
                return True

        # A renewal in between would look like somebody else's.
        with self._lock:
            # What was sent again after the connection was lost says the same twice: to repeat it is safe.
            if self._lost or not self._link.ask("written", work):
                self._lost = True
                raise StateError(
                    f"the live store {self._link.shown} is no longer written by this process",
                    why="its lease ended: it was paused for too long, or the server lost its memory",
                    fix="open the store again, and fill it again from the log if it is empty",
                )

    def release(self) -> None:
        """Let another one write."""
        if self._process != os.getpid():
            return
        self._over.set()
        self._thread.join()
        # Who cannot say so leaves it to the lease's end.
        with contextlib.suppress(StateError):
            self.change(lambda pipe: pipe.delete(self._key), keep=False)

    def _take(self, client: Any) -> bytes | None:
        if client.set(self._key, self._token, nx=True, px=self._milliseconds):
            return self._token
        return client.get(self._key)

    def _renew(self, seconds: float) -> None:
        while not self._over.wait(seconds) and not self._lost:
            with contextlib.suppress(StateError):
                self.change(lambda pipe: None)
