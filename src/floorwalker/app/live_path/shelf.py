"""The live profiles of a project, for whoever asks: the generation that is read now, opened once.

In: a project. Out: `LiveProfiles` of the current generation; another one counts within a second.

    shelf = LiveShelf(project, normalise)
    profiles = shelf.profiles()                       None while there is no live side
    profiles.profile(profiles.find("email", "ann@lee.com"))
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from floorwalker.app.live_path import generations
from floorwalker.engines.publication import Publication
from floorwalker.events.frames import Subjects
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.live import Updater
from floorwalker.profiles.live.reading import LiveProfiles

if TYPE_CHECKING:
    from floorwalker.engines.live_store.interface import LiveStore
    from floorwalker.engines.project import Project

Normalise = Callable[[str, str], "str | None"]


class LiveShelf:
    """One per process. `normalise`: (kind, value) -> the key of an identifier, None when it is none."""

    def __init__(
        self,
        project: Project,
        normalise: Normalise,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project, self._normalise, self._clock = project, normalise, clock
        self.name: str | None = None
        """Of the generation that is read."""
        self._store: LiveStore | None = None
        self._profiles: LiveProfiles | None = None
        self._former: LiveStore | None = None
        self._next = float("-inf")
        self._turn = threading.Lock()

    def profiles(self) -> LiveProfiles | None:
        """Whom the live side knows; None before there is one."""
        with self._turn:
            now = self._clock()
            if now >= self._next:
                self._next = now + 1.0
                name = generations.current(self._project)
                if name != self.name:
                    self._take(name)
            return self._profiles

    def close(self) -> None:
        """Let the store go."""
        for store in (self._store, self._former):
            if store is not None:
                store.close()
        self._store = self._former = self._profiles = self.name = None

    def _take(self, name: str | None) -> None:
        # Another thread may still be reading in the store that was current until now.
        if self._former is not None:
            self._former.close()
        self._former, self._store, self._profiles, self.name = self._store, None, None, name
        if name is None:
            return
        from floorwalker.app.config import load_config

        settings = load_config(self._project).settings
        self._store = generations.open_generation(self._project, settings.live, name)
        pointer = Publication(self._project).read()
        reporting = pointer.reporting_currency if pointer else settings.reporting_currency
        subjects = Subjects(self._project.secret)
        self._profiles = LiveProfiles(self._store, Updater(CUSTOMER), subjects, self._normalise, reporting)
