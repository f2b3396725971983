"""The vocabulary: every kind of record a source can be mapped to, with its columns.

In: nothing. Out: `KINDS`, from which mappings are checked, bronze tables are made and the documentation is written.

>>> KINDS["order_lines"].column("quantity").required
True
>>> "email" in KINDS["order_lines"].names
True
"""

from __future__ import annotations

from floorwalker.events.kinds import COMMON, LAKE_TYPES, PERSON, SCHEMA_VERSION, Column, Kind
from floorwalker.events.people import BROWSE_EVENTS, DEMOGRAPHICS, PEOPLE
from floorwalker.events.things import THINGS

__all__ = [
    "BROWSE_EVENTS",
    "COMMON",
    "DEMOGRAPHICS",
    "KINDS",
    "LAKE_TYPES",
    "PERSON",
    "SCHEMA_VERSION",
    "Column",
    "Kind",
]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*PEOPLE, *THINGS)}
"""Every kind by its name: those that name people (`people`), then those about things (`things`)."""
