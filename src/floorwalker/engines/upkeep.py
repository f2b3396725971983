"""Upkeep of the lake: what its tables look like, what was done to one, and joining small files of all of them.

In: a lake and its settings. Out: figures of each table, the versions of one, what was compacted. What is deleted is in
`engines.vacuum`, how one table is compacted in `engines.compaction`.

    for one in tables(lake, settings): print(one.table, one.files, one.small_share)
    for one in compact_all(lake, settings): print(one.table, one.files, "→", one.files_after)

Whoever calls `compact_all` or `after_run` holds the run lock: the published versions move with the compaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from floorwalker.engines.compaction import Compaction, compact, groups, parts_of, planned
from floorwalker.engines.delta import Entry, read_entry
from floorwalker.engines.vacuum import entries
from floorwalker.errors import NotFoundError, StateError, did_you_mean

if TYPE_CHECKING:
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.settings import LakeSettings


@dataclass(frozen=True)
class TableFacts:
    """A table's newest version, and what its folder holds altogether."""

    table: str
    rows: int
    files: int
    bytes: int
    on_disk: int
    """Bytes of all its files, those of earlier versions included."""
    small_share: float
    """Of its files, how many are small and have others to be joined with."""
    newest: int
    published: int | None
    kept: tuple[int, ...]
    """Versions that are kept."""


@dataclass(frozen=True)
class VersionFacts:
    """One version of a table. None stands for what nobody noted."""

    version: int
    at: str
    operation: str
    run_id: str | None
    rows: int | None
    added: int | None
    removed: int | None
    files: int | None
    readers: str
    """'published', 'kept' (an earlier publication, or the newest), or '' (its files may be gone)."""


def tables(lake: Lake, settings: LakeSettings, names: Iterable[str] = ()) -> list[TableFacts]:
    """Figures of these tables (default: all)."""
    published = _published(lake)
    found = []
    for name in known(lake, names):
        table = lake.open(name)
        parts = parts_of(table)
        small = sum(len(group) for group in groups(parts, settings.target_bytes))
        found.append(
            TableFacts(
                table=name,
                rows=sum(part.rows for part in parts),
                files=len(parts),
                bytes=sum(part.bytes for part in parts),
                on_disk=sum(file.stat().st_size for file in lake.path(name).rglob("*.parquet")),
                small_share=small / len(parts) if parts else 0.0,
                newest=table.version(),
                published=published.get(name),
                kept=tuple(sorted(_kept(lake, name))),
            )
        )
    return found


def history(lake: Lake, name: str) -> list[VersionFacts]:
    """The versions of a table that its log still tells of, the newest first."""
    (name,) = known(lake, [name])
    folder, published, held = lake.path(name), _published(lake).get(name), _kept(lake, name)
    found: list[VersionFacts] = []
    live: dict[str, int | None] = {}
    whole = True
    for version in entries(folder):
        entry = read_entry(folder, version)
        if entry is None:
            continue
        if not found and version > 0:
            # The log begins with a checkpoint: that version is known, what it changed is not.
            live = {part.name: part.rows for part in parts_of(lake.open(name, version))}
            whole = False
            added = removed = None
        else:
            gone = [live.pop(file, None) for file in entry.removed]
            new = [entry.rows.get(file) for file in entry.added]
            live.update(zip(entry.added, new, strict=True))
            added, removed = _effect(folder, entry, _sum(new), _sum(gone))
        stamp = dt.datetime.fromtimestamp(entry.info.get("timestamp", 0) / 1000, dt.UTC)
        found.append(
            VersionFacts(
                version=version,
                at=stamp.isoformat(timespec="seconds"),
                operation=_operation(entry, first=whole and version == 0),
                run_id=entry.info.get("run_id"),
                rows=_sum(live.values()),
                added=added,
                removed=removed,
                files=len(live),
                readers="published" if version == published else "kept" if version in held else "",
            )
        )
    return found[::-1]


