"""Identifiers in quarantine: what the breaker has taken out, until a person releases it.

In: the project's SQLite connection, what the breaker found. Out: what is in quarantine; released identifiers count as
allowed, and the breaker leaves them alone for good. Only hashes are kept (`statistics.code_of`), of values that more
customers share than any one person has accounts.

>>> import sqlite3
>>> from floorwalker.identity.schema import MIGRATIONS
>>> database = sqlite3.connect(":memory:", isolation_level=None)
>>> _ = [database.executescript(script) for script in MIGRATIONS]
>>> add(database, [Quarantined("00000000000000ff", "email", "2026-03-01T10:00:00Z", "r7", customers=14, joins=20)])
>>> [(one.code, one.customers, one.reason) for one in load(database)]
[('00000000000000ff', 14, 'quarantined: would join 14 customers')]
>>> released = release(database, "ff", at="2026-03-02T10:00:00Z", actor="ana")
>>> [one.code for one in load(database) if one.released_at]
['00000000000000ff']
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from floorwalker.engines.database import open_database
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.identity.schema import MIGRATIONS
from floorwalker.identity.statistics import QUARANTINED, Hub

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


class Quarantined(msgspec.Struct, frozen=True):
    """One identifier. `joins`: customers that the run would have joined in all, this one's among them. `released_at`:
    empty while it is in quarantine."""

    code: str
    kind: str
    at: str
    run_id: str
    customers: int
    joins: int
    released_at: str = ""
    released_by: str = ""

    @property
    def reason(self) -> str:
        """Why its evidence is refused."""
        return f"{QUARANTINED}would join {self.customers} customers"

    @property
    def barred(self) -> Hub:
        """As a value that names nobody."""
        return Hub(self.kind, self.code, self.reason)


_COLUMNS = ", ".join(Quarantined.__struct_fields__)


def load(database: sqlite3.Connection) -> list[Quarantined]:
    """Everything that was ever taken out, released or not, the latest first."""
    rows = database.execute(f"SELECT {_COLUMNS} FROM identity_quarantine ORDER BY at DESC, kind, code")
    return [Quarantined(*row) for row in rows]


def known(project: Project) -> list[Quarantined]:
    """The same, of a project; nothing where it has no database yet."""
    if not project.database.exists():
        return []
    database = open_database(project, {"identity": MIGRATIONS})
    try:
        return load(database)
    finally:
        database.close()


def standing(found: Iterable[Quarantined]) -> list[Quarantined]:
    """Those that have not been released."""
    return [one for one in found if not one.released_at]


def add(database: sqlite3.Connection, found: Sequence[Quarantined]) -> None:
    """Put identifiers into quarantine; one that is known already stays as it is."""
    places = ", ".join("?" for _ in Quarantined.__struct_fields__)
    database.executemany(
        f"INSERT OR IGNORE INTO identity_quarantine ({_COLUMNS}) VALUES ({places})",
        [msgspec.structs.astuple(one) for one in found],
    )


def keep(project: Project, found: Sequence[Quarantined]) -> None:
    """`add` to a project's database."""
    database = open_database(project, {"identity": MIGRATIONS})
    try:
        add(database, found)
    finally:
        database.close()


def release(database: sqlite3.Connection, code: str, *, at: str, actor: str) -> Quarantined:
    """Let an identifier count again; leading zeros may be left out. Raises NotFoundError where there is none,
    ConfigError where it has been released."""
    wanted = code.strip().lower().rjust(16, "0")
    for one in load(database):
        if one.code != wanted:
            continue
        if one.released_at:
            raise ConfigError(f"{one.code} has been released already", why=f"{one.released_at} by {one.released_by}")
        database.execute(
            "UPDATE identity_quarantine SET released_at = ?, released_by = ? WHERE kind = ? AND code = ?",
            (at, actor, one.kind, one.code),
        )
        return msgspec.structs.replace(one, released_at=at, released_by=actor)
    raise NotFoundError(f"nothing in quarantine is called '{code}'", fix="floorwalker identity quarantine list")


def digest(found: Iterable[Quarantined]) -> str:
    """What people have released, in few letters: who is who hangs on it. What the breaker itself does does not count:
    a run that it changed has been made with it."""
    released = sorted((one.kind, one.code) for one in found if one.released_at)
    return hashlib.sha256(repr(released).encode()).hexdigest()[:16] if released else ""
