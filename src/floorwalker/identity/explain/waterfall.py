"""How a model weighs a pair of records: from what any two records start with, comparison by comparison, to the sum.

In: a connection on the published tables, two records, the model. Out: a `Pair`: both records side by side, what they
share, and the waterfall. Weights are in bits: one more bit doubles the odds that the two are one person (Fellegi and
Sunter 1969). Besides the comparisons three things weigh, each with a bar of its own: how rare the values are that
agree, that two people of one household would agree as much, and the doubt that hard ids have taught the model.

    pair(connection, a, b, model).waterfall.bars[0]
    Bar(name='given_name', label='equal', gamma=5, bits=6.1)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import words
from floorwalker.identity.explain.pieces import WORDS, Piece, Record, has, pieces, records, rows
from floorwalker.identity.resolver import PROBABLE

if TYPE_CHECKING:
    import duckdb

    from floorwalker.identity.matching.model import Model

PAIRS, LEVELS = "silver.identity_pairs", "silver.identity_levels"
_GAMMA = "gamma_"
_LEAST = 0.005
"""Bits that are worth a bar."""

_SCORED = 64
"""Pairs that are scored while somebody waits."""

Score = Callable[["duckdb.DuckDBPyConnection", Sequence[tuple[str, str]]], Sequence[Mapping[str, Any]]]
"""(connection, pairs of records) -> rows as silver.identity_pairs would have them, where the model can say."""


class Bar(msgspec.Struct, frozen=True):
    """One comparison's part."""

    name: str
    label: str
    gamma: int
    bits: float


class Waterfall(msgspec.Struct, frozen=True):
    """`prior`, the bars, `rarity`, `household` and `doubt` add up to `weight`. `stored`: whether the run kept the pair;
    if not, it was weighed now."""

    prior: float
    bars: list[Bar]
    rarity: float
    household: float
    doubt: float
    weight: float
    probability: float
    model: str
    stored: bool


class Line(msgspec.Struct, frozen=True):
    """What both records say of one thing; `same` is None where one says nothing."""

    kind: str
    a: str
    b: str
    same: bool | None


class Shared(msgspec.Struct, frozen=True):
    """Evidence that ties both."""

    rule: str
    value: str
    accepted: bool
    text: str


class Seen(msgspec.Struct, frozen=True):
    """One of the two."""

    record_id: str
    customer_id: str
    source: str
    market: str
    first_seen: str
    last_seen: str
    rows: int


class Pair(msgspec.Struct, frozen=True):
    """Two records side by side. `levels`: the weight that each level of confidence asks of a pair, None where it takes
    none."""

    a: Seen
    b: Seen
    together: bool
    lines: list[Line]
    shared: list[Shared]
    waterfall: Waterfall | None
    levels: dict[str, float | None]
    text: str


def pair(
    connection: duckdb.DuckDBPyConnection,
    a: str,
    b: str,
    model: Model | None = None,
    *,
    score: Score | None = None,
    clear: bool = False,
) -> Pair:
    """Two records compared. Raises NotFoundError for a record that is not known."""
    known = records(connection, [a, b])
    for record in (a, b):
        if record not in known:
            raise NotFoundError(f"no record {record}", fix="floorwalker identity explain CUSTOMER lists its records")
    row = best_pair(connection, [a], [b], score)
    fall = waterfall(model, row) if model is not None and row is not None else None
    together = known[a].customer_id == known[b].customer_id
    found = _shared(pieces(connection, [a, b]), a, b, clear=clear)
    return Pair(
        _seen(known[a]), _seen(known[b]), together, _lines(known[a], known[b], clear=clear), found, fall,
        thresholds(connection), _text(together, found, fall),
    )  # fmt: skip


def waterfall(model: Model, row: Mapping[str, Any]) -> Waterfall:
    """The parts of a pair's weight, by the gammas of its row in silver.identity_pairs."""
    bars, against = [], model.household_weight
    for comparison in model.comparisons:
        gamma = row.get(_GAMMA + comparison.name)
        level = next((one for one in comparison.levels if one.value == gamma), None)
        if level is None:
            bars.append(Bar(comparison.name, "one side says nothing", -1, 0.0))
        else:
            bars.append(Bar(comparison.name, level.label, level.value, level.weight))
            against += level.against_household
    weight, strangers = float(row["weight"]), float(row["against_strangers"])
    # Against a household as well as against strangers: the rule of `Model`, of which the doubt is what is left.
    both = strangers if math.isinf(against) else -_log2_sum(-strangers, -against)
    return Waterfall(
        model.prior_weight,
        bars,
        _worth(strangers - model.prior_weight - sum(bar.bits for bar in bars)),
        _worth(both - strangers),
        _worth(weight - both),
        weight,
        float(row["probability"]),
        str(row.get("model") or ""),
        bool(row.get("stored", False)),
    )


