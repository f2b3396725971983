"""Pulling the sources of a project: each stream as far as it goes, one that fails without stopping its neighbours.

In: a project, its settings and what was asked. Out: a `StreamResult` per stream, with its error where it had one.

    pull_sources(project, settings, names=["shop"])
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.app.state import open_state
from floorwalker.errors import ConfigError, FloorwalkerError, StateError, did_you_mean
from floorwalker.sources.connectors.cursors import pulled
from floorwalker.sources.connectors.landing import PULLED, remove_read, remove_unfinished
from floorwalker.sources.connectors.pulling import Asked, StreamResult, pull_stream
from floorwalker.sources.connectors.settings import Pull, read_pulls
from floorwalker.sources.connectors.systems import open_reader, streams_of

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project

CONNECTORS = "connectors"
"""Folder of a project with connectors of its own."""


def pull_sources(
    project: Project,
    settings: Settings,
    names: Iterable[str] = (),
    *,
    since: dt.datetime | None = None,
    full: bool = False,
    dry_run: bool = False,
    progress: Callable[[str, float, str], None] = lambda *_: None,
) -> list[StreamResult]:
    """Pull the sources of these names, all of them without any. `full` reads from the beginning, `since` from a time
    on, `dry_run` reads and keeps nothing."""
    # Debezium's connectors send by themselves: there is nothing to ask.
    chosen = [one for one in chosen_pulls(settings, names) if one.connector != "debezium"]
    results: list[StreamResult] = []
    for place, pull in enumerate(chosen):
        name = pull.name

        def told(text: str, name: str = name, done: float = place / len(chosen)) -> None:
            progress("pull", done, f"{name}: {text}")

        asked = Asked(dt.datetime.now(dt.UTC), since, full, dry_run, told)
        results += _pull_source(project, pull, asked)
    progress("pull", 1.0, "")
    return results


def chosen_pulls(settings: Settings, names: Iterable[str]) -> list[Pull]:
    """The sources of these names. Raises ConfigError for one that is not there, and where there is none."""
    known = {one.name: one for one in read_pulls(settings.pulls)}
    if not known:
        raise ConfigError(
            "this project pulls nothing", why="floorwalker.toml has no [pulls.NAME]", fix="floorwalker pull --list"
        )
    for name in names:
        if name not in known:
            raise ConfigError(f"no source 'pulls.{name}'", fix=did_you_mean(name, known))
    return [known[name] for name in dict.fromkeys(names)] or list(known.values())


@dataclass(frozen=True)
class ListedSource:
    """A source of the project, and per stream until when it has been read."""

    name: str
    connector: str
    read_until: dict[str, str]


def listed_sources(project: Project, settings: Settings) -> list[ListedSource]:
    """The project's sources, by name."""
    with open_state(project) as state:
        read = pulled(state)
    return [
        ListedSource(one.name, one.connector, {stream: until for pull, stream, until in read if pull == one.name})
        for one in read_pulls(settings.pulls)
    ]


def _pull_source(project: Project, pull: Pull, asked: Asked) -> list[StreamResult]:
    folder = project.state / PULLED / pull.name
    results: list[StreamResult] = []
    with _alone(folder, pull.name), open_state(project) as state:
        remove_unfinished(folder)
        if pull.keep_days and not asked.dry_run:
            remove_read(folder, project.root, state, asked.now - dt.timedelta(days=pull.keep_days))
        if pull.connector == "files":
            from floorwalker.sources.connectors.remote import ROWS, pull_files

            try:
                return [pull_files(pull, state, folder, asked)]
            except FloorwalkerError as error:
                return [StreamResult(pull.name, ROWS, error=str(error))]
        try:
            streams = streams_of(pull, project.root / CONNECTORS)
            reader = open_reader(pull, project.root, project.root / CONNECTORS, asked.progress)
        except FloorwalkerError as error:
            return [StreamResult(pull.name, "", error=str(error))]
        for stream in streams:
            try:
                results.append(pull_stream(reader, pull, stream, state, folder, asked))
            except FloorwalkerError as error:
                results.append(StreamResult(pull.name, stream.name, error=str(error)))
    return results


@contextmanager
def _alone(folder: Path, name: str) -> Generator[None]:
    """One pull of a source at a time; the operating system lets go when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "pull.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(f"another pull of {name} is at work", fix="wait for it to end") from None
        yield
    finally:
        os.close(handle)
