"""Pinned statistics: which values were found to name nobody, kept so that one is not barred today and believed
tomorrow.

In: identity_hubs of a run (see `rules`), and the values in quarantine (see `quarantine`). Out: `Statistics`
(state/identity/statistics.json), and identity_barred(kind, code, reason), which `rules.make_hubs` adds to what it
finds.

A value that was found to be a hub stays one, whatever is erased or delivered afterwards, until `floorwalker identity
learn`, or until the settings that make a hub change. What no record holds any longer is forgotten by the next run that
looks at all records. The file holds hashes of values, never a value; its version is a digest of what it says. The
partition is a function of records, evidence, settings, decisions and this version.

>>> import pathlib, tempfile
>>> state = pathlib.Path(tempfile.mkdtemp())
>>> save(state, Statistics("3 0.5 30", (Hub("email", code_of(255), "learned hub: more than 3 names"),)))
>>> load(state, "3 0.5 30").hubs[0].code, load(state, "9 0.5 30").hubs
('00000000000000ff', ())
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import msgspec
import pyarrow as pa

if TYPE_CHECKING:
    from floorwalker.identity.settings import IdentitySettings

PERSON = "person"
"""Kind of what rules on names go by: its code is the hash of the rule's key, and no column of identity_people."""
QUARANTINED = "quarantined: "
"""How the reason begins why a value in quarantine is refused."""


class Hub(msgspec.Struct, frozen=True, order=True):
    """A value that names nobody. `code`: see `code_of`."""

    kind: str
    code: str
    reason: str


class Statistics(msgspec.Struct, frozen=True):
    """`basis`: the settings under which these were found. `learned`: how often somebody has had them learned anew."""

    basis: str
    hubs: tuple[Hub, ...] = ()
    learned: int = 0

    @property
    def version(self) -> str:
        """A digest of what counts."""
        return hashlib.sha256(msgspec.json.encode([self.basis, self.hubs])).hexdigest()[:16]


def code_of(number: int) -> str:
    """The hash of a value (`md5_number_lower('kind|key')`) as it is written and typed.

    >>> number_of(code_of(2**64 - 1)) == 2**64 - 1
    True
    """
    return f"{number:016x}"


def number_of(code: str) -> int:
    """What `code_of` wrote."""
    return int(code, 16)


def basis_of(settings: IdentitySettings) -> str:
    """The settings that make a hub: other ones ask for other hubs."""
    return f"{settings.hub_names} {settings.hub_share} {settings.cluster_records}"


def statistics_path(state: Path) -> Path:
    """Where a project keeps them."""
    return state / "identity" / "statistics.json"


def load(state: Path, basis: str) -> Statistics:
    """A project's statistics; without hubs where there are none yet, or none that were found on this basis."""
    path = statistics_path(state)
    if not path.exists():
        return Statistics(basis)
    found = msgspec.json.decode(path.read_bytes(), type=Statistics)
    return found if found.basis == basis else Statistics(basis, learned=found.learned)


def learned(state: Path) -> int:
    """How often they have been learned anew because somebody wanted it."""
    return load(state, "").learned


def save(state: Path, statistics: Statistics) -> None:
    """Keep them, in the place of what was there."""
    path = statistics_path(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    said = {"version": statistics.version, **msgspec.structs.asdict(statistics)}
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(said)))
    temporary.replace(path)


def stage(connection: duckdb.DuckDBPyConnection, barred: Iterable[Hub]) -> None:
    """identity_barred: what names nobody whatever today's records say. Of a value named twice the first counts."""
    first = {(one.kind, one.code): one for one in reversed(list(barred))}
    rows = [first[place] for place in sorted(first)]
    columns = {
        "kind": pa.array([one.kind for one in rows], pa.string()),
        "code": pa.array([number_of(one.code) for one in rows], pa.uint64()),
        "reason": pa.array([one.reason for one in rows], pa.string()),
    }
    connection.register("identity_batch", pa.table(columns))
    connection.execute("CREATE OR REPLACE TEMP TABLE identity_barred AS FROM identity_batch")
    connection.unregister("identity_batch")


def bar(connection: duckdb.DuckDBPyConnection, kinds: Collection[str]) -> None:
    """Those of identity_barred that a record of identity_people holds join identity_hubs. `kinds`: that any record
    has."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS identity_barred (kind VARCHAR, code UBIGINT, reason VARCHAR)")
    if connection.execute("SELECT count(*) FROM identity_barred").fetchall() == [(0,)]:
        return
    held = " UNION ALL ".join(
        [
            f"SELECT * FROM identity_barred WHERE kind = '{PERSON}'",
            *(
                f"SELECT * FROM identity_barred b WHERE kind = '{kind}'"
                f" AND code IN (SELECT {kind}_code FROM identity_people)"
                for kind in kinds
            ),
        ]
    )
    connection.execute(f"INSERT INTO identity_hubs FROM ({held}) ANTI JOIN identity_hubs USING (kind, code)")


def hubs(connection: duckdb.DuckDBPyConnection) -> tuple[Hub, ...]:
    """The hubs of identity_hubs, in order; what is in quarantine is none."""
    found = connection.execute(
        "SELECT kind, code, reason FROM identity_hubs WHERE NOT starts_with(reason, ?)", [QUARANTINED]
    )
    return tuple(sorted(Hub(kind, code_of(code), reason) for kind, code, reason in found.fetchall()))


def pin(connection: duckdb.DuckDBPyConnection, state: Path, statistics: Statistics, *, whole: bool) -> Statistics:
    """Keep this run's hubs. `whole`: it has looked at all records, so that a hub that nobody holds is forgotten."""
    found = set(hubs(connection)) | set(() if whole else statistics.hubs)
    one_of = {(hub.kind, hub.code): hub for hub in sorted(found, reverse=True)}
    pinned = msgspec.structs.replace(statistics, hubs=tuple(sorted(one_of.values())))
    if pinned.hubs != statistics.hubs or not statistics_path(state).exists():
        save(state, pinned)
    return pinned
