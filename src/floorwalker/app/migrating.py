"""A project moved forward to what this version of Floorwalker writes.

In: a project of this version or an earlier one. Out: what each store is, what it becomes, and who does that. State has
versions; a newer one is refused everywhere. Commands migrate what they open by themselves: this does all of it at once,
and says before what it would do.

    for step in migrate(project, dry_run=True):
        print(step.what, step.found, step.known, step.does)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.config import load_config
from floorwalker.app.intake import make_bronze
from floorwalker.app.live_path import generations
from floorwalker.app.state import ROOMS, open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.engines.publication import POINTER_VERSION
from floorwalker.errors import FloorwalkerError, StateError
from floorwalker.events.vocabulary import KINDS
from floorwalker.profiles.bundle import Shelf
from floorwalker.profiles.bundle.layout import BUNDLE_VERSION
from floorwalker.profiles.bundle.reader import as_written
from floorwalker.profiles.live.applying import version_of
from floorwalker.profiles.live.layout import VERSION

if TYPE_CHECKING:
    from floorwalker.app.live_path.settings import LiveSettings
    from floorwalker.engines.project import Project

_AS_IT_IS = "nothing to do"


class Step(msgspec.Struct, frozen=True):
    """`found`, `known`: versions, "" where a store has none yet; `does`: what is done, or who will."""

    what: str
    found: str
    known: str
    does: str

    @property
    def is_needed(self) -> bool:
        return self.does != _AS_IT_IS


def migrate(project: Project, *, dry_run: bool = False) -> list[Step]:
    """Every store, and what was done (or would be). Raises StateError for a store of a newer version, or while a run is
    at work."""
    live = load_config(project).settings.live
    with run_lock(project, "migrate"):
        steps = [*_databases(project), *_tables(project), *_pointer(project), *_live(project, live)]
        newer = [one for one in steps if one.does == ""]
        if newer:
            told = ", ".join(f"{one.what} has version {one.found}, known is {one.known}" for one in newer)
            raise StateError("the project is of a newer Floorwalker", why=told, fix="pip install --upgrade floorwalker")
        if not dry_run:
            with open_state(project):
                pass
            make_bronze(Lake(project))
    return steps


def _step(what: str, found: int | None, known: int, does: str) -> Step:
    if found == known:
        does = _AS_IT_IS
    elif found is not None and found > known:
        does = ""
    return Step(what, "" if found is None else str(found), str(known), does)


def _databases(project: Project) -> Iterator[Step]:
    found: dict[str, int] = {}
    if project.database.exists():
        with closing(sqlite3.connect(f"file:{project.database}?mode=ro", uri=True, timeout=30)) as connection:
            try:
                found = dict(connection.execute("SELECT room, version FROM schema_versions").fetchall())
            except sqlite3.Error:
                found = {}
    for room, scripts in ROOMS.items():
        yield _step(f"database: {room}", found.get(room), len(scripts), "tables are made or changed")
    for room in sorted(found.keys() - ROOMS.keys()):
        yield _step(f"database: {room}", found[room], 0, "")


def _tables(project: Project) -> Iterator[Step]:
    lake = Lake(project)
    for kind in KINDS.values():
        name = f"bronze.{kind.name}"
        if not lake.exists(name):
            continue
        lacking = set(kind.names) - {field.name for field in lake.open(name).schema().fields}
        if lacking:
            listed = ", ".join(sorted(lacking))
            yield Step(name, "", "", f"columns that are new are added, empty: {listed}")


def _pointer(project: Project) -> Iterator[Step]:
    pointer = Lake(project).pointer()
    if pointer is None:
        return
    yield _step("published.json", POINTER_VERSION, POINTER_VERSION, _AS_IT_IS)
    if pointer.bundle:
        shelf = Shelf(project, normalise=as_written)
        try:
            shelf.current()
        except FloorwalkerError:
            yield Step("serving bundle", "", str(BUNDLE_VERSION), "the next floorwalker run makes it anew")
        else:
            yield _step("serving bundle", BUNDLE_VERSION, BUNDLE_VERSION, _AS_IT_IS)
        shelf.close()


def _live(project: Project, settings: LiveSettings) -> Iterator[Step]:
    name = generations.current(project)
    if name is None:
        return
    try:
        with generations.open_generation(project, settings, name) as store:
            found = version_of(store)
    except StateError:
        found = None
    yield _step("live profiles", found, VERSION, "floorwalker live makes them anew from the last run and the log")
