"""Which files of a folder have arrived: whole ones, in the order they are read.

In: the paths that match a mapping's patterns. Out: those that nobody writes to any more. A file is passed by while it
has the name of one that is being copied or edited, while it lacks its marker (`complete`), or while it changed less
than `settle` seconds ago: it is read by a later run, once, and nothing of it before.

>>> [is_passing(name) for name in ("a.csv", "a.csv.part", "~$sales.xlsx", "a.csv.tmp", ".~lock.a.ods#")]
[False, True, True, True, True]
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from floorwalker.sources.shape import Arrival

_PASSING_ENDINGS = (
    *(".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".opdownload"),
    *(".incomplete", ".inprogress", ".writing", ".uploading", ".swp", "~"),
)
MARKERS = (".done", ".ok", ".complete", ".ready")
"""Endings of files that only say that another one is whole."""


def is_passing(name: str) -> bool:
    """Whether a name is that of a file still being copied, or open in an office program."""
    return name.startswith((".", "~$", "~")) or name.lower().endswith(_PASSING_ENDINGS)


def arrived(paths: Iterable[Path], arrival: Arrival, now: float | None = None) -> tuple[list[Path], list[Path]]:
    """The files that are whole, in order of name or of time (then name), and those that are not yet."""
    now = time.time() if now is None else now
    found, waiting = [], []
    for path in paths:
        if path.name.lower().endswith((*MARKERS, arrival.complete) if arrival.complete else MARKERS):
            continue
        if is_passing(path.name) or (arrival.complete and not _is_marked(path, arrival.complete)):
            waiting.append(path)
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        # Whoever copies a file can set when it was modified, not when its entry was last changed.
        if arrival.settle and now - max(status.st_mtime, status.st_ctime) < arrival.settle:
            waiting.append(path)
            continue
        found.append((status.st_mtime_ns if arrival.order == "time" else 0, path))
    return [path for _, path in sorted(found)], waiting


def _is_marked(path: Path, ending: str) -> bool:
    """orders.csv is whole by orders.csv.done or by orders.done."""
    return path.with_name(path.name + ending).exists() or path.with_suffix(ending).exists()
