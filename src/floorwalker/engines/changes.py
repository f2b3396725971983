"""Which rows of a table changed between two of its versions, found without reading what stayed.

In: a table's folder and two versions. Out: `Changes`: files whose rows all changed, and files to compare; None when it
cannot be told any more (the old version's files are gone).

An append's changes are the files it added, a merge leaves its own in `_changes/`, a compaction changes nothing.
Whatever else happened, the files that are in only one of the two versions are compared, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from floorwalker.engines.delta import read_entry


@dataclass(frozen=True)
class Changes:
    """`files`: every row in them is new or gone. `before`, `after`: what differs between them changed."""

    files: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.files or self.before or self.after)


def changes_between(folder: Path, old: int, new: int) -> Changes | None:
    """The changes from version `old` to version `new` of the table in `folder`; None when nobody knows."""
    if old == new:
        return Changes()
    if old > new:
        return None
    told = _as_told(folder, old, new)
    return told if told is not None else _compared(folder, old, new)


def content(folder: Path, version: int) -> int:
    """The version that first held exactly the rows of `version`: merges without effect and compactions keep it."""
    entry = read_entry(folder, version)
    return int(entry.merge.get("same_as", version)) if entry else version


def _as_told(folder: Path, old: int, new: int) -> Changes | None:
    files: list[str] = []
    for version in range(old + 1, new + 1):
        entry = read_entry(folder, version)
        if entry is None:
            return None
        if not (entry.added or entry.removed) or not entry.data_change:
            continue
        if "changes" in entry.merge:
            files += entry.merge["changes"]
        elif not entry.removed:
            files += entry.added
        else:
            return None
    paths = [folder / file for file in files]
    return Changes(files=tuple(map(str, paths))) if all(path.exists() for path in paths) else None


def _compared(folder: Path, old: int, new: int) -> Changes | None:
    try:
        before, after = DeltaTable(folder, version=old), DeltaTable(folder, version=new)
        if before.schema() != after.schema():
            return None
        first, second = set(before.file_uris()), set(after.file_uris())
    except (DeltaError, OSError):
        return None
    gone = sorted(first - second)
    if not all(Path(file).exists() for file in gone):
        return None
    return Changes(before=tuple(gone), after=tuple(sorted(second - first)))


def select_changes(changes: Changes, columns: Sequence[str], files: str, before: str, after: str) -> str:
    """SQL of the changed rows, the three sets of files being shown under these names."""
    listed = ", ".join(f'"{column}"' for column in columns)
    parts = []
    if changes.files:
        parts.append(f"SELECT {listed} FROM {files}")
    if changes.before and changes.after:
        for one, other in ((before, after), (after, before)):
            parts.append(
                f"SELECT {listed} FROM (SELECT {listed} FROM {one} EXCEPT ALL SELECT {listed} FROM {other}) AS x"
            )
    elif changes.before or changes.after:
        parts.append(f"SELECT {listed} FROM {before if changes.before else after}")
    return " UNION ALL ".join(parts)
