"""What a plan may say of an event (`Rule`), and what is said of one that came (`Verdict`, `Problem`).

>>> str(Problem("warning", "missing", "properties.query", "is missing", "send it: the words"))
'properties.query is missing'
>>> Verdict("allow").reason
''
"""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["allow", "drop", "quarantine"]
Severity = Literal["warn", "quarantine"]


class Rule(msgspec.Struct, frozen=True):
    """What a plan says of one event or call."""

    action: Action = "allow"
    drop: tuple[str, ...] = ()
    """Properties that are taken out before anything is kept; `products.image_url` reaches into each of a list."""
    require: tuple[str, ...] = ()
    """Properties without which the event goes to quarantine."""
    unknown_properties: Action = "allow"
    wrong_types: Severity = "warn"
    missing_properties: Severity = "warn"


class Problem(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong with an event: where, what, and what to do about it."""

    severity: Literal["error", "warning"]
    """An error puts the event into quarantine."""
    kind: str
    """protocol, refused, unknown_event, unknown_property, wrong_type, wrong_value or missing."""
    where: str
    """A path, see `paths`; empty: the event as a whole."""
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where} {self.what}".strip()


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of an event."""

    action: Action
    reason: str = ""
    """Why it is not allowed, in one line; empty where it is."""
    dropped: tuple[str, ...] = ()
    """Paths to take out before it is kept anywhere, in quarantine too: `paths.without`."""
    problems: tuple[Problem, ...] = ()
    """Everything that is wrong, in the order of the event."""
    name: str = ""
    """The event's name without aliases (of a page: Page Viewed); empty where nobody knows it."""
