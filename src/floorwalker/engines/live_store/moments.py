"""Who holds a moment: a thread that reads one must not write, on either twin.

LMDB could not grow its map for a write while the same thread keeps it from being replaced. Redis could; but what works
on one twin must work on the other.

>>> moments = Moments()
>>> moments.enter()
>>> try:
...     moments.before_writing()
... except StateError as error:
...     print(error.what)
this thread reads the live store as of one moment, and cannot write to it
>>> moments.leave(); moments.before_writing()
"""

from __future__ import annotations

from threading import get_ident

from floorwalker.errors import StateError


class Moments:
    """The threads that hold a moment, each as often as it does."""

    def __init__(self) -> None:
        self._threads: list[int] = []

    def enter(self) -> None:
        self._threads.append(get_ident())

    def leave(self) -> None:
        self._threads.remove(get_ident())

    def mine(self) -> bool:
        """Whether this thread holds one."""
        return bool(self._threads) and get_ident() in self._threads

    def before_writing(self) -> None:
        if self.mine():
            raise StateError(
                "this thread reads the live store as of one moment, and cannot write to it",
                why="a moment keeps the map from growing",
                fix="leave `with store.reading()` first, then write",
            )