def _worth(bits: float) -> float:
    return 0.0 if abs(bits) < _LEAST else bits


def _log2_sum(one: float, two: float) -> float:
    """log2(2^one + 2^two)."""
    return max(one, two) + math.log2(1 + math.exp2(-abs(one - two)))


def best_pair(
    connection: duckdb.DuckDBPyConnection, mine: Sequence[str], theirs: Sequence[str], score: Score | None = None
) -> dict[str, Any] | None:
    """The heaviest pair between two groups of records; scored anew where the run kept none and the groups are small."""
    if has(connection, PAIRS):
        found = rows(
            connection,
            f"""
            WITH mine AS (SELECT unnest(?::VARCHAR[]) AS id), theirs AS (SELECT unnest(?::VARCHAR[]) AS id)
            SELECT *, TRUE AS stored FROM {PAIRS}
            WHERE record_a IN (FROM mine) AND record_b IN (FROM theirs)
               OR record_a IN (FROM theirs) AND record_b IN (FROM mine)
            ORDER BY weight DESC, record_a, record_b LIMIT 1
            """,
            [list(mine), list(theirs)],
        )
        if found:
            return found[0]
    if score is None or len(mine) * len(theirs) > _SCORED:
        return None
    scored = score(connection, [(one, two) for one in mine for two in theirs])
    best = max(scored, key=lambda row: row["weight"], default=None)
    return {**best, "stored": False} if best is not None else None


def thresholds(connection: duckdb.DuckDBPyConnection) -> dict[str, float | None]:
    """Level of confidence -> the weight that it asks of a model's pairs, None where it takes none of them. The
    strictest first; empty where there are no levels."""
    if not has(connection, LEVELS):
        return {}
    found = connection.execute(
        f"SELECT unnest(string_split(levels, ',')), tier, weight FROM {LEVELS} WHERE levels IS NOT NULL ORDER BY step"
    ).fetchall()
    return {level: float(weight) if tier >= PROBABLE else None for level, tier, weight in found}


def _seen(record: Record) -> Seen:
    first, last = (moment.isoformat() if moment else "" for moment in (record.first_seen, record.last_seen))
    return Seen(record.record_id, record.customer_id, record.source, record.market, first, last, record.rows)


def _lines(a: Record, b: Record, *, clear: bool) -> list[Line]:
    found = []
    for kind in WORDS:
        one, two = a.values.get(kind, ""), b.values.get(kind, "")
        if one or two:
            shown = [value if clear or not value else words.masked(kind, value) for value in (one, two)]
            found.append(Line(kind, shown[0], shown[1], one == two if one and two else None))
    return found


def _shared(evidence: Sequence[Piece], a: str, b: str, *, clear: bool) -> list[Shared]:
    """What ties both: identifiers that both have evidence about, and evidence about the two."""
    at: dict[tuple[str, str], dict[str, Piece]] = {}
    found = []
    for piece in evidence:
        if piece.partner:
            if {piece.record_id, piece.partner} == {a, b}:
                found.append(_tie(piece.rule, "", [piece]))
        else:
            at.setdefault(piece.node, {})[piece.record_id] = piece
    found += [
        _tie(rule, words.value(rule, key, clear=clear), list(both.values()))
        for (rule, key), both in at.items()
        if len(both) == 2
    ]
    return found


def _tie(rule: str, shown: str, group: Sequence[Piece]) -> Shared:
    refused = next((one.reason for one in group if not one.accepted), "")
    text = f"{words.through(rule)} {shown}".strip() + (f": {words.refusal(refused)}" if refused else "")
    return Shared(rule, shown, not refused, text)


def _text(together: bool, shared: Sequence[Shared], fall: Waterfall | None) -> str:
    ties = [one for one in shared if one.accepted]
    said = "one customer" if together else "two customers"
    by = f", tied by {words.plural(len(ties), 'identifier')}" if ties else ""
    model = f"; the model says {fall.weight:+.1f} bits, probability {fall.probability:.4f}" if fall else ""
    return said + by + model
