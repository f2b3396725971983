"""Every error a user of Floorwalker can meet, and how it is worded.

    FloorwalkerError            what happened, why, and what to try
    ├── ConfigError             floorwalker.toml, mappings, policies
    ├── SourceError             a file that cannot be read at all (a bad *row* goes to quarantine instead)
    ├── ModelError              a SQL model that does not parse, travel or run; carries file and line
    ├── DataTestError           a test beside a model failed
    ├── NotFoundError           no such customer, table, segment, audience
    ├── PermissionDenied        a key without the scope, a purpose without consent
    ├── Busy                    more is waiting than may wait: ask again later
    └── StateError              locked, corrupt or newer than this version

>>> error = ConfigError("unknown key 'memroy'", why="floorwalker.toml line 4", fix="did you mean 'memory'?")
>>> print(error)
unknown key 'memroy'
  why: floorwalker.toml line 4
  try: did you mean 'memory'?
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class FloorwalkerError(Exception):
    """An error with a cure: `what` happened, `why`, and what to try (`fix`)."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  try: {self.fix}")
        return "\n".join(lines)


class ConfigError(FloorwalkerError):
    """A setting, mapping or policy that cannot be used."""


class SourceError(FloorwalkerError):
    """A file or system that cannot be read at all."""


class ModelError(FloorwalkerError):
    """A SQL model that does not parse, does not travel between engines, or fails to run."""


class DataTestError(FloorwalkerError):
    """A test beside a model failed: what depends on the model was not built."""

    results: tuple[Any, ...] = ()
    """Every test of the table, those that passed included."""


class NotFoundError(FloorwalkerError):
    """Something asked for by name or identifier does not exist."""


class PermissionDenied(FloorwalkerError):
    """A key lacks the scope, or a person's consent lacks the purpose."""


class Busy(FloorwalkerError):
    """More is waiting than may wait: nothing of this was taken, ask again later."""


class StateError(FloorwalkerError):
    """The project's state is locked, damaged, or written by a newer version."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, else lists some.

    >>> did_you_mean("custmers", ["customers", "orders"])
    "did you mean 'customers'?"
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
