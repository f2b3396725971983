"""A customer's identity graph, ready for a page: records, what they are known by, and what ties or does not tie them.

In: a connection on the published tables, a customer id, which part of it. Out: a `Graph` of `Node`s and `Edge`s, of
bounded size: `limit` records from `offset` on (earliest seen first) with all that hangs on them, and counts of the
whole.

    graph(connection, "c2yj…", limit=50).counts["records"]
    Count(all=131, shown=50)
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import words
from floorwalker.identity.explain.pieces import (
    CUT,
    Piece,
    Record,
    Visible,
    everybody,
    has,
    holders,
    pieces,
    record_ids,
    records,
    rows,
)
from floorwalker.identity.explain.tree import span
from floorwalker.identity.rules import KEYS

if TYPE_CHECKING:
    import duckdb

VERSION = 1
"""Of the shape of `Graph`: goes up when a page that read the old one could not read the new."""
MOST = 500
"""Records that one call shows at most."""

HOUSEHOLDS = "silver.households"
Base = tuple[str, str]
"""An identifier as a person sees it: kind and value, whichever rule goes by it."""


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """`type`: customer, record, identifier or household. `id` is unique in the graph and the same in all its parts.

    A record has source, market, first_seen, last_seen, rows, and `levels` where a level of confidence has it in another
    customer; `outside`: it is another customer's (`customer_id`). An identifier has kind, value, `records` (of this
    customer), `others` (customers besides, a thousand at most). Of a household `records` are its persons."""

    id: str
    type: str
    label: str
    customer_id: str = ""
    record_id: str = ""
    source: str = ""
    market: str = ""
    first_seen: dt.datetime | None = None
    last_seen: dt.datetime | None = None
    rows: int = 0
    levels: dict[str, str] = {}
    outside: bool = False
    kind: str = ""
    value: str = ""
    records: int = 0
    others: int = 0


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `source` to `target`. `type`: evidence (with rule, tier, weight, accepted or the reason it is not, and
    `spanning` where it is among the fewest that hold the customer together), carries (a record says it, no other
    record does), member (a record of the customer, the customer of a household)."""

    source: str
    target: str
    type: str
    rule: str = ""
    tier: int | None = None
    weight: float | None = None
    accepted: bool | None = None
    reason: str = ""
    spanning: bool = False
    text: str = ""


class Count(msgspec.Struct, frozen=True):
    """How many there are and how many of them are in this part."""

    all: int
    shown: int


class Graph(msgspec.Struct, frozen=True):
    """A part of a customer's identity graph. `next_offset`: where the next part begins, None after the last."""

    version: int
    customer_id: str
    aliases: list[str]
    masked: bool
    nodes: list[Node]
    edges: list[Edge]
    counts: dict[str, Count]
    next_offset: int | None


def graph(
    connection: duckdb.DuckDBPyConnection,
    customer_id: str,
    *,
    clear: bool = False,
    limit: int = 100,
    offset: int = 0,
    visible: Visible = everybody,
) -> Graph:
    """The graph of a customer. `clear`: identifiers as they are; `visible`: the other customers who may be shown.

    Raises NotFoundError when the customer has no records.
    """
    ids = record_ids(connection, customer_id)
    if not ids:
        raise NotFoundError(f"no customer {customer_id}", fix="floorwalker customers search TEXT")
    known = records(connection, ids)
    evidence = pieces(connection, ids)
    limit = min(max(limit, 1), MOST)
    shown = list(known)[offset : offset + limit]
    spanning = set(span(ids, evidence).tree)
    bases = _bases(known, evidence)
    numbers = {base: f"i:{number}" for number, base in enumerate(sorted(bases))}
    outside = _outside(connection, evidence, known, visible)

    edges = [_evidence(one, numbers, one in spanning, clear) for one in evidence if not one.partner]
    pairs = [_pair(one, one in spanning) for one in evidence if one.partner]
    tied = {(edge.source, edge.target) for edge in edges}
    edges += [
        Edge(f"r:{record}", numbers[base], "carries")
        for base, carriers in bases.items()
        for record in carriers
        if (f"r:{record}", numbers[base]) not in tied
    ]
    here = {f"r:{record}" for record in shown}
    there = here | {f"r:{record}" for record in outside}
    drawn = [edge for edge in edges if edge.source in here]
    drawn += [edge for edge in pairs if {edge.source, edge.target} & here and {edge.source, edge.target} <= there]
    drawn += [Edge("customer", f"r:{record}", "member") for record in shown]
    used = {edge.target for edge in drawn} | {edge.source for edge in drawn}

    levels = _levels(connection, customer_id, shown)
    nodes = [Node("customer", "customer", customer_id, customer_id=customer_id, records=len(ids))]
    nodes += [_record(known[record], levels.get(record, {})) for record in shown]
    nodes += [_record(one, {}, outside=True) for one in outside.values() if f"r:{one.record_id}" in used]
    nodes += _identifiers(connection, bases, evidence, numbers, used, visible, clear=clear)
    household = _household(connection, customer_id)
    nodes += household
    drawn += [Edge(one.id, "customer", "member") for one in household]
    counts = {
        "records": Count(len(ids), len(shown)),
        "identifiers": Count(len(bases), sum(number in used for number in numbers.values())),
        "evidence": Count(len(evidence), sum(edge.type == "evidence" for edge in drawn)),
    }
    following = offset + len(shown) if offset + len(shown) < len(ids) and shown else None
    aliases = connection.execute(
        "SELECT customer_id FROM silver.customer_aliases WHERE alias_of = ? ORDER BY customer_id", [customer_id]
    ).fetchall()
    return Graph(
        VERSION, customer_id, [alias for (alias,) in aliases], not clear, nodes, drawn, counts, following
    )  # fmt: skip


