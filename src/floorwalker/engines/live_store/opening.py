"""A path or URL → the store.

In: a folder or `redis://host:port/database?prefix=name`, and the tables. Out: a `LiveStore`.

>>> import tempfile
>>> with open_store(tempfile.mkdtemp(), ("profiles",), writing=True) as store:
...     store.write([("profiles", b"v1", b"seen"), ("profiles", b"v2", b"")])
...     list(store.items("profiles"))
[(b'v1', b'seen'), (b'v2', b'')]
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.engines.live_store.lmdb_store import LmdbStore
from floorwalker.engines.live_store.settings import StoreSettings
from floorwalker.errors import ConfigError

if TYPE_CHECKING:
    from floorwalker.engines.live_store.interface import LiveStore

_REDIS = ("redis", "rediss", "unix")


def open_store(
    where: str | os.PathLike[str],
    tables: Iterable[str],
    *,
    settings: StoreSettings | None = None,
    writing: bool = False,
) -> LiveStore:
    """Open a store, and make it where it is not there. Raises StateError when it shall be written and has a writer."""
    place = os.fspath(where)
    if "://" not in place:
        return LmdbStore(Path(place), tables, settings, writing=writing)
    kind = place.split("://")[0]
    if kind not in _REDIS:
        raise ConfigError(
            f"no live store of the kind '{kind}'",
            why="it is a folder, or a database of Redis",
            fix="give the path of a folder, or a URL like redis://localhost:6379/0?prefix=shop",
        )
    try:
        from floorwalker.engines.live_store.redis_store import RedisStore
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "the live store on Redis needs a library that is not here",
            why=str(missing),
            fix="pip install 'floorwalker[redis]'",
        ) from None
    return RedisStore(place, tables, settings, writing=writing)
