"""What can be set of the live path: the section `[live]`.

In: nothing. Out: `LiveSettings`.

>>> LiveSettings().window_minutes
60
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from floorwalker.engines.live_store.settings import StoreSettings

Count = Annotated[int, msgspec.Meta(ge=1)]


class LiveSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The live path."""

    on: bool = True
    """`floorwalker collect` starts it beside itself."""
    url: str = ""
    """Where the live store is: empty for a folder in the project, or `redis://HOST:PORT/DB?prefix=NAME`."""
    window_minutes: Count = 60
    """An event that is sent again within this time counts once; later ones are for the next run to see."""
    window_ids: Count = 4_000_000
    """When so many events come in that time, the window is as long as it takes so many to come; 16 bytes each."""
    step_bytes: Count = 1 << 20
    """Bytes of a partition that one step applies at most."""
    store: StoreSettings = StoreSettings()
