"""The twins of the log, with files so small that a test sees several. A new twin joins here."""

from __future__ import annotations

from pathlib import Path

from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.engines.event_log.sqlite_log import SqliteLog

ROTATE = 64 << 10


class SmallFiles(LogSettings, frozen=True):
    """Files of 64 KB."""

    @property
    def rotate_bytes(self) -> int:
        return ROTATE


def embedded(folder: Path, partitions: int) -> SqliteLog:
    """The log of a folder; called again it is another process's view of the same."""
    log = SqliteLog(folder / "log", SmallFiles())
    log.make(partitions)
    return log


TWINS = {"embedded": embedded}
