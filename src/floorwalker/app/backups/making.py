"""What belongs to a project, as of one moment.

In: a project. Out: an archive with what people wrote and what the product keeps: settings, mappings, policies, the
lake, the log, databases, models, keys. Not in it: raw files (they are the retailer's), the live store and scratch,
which are made anew.

    backup(project, Path("shop.tar.zst"))

No run may be at work meanwhile; the collector may. Databases are copied as SQLite copies them, so that a commit is in
the copy or not; the log is copied last, so that it has at least what the tables have read of it.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker import __version__
from floorwalker.app.backups.archive import Manifest, Progress, write_archive
from floorwalker.engines.event_log import LOG
from floorwalker.engines.lock import run_lock
from floorwalker.engines.publication import Publication
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

WRITTEN = ("mappings", "sql", "policies", "features", "journeys")
"""Folders that people write, beside the settings."""
_MADE_ANEW = ("tmp", "locks", "live", "figures", "figures-collect")
_BESIDE = ("-wal", "-shm", "-journal", ".lock", ".new", ".part", ".draft")


def backup(project: Project, target: Path, progress: Progress = lambda done: None) -> Manifest:
    """Write the archive. Raises StateError while a run is at work, or when there is no room for it."""
    if target.resolve().is_relative_to(project.state):
        raise StateError(
            "a backup does not belong into state/", why="it would be in the next one", fix="another folder"
        )
    scratch = project.state / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    need, free = sum(path.stat().st_size for _, path in _files(project)), shutil.disk_usage(target.parent).free
    if need > free:
        why = f"it may take {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        raise StateError(f"there is no room for a backup in {target.parent}", why=why, fix="another disk")
    with run_lock(project, "backup"), tempfile.TemporaryDirectory(dir=scratch) as folder:
        return write_archive(target, _copied(project, Path(folder)), _about(project), progress)


def size_of(project: Project) -> int:
    """Bytes that a backup reads."""
    return sum(path.stat().st_size for _, path in _files(project))


def _about(project: Project) -> dict[str, Any]:
    pointer = Publication(project).read()
    return {
        "floorwalker": __version__,
        "project": project.root.name,
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "run_id": pointer.run_id if pointer else "",
    }


def _files(project: Project) -> Iterator[tuple[str, Path]]:
    if project.config_file.exists():
        yield project.config_file.name, project.config_file
    for name in WRITTEN:
        yield from _below(project, project.root / name)
    if not project.state.exists():
        return
    for folder in sorted(project.state.iterdir()):
        if folder.name not in (*_MADE_ANEW, LOG):
            yield from _below(project, folder)
    yield from _below(project, project.state / LOG)


def _below(project: Project, path: Path) -> Iterator[tuple[str, Path]]:
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    for one in found:
        if one.is_file() and not one.is_symlink() and not one.name.endswith(_BESIDE):
            yield one.relative_to(project.root).as_posix(), one


def _copied(project: Project, folder: Path) -> Iterator[tuple[str, Path]]:
    """The same files; of a database a copy that stands by itself."""
    for name, path in _files(project):
        if path.suffix != ".db":
            yield name, path
            continue
        copy = folder / "copy.db"
        with closing(sqlite3.connect(path, timeout=60)) as given, closing(sqlite3.connect(copy)) as taken:
            # In one go: page by page it would begin anew whenever the collector commits, which is always.
            given.backup(taken)
        yield name, copy
        copy.unlink()
