"""A project from an archive: whole or not there, and kept clear of those who were erased since it was made.

In: an archive and a folder. Out: a project in that folder. An archive remembers people who have been erased in the
meantime; erasure beats restore. So where a project is replaced, its list of the erased is taken over, and whoever is on
it is erased from what was restored before anybody can read it there.

    restore(Path("shop.tar.zst"), Path("shop"), replace=True)
"""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.app.backups.archive import Manifest, Progress, unpack
from floorwalker.app.backups.making import WRITTEN
from floorwalker.app.collect.log import project_log
from floorwalker.app.erasing import erase
from floorwalker.app.state import open_state
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.holding import HasWriter
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.errors import NotFoundError, StateError
from floorwalker.governance import suppression

if TYPE_CHECKING:
    from collections.abc import Sequence

_MANY = 10_000


@dataclass(frozen=True)
class Restored:
    """`erased`: customers of the archive who had been erased since; `aside`: where what was replaced lies now."""

    manifest: Manifest
    erased: int
    aside: Path | None


def restore(archive: Path, folder: Path, *, replace: bool = False, progress: Progress = lambda done: None) -> Restored:
    """Make `folder` the project of an archive. With `replace` one that is there is moved aside, its raw files stay.

    Raises SourceError for an archive that is not whole, StateError where a project is and is not to be replaced, or a
    run is at work on it; then nothing has changed."""
    folder = folder.absolute()
    there = folder.exists() and any(folder.iterdir())
    if there and not replace:
        raise StateError(f"{folder} is not empty", fix="another folder, or --replace, which moves what is there aside")
    draft = folder.with_name(f".{folder.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        manifest = unpack(archive, draft, progress)
        if not there:
            erased = _clear(Project(draft), ())
            folder.mkdir(exist_ok=True)
            _move(draft, folder)
            return Restored(manifest, erased, None)
        before = Project(folder)
        with run_lock(before, "restore"):
            _nobody_collects(before)
            erased = _clear(Project(draft), _erased_people(before, Project(draft)))
            aside = folder.with_name(f"{folder.name}.before-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}")
            aside.mkdir()
            _move(folder, aside)
            _move(draft, folder)
        return Restored(manifest, erased, aside)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _nobody_collects(before: Project) -> None:
    """Raises StateError while a collector is at work: what it acknowledges would go into a log that is moved aside."""
    if not (before.state / LOG).exists():
        return
    log = project_log(before)
    try:
        for partition in log.partitions():
            log.writer(partition).close()
    except HasWriter as error:
        raise StateError(
            "a collector is at work on the project", why="what it takes would not be in the one that is restored",
            fix="end it, restore, start it again",
        ) from error  # fmt: skip
    finally:
        log.close()


def _move(given: Path, taken: Path) -> None:
    """What belongs to a project, by renaming."""
    for name in ("floorwalker.toml", *WRITTEN, "state"):
        if (given / name).exists():
            (given / name).rename(taken / name)


def _erased_people(before: Project, now: Project) -> Sequence[tuple[str, str, str, str]]:
    """The list of a project. Raises StateError when the archive has another secret: hashes would mean nothing there."""
    if not before.database.exists():
        return ()
    with closing(sqlite3.connect(f"file:{before.database}?mode=ro", uri=True, timeout=30)) as state:
        try:
            found = state.execute("SELECT hash, kind, reason, added_at FROM suppressed").fetchall()
        except sqlite3.Error as error:
            raise StateError(
                "the list of erased people cannot be read", why=f"{before.database.name}: {error}",
                fix="restore into an empty folder, and erase these people there anew",
            ) from None  # fmt: skip
    if found and before.secret != now.secret:
        raise StateError(
            "the archive is of a project with another secret",
            why="whom it must leave out, because they were erased, could not be told",
            fix="an archive of this project, or an empty folder",
        )
    return found


def _clear(project: Project, erased: Sequence[tuple[str, str, str, str]]) -> int:
    """Put people on the list and out of every store; how many customers that were."""
    if not project.database.exists():
        return 0
    with open_state(project) as state:
        state.executemany("INSERT OR IGNORE INTO suppressed (hash, kind, reason, added_at) VALUES (?, ?, ?, ?)", erased)
        hashes = {one for (one,) in state.execute("SELECT hash FROM suppressed")}
    gone = 0
    for customer in _named(project, hashes):
        try:
            erase(project, customer, reason="restored from a backup")
        except NotFoundError:
            continue  # gone with another of their ids
        gone += 1
    return gone


def _named(project: Project, hashes: set[str]) -> list[str]:
    """Customers of the published run of whom a record is on the list."""
    pointer = Lake(project).pointer()
    if not hashes or pointer is None or "silver.customer_map" not in pointer.tables:
        return []
    found = set()
    with Lake(project).read(["silver.customer_map"]) as connection:
        rows = connection.execute("SELECT record_id, customer_id FROM silver.customer_map")
        while some := rows.fetchmany(_MANY):
            for record, customer in some:
                if suppression.hash_identifier(project.secret, "record_id", record) in hashes:
                    found.add(customer)
    return sorted(found)
