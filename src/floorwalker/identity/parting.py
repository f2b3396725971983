"""How a customer falls apart: at what a person had joined, else at its weakest evidence.

In: a connection on the published tables and a customer. Out: `Parts`: groups of its records, what each is, and the
evidence that held them together.

Evidence is taken the most trusted first, as when the customer was made; every piece that joins two groups of records is
a joint. Of pieces that are trusted alike, those of small groups come first. Without the last joints the customer is in
parts: what hangs on its weakest evidence, and the largest group that does not need it. Anonymous visits are left out,
for they follow their devices to whichever part owns these, unless there is nothing else.

    parts(connection, "c52ae…")          two parts
    parts(connection, "c52ae…", 3)       three
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.identity import manual
from floorwalker.identity.rules import KNOWN

if TYPE_CHECKING:
    import duckdb

VISITS = 3
"""Tier of the evidence that lends anonymous visits."""


class Joint(NamedTuple):
    """A piece of evidence that held two parts together. `decision_id`: of a person's link."""

    rule: str
    tier: int
    weight: float
    key: str
    decision_id: str = ""


class Part(NamedTuple):
    """Records that would be one customer: what they say and when."""

    records: list[str]
    names: list[str]
    sources: list[str]
    emails: list[str]
    phones: list[str]
    cards: list[str]
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None


class Parts(NamedTuple):
    """The largest part first; `joints`: what held them together, the most trusted first."""

    customer_id: str
    parts: list[Part]
    joints: list[Joint]
    visits: int
    """Anonymous visits, which go where their devices go."""


class _Piece(NamedTuple):
    record: str
    node: str
    joint: Joint


def parts(connection: duckdb.DuckDBPyConnection, customer_id: str, count: int = 0) -> Parts:
    """How the customer falls into `count` parts (0: two, or those that a person had linked).

    Raises NotFoundError for an unknown customer, ConfigError when it has not so many records.
    """
    known, visits = _records(connection, customer_id)
    members = known if len(known) > 1 else [*known, *visits]
    if len(members) < max(count, 2):
        raise ConfigError(f"{customer_id} cannot fall into {max(count, 2)} parts", why=f"it has {len(members)} records")
    pieces = _pieces(connection, members, with_visits=members is not known)
    own, linked = ([piece for piece in pieces if bool(piece.joint.decision_id) is is_link] for is_link in (False, True))
    groups, _ = _joined(members, own)
    if len(groups) > 1 and count in (0, len(groups)):
        # Without what people have linked it is in parts already: their links are what held them.
        joints = [piece.joint for piece in _joined(members, [*own, *linked])[1] if piece.joint.decision_id]
        joints = list({joint.decision_id: joint for joint in joints}.values())
    else:
        _, joining = _joined(members, pieces)
        loose = len(members) - len(joining)
        kept = len(joining) - max(max(count, 2) - loose, 0)
        groups, _ = _joined(members, pieces, kept)
        joints = [piece.joint for piece in joining[kept:]]
    listed = sorted(groups, key=lambda group: (-len(group), group))
    return Parts(
        customer_id,
        describe(connection, listed),
        list(dict.fromkeys(joints)),
        0 if members is not known else len(visits),
    )


def split_off(connection: duckdb.DuckDBPyConnection, customer_id: str, leaving: Collection[str]) -> Parts:
    """The customer in two parts: without the records that leave, and these. Raises NotFoundError for a record that is
    not the customer's, ConfigError when none would be left."""
    known, visits = _records(connection, customer_id)
    strangers = sorted(set(leaving) - {*known, *visits})
    if strangers:
        raise NotFoundError(
            f"record {strangers[0]} is not of {customer_id}", fix="floorwalker identity unmerge CUSTOMER"
        )
    rest = [record for record in (known if set(known) - set(leaving) else [*known, *visits]) if record not in leaving]
    if not rest:
        raise ConfigError(f"these are all the records of {customer_id}", fix="leave out those that stay")
    parted = describe(connection, [rest, sorted(leaving)])
    return Parts(customer_id, parted, [], len(set(visits) - set(leaving)))


