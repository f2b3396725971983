"""A scratch copy of what a project has published, to try something in: nothing of the project itself is written.

In: a project and the versions of its published tables. Out, for the length of a block: a `Project` whose lake holds
exactly these versions, with folders of `state/` copied beside it; policies, SQL and mappings are the project's own.

    with overlay(project, pointer.tables, copied=("matching",)) as scratch:
        Build(Lake(scratch), "try", pointer.as_of, published=pointer.tables).run(graph)

Parquet files are never written twice, so the copy shares them by hard links and takes milliseconds; only the logs of
the tables are copied. It lies under `state/tmp` with mode 0700 and goes at the end, after an error and Ctrl-C too. What
a process that was killed outright left behind, the next one removes; so does an erasure.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from floorwalker.engines.project import Project

PREFIX = "overlay-"
YOUNG = 60.0
"""Seconds for which a copy without a lock is left alone."""
_LOG = "_delta_log"


class Overlay(Project):
    """A project with another `state/`; keys stay where they are."""

    def __init__(self, project: Project, state: Path) -> None:
        super().__init__(project.root)
        self._state, self._project = state, project

    @property
    def state(self) -> Path:
        return self._state

    @cached_property
    def secret(self) -> bytes:
        return self._project.secret


@contextmanager
def overlay(project: Project, tables: Mapping[str, int], *, copied: Iterable[str] = ()) -> Generator[Overlay]:
    """The scratch copy. `copied`: names of folders under `state/` that it starts with, such as fitted models.

    Raises FileNotFoundError where a version is no longer kept: a run published and tidied up in between.
    """
    temporary = project.state / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    remove_abandoned(temporary)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            found = Overlay(project, folder / "state")
            for table, version in tables.items():
                layer, _, name = table.partition(".")
                share_table(project.lake / layer / name, found.lake / layer / name, version)
            for name in copied:
                if (project.state / name).exists():
                    shutil.copytree(project.state / name, found.state / name)
            yield found
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def share_table(source: Path, target: Path, version: int) -> None:
    """A table of its own with the same rows: the log up to `version`, and every data file by hard link."""
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir(parents=True, exist_ok=True)
        logged = Path(folder).name == _LOG
        for name in names:
            if not logged:
                _share(Path(folder, name), into / name)
            elif _version(name) <= version:
                shutil.copyfile(Path(folder, name), into / name)
    if not (target / _LOG).exists():
        raise FileNotFoundError(str(source))


def remove_abandoned(temporary: Path) -> int:
    """Remove copies whose process has died; returns how many there were."""
    found = 0
    for folder in temporary.glob(f"{PREFIX}*"):
        try:
            # One that was made this moment may not hold its lock yet.
            if time.time() - folder.stat().st_mtime < YOUNG:
                continue
            with (folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                found += 1
        except OSError:
            # Somebody is at work in it, or has just removed it.
            continue
    return found


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        # A file that only an unfinished commit knew; a missing one of ours shows when the table is read.
        return
    except OSError:
        shutil.copyfile(source, target)


def _version(name: str) -> float:
    """The version a file of the log belongs to; never, for what only points to others."""
    number = name.partition(".")[0]
    return int(number) if number.isdigit() else float("inf")
