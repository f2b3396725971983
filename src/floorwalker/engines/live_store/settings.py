"""What can be set of the store: how far it maps at first, and how long it waits for a server.

>>> StoreSettings().map_bytes >> 20, StoreSettings(lease_seconds=30).lease_seconds
(64, 30)
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


class StoreSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The store of live profiles."""

    map_mb: Count = 64
    """LMDB: how much is mapped at first. It doubles whenever that is full."""
    lease_seconds: Count = 10
    """Redis: a writer that was killed keeps others from writing for so long."""
    patience_seconds: Count = 5
    """Redis: how long to try again after a connection was lost."""

    @property
    def map_bytes(self) -> int:
        return self.map_mb << 20
