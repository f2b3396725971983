"""Why two are not one: what they share and why it did not count, or that they share nothing.

In: a connection on the published tables and two parties (`finding.find`). Out: a `WhyNot`: one obstacle per thing they
share, the one that comes nearest to joining them first, and what the two say about what stands between them.

The obstacles, as `kind`:

    cut        a person decided that they are two
    refused    they share an identifier, and the evidence was refused: a limit, names, birth dates, a hub, a quarantine
    below      a model finds them alike, but not enough
    unused     they share words that are no evidence by themselves
    nothing    they share nothing
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import words
from floorwalker.identity.explain.finding import Party
from floorwalker.identity.explain.pieces import (
    CUT,
    MODEL,
    WORDS,
    Piece,
    Record,
    Visible,
    everybody,
    holders,
    pieces,
    record_ids,
    records,
)
from floorwalker.identity.explain.reasons import day, listed
from floorwalker.identity.explain.tree import path, span
from floorwalker.identity.explain.waterfall import Score, best_pair, thresholds

if TYPE_CHECKING:
    import duckdb

_ORDER = ("cut", "refused", "below", "unused", "nothing")
_SHOWN = 6
"""Values of a side that a fact lists."""


class Fact(msgspec.Struct, frozen=True):
    """What each side says of one thing; at most six values each."""

    kind: str
    a: list[str]
    b: list[str]


class Obstacle(msgspec.Struct, frozen=True):
    """One thing between the two. `value`: of the identifier, or the id of a decision; `reason`: as
    silver.identity_evidence has it; `owner`: a third customer it went to."""

    kind: str
    rule: str
    value: str
    reason: str
    facts: list[Fact]
    owner: str
    weight: float | None
    text: str


class Side(msgspec.Struct, frozen=True):
    """One of the two: as asked for, and as known today."""

    asked: str
    customers: list[str]
    records: int


class WhyNot(msgspec.Struct, frozen=True):
    """Why two are not one; or, `same`, that they are, with the evidence from one to the other in `through`."""

    a: Side
    b: Side
    same: bool
    through: list[str]
    obstacles: list[Obstacle]
    text: str


def why_not(
    connection: duckdb.DuckDBPyConnection,
    a: Party,
    b: Party,
    *,
    clear: bool = False,
    score: Score | None = None,
    visible: Visible = everybody,
) -> WhyNot:
    """Why a and b are not one customer. `score`: how the model weighs two records that no table has (`waterfall`);
    `visible`: third customers who may be named.

    Raises NotFoundError when one side is several customers: ask for one of them.
    """
    one, two = (_customer_of(party) for party in (a, b))
    if one == two:
        return _same(connection, one, a, b, clear=clear)
    ids = {one: record_ids(connection, one), two: record_ids(connection, two)}
    known = records(connection, [*ids[one], *ids[two]])
    evidence = pieces(connection, list(known))
    mine = {record: known[record].customer_id == one for record in known}
    found = [
        *_cuts(evidence, mine),
        *_refused(connection, evidence, mine, known, (one, two), visible, clear=clear),
        *_pairs(connection, evidence, ids, known, score, clear=clear),
    ]
    found += _unused(known.values(), one, found, clear=clear)
    if not found:
        text = "they share no identifier and no words: nothing suggests that they are one"
        found = [Obstacle("nothing", "", "", "", [], "", None, text)]
    found.sort(key=lambda it: _ORDER.index(it.kind))
    sides = [Side(party.text, [customer], len(ids[customer])) for party, customer in ((a, one), (b, two))]
    return WhyNot(*sides, False, [], found, f"{one} and {two} are two customers: {found[0].text}")


def _customer_of(party: Party) -> str:
    if len(party.customers) == 1:
        return party.customers[0]
    raise NotFoundError(
        f"{len(party.customers):,} customers answer to '{party.text}'",
        why="what stands between two can be told of two only",
        fix="ask for one of them: " + listed(party.customers, 3),
    )


def _same(connection: duckdb.DuckDBPyConnection, customer: str, a: Party, b: Party, *, clear: bool) -> WhyNot:
    """The evidence from one record to the other."""
    ids = record_ids(connection, customer)
    found = span(ids, pieces(connection, ids))
    steps = path(found.tree, a.records[0], b.records[0])
    told = [
        words.through(rule) if partner else f"{words.through(rule)} {words.value(rule, key, clear=clear)}"
        for rule, key, partner in dict.fromkeys((one.rule, one.key, one.partner) for one in steps)
    ]
    sides = [Side(party.text, [customer], len(party.records)) for party in (a, b)]
    return WhyNot(*sides, True, told, [], f"they are one customer: {customer}")


def _cuts(evidence: Sequence[Piece], mine: Mapping[str, bool]) -> list[Obstacle]:
    """A person's decision between the two: at least one record on either side."""
    across = [
        one for one in evidence if one.way == CUT and one.partner in mine and mine[one.partner] != mine[one.record_id]
    ]
    if not across:
        return []
    last = max(across, key=lambda one: one.weight)
    when = f" on {day(last.first_seen)}" if last.first_seen else ""
    text = f"a person decided{when} that they are two (decision {last.version})"
    return [Obstacle("cut", last.rule, last.version, last.reason, [], "", None, text)]


