"""What can be set of the log: when a file is full, and how much may wait to be stored.

>>> LogSettings().rotate_bytes >> 20, LogSettings(queue_mb=8).queue_bytes
(256, 8388608)
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


class LogSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The durable log of what was received."""

    rotate_mb: Count = 256
    """A file that takes so much of the disk, its write-ahead log included, is followed by a new one."""
    url: str = ""
    """Where the log is kept: empty for a folder in the project, or `kafka://HOST:9092,HOST2:9092/TOPIC`."""
    queue_mb: Count = 32
    """Frames that may wait to be stored; beyond that senders are asked to come again."""

    patience_seconds: Count = 5
    """Kafka: how long to wait for the brokers before a request is answered that it was not stored."""

    @property
    def rotate_bytes(self) -> int:
        return self.rotate_mb << 20

    @property
    def queue_bytes(self) -> int:
        return self.queue_mb << 20
