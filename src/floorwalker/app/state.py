"""The project's SQLite database with every room's tables.

In: a project. Out: an open connection, closed at the end of the block.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from floorwalker.channels.schema import MIGRATIONS as CHANNELS
from floorwalker.engines.database import open_database
from floorwalker.engines.schema import MIGRATIONS as ENGINES
from floorwalker.errors import StateError
from floorwalker.events.schema import MIGRATIONS as EVENTS
from floorwalker.governance.keys import MIGRATIONS as KEYS
from floorwalker.governance.quality.schema import MIGRATIONS as QUALITY
from floorwalker.governance.schema import MIGRATIONS as GOVERNANCE
from floorwalker.identity.metrics import MIGRATIONS as IDENTITY_METRICS
from floorwalker.identity.schema import MIGRATIONS as IDENTITY
from floorwalker.sources.schema import MIGRATIONS as SOURCES

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

ROOMS = {
    "engines": ENGINES,
    "governance": GOVERNANCE,
    "keys": KEYS,
    "events": EVENTS,
    "sources": SOURCES,
    "channels": CHANNELS,
    "quality": QUALITY,
    "identity": IDENTITY,
    "identity_metrics": IDENTITY_METRICS,
}


@contextmanager
def open_state(project: Project) -> Generator[sqlite3.Connection]:
    """Open the database, migrated; close it at the end."""
    try:
        connection = open_database(project, ROOMS)
    except sqlite3.DatabaseError as error:
        raise StateError(
            f"{project.database} cannot be opened", why=str(error), fix="bring it back from a backup"
        ) from None
    try:
        yield connection
    finally:
        connection.close()
