"""Delivery files of what was pulled: whole before they are visible, and on the disk before any cursor moves.

In: lines by name of their rows. Out: `FOLDER/ROWS/TIME-NUMBER.jsonl`; a run reads them as it reads any file.

A name sorts by the time of the pull and by the number of the file within it, so that the later word comes later. Killed
in between, a pull leaves `.part` files, which no mapping reads and the next pull removes.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

PULLED = "pulled"
"""Folder below the project's state."""
_PART = ".part"


def write(folder: Path, lines: Mapping[str, Iterable[bytes]], name: str) -> list[Path]:
    """A file for each of the rows that have lines."""
    made: list[tuple[Path, Path]] = []
    for rows, texts in lines.items():
        place = folder / rows
        target = place / f"{name}.jsonl"
        part = target.with_suffix(_PART)
        count = 0
        for text in texts:
            if not count:
                place.mkdir(parents=True, exist_ok=True)
                file = part.open("wb")
            file.write(text + b"\n")
            count += 1
        if count:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            made.append((part, target))
    for part, target in made:
        part.replace(target)
    for place in {target.parent for _, target in made}:
        _sync(place)
    if made:
        _sync(folder)
        _sync(folder.parent)
    return [target for _, target in made]


def land_file(source: Iterable[bytes], target: Path) -> None:
    """A file that comes as it is, by pieces of its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + _PART)
    with part.open("wb") as file:
        for piece in source:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)
    _sync(target.parent)


def file_name(pulled_at: dt.datetime, number: int) -> str:
    """
    >>> file_name(dt.datetime(2026, 11, 28, 16, 3, 38, 5, tzinfo=dt.UTC), 1)
    '20261128T160338.000005Z-000001'
    """
    return f"{pulled_at.strftime('%Y%m%dT%H%M%S.%f')}Z-{number:06d}"


def remove_unfinished(folder: Path) -> None:
    """What a pull that was cut off left half-written."""
    for path in folder.glob(f"*/*{_PART}"):
        path.unlink(missing_ok=True)


def remove_read(folder: Path, root: Path, state: sqlite3.Connection, before: dt.datetime) -> int:
    """Remove files that a run has read and that are older than `before`: their rows are in the bronze tables."""
    read = {row[0] for row in state.execute("SELECT path FROM deliveries")}
    removed = 0
    for path in sorted(folder.glob("*/*")):
        changed = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        if changed < before and path.relative_to(root).as_posix() in read:
            path.unlink()
            removed += 1
    return removed


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
