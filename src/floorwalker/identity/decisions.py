"""What people have decided about who is who: records that are one person, records that are two; append-only.

In: the project's SQLite connection, records of the published tables. Out: decisions kept, listed, taken back;
`active` gives what resolution must obey (`standing` says how contradictions are settled).

    link   every record of both sides is one person
    cut    no record of one side is the person of the other
    undo   an earlier decision counts no longer, and what it stood against counts again

A decision keeps, besides each record's id, the keys the record had: an id is a hash of a row's words, and a source may
word the row anew (`manual` says what then stands for it).

>>> import sqlite3
>>> from floorwalker.identity.schema import MIGRATIONS
>>> database = sqlite3.connect(":memory:", isolation_level=None); _ = database.executescript(MIGRATIONS[0])
>>> told = add(database, "cut", ["r1", "r2"], ["r3"], at="2026-03-01T10:00:00Z", actor="ana")
>>> [(one.kind, [m.record_id for m in one.a], [m.record_id for m in one.b]) for one in active(database)]
[('cut', ['r1', 'r2'], ['r3'])]
>>> _ = undo(database, told.decision_id, at="2026-03-02T10:00:00Z", actor="ana")
>>> active(database)
()
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from floorwalker.errors import ConfigError, NotFoundError, did_you_mean
from floorwalker.governance.transactions import atomic

if TYPE_CHECKING:
    import duckdb

    from floorwalker.identity.standing import Standing

Kind = Literal["link", "cut", "undo"]

ANCHORS = ("ref_key", "account_key", "loyalty_key", "email_key", "phone_key")
"""Columns of silver.normalised_records by which a record that was worded anew is known again, the surest first."""

NUMBERS = ANCHORS[:2]
"""Those of them by which a source itself tells people apart."""

_ID_LENGTH = 12


class Member(NamedTuple):
    """A record of a decision and the keys it had ('' where it had none), in the order of ANCHORS. `own_numbers`: those
    of NUMBERS that no record but its side's had, by name."""

    record_id: str
    ref_key: str = ""
    account_key: str = ""
    loyalty_key: str = ""
    email_key: str = ""
    phone_key: str = ""
    own_numbers: str = ""


@dataclass(frozen=True)
class Decision:
    """One decision as it was made. `at`: UTC, ISO 8601. `supersedes`: the decision an 'undo' takes back. `customers`:
    whose the two sides were, '' where that was nobody alone."""

    decision_id: str
    kind: Kind
    at: str
    actor: str
    note: str = ""
    a: tuple[Member, ...] = ()
    b: tuple[Member, ...] = ()
    customers: tuple[str, str] = ("", "")
    supersedes: str = ""

    @property
    def order(self) -> tuple[str, str]:
        """Later decisions count for more; two of one moment are told apart by their ids."""
        return (self.at, self.decision_id)


def members(connection: duckdb.DuckDBPyConnection, record_ids: Iterable[str]) -> list[Member]:
    """A side of a decision: these records of the published tables with their keys, in order of id. Raises NotFoundError
    for one that is not there."""
    wanted = sorted(set(record_ids))
    keys = ", ".join(f"coalesce({column}, '') AS {column}" for column in ANCHORS)
    found = connection.execute(
        f"SELECT record_id, {keys} FROM silver.normalised_records WHERE record_id IN (SELECT unnest(?::VARCHAR[]))"
        " ORDER BY record_id",
        [wanted],
    ).fetchall()
    side = [Member(*row) for row in found]
    missing = sorted(set(wanted) - {one.record_id for one in side})
    if missing:
        raise NotFoundError(f"no record '{missing[0]}'", fix="floorwalker customers search TEXT")
    others = {
        column: {
            key
            for (key,) in connection.execute(
                f"SELECT DISTINCT {column} FROM silver.normalised_records"
                f" WHERE {column} IN (SELECT unnest(?::VARCHAR[])) AND record_id NOT IN (SELECT unnest(?::VARCHAR[]))",
                [[getattr(one, column) for one in side], wanted],
            ).fetchall()
        }
        for column in NUMBERS
    }
    return [one._replace(own_numbers=_own_numbers(one, others)) for one in side]


def _own_numbers(member: Member, others: Mapping[str, Collection[str]]) -> str:
    own = ((column, getattr(member, column)) for column in NUMBERS)
    return " ".join(column for column, key in own if key and key not in others[column])


def add(
    database: sqlite3.Connection,
    kind: Literal["link", "cut"],
    side_a: Iterable[Member | str],
    side_b: Iterable[Member | str],
    *,
    at: str,
    actor: str,
    note: str = "",
    customers: tuple[str, str] = ("", ""),
) -> Decision:
    """Keep a decision and return it; the same one again changes nothing. `at`: ISO 8601, given by the caller.

    Raises ConfigError when a side is empty, a record stands on both, or `at` is no moment.
    """
    a, b = _side(side_a), _side(side_b)
    both = sorted({one.record_id for one in a} & {one.record_id for one in b})
    if not a or not b or both:
        raise ConfigError(
            f"a {kind} needs records on two sides",
            why=f"record {both[0]} stands on both" if both else "one side has none",
            fix="name two customers, or the records of one that are another person",
        )
    content = [kind, _moment(at), actor, *([one.record_id for one in side] for side in (a, b))]
    decision = Decision(_new_id(content), kind, _moment(at), actor, note, a, b, customers)
    _insert(database, decision)
    return decision


