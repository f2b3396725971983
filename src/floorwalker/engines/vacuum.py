"""Vacuum: what the lake holds and nobody can need any more is deleted.

In: a lake, its settings. Out: the files that went, or would go (`dry_run`), each with its table, bytes and reason.

    gone = vacuum(lake, settings)
    sum(one.bytes for one in gone)

Kept, of every table: the newest version, the published one, and those of earlier publications as `[lake]` says. What is
not kept still stays for `grace_minutes`, because a reader may have opened it just before. Not by Delta's own vacuum:
that adds commits, which would hide the fingerprint of the last write, and knows nothing of publications.

A file that no commit names may be one that somebody is writing: it goes when it is an hour old. When many log entries
lie before the oldest version whose rows are kept, a checkpoint is made for them, and a later vacuum deletes them. The
caller holds the run lock; merges from elsewhere wait in their lane meanwhile, or are left alone.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from floorwalker.engines.changes import content
from floorwalker.engines.delta import has_log, read_entry
from floorwalker.engines.lock import table_lane
from floorwalker.engines.merging import CHANGES
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.publication import Former, Pointer
    from floorwalker.engines.settings import LakeSettings

STAGED_SECONDS = 3600.0
SCRATCH_SECONDS = 86_400.0
LOG_ENTRIES = 50
"""Entries before the oldest kept version that are worth a checkpoint."""


@dataclass(frozen=True)
class Leftover:
    """A file that no kept version needs."""

    table: str
    path: Path
    bytes: int
    why: str


def vacuum(lake: Lake, settings: LakeSettings, *, dry_run: bool = False, now: float | None = None) -> list[Leftover]:
    """Delete what is not kept; returns it. `now`: seconds since 1970, for tests."""
    now = time.time() if now is None else now
    pointer = lake.pointer()
    former = kept(pointer, settings, now)
    if pointer is not None and not dry_run:
        # First nobody is told of these versions any more, then their files go.
        lake.publication.keep(former)
    grace = now - settings.grace_minutes * 60
    gone: list[Leftover] = []
    for name, folder in lake.tables().items():
        with ExitStack() as stack:
            if not dry_run:
                try:
                    stack.enter_context(table_lane(lake.project, name, wait=1.0))
                except StateError:
                    continue  # somebody merges into it: its leftovers can wait for the next vacuum
            shown = {pointer.tables[name]} if pointer and name in pointer.tables else set()
            earlier = {one.tables[name] for one in former if name in one.tables}
            found, floor = _of_table(name, folder, shown, earlier, grace, now)
            if not dry_run:
                _delete(found)
                _checkpoint(folder, floor)
        gone += found
    others = _never_committed(lake, now) + _scratch(lake, now)
    if not dry_run:
        _delete(others)
    return gone + others


def kept(pointer: Pointer | None, settings: LakeSettings, now: float) -> list[Former]:
    """What readers saw before and can still be read."""
    found: list[Former] = []
    runs = 1
    for one in pointer.former if pointer else ():
        age = now - dt.datetime.fromisoformat(one.until).timestamp()
        among_runs = not one.compacted and (runs < settings.keep_runs or age < settings.keep_days * 86_400)
        runs += not one.compacted
        # What a compaction replaced is the same run: it is kept for those who read it just now.
        if among_runs or age < settings.grace_minutes * 60:
            found.append(one)
    return found


def _of_table(
    name: str, folder: Path, shown: Iterable[int], earlier: Iterable[int], grace: float, now: float
) -> tuple[list[Leftover], int]:
    """What a table does not need, and the version from which on its log is needed."""
    # Listed before the log is read: what is committed meanwhile is then not mistaken for a leftover.
    files = sorted(folder.glob("*.parquet"))
    changes = sorted((folder / CHANGES).glob("*.parquet"))
    newest = DeltaTable(folder)
    opened = {newest.version(): newest}
    for version in {*shown} - opened.keys():
        opened[version] = DeltaTable(folder, version=version)
    for version in {*earlier} - opened.keys():
        try:
            opened[version] = DeltaTable(folder, version=version)
        except (DeltaError, OSError):
            continue  # a version that is gone already holds nothing
    needed = {Path(uri).name for table in opened.values() for uri in table.file_uris()}
    # Entries from here on say what changed since: incremental models ask them.
    floor = min(content(folder, version) for version in opened)
    gone: list[Leftover] = []
    others = [file for file in files if file.name not in needed]
    if others:
        dropped = _dropped(folder)
        for file in others:
            if file.name not in dropped:
                gone += _staged(name, file, now)
            elif dropped[file.name] <= grace:
                gone.append(_leftover(name, file, "no kept version has it"))
    if changes:
        told = _told(folder, newest.version())
        for file in changes:
            version = told.get(file.name)
            if version is None:
                gone += _staged(name, file, now)
            elif version <= floor:
                gone.append(_leftover(name, file, "its changes are in every kept version"))
    return gone + _log(name, folder, floor, grace), floor


def _dropped(folder: Path) -> dict[str, float]:
    """Files that a commit took out of the table, and when, in seconds since 1970."""
    found: dict[str, float] = {}
    for version in entries(folder):
        entry = read_entry(folder, version)
        found.update({file: when / 1000 for file, when in (entry.dropped if entry else {}).items()})
    return found


def _told(folder: Path, newest: int) -> dict[str, int]:
    """Files in `_changes/` and the version whose changes they hold."""
    found: dict[str, int] = {}
    for version in entries(folder):
        entry = read_entry(folder, version) if version <= newest else None
        found.update({Path(file).name: version for file in (entry.merge.get("changes", ()) if entry else ())})
    return found


def entries(folder: Path) -> list[int]:
    """The versions whose log entries are still there."""
    return sorted(int(file.stem) for file in (folder / "_delta_log").glob("*.json") if file.stem.isdigit())


def _log(name: str, folder: Path, floor: int, grace: float) -> list[Leftover]:
    """Log entries that a checkpoint has stood for long enough: whoever opened the table before it has read them."""
    log = folder / "_delta_log"
    standing = [version for version in _checkpoints(folder, before=grace) if version <= floor]
    if not standing:
        return []
    newest = max(standing)
    return [
        _leftover(name, file, f"log before version {newest}")
        for file in sorted(log.iterdir())
        if file.name[:20].isdigit() and int(file.name[:20]) < newest
    ]


def _checkpoint(folder: Path, floor: int) -> None:
    """Let a checkpoint stand for the log before `floor`, once it is long; a later vacuum deletes that log."""
    made = max(_checkpoints(folder), default=-1)
    if sum(made < version < floor for version in entries(folder)) >= LOG_ENTRIES:
        DeltaTable(folder, version=floor).create_checkpoint()


def _checkpoints(folder: Path, before: float | None = None) -> list[int]:
    files = (folder / "_delta_log").glob("*.checkpoint.parquet")
    return [int(file.name[:20]) for file in files if before is None or file.stat().st_mtime <= before]


def _delete(leftovers: Iterable[Leftover]) -> None:
    for one in leftovers:
        if one.path.is_dir():
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            one.path.unlink(missing_ok=True)


def _never_committed(lake: Lake, now: float) -> list[Leftover]:
    """Files of tables that have no version, because their first run ended early."""
    gone = []
    for file in sorted(lake.project.lake.glob("*/*/*.parquet")):
        if not has_log(file.parent):
            gone += _staged(f"{file.parent.parent.name}.{file.parent.name}", file, now)
    return gone


def _staged(name: str, file: Path, now: float) -> list[Leftover]:
    """A file that no commit names, if nobody can be about to commit it."""
    old = file.exists() and file.stat().st_mtime < now - STAGED_SECONDS
    return [_leftover(name, file, "never committed")] if old else []


def _scratch(lake: Lake, now: float) -> list[Leftover]:
    """What processes that were killed left in state/tmp."""
    folder = lake.project.state / "tmp"
    found = sorted(folder.iterdir()) if folder.exists() else []
    # What a living process spills here comes and goes while we look; an open file lives on after its name.
    old = [one for one in found if one.exists() and one.stat().st_mtime < now - SCRATCH_SECONDS]
    return [_leftover("", one, "scratch of a process that has ended") for one in old]


def _leftover(name: str, file: Path, why: str) -> Leftover:
    inside = [one for one in file.rglob("*") if one.is_file()] if file.is_dir() else [file]
    return Leftover(name, file, sum(one.stat().st_size for one in inside), why)
