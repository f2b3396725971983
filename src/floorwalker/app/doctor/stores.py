"""Are the stores whole: databases, published tables, log, live side.

In: a project. Out: findings. Nothing is mended and nothing is migrated; a database is only read.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.app.collect.log import project_log
from floorwalker.app.doctor.finding import Finding, fail, ok, warn
from floorwalker.app.live_path import generations
from floorwalker.app.live_path.telling import read_progress
from floorwalker.app.state import ROOMS
from floorwalker.engines.event_log import LOG
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import at_work
from floorwalker.engines.publication import Publication
from floorwalker.errors import FloorwalkerError

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project

_BACKUP = "bring it back from a backup: floorwalker restore"
_STOPPED = 10.0


def stores(project: Project, settings: Settings | None) -> Iterator[Finding]:
    """Every store that the project has."""
    yield from _databases(project)
    yield from _published(project)
    yield from _log(project, settings)
    if settings is not None:
        yield from _live(project, settings)
    if at_work(project):
        yield ok("run", "one is at work right now")


def _databases(project: Project) -> Iterator[Finding]:
    for path in (project.database, project.state / "mlflow.db"):
        if not path.exists():
            continue
        says = _broken(path)
        if says:
            yield fail("database", f"{path.name}: {says}", _BACKUP)
            continue
        if path != project.database:
            continue
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            try:
                found = dict(connection.execute("SELECT room, version FROM schema_versions").fetchall())
            except sqlite3.Error:
                found = {}
        newer = [room for room, version in found.items() if version > len(ROOMS.get(room, ()))]
        older = [room for room, scripts in ROOMS.items() if found.get(room, 0) < len(scripts)]
        if newer:
            says = f"{path.name} was written by a newer Floorwalker ({', '.join(sorted(newer))})"
            yield fail("database", says, "pip install --upgrade floorwalker")
        elif older:
            says = f"{path.name} is of an earlier version ({', '.join(sorted(older))})"
            yield warn("database", says, "floorwalker migrate; the next command does it by itself")
        else:
            yield ok("database", f"{path.name} is whole, {path.stat().st_size / 1e6:.1f} MB")


def _broken(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found


def _published(project: Project) -> Iterator[Finding]:
    try:
        pointer = Publication(project).read()
    except FloorwalkerError as error:
        yield fail("published", error.what, error.fix or _BACKUP)
        return
    if pointer is None:
        yield warn("published", "nothing yet", "floorwalker run")
        return
    lake, missing = Lake(project), []
    for name, version in pointer.tables.items():
        try:
            gone = [file for file in lake.files(name, version) if not Path(file.removeprefix("file://")).exists()]
        except Exception as error:
            missing.append(f"{name}: {type(error).__name__}")
            continue
        if gone:
            missing.append(f"{name}: {len(gone)} of its files are gone")
    bundle = project.bundles / pointer.bundle if pointer.bundle else None
    if bundle is not None and not bundle.exists():
        missing.append("the serving bundle is gone")
    if missing:
        fix = "silver and gold: remove the table's folder in state/lake, then floorwalker run; bronze: restore a backup"
        yield fail("published", "; ".join(missing[:5]), fix)
    else:
        yield ok("published", f"{len(pointer.tables)} tables of run {pointer.run_id}, all files there")
    for name, reason in pointer.held_back.items():
        yield warn("published", f"{name} is held back: {reason}", "mend what it says, then floorwalker run")


def _log(project: Project, settings: Settings | None) -> Iterator[Finding]:
    if not (project.state / LOG).exists():
        return
    try:
        log = project_log(project, settings=settings.collect.log if settings else None)
    except FloorwalkerError as error:
        yield fail("log", error.what, error.fix or _BACKUP)
        return
    try:
        ends = log.ends()
        for partition, end in ends.items():
            if end > log.starts().get(partition, 0):
                log.read(partition, end - 1, most_frames=1)
        yield ok("log", f"{len(ends)} partitions, {sum(log.sizes().values()) / 1e6:.1f} MB, readable to the end")
    except FloorwalkerError as error:
        yield fail("log", f"{error.what}: {error.why}", error.fix or _BACKUP)
    finally:
        log.close()


def _live(project: Project, settings: Settings) -> Iterator[Finding]:
    name = generations.current(project)
    if name is None:
        return
    try:
        generations.open_generation(project, settings.live, name).close()
    except FloorwalkerError as error:
        yield warn("live", f"{error.what}: {error.why}", "floorwalker live makes the store anew by itself")
        return
    progress = read_progress(project)
    age = time.time() - progress.told_at if progress else None
    if age is not None and age > _STOPPED:
        says = f"the live process told how it is {age / 60:.0f} minutes ago"
        yield warn("live", says, "floorwalker collect, or floorwalker live, keeps profiles fresh")
    elif progress is not None:
        yield ok("live", f"at work, {progress.lag:,} requests behind")
