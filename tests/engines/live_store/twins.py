"""The twins of the store, with a map so small that it grows in every larger test. A new twin joins here."""

from __future__ import annotations

from floorwalker.engines.live_store.settings import StoreSettings

TWINS = ("lmdb", "redis")
TABLES = ("profiles", "segments")
SETTINGS = StoreSettings(map_mb=1, lease_seconds=20)