def known_records(connection: duckdb.DuckDBPyConnection, customer_id: str) -> list[str]:
    """The records that stand for a customer in a decision: those that name somebody, or, if none does, all."""
    known, visits = _records(connection, customer_id)
    return known or visits


def describe(connection: duckdb.DuckDBPyConnection, groups: Sequence[Sequence[str]]) -> list[Part]:
    """What groups of records say."""
    lists = ", ".join(
        f"coalesce(list(DISTINCT {column} ORDER BY {column}) FILTER ({column} <> ''), [])"
        for column in (
            "trim(concat_ws(' ', given_name, family_name))", "source", "email", "phone", "loyalty_id",
        )
    )  # fmt: skip
    found = connection.execute(
        f"""
        WITH asked AS (
            SELECT unnest(?::VARCHAR[]) AS record_id, unnest(?::INTEGER[]) AS place
        )
        SELECT place, {lists}, min(first_seen), max(last_seen)
        FROM silver.identity_records JOIN asked USING (record_id) GROUP BY place
        """,
        [[record for group in groups for record in group], [n for n, group in enumerate(groups) for _ in group]],
    ).fetchall()
    said = {place: columns for place, *columns in found}
    return [Part(sorted(group), *said[place]) for place, group in enumerate(groups)]


def _records(connection: duckdb.DuckDBPyConnection, customer_id: str) -> tuple[list[str], list[str]]:
    """(records that name somebody, anonymous visits) of a customer, in order of id."""
    found = connection.execute(
        f"SELECT record_id, {KNOWN} FROM silver.customer_map JOIN silver.normalised_records USING (record_id)"
        " WHERE customer_id = ? ORDER BY record_id",
        [customer_id],
    ).fetchall()
    if not found:
        raise NotFoundError(f"no customer '{customer_id}'", fix="floorwalker customers search TEXT")
    return [record for record, named in found if named], [record for record, named in found if not named]


def _pieces(connection: duckdb.DuckDBPyConnection, records: Collection[str], *, with_visits: bool) -> list[_Piece]:
    """The evidence that made one customer of these records, in the resolver's order, visits last."""
    rows = connection.execute(
        f"""
        SELECT record_id, CASE identifier_kind WHEN 'record' THEN identifier_key ELSE rule || '|' || identifier_key END,
               rule, tier, weight, identifier_key, CASE rule WHEN '{manual.RULE}' THEN rule_version ELSE '' END
        FROM silver.identity_evidence
        WHERE accepted AND kind <> '{manual.CUT}' AND record_id IN (SELECT unnest($records::VARCHAR[]))
          AND (identifier_kind <> 'record' OR identifier_key IN (SELECT unnest($records::VARCHAR[])))
          AND (tier <> {VISITS} OR $visits)
        ORDER BY tier = {VISITS}, tier, weight DESC, rule, identifier_key, record_id
        """,
        {"records": list(records), "visits": with_visits},
    ).fetchall()
    return [_Piece(record, node, Joint(*joint)) for record, node, *joint in rows]


def _joined(
    records: Sequence[str], pieces: Sequence[_Piece], most: int | None = None
) -> tuple[list[list[str]], list[_Piece]]:
    """Groups of records that the pieces make, each sorted, and the pieces that joined two groups: `most` of them."""
    parent: dict[str, str] = {record: record for record in records}
    size = dict.fromkeys(records, 1)

    def find(point: str) -> str:
        while (up := parent.setdefault(point, point)) != point:
            parent[point] = parent[up]
            point = up
        return point

    joints: list[_Piece] = []
    for _, alike in groupby(pieces, key=lambda piece: (piece.joint.tier == VISITS, *piece.joint[1:3])):
        for piece in sorted(alike, key=lambda piece: (size[find(piece.record)], *piece[:2])):
            a, b = find(piece.record), find(piece.node)
            if a == b:
                continue
            if b in size:
                if len(joints) == most:
                    return _groups(records, find), joints
                joints.append(piece)
            parent[b] = a
            size[a] += size.pop(b, 0)
    return _groups(records, find), joints


def _groups(records: Sequence[str], find: Callable[[str], str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for record in sorted(records):
        groups.setdefault(find(record), []).append(record)
    return list(groups.values())
