"""What the published tables say of a few records: who they are, and the evidence they are part of.

In: a connection that sees silver.customer_map, silver.identity_records, silver.normalised_records and
silver.identity_evidence; record ids. Out: `Record`s and `Piece`s in the order in which the resolver takes them.

A piece ties a record to an identifier or to a person's decision, or to another record (`partner`: a model's pair; a
person's cut keeps the two apart).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from floorwalker.identity.rules import KEYS

if TYPE_CHECKING:
    import duckdb

MODEL, PERSON = "model", "person"
"""Rules of evidence that is about no identifier: a model's pairs of records, people's decisions."""
DECISION = "decision"
"""Kind of a person's link; its key is the decision's id."""
CUT = "manual_cut"
"""Way of evidence by which a person keeps records apart: it ties nothing."""

WORDS = {
    **KEYS,
    "given_name": "given_name_key",
    "family_name": "family_name_key",
    "birth_date": "birth_date",
    "address": "address_key",
    "postcode": "postcode_key",
}
"""Kind of value -> its column in silver.normalised_records."""


MOST_HOLDERS = 1000
"""Customers of an identifier that are told apart; beyond, it names nobody anyway."""


class Record(NamedTuple):
    """A record and what it says. `values`: kind -> normalised value, for the kinds it has one of."""

    record_id: str
    customer_id: str
    source: str
    market: str
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None
    rows: int
    values: dict[str, str]


class Piece(NamedTuple):
    """A piece of silver.identity_evidence. `partner`: the other record, of a model's pair and of a person's cut. Of a
    person's decision `version` is its id and `first_seen` when it was made."""

    record_id: str
    rule: str
    tier: int
    kind: str
    key: str
    weight: float
    way: str
    source: str
    first_seen: dt.datetime | None
    accepted: bool
    reason: str
    version: str = ""

    @property
    def partner(self) -> str:
        return self.key if self.kind == "record" else ""

    @property
    def node(self) -> tuple[str, str]:
        """The identifier as evidence knows it: rule and key."""
        return (self.rule, self.key)

    @property
    def place(self) -> tuple[int, float, str, str, str]:
        """Where it stands in the order of confidence: anonymous visits (tier 3) only after a model's pairs (4)."""
        return ({3: 4, 4: 3}.get(self.tier, self.tier), -self.weight, self.rule, self.key, self.record_id)


def has(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the connection sees a table, such as `silver.identity_pairs`."""
    schema, _, name = table.partition(".")
    return bool(
        connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", [schema, name]
        ).fetchall()
    )


def rows(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows as dicts."""
    cursor = connection.execute(query, list(values))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def record_ids(connection: duckdb.DuckDBPyConnection, customer_id: str) -> list[str]:
    """The records of a customer, in the order of their ids."""
    found = connection.execute(
        "SELECT record_id FROM silver.customer_map WHERE customer_id = ? ORDER BY record_id", [customer_id]
    )
    return [record for (record,) in found.fetchall()]


def records(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, Record]:
    """These records, the earliest seen first."""
    columns = ", ".join(f"n.{column} AS {kind}" for kind, column in WORDS.items())
    found = rows(
        connection,
        f"""
        WITH asked AS (SELECT unnest(?::VARCHAR[]) AS record_id)
        SELECT r.record_id, m.customer_id, r.source, r.market, r.first_seen, r.last_seen, r."rows" AS counted, {columns}
        FROM silver.identity_records r SEMI JOIN asked USING (record_id)
        JOIN (FROM silver.customer_map SEMI JOIN asked USING (record_id)) m USING (record_id)
        LEFT JOIN (FROM silver.normalised_records SEMI JOIN asked USING (record_id)) n USING (record_id)
        ORDER BY r.first_seen NULLS LAST, r.record_id
        """,
        [list(ids)],
    )
    return {
        one["record_id"]: Record(
            one["record_id"], one["customer_id"], one["source"] or "", one["market"] or "", one["first_seen"],
            one["last_seen"], one["counted"] or 0,
            {kind: str(one[kind]) for kind in WORDS if one[kind] is not None},
        )
        for one in found
    }  # fmt: skip


_PIECE = (
    "record_id, rule, tier, identifier_kind, identifier_key, weight, kind, source, first_seen, accepted, reason,"
    " rule_version"
)


def pieces(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> list[Piece]:
    """The evidence these records are part of, on either side of it, the most trusted first."""
    found = connection.execute(
        f"""
        WITH asked AS (SELECT unnest(?::VARCHAR[]) AS record_id)
        SELECT {_PIECE} FROM silver.identity_evidence SEMI JOIN asked USING (record_id)
        UNION
        SELECT {_PIECE} FROM silver.identity_evidence
        WHERE identifier_kind = 'record' AND identifier_key IN (SELECT record_id FROM asked)
        """,
        [list(ids)],
    )
    asked = set(ids)
    told = {one for row in found.fetchall() for one in _pieces_of(_piece(row), asked)}
    return sorted(told, key=lambda piece: piece.place)


def _pieces_of(piece: Piece, asked: Collection[str]) -> list[Piece]:
    """The piece; a person's link, which the tables have as pairs, as what it is: records that one decision ties."""
    if piece.rule != PERSON or piece.way == CUT:
        return [piece]
    ends = [end for end in (piece.record_id, piece.partner) if end in asked]
    return [piece._replace(record_id=end, kind=DECISION, key=piece.version) for end in ends]


Visible = Callable[[Sequence[str]], Collection[str]]
"""Of these customers those whom the one who asks may know of."""


def everybody(customers: Sequence[str]) -> Collection[str]:
    """Nobody is hidden."""
    return customers


class Holders(NamedTuple):
    """Who an identifier is seen with: customers (the first thousand), and of them those whose records it ties."""

    customers: list[str]
    owners: list[str]


def holders(
    connection: duckdb.DuckDBPyConnection, nodes: Sequence[tuple[str, str]], visible: Visible = everybody
) -> dict[tuple[str, str], Holders]:
    """Of each of these identifiers (rule, key) who holds it, as far as `visible` shows them."""
    found = connection.execute(
        f"""
        WITH asked AS (SELECT unnest(?::VARCHAR[]) AS rule, unnest(?::VARCHAR[]) AS identifier_key),
        held AS (
            SELECT e.rule, e.identifier_key, m.customer_id, count(*) AS records, bool_or(e.accepted) AS ties
            FROM (FROM silver.identity_evidence SEMI JOIN asked USING (rule, identifier_key)) e
            JOIN silver.customer_map m USING (record_id) GROUP BY ALL
        )
        SELECT rule, identifier_key, list(customer_id ORDER BY ties DESC, records DESC, customer_id)[:{MOST_HOLDERS}],
               coalesce(list(customer_id ORDER BY records DESC, customer_id) FILTER (ties), [])[:{MOST_HOLDERS}]
        FROM held GROUP BY rule, identifier_key
        """,
        [[rule for rule, _ in nodes], [key for _, key in nodes]],
    ).fetchall()
    shown = set(visible(sorted({one for *_, people, _ in found for one in people})))
    held = {
        (rule, key): Holders(*([one for one in some if one in shown] for some in (people, ties)))
        for rule, key, people, ties in found
    }
    return {node: held.get(node, Holders([], [])) for node in nodes}


def _piece(row: tuple[Any, ...]) -> Piece:
    return Piece(*row[:7], row[7] or "", row[8], bool(row[9]), row[10] or "", row[11] or "")