def compact_all(
    lake: Lake, settings: LakeSettings, names: Iterable[str] = (), *, dry_run: bool = False
) -> list[Compaction]:
    """Join the small files of these tables (default: all); readers of the published run get the joined ones."""
    wanted = known(lake, names)
    if dry_run:
        return [plan for name in wanted if (plan := planned(lake, name, settings))]
    done: list[Compaction] = []
    with lake.connect() as connection:
        for name in wanted:
            one = compact(lake, name, settings, connection)
            done += [one] if one else []
    moved = moves(lake, _published(lake), done)
    if moved:
        lake.move(moved)
    return done


def after_run(lake: Lake, versions: dict[str, int], settings: LakeSettings) -> list[Compaction]:
    """At the end of a run, before it is published: compact what has grown too many files; `versions` move along."""
    if settings.compact == "off":
        return []
    done: list[Compaction] = []
    # Counting names costs nothing: most tables have a file or two, and their log is not even opened.
    many = [
        name for name in versions
        if sum(1 for _ in lake.path(name).glob("*.parquet")) >= settings.compact_files
    ]  # fmt: skip
    if many:
        with lake.connect() as connection:
            for name in many:
                try:
                    one = compact(lake, name, settings, connection, at_least=settings.compact_files)
                except StateError:
                    continue  # a table that cannot be compacted can still be published
                done += [one] if one else []
    versions.update(moves(lake, versions, done))
    return done


def moves(lake: Lake, versions: dict[str, int], done: Sequence[Compaction]) -> dict[str, int]:
    """Which of these versions have a compacted one with the very same rows, and which that is."""
    return {
        one.table: one.version
        for one in done
        if one.version is not None
        and one.table in versions
        # A newer version that was never published stays unpublished, compacted or not.
        and lake.content(one.table, versions[one.table]) == lake.content(one.table, one.version)
    }


def known(lake: Lake, names: Iterable[str]) -> list[str]:
    """These tables, or all. Raises NotFoundError for a name that no table has."""
    existing = lake.tables()
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in existing:
            raise NotFoundError(f"no table {name}", fix=did_you_mean(name, existing) or "floorwalker lake tables")
    return wanted or list(existing)


def _published(lake: Lake) -> dict[str, int]:
    pointer = lake.pointer()
    return pointer.tables if pointer else {}


def _kept(lake: Lake, name: str) -> set[int]:
    pointer = lake.pointer()
    seen = [pointer.tables, *(one.tables for one in pointer.former)] if pointer else []
    return {lake.version(name) or 0, *(tables[name] for tables in seen if name in tables)}


def _operation(entry: Entry, *, first: bool) -> str:
    if first:
        return "create"
    if "compacted" in entry.merge:
        return "compact"
    if entry.merge:
        return "merge"
    said = str(entry.info.get("operation", "?"))
    mode = str((entry.info.get("operationParameters") or {}).get("mode", ""))
    return {"Append": "append", "Overwrite": "replace"}.get(mode, said.lower())


def _effect(folder: Path, entry: Entry, written: int | None, left: int | None) -> tuple[int | None, int | None]:
    """Rows that a commit really added and removed: a merge writes whole files anew, and says beside what changed."""
    if not entry.data_change or not (entry.added or entry.removed):
        return 0, 0
    if not entry.merge or not entry.removed:
        return written, left
    files = [folder / file for file in entry.merge.get("changes", ())]
    if not files or written is None or left is None or not all(file.exists() for file in files):
        return None, None
    # The changed rows, old and new together, and by how many rows the table grew, give both.
    changed, grown = sum(pq.read_metadata(file).num_rows for file in files), written - left
    return (changed + grown) // 2, (changed - grown) // 2


def _sum(numbers: Iterable[int | None]) -> int | None:
    found = list(numbers)
    return None if any(one is None for one in found) else sum(one or 0 for one in found)