def undo(database: sqlite3.Connection, decision_id: str, *, at: str, actor: str, note: str = "") -> Decision:
    """Take a decision back, by its id or the first letters of it. Raises NotFoundError, ConfigError for one that has
    been taken back already."""
    known = load(database)
    found = [one for one in known if one.decision_id.startswith(decision_id)] if decision_id else []
    if len(found) != 1:
        ids = [one.decision_id for one in known]
        raise NotFoundError(
            f"no decision '{decision_id}'" if not found else f"{len(found)} decisions begin with '{decision_id}'",
            fix=did_you_mean(decision_id, ids) if ids else "floorwalker identity decisions",
        )
    target = found[0].decision_id
    if target not in {one.decision_id for one in in_force(known)}:
        raise ConfigError(f"decision {target} has been taken back already", fix="floorwalker identity decisions")
    moment = _moment(at)
    if moment <= found[0].at:
        raise ConfigError(f"decision {target} is later than {moment}", fix="set this machine's clock right")
    decision = Decision(_new_id(["undo", moment, actor, target]), "undo", moment, actor, note, supersedes=target)
    _insert(database, decision)
    return decision


def load(database: sqlite3.Connection) -> list[Decision]:
    """Every decision, oldest first."""
    sides: dict[tuple[str, str], list[Member]] = {}
    keys = ", ".join(f"coalesce({column}, '')" for column in Member._fields[1:])
    for decision_id, side, *member in database.execute(
        f"SELECT decision_id, side, record_id, {keys} FROM identity_decision_records ORDER BY record_id"
    ):
        sides.setdefault((decision_id, side), []).append(Member(*member))
    return [
        Decision(
            decision_id, kind, at, actor, note, tuple(sides.get((decision_id, "a"), ())),
            tuple(sides.get((decision_id, "b"), ())), (customer_a, customer_b), supersedes,
        )
        for decision_id, kind, at, actor, note, customer_a, customer_b, supersedes in database.execute(
            "SELECT decision_id, kind, at, actor, note, customer_a, customer_b, supersedes FROM identity_decisions"
            " ORDER BY at, decision_id"
        )
    ]  # fmt: skip


def in_force(decisions: Sequence[Decision]) -> list[Decision]:
    """Those that nobody took back, oldest first; an undo that was taken back itself takes nothing back."""
    taken_back: set[str] = set()
    kept = []
    for one in sorted(decisions, key=lambda one: one.order, reverse=True):
        if one.decision_id in taken_back:
            continue
        kept.append(one)
        if one.kind == "undo":
            taken_back.add(one.supersedes)
    return kept[::-1]


def active(database: sqlite3.Connection) -> tuple[Standing, ...]:
    """What resolution must obey, oldest first: the links and cuts in force, without what later ones took out."""
    from floorwalker.identity.standing import standing

    return standing(load(database))


def digest(decided: Sequence[Standing]) -> str:
    """A hash of what resolution must obey: a step that reads it is built anew when it changes. '' for nothing."""
    if not decided:
        return ""
    return hashlib.sha256(json.dumps([list(one) for one in decided]).encode()).hexdigest()


def _side(given: Iterable[Member | str]) -> tuple[Member, ...]:
    found = {one.record_id: one for one in (Member(m) if isinstance(m, str) else m for m in given)}
    return tuple(found[record] for record in sorted(found))


def _moment(at: str) -> str:
    """The moment in UTC, to the microsecond, so that its text sorts as it does."""
    try:
        moment = dt.datetime.fromisoformat(at)
    except ValueError:
        raise ConfigError(f"'{at}' is not a moment", fix="ISO 8601, such as 2026-03-01T10:00:00Z") from None
    moment = moment.replace(tzinfo=moment.tzinfo or dt.UTC)
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _new_id(content: Sequence[object]) -> str:
    digest = hashlib.sha256(json.dumps(content).encode()).digest()
    return "d" + base64.b32encode(digest).decode()[:_ID_LENGTH].lower()


def _insert(database: sqlite3.Connection, decision: Decision) -> None:
    rows = [
        (decision.decision_id, side, one.record_id, *(key or None for key in one[1:]))
        for side, listed in (("a", decision.a), ("b", decision.b))
        for one in listed
    ]
    with atomic(database):
        known = database.execute(
            "SELECT 1 FROM identity_decisions WHERE decision_id = ?", (decision.decision_id,)
        ).fetchone()
        if known:
            return
        database.execute(
            "INSERT INTO identity_decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decision.decision_id, decision.kind, decision.at, decision.actor, decision.note, *decision.customers,
                decision.supersedes,
            ),
        )  # fmt: skip
        database.executemany(
            "INSERT INTO identity_decision_records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
