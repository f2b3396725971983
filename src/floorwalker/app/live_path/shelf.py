"""The live profiles of a project, for whoever asks: the generation that is read now, opened once.

In: a project. Out: `LiveProfiles` of the current generation; another one counts within a second.

    shelf = LiveShelf(project, settings, normalise)
    profiles = shelf.profiles()                       None while there is no live side
    profiles.profile(profiles.find("email", "ann@lee.com"))
"""

from __future__ import annotations

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
    from floorwalker.app.settings import Settings
    from floorwalker.engines.live_store.interface import LiveStore
    from floorwalker.engines.project import Project

Normalise = Callable[[str, str], "str | None"]


class LiveShelf:
    """One per process. `normalise`: (kind, value) -> the key of an identifier, None when it is none."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        normalise: Normalise,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project, self._settings, self._normalise, self._clock = project, settings, normalise, clock
        self._subjects = Subjects(project.secret)
        self._name: str | None = None
        self._store: LiveStore | None = None
        self._profiles: LiveProfiles | None = None
        self._next = float("-inf")

    def profiles(self) -> LiveProfiles | None:
        """Whom the live side knows; None before there is one."""
        now = self._clock()
        if now >= self._next:
            self._next = now + 1.0
            name = generations.current(self._project)
            if name != self._name:
                self._take(name)
        return self._profiles

    def close(self) -> None:
        """Let the store go."""
        if self._store is not None:
            self._store.close()
        self._store = self._profiles = self._name = None

    def _take(self, name: str | None) -> None:
        self.close()
        self._name = name
        if name is None:
            return
        self._store = generations.open_generation(self._project, self._settings.live, name)
        pointer = Publication(self._project).read()
        reporting = pointer.reporting_currency if pointer else self._settings.reporting_currency
        self._profiles = LiveProfiles(self._store, Updater(CUSTOMER), self._subjects, self._normalise, reporting)
