"""A path or URL → the log.

In: a folder, or the URL of a topic of Kafka and a folder for its keys; and how many partitions there shall be. Out: an
`EventLog`.

    open_log("kafka://host:9092/shop", keys=project.state / LOG)

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
    from floorwalker.engines.event_log.kafka_log import KafkaLog


def open_log(
    where: str | os.PathLike[str],
    *,
    partitions: int | None = None,
    settings: LogSettings | None = None,
    keys: str | os.PathLike[str] | None = None,
) -> EventLog:
    """Open a log, and make it or add partitions to it when it has fewer than `partitions`: it never loses one."""
    place = os.fspath(where)
    log = _on_kafka(place, settings, keys) if "://" in place else SqliteLog(Path(place), settings or LogSettings())
    if partitions is not None:
        log.make(partitions)
    return log


def _on_kafka(url: str, settings: LogSettings | None, keys: str | os.PathLike[str] | None) -> KafkaLog:
    kind = url.split("://")[0]
    if kind != "kafka":
        raise ConfigError(
            f"no event log of the kind '{kind}'",
            why="it is a folder, or a topic of Kafka",
            fix="give the path of a folder, or a URL like kafka://localhost:9092/topic",
        )
    if keys is None:
        raise ConfigError("a log on Kafka needs a folder for its keys", fix="open_log(url, keys=folder)")
    try:
        from floorwalker.engines.event_log.kafka_log import KafkaLog
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "the event log on Kafka needs a library that is not here",
            why=str(missing),
            fix="pip install 'floorwalker[kafka]'",
        ) from None
    return KafkaLog(url, Path(keys), settings or LogSettings())
