"""Deciding who is who: the decision kept and in the audit trail, and into effect at once.

In: a project and whom somebody means. Out: a `Decision`, and with `take_effect` the tables and the serving bundle of
everybody concerned.

    with open_identity(project) as tables:
        a, b = tables.find("email:ann@example.com"), tables.find("c52aeapbigfmix3jjmwulhfu5uw")
        made = decide(project, tables.connection, "link", a, b, note="one card in two spellings")
    take_effect(project, settings)
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from floorwalker.app.activation import actor as whoever_runs
from floorwalker.app.pipeline import RunResult, run
from floorwalker.app.state import open_state
from floorwalker.errors import ConfigError
from floorwalker.governance import audit, suppression
from floorwalker.governance.transactions import atomic
from floorwalker.identity import decisions
from floorwalker.identity.decisions import Decision
from floorwalker.identity.explain import Party, one_customer
from floorwalker.identity.parting import Parts, known_records
from floorwalker.identity.standing import standing

if TYPE_CHECKING:
    import duckdb

    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project


@dataclass(frozen=True)
class Made:
    """A decision that was made, and the earlier ones that it takes records out of (their ids)."""

    decision: Decision
    against: tuple[str, ...]


def decide(
    project: Project,
    tables: duckdb.DuckDBPyConnection,
    kind: Literal["link", "cut"],
    a: Party,
    b: Party,
    *,
    note: str = "",
    actor: str = "",
) -> Made:
    """Keep a decision about two parties, and note in the audit trail that it was made.

    A customer stands for all records that name somebody; so does an identifier, unless both are of one customer that is
    to be cut: then for the records that carry it. Raises ConfigError when there is nothing to decide.
    """
    customers = (one_customer(a), one_customer(b))
    same = kind == "cut" and customers[0] == customers[1]
    sides = [_side(tables, one, customer, same) for one, customer in zip((a, b), customers, strict=True)]
    both = set(sides[0]) & set(sides[1])
    sides = [[record for record in side if record not in both] for side in sides]
    if not all(sides):
        raise ConfigError(
            f"'{a.text}' and '{b.text}' mean the same records",
            why="a decision needs records on two sides",
            fix=f"floorwalker identity unmerge {customers[0]}" if kind == "cut" else "they are one customer already",
        )
    found = [tuple(decisions.members(tables, side)) for side in sides]
    with open_state(project) as state, atomic(state):
        before = _standing(state)
        made = decisions.add(
            state, kind, *found, at=now(), actor=actor or whoever_runs(), note=note,
            customers=customers,
        )  # fmt: skip
        _note(state, project, made, actor)
        return Made(made, _smaller(before, _standing(state)))


def part(
    project: Project, tables: duckdb.DuckDBPyConnection, parted: Parts, *, note: str = "", actor: str = ""
) -> list[Made]:
    """Cut a customer into parts: each part off those that come after it."""
    made = []
    for place, one in enumerate(parted.parts[:-1]):
        rest = tuple(record for later in parted.parts[place + 1 :] for record in later.records)
        sides = (Party("", "records", list(side), [parted.customer_id]) for side in (one.records, rest))
        made.append(decide(project, tables, "cut", *sides, note=note, actor=actor))
    return made


def take_back(project: Project, decision_id: str, *, note: str = "", actor: str = "") -> Decision:
    """Undo a decision. Raises NotFoundError, ConfigError when it has been undone already."""
    with open_state(project) as state, atomic(state):
        made = decisions.undo(state, decision_id, at=now(), actor=actor or whoever_runs(), note=note)
        _note(state, project, made, actor)
        return made


def take_effect(
    project: Project, settings: Settings, progress: Callable[[str, float, str], None] = lambda *_: None
) -> RunResult:
    """Bring what decisions concern up to date and publish it. Raises StateError while another run is at work."""
    return run(project, settings, progress=progress, quick=True)


@dataclass(frozen=True)
class Listed:
    """A decision, and what has become of it: 'stands', 'in part', 'overruled', 'taken back', or 'rests' (none of its
    records is there); `today`: the customers that its sides belong to."""

    decision: Decision
    state: str
    today: tuple[tuple[str, ...], tuple[str, ...]]


def listed(project: Project, tables: duckdb.DuckDBPyConnection) -> list[Listed]:
    """Every decision, the latest first."""
    with open_state(project) as state:
        known = decisions.load(state)
    in_force = {one.decision_id for one in decisions.in_force(known)}
    stands = {one.decision_id: len(one.a) + len(one.b) for one in standing(known)}
    records = [member.record_id for one in known for member in (*one.a, *one.b)]
    customers = dict(
        tables.execute(
            "SELECT record_id, customer_id FROM silver.customer_map WHERE record_id IN (SELECT unnest(?::VARCHAR[]))",
            [records],
        ).fetchall()
    )
    found = []
    for one in reversed(known):
        today = [
            tuple(sorted({customers[member.record_id] for member in side if member.record_id in customers}))
            for side in (one.a, one.b)
        ]
        if one.decision_id not in in_force:
            became = "taken back"
        elif one.kind == "undo":
            became = "stands"
        elif one.decision_id not in stands:
            became = "overruled"
        elif not all(today):
            became = "rests"
        else:
            became = "stands" if stands[one.decision_id] == len(one.a) + len(one.b) else "in part"
        found.append(Listed(one, became, (today[0], today[1])))
    return found


def now() -> str:
    """This moment, to the microsecond: the order of decisions."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def _side(tables: duckdb.DuckDBPyConnection, one: Party, customer: str, same: bool) -> Sequence[str]:
    """The records that a party stands for. `same`: a customer is to be cut in two."""
    if one.kind in ("record", "records") or (same and one.kind != "customer"):
        return one.records
    return known_records(tables, customer)


def _note(state: sqlite3.Connection, project: Project, made: Decision, actor: str) -> None:
    """An entry in the audit trail: who decided what about whom, by keyed hashes and numbers."""
    a, b = (suppression.hash_identifier(project.secret, "customer_id", one) if one else None for one in made.customers)
    audit.record(
        state,
        project.secret,
        at=made.at,
        actor=actor or whoever_runs(),
        action=f"identity.{made.kind}",
        subject=a,
        detail={
            "decision": made.decision_id,
            **({"takes_back": made.supersedes} if made.supersedes else {}),
            **({"other": b, "records": [len(made.a), len(made.b)]} if made.a else {}),
        },
    )


def _standing(state: sqlite3.Connection) -> dict[str, int]:
    return {one.decision_id: len(one.a) + len(one.b) for one in decisions.active(state)}


def _smaller(before: dict[str, int], after: dict[str, int]) -> tuple[str, ...]:
    return tuple(one for one, records in before.items() if after.get(one, 0) < records)