def _refused(
    connection: duckdb.DuckDBPyConnection,
    evidence: Sequence[Piece],
    mine: Mapping[str, bool],
    known: Mapping[str, Record],
    customers: tuple[str, str],
    visible: Visible,
    *,
    clear: bool,
) -> list[Obstacle]:
    """Identifiers that both hold, with why the evidence of one or both was refused."""
    at: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    for piece in evidence:
        if piece.way != CUT and not piece.partner:
            at[piece.node].append(piece)
    shared: dict[tuple[str, str], list[Piece]] = {}
    for (rule, key), group in at.items():
        if len({mine[one.record_id] for one in group}) == 2 and any(not one.accepted for one in group):
            # The best rule about a value speaks for the others.
            shared.setdefault(words.identifier(rule, key)[:2], group)
    found = []
    held = holders(connection, [group[0].node for group in shared.values()], visible)
    for group in shared.values():
        first = next(one for one in group if not one.accepted)
        facts = _facts(words.constrained(first.reason), known.values(), customers, clear=clear)
        shown = words.value(first.rule, first.key, clear=clear)
        # Refused on both sides, it may have gone to a third.
        lost = all(not one.accepted for one in group)
        owner = next((one for one in held[first.node].owners if one not in customers), "") if lost else ""
        text = f"they share the {words.through(first.rule)} {shown}, but "
        text += ("it went to a third customer; with that one, " if owner else "") + words.refusal(first.reason)
        found.append(
            Obstacle("refused", first.rule, shown, first.reason, facts, owner, first.weight, text + _told(facts))
        )
    return found


def _facts(kind: str, known: Iterable[Record], customers: tuple[str, str], *, clear: bool) -> list[Fact]:
    """What the two say about the kind of value that a refusal is about."""
    if not kind:
        return []
    sides = []
    for customer in customers:
        values = sorted({one.values[kind] for one in known if one.customer_id == customer and kind in one.values})
        sides.append([one if clear else words.masked(kind, one) for one in values[:_SHOWN]])
    return [Fact(kind, *sides)] if any(sides) else []


def _told(facts: Sequence[Fact]) -> str:
    """
    >>> _told([Fact("given_name", ["ann"], ["bob", "rob"])])
    ' (first names: ann; bob and rob)'
    """
    return "".join(f" ({words.noun(one.kind)}: {listed(one.a) or 'none'}; {listed(one.b) or 'none'})" for one in facts)


def _pairs(
    connection: duckdb.DuckDBPyConnection,
    evidence: Sequence[Piece],
    ids: Mapping[str, list[str]],
    known: Mapping[str, Record],
    score: Score | None,
    *,
    clear: bool,
) -> list[Obstacle]:
    """The pair of records that a model finds most alike, and why that did not join them."""
    one, two = ids
    pair = best_pair(connection, ids[one], ids[two], score)
    if pair is None:
        return []
    weight, across = float(pair["weight"]), {pair["record_a"], pair["record_b"]}
    said = f"a model gives their most alike records {weight:+.1f} bits (probability {pair['probability']:.4f})"
    refused = [
        it
        for it in evidence
        if it.rule == MODEL
        and {it.record_id, it.partner} == across
        and not (it.accepted or it.reason.startswith(words.BELOW))
    ]
    if refused:
        facts = _facts(words.constrained(refused[0].reason), known.values(), (one, two), clear=clear)
        text = f"{said}, but {words.refusal(refused[0].reason)}{_told(facts)}"
        return [Obstacle("refused", MODEL, "", refused[0].reason, facts, "", weight, text)]
    needed = [
        f"{level} {cut:+.1f}" if cut is not None else f"{level} takes no such pairs"
        for level, cut in reversed(thresholds(connection).items())
        if cut is None or weight < cut
    ]
    text = f"{said}: too little" + (f" (needed: {', '.join(needed)})" if needed else "")
    return [Obstacle("below", MODEL, "", "", [], "", weight, text)]


def _unused(known: Iterable[Record], one: str, found: Sequence[Obstacle], *, clear: bool) -> list[Obstacle]:
    """Words that both say and no rule joins them by."""
    told = {kind for it in found if it.kind == "refused" for kind in words.PARTS.get(it.rule, (it.rule,))}
    sides: list[dict[str, set[str]]] = [defaultdict(set), defaultdict(set)]
    for record in known:
        for kind, value in record.values.items():
            sides[record.customer_id != one][kind].add(value)
    shared = {kind: sorted(sides[0][kind] & sides[1][kind]) for kind in WORDS if kind not in told}
    shared = {kind: values for kind, values in shared.items() if values}
    if not shared:
        return []
    facts = [
        Fact(kind, shown, shown)
        for kind, values in shared.items()
        for shown in [[value if clear else words.masked(kind, value) for value in values[:_SHOWN]]]
    ]
    told_of = listed([f"the same {words.noun(fact.kind, 1)} {listed(fact.a, 2)}" for fact in facts])
    text = f"they have {told_of}, which is no evidence by itself"
    return [Obstacle("unused", "", "", "", facts, "", None, text)]
