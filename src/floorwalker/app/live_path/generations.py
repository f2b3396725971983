"""Generations: a live store is made for the run that it stands on, and another one takes its place.

In: a project. Out: names of generations, and which of them is read. A generation is whole before it is read, so that
readers see the old one or the new one.

    state/live/current            the name of the one that is read
    state/live/<run>~<number>/    its store, where it lies in the project
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from floorwalker.engines.live_store.opening import open_store
from floorwalker.errors import StateError
from floorwalker.profiles.live.applying import version_of
from floorwalker.profiles.live.layout import TABLES, VERSION

if TYPE_CHECKING:
    from floorwalker.app.live_path.settings import LiveSettings
    from floorwalker.engines.live_store.interface import LiveStore
    from floorwalker.engines.project import Project

_log = logging.getLogger(__name__)
NO_RUN = "none"
_BETWEEN = "~"


def folder(project: Project) -> Path:
    """Where a project keeps its live side."""
    return project.state / "live"


def current(project: Project) -> str | None:
    """The generation that is read; None before the first."""
    try:
        return (folder(project) / "current").read_text().strip() or None
    except FileNotFoundError:
        return None


def sound(project: Project, settings: LiveSettings) -> str | None:
    """The generation that is read, if its store can be used: one that a machine stopped in the middle of is not looked
    at again, since base and log make it anew."""
    name = current(project)
    if name is None:
        return None
    try:
        with open_generation(project, settings, name) as store:
            version = version_of(store)
    except StateError as error:
        _log.warning("the live store is made anew: %s", error.why or error.what)
        return None
    if version != VERSION:
        _log.warning("the live store is made anew: its layout is %s, now it is %s", version, VERSION)
        return None
    return name


def run_of(name: str) -> str:
    """The run a generation stands on."""
    return name.rpartition(_BETWEEN)[0]


def next_name(project: Project, run_id: str) -> str:
    """A name that no generation has had."""
    numbers = [int(path.name.rpartition(_BETWEEN)[2]) for path in folder(project).glob(f"*{_BETWEEN}*")]
    name = current(project)
    if name:
        numbers.append(int(name.rpartition(_BETWEEN)[2]))
    return f"{run_id}{_BETWEEN}{max(numbers, default=0) + 1}"


def switch(project: Project, name: str) -> None:
    """Have this generation read."""
    path = folder(project) / "current"
    new = path.with_suffix(".new")
    new.write_text(name)
    with new.open() as file:
        os.fsync(file.fileno())
    new.replace(path)


def open_generation(project: Project, settings: LiveSettings, name: str, *, writing: bool = False) -> LiveStore:
    """The store of a generation. Raises StateError when it has a writer and shall be written."""
    return open_store(_place(project, settings, name), TABLES, settings=settings.store, writing=writing)


def remove_others(project: Project, settings: LiveSettings, name: str) -> None:
    """Remove all generations but one."""
    for path in folder(project).glob(f"*{_BETWEEN}*"):
        if path.name == name:
            continue
        if settings.url:
            try:
                with open_generation(project, settings, path.name, writing=True) as store:
                    store.clear()
            except StateError:
                # Its process has not let go yet: the next one to take over removes it.
                continue
        shutil.rmtree(path, ignore_errors=True)


def _place(project: Project, settings: LiveSettings, name: str) -> str:
    own = folder(project) / name
    # On a server, too, the folder says which generations there are.
    own.mkdir(parents=True, exist_ok=True)
    if not settings.url:
        return str(own)
    # Not by urlunsplit: it makes unix:/socket of unix:///socket.
    server, _, rest = settings.url.partition("?")
    query = dict(parse_qsl(rest))
    query["prefix"] = f"{query.get('prefix', 'floorwalker')}.{name.replace(_BETWEEN, '.')}"
    return f"{server}?{urlencode(query)}"
