"""A path or URL → the log.

In: a folder (or another twin's URL), and how many partitions there shall be. Out: an `EventLog`.

>>> import tempfile
>>> log = open_log(tempfile.mkdtemp(), partitions=2)
>>> with log.writer(1) as writer:
...     writer.append([b"first", b"second"])
range(0, 2)
>>> [(stored.offset, stored.frame) for stored in log.read(1, 1)], log.ends()
([(1, b'second')], {0: 0, 1: 2})
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.engines.event_log.sqlite_log import SqliteLog
from floorwalker.errors import ConfigError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog


def open_log(
    where: str | os.PathLike[str], *, partitions: int | None = None, settings: LogSettings | None = None
) -> EventLog:
    """Open a log, and make it or add partitions to it when it has fewer than `partitions`: it never loses one."""
    place = os.fspath(where)
    if "://" in place:
        raise ConfigError(
            f"no event log of the kind '{place.split('://')[0]}'",
            why="the log lies in a folder of SQLite files",
            fix="give the path of a folder",
        )
    log = SqliteLog(Path(place), settings or LogSettings())
    if partitions is not None:
        log.make(partitions)
    return log