def _bases(known: Mapping[str, Record], evidence: Iterable[Piece]) -> dict[Base, list[str]]:
    """Identifier -> the customer's records that say it: those shared and those on one record alone."""
    found: dict[Base, dict[str, None]] = defaultdict(dict)
    for record in known.values():
        for kind in KEYS:
            if kind in record.values:
                found[kind, record.values[kind]][record.record_id] = None
    for piece in evidence:
        if not piece.partner:
            found[words.identifier(piece.rule, piece.key)[:2]][piece.record_id] = None
    return {base: list(carriers) for base, carriers in found.items()}


def _evidence(piece: Piece, numbers: Mapping[Base, str], spanning: bool, clear: bool) -> Edge:
    base = words.identifier(piece.rule, piece.key)[:2]
    text = words.through(piece.rule) if piece.accepted else words.refusal(piece.reason)
    return Edge(
        f"r:{piece.record_id}", numbers[base], "evidence", piece.rule, piece.tier, round(piece.weight, 3),
        piece.accepted, piece.reason, spanning, text,
    )  # fmt: skip


def _pair(piece: Piece, spanning: bool) -> Edge:
    """Evidence about two records: a model's pair, a person's link or cut."""
    text = words.through(piece.rule) if piece.accepted and piece.way != CUT else words.refusal(piece.reason)
    return Edge(
        f"r:{piece.record_id}", f"r:{piece.partner}", "evidence", piece.rule, piece.tier, round(piece.weight, 3),
        piece.accepted and piece.way != CUT, piece.reason, spanning, text,
    )  # fmt: skip


def _record(one: Record, levels: dict[str, str], *, outside: bool = False) -> Node:
    return Node(
        f"r:{one.record_id}", "record", f"{one.source} {one.record_id[:6]}", customer_id=one.customer_id,
        record_id=one.record_id, source=one.source, market=one.market, first_seen=one.first_seen,
        last_seen=one.last_seen, rows=one.rows, levels=levels, outside=outside,
    )  # fmt: skip


def _outside(
    connection: duckdb.DuckDBPyConnection, evidence: Iterable[Piece], known: Mapping[str, Record], visible: Visible
) -> dict[str, Record]:
    """Records of others that evidence is about, as far as they may be shown."""
    far = {end for one in evidence if one.partner for end in (one.record_id, one.partner)} - known.keys()
    found = records(connection, sorted(far)) if far else {}
    shown = set(visible(sorted({one.customer_id for one in found.values()})))
    return {record: one for record, one in found.items() if one.customer_id in shown}


def _identifiers(
    connection: duckdb.DuckDBPyConnection,
    bases: Mapping[Base, list[str]],
    evidence: Iterable[Piece],
    numbers: Mapping[Base, str],
    used: set[str],
    visible: Visible,
    *,
    clear: bool,
) -> list[Node]:
    """The identifiers that the part's records hang on; those that others hold too say of how many."""
    rules: dict[Base, tuple[str, str]] = {}
    for piece in evidence:
        if not piece.partner:
            rules.setdefault(words.identifier(piece.rule, piece.key)[:2], piece.node)
    wanted = [base for base in sorted(bases) if numbers[base] in used]
    held = holders(connection, [rules[base] for base in wanted if base in rules], visible)
    found = []
    for base in wanted:
        kind, value = base
        rule, key = rules.get(base, (kind, value))
        shown = words.value(rule, key if kind == "person" else value, clear=clear) if kind == "person" else (
            value if clear else words.masked(kind, value)
        )  # fmt: skip
        others = max(len(held[rule, key].customers) - 1, 0) if base in rules else 0
        found.append(
            Node(numbers[base], "identifier", f"{words.noun(kind, 1)} {shown}", kind=kind, value=shown,
                 records=len(bases[base]), others=others)
        )  # fmt: skip
    return found


def _levels(connection: duckdb.DuckDBPyConnection, customer_id: str, shown: Sequence[str]) -> dict[str, dict[str, str]]:
    """Record -> level of confidence -> customer, where that is another one."""
    if not has(connection, "silver.customer_levels"):
        return {}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for one in rows(
        connection,
        "SELECT record_id, level, customer_id FROM silver.customer_levels"
        " WHERE record_id IN (SELECT unnest(?::VARCHAR[])) AND customer_id <> ? ORDER BY level",
        [list(shown), customer_id],
    ):
        found[one["record_id"]][one["level"]] = one["customer_id"]
    return found


def _household(connection: duckdb.DuckDBPyConnection, customer_id: str) -> list[Node]:
    """The customer's household, if there is one."""
    if not has(connection, HOUSEHOLDS):
        return []
    found = connection.execute(
        f"SELECT household_key, members FROM {HOUSEHOLDS} WHERE customer_id = ? ORDER BY household_key", [customer_id]
    )
    return [
        Node(
            f"h:{household}", "household", f"household of {words.plural(members, 'person', 'people')}", records=members
        )
        for household, members in found.fetchall()
    ]
