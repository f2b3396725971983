"""What names nobody and why: hubs, what is in quarantine, and what never became an identifier.

In: identity_people and identity_hubs (see `rules`), silver.identity_records, silver.normalised_records, the pinned
statistics. Out: `Barred` values, masked, and `Placeholder`s.

    barred(connection, pinned)[0]     Barred(kind='email', value='f…@desk.example', records=412, because='pinned', …)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from floorwalker.identity.explain.words import masked
from floorwalker.identity.records import OUTPUT
from floorwalker.identity.resolver import COUNTED
from floorwalker.identity.rules import KEYS
from floorwalker.identity.statistics import PERSON, QUARANTINED, Statistics, code_of

if TYPE_CHECKING:
    import duckdb


class Barred(msgspec.Struct, frozen=True):
    """A value that names nobody. `because`: 'pinned' (found to be a hub by an earlier run, and maybe still one), 'hub'
    (by today's records alone) or 'quarantine'; `names`: different initials and surnames on it."""

    kind: str
    code: str
    value: str
    records: int
    names: int
    because: str
    reason: str


class Placeholder(msgspec.Struct, frozen=True):
    """What was written where an identifier should stand: a dummy, an invalid value, one the shop has blocked."""

    kind: str
    value: str
    records: int


def barred(connection: duckdb.DuckDBPyConnection, pinned: Statistics, limit: int = 20) -> list[Barred]:
    """The values that most records share first."""
    known = {(hub.kind, hub.code) for hub in pinned.hubs}
    found = connection.execute(
        " UNION ALL ".join(
            f"SELECT h.kind, h.code, p.{KEYS[kind]} AS key, count(*) AS records, count(DISTINCT p.name_key) AS names,"
            f" h.reason FROM identity_hubs h JOIN identity_people p ON p.{kind}_code = h.code"
            f" WHERE h.kind = '{kind}' GROUP BY ALL"
            for kind in COUNTED
        )
        + f" UNION ALL SELECT kind, code, '', 0, 0, reason FROM identity_hubs WHERE kind = '{PERSON}'"
        " ORDER BY records DESC, 1, 2 LIMIT ?",
        [limit],
    ).fetchall()
    return [
        Barred(
            kind,
            code_of(code),
            masked(kind, key),
            records,
            names,
            _because(reason, (kind, code_of(code)) in known),
            reason,
        )
        for kind, code, key, records, names, reason in found
    ]


def _because(reason: str, known: bool) -> str:
    if reason.startswith(QUARANTINED):
        return "quarantine"
    return "pinned" if known else "hub"


def placeholders(connection: duckdb.DuckDBPyConnection, limit: int = 20) -> list[Placeholder]:
    """What was written most often and names nobody by its looks."""
    found = connection.execute(
        " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, trim(r.{OUTPUT[column]}) AS value, count(*) AS records"
            " FROM silver.identity_records r JOIN silver.normalised_records n USING (record_id)"
            f" WHERE trim(r.{OUTPUT[column]}) <> '' AND n.{column} IS NULL GROUP BY ALL"
            for kind, column in KEYS.items()
        )
        + " ORDER BY records DESC, 1, 2 LIMIT ?",
        [limit],
    ).fetchall()
    return [Placeholder(kind, masked(kind, value), records) for kind, value, records in found]
