"""What can be set of the collector: the section `[collect]`.

In: nothing. Out: `CollectSettings`.

>>> CollectSettings().request_bytes >> 20
4
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from floorwalker.engines.event_log.settings import LogSettings

Count = Annotated[int, msgspec.Meta(ge=1)]


class CollectSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where `floorwalker collect` listens, and what it takes."""

    host: str = "127.0.0.1"
    port: int = 8282
    workers: Count = 1
    """Processes, each with a partition of the log."""
    request_mb: Count = 4
    """A longer request is refused (413), which makes SDKs drop it."""
    unpacked: Count = 4
    """A packed request may be so many times longer than that when it is unpacked."""
    events_per_second: Annotated[float, msgspec.Meta(ge=0)] = 0
    """Events a second that one key may send to one worker; more are asked to wait (429). 0: any number."""
    body_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """A client that takes longer to send its request is cut off."""
    stop_seconds: Count = 10
    """Requests that are under way when the service is told to stop may take so long."""
    keep_ip: bool = False
    """Keep the address of a browser or app with its events."""
    keep_days: Count = 30
    """Days for which the log is kept: so far back can be replayed."""
    free_mb: Count = 200
    """With less room on the disk the service is not ready."""
    log: LogSettings = LogSettings()

    @property
    def request_bytes(self) -> int:
        return self.request_mb << 20
