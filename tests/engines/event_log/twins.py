"""The twins of the log, with files so small that a test sees several. A new twin joins here."""

from __future__ import annotations

import re
from pathlib import Path

from tests.kafka_broker import OPTIONS, shared_hosts

from floorwalker.engines.event_log.interface import EventLog
from floorwalker.engines.event_log.opening import open_log
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


def on_kafka(folder: Path, partitions: int) -> EventLog:
    """The log of a folder's keys, in a topic named after it."""
    topic = re.sub(r"[^A-Za-z0-9._-]", "-", str(folder))[-200:].strip("-")
    return open_log(f"kafka://{shared_hosts()}/{topic}?{OPTIONS}", partitions=partitions, keys=folder / "log")


TWINS = {"embedded": embedded, "kafka": on_kafka}
