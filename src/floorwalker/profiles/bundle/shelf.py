"""The shelf: which bundle is served now.

In: a project. Out: its published bundle, open; a new one when a run publishes or an erasure rewrites it.

    shelf = Shelf(project, normalise=normalise)
    bundle = shelf.current()        looks at two files at most once a second, else costs a comparison

A bundle that is not finished yet is not taken: the one before serves on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from floorwalker.errors import NotFoundError
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.profiles.bundle.layout import DONE
from floorwalker.profiles.bundle.reader import Bundle, Normalise, as_written

if TYPE_CHECKING:
    from pathlib import Path

    from floorwalker.engines.project import Project

_log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class _Published(msgspec.Struct, frozen=True):
    run_id: str
    bundle: str | None = None


def published_bundle(project: Project) -> Path:
    """The folder of the published run's bundle. Raises NotFoundError before the first run."""
    try:
        raw = (project.state / "published.json").read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(
            "nothing is published yet", why="the project has no finished run", fix="floorwalker run"
        ) from error
    published = msgspec.json.decode(raw, type=_Published)
    return project.bundles / (published.bundle or published.run_id)


class Shelf:
    """Keeps the published bundle open. `every`: seconds between looks; `clock`: a monotonic clock, for tests."""

    def __init__(
        self,
        project: Project,
        *,
        normalise: Normalise = as_written,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project, self._normalise, self._every, self._clock = project, normalise, every, clock
        self._bundle: Bundle | None = None
        self._stamp: tuple[Stamp | None, Stamp | None] = (None, None)
        self._next_look = clock()

    def current(self) -> Bundle:
        """The published bundle. Raises NotFoundError before there is one."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + self._every
            self._look()
        if self._bundle is None:
            self._next_look = now  # nothing to serve: look again on the next call
            raise NotFoundError("no serving bundle yet", why="no run has published one", fix="floorwalker run")
        return self._bundle

    def close(self) -> None:
        """Let the open bundle go."""
        if self._bundle is not None:
            self._bundle.close()
            self._bundle = None

    def _look(self) -> None:
        published = _stamp(self._project.state / "published.json")
        here = _stamp(self._bundle.path / DONE) if self._bundle else None
        if self._bundle is not None and (published, here) == self._stamp:
            return
        try:
            path = published_bundle(self._project)
            stamp = (published, _stamp(path / DONE))
            opened = Bundle.open(path, keys=LookupKeys.load(self._project), normalise=self._normalise)
        except NotFoundError:
            _log.info("the published run has no finished bundle yet; the one before serves on")
            return
        if opened.lookup_kid is None:
            _log.warning("none of the look-up keys fits the bundle: nobody is found: floorwalker identity keys apply")
        former, self._bundle, self._stamp = self._bundle, opened, stamp
        if former is not None:
            former.close()


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
