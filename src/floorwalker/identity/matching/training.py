"""Learning a model from the records alone: expectation maximisation over counted comparison vectors.

In: a table of records. Out: a `Model`. Nobody labels anything; where an authority's ids exist (kind `hard_id`), pairs
that carry them are labels.

    u   chances between strangers: exact for equal values, from random pairs for the rest, less the matches among them
    m   chances between records of one person: expectation maximisation (Dempster, Laird, Rubin 1977) over the candidate
        pairs, with u fixed and a weak prior, so that a few records do not lead astray
    h   chances between members of a household: free for what a household shares (name, address, phone), u for the rest

All three weigh the chance over *all* pairs, blocked or not: agreement on a block's key is part of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from floorwalker.identity.matching.blocking import Choice, choose, pairs_sql
from floorwalker.identity.matching.comparisons import Comparison, comparisons
from floorwalker.identity.matching.model import Model, parameters
from floorwalker.identity.matching.patterns import Patterns, count_patterns, exact_chances, random_pairs

RANDOM_PAIRS = 500_000
SAMPLE_RECORDS = 150_000
"""A larger table is learned from so many of its records: matches and strangers thin out alike."""
ROUNDS = 100
SHARED = ("family_name", "address", "postcode", "place", "phone", "city")
"""Kinds that a household shares."""
RARE = 3
"""A value of fewer records is rare: it stands in no model file."""

Chances = list[NDArray[np.float64]]

LEAST_LABELS = 50
"""Pairs of each kind that calibration asks for."""

_PRIOR = 10.0
"""Pairs that the prior on m counts for."""
_SHIFT, _SLOPE = 2.0, 0.2
"""How far calibration is expected to stray from (0, 1): what pairs that are told apart without fail leave open."""
_HARD_ERROR = 0.03
"""Share of a person's pairs whose hard ids differ all the same (a second card)."""


@dataclass
class Estimate:
    """Where expectation maximisation stands."""

    m: Chances
    h: Chances
    u: Chances
    match: float
    household: float

    def weights(self, patterns: Patterns, leave_out: Sequence[int] = ()) -> NDArray[np.float64]:
        """Bits per pattern, without the comparisons left out; rarity of values is not in it."""
        kept = [k for k in range(len(self.m)) if k not in leave_out]
        part = Patterns(patterns.values[:, kept], patterns.pairs)
        m, h, u = (_log_chance([chances[k] for k in kept], part) for chances in (self.m, self.h, self.u))
        none = u if not self.household else np.logaddexp(u, np.log(self.household) + h)
        return (np.log(self.match) + m - none) / np.log(2)


def learn(connection: duckdb.DuckDBPyConnection, table: str, fields: Mapping[str, str]) -> Model:
    """Learn from `table` (rid 0 … n-1 and the fields as text). Deterministic."""
    definitions = comparisons(fields)
    ((records,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    choice = choose(connection, table, fields)
    sampled = min(records, SAMPLE_RECORDS)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE learn_records AS
        SELECT * REPLACE ((row_number() OVER (ORDER BY rid))::INTEGER - 1 AS rid) FROM (
            SELECT * FROM {table} ORDER BY md5_number_lower(rid::VARCHAR), rid LIMIT {sampled}
        )
    """)
    random_pairs(connection, max(sampled, 1), RANDOM_PAIRS, "learn_random")
    strangers = count_patterns(connection, "learn_records", "learn_random", definitions)
    _candidate_pairs(connection, choice)
    blocked = count_patterns(connection, "learn_records", "learn_pairs", definitions)
    population = _population(connection, table, definitions, strangers)
    found = estimate(definitions, population, blocked, sampled * (sampled - 1) / 2)
    frequencies, rare = value_frequencies(connection, table, definitions)
    for name in ("learn_records", "learn_random", "learn_pairs", "learn_skipped"):
        connection.execute(f"DROP TABLE {name}")
    return Model(
        fields=dict(fields),
        comparisons=parameters(definitions, found.m, found.u, found.h),
        match=float(f"{found.match:.9g}"),
        household=float(f"{found.household:.9g}"),
        records=records,
        blocks=tuple(choice.blocks),
        oversized=tuple(choice.oversized),
        frequencies=frequencies,
        rare=rare,
        calibration=calibrate(definitions, found, blocked),
    )


def calibrate(definitions: Sequence[Comparison], found: Estimate, blocked: Patterns) -> tuple[float, float]:
    """(a, b): no more than a + b * weight bits hold. Learned by logistic regression (Platt 1999) from candidate pairs
    whose hard ids say what they are, the ids themselves left out of the weight; (0, 1) where too few do."""
    hard = [k for k, one in enumerate(definitions) if one.kind == "hard_id"]
    told = _labels(definitions, blocked)
    labelled = ~np.isnan(told)
    pairs, is_match = blocked.pairs[labelled], told[labelled]
    if min((pairs * is_match).sum(), (pairs * (1 - is_match)).sum()) < LEAST_LABELS:
        return 0.0, 1.0
    bits = np.clip(found.weights(blocked, leave_out=hard)[labelled], -30, 30)
    design = np.stack([np.ones(len(bits)), bits])
    usual, trust = np.array([0.0, 1.0]), np.diag([1 / _SHIFT**2, 1 / _SLOPE**2])

    def loss(at: NDArray[np.float64]) -> float:
        nats = np.log(2) * (at @ design)
        misses = pairs * (np.logaddexp(0, nats) - is_match * nats)
        return float(misses.sum() + (at - usual) @ trust @ (at - usual) / 2)

    fitted = minimize(loss, usual, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000}).x
    return float(f"{fitted[0]:.9g}"), float(f"{np.clip(fitted[1], 0.2, 2.0):.9g}")


def _candidate_pairs(connection: duckdb.DuckDBPyConnection, choice: Choice) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE learn_skipped (block INTEGER, hash VARCHAR)")
    if choice.oversized:
        connection.executemany("INSERT INTO learn_skipped VALUES (?, ?)", [list(one) for one in choice.oversized])
    query = pairs_sql(choice.blocks, "learn_records", "learn_records", "learn_skipped")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE learn_pairs AS {query}")


def _population(
    connection: duckdb.DuckDBPyConnection, table: str, definitions: Sequence[Comparison], strangers: Patterns
) -> Chances:
    """Chances between two records drawn at random, matches among them."""
    found = []
    for k, one in enumerate(definitions):
        chances = _shares(strangers, np.ones(len(strangers.pairs)), k, np.full(len(one.labels), 0.3))
        exact = exact_chances(connection, table, one)
        known = ~np.isnan(exact)
        rest = max(1 - exact[known].sum(), 1e-9)
        chances[~known] *= rest / chances[~known].sum()
        chances[known] = np.maximum(exact[known], 1e-12)
        found.append(chances)
    return found


def _shares(patterns: Patterns, weight: NDArray[np.float64], k: int, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribution of a comparison's levels over weighted pairs that say anything, with `prior` pairs added."""
    value = patterns.values[:, k]
    known = value >= 0
    counted = np.bincount(value[known], weights=(patterns.pairs * weight)[known], minlength=len(prior)) + prior
    return counted / counted.sum()


def estimate(definitions: Sequence[Comparison], population: Chances, blocked: Patterns, pairs: float) -> Estimate:
    """m, h, u and the shares of match and household, from candidate pairs out of `pairs` in all."""
    sizes = [len(one.labels) for one in definitions]
    usual = [np.concatenate([np.full(size - 1, 0.2 / max(size - 1, 1)), [0.8]]) for size in sizes]
    shared = [one.kind in SHARED for one in definitions]
    with_household = any(shared) and not all(shared)
    records = (1 + np.sqrt(1 + 8 * pairs)) / 2
    now = Estimate(
        m=usual,
        h=[usual[k] if shared[k] else population[k] for k in range(len(sizes))],
        u=[chances.copy() for chances in population],
        match=0.5 * records / max(pairs, 1),
        household=0.3 * records / max(pairs, 1) if with_household else 0.0,
    )
    told = _labels(definitions, blocked)
    for _ in range(ROUNDS):
        match, household = _responsibilities(now, blocked, told)
        before = now.match
        now.match = max((match * blocked.pairs).sum(), 1e-3) / max(pairs, 1)
        now.m = [_shares(blocked, match, k, _PRIOR * usual[k] / 10) for k in range(len(sizes))]
        if with_household:
            now.household = max((household * blocked.pairs).sum(), 1e-3) / max(pairs, 1)
        for k, one in enumerate(definitions):
            if one.kind == "hard_id":
                now.m[k] = now.m[k] * (1 - _HARD_ERROR) + _HARD_ERROR * (np.arange(sizes[k]) == 0)
            # The matches are among the population's pairs; half a pair is what the smallest chance stands for.
            least = np.minimum(population[k], 0.5 / max(pairs, 1))
            now.u[k] = np.maximum(population[k] - now.match * now.m[k], least)
            now.u[k] /= now.u[k].sum()
            now.h[k] = _shares(blocked, household, k, np.full(sizes[k], 0.5)) if shared[k] else now.u[k]
        if abs(now.match - before) < 1e-7 * before:
            break
    return now


def _labels(definitions: Sequence[Comparison], blocked: Patterns) -> NDArray[np.float64]:
    """Per pattern: 1 a match, 0 none, as an authority's ids say; NaN where they say nothing."""
    told = np.full(len(blocked.pairs), np.nan)
    for k, one in enumerate(definitions):
        if one.kind == "hard_id":
            told[blocked.values[:, k] == len(one.levels)] = 1.0
            told[blocked.values[:, k] == 0] = 0.0
    return told


def _log_chance(chances: Chances, patterns: Patterns) -> NDArray[np.float64]:
    total = np.zeros(len(patterns.pairs))
    for k, one in enumerate(chances):
        value = patterns.values[:, k]
        total += np.where(value >= 0, np.log(one)[np.maximum(value, 0)], 0.0)
    return total


def _responsibilities(
    now: Estimate, blocked: Patterns, told: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per pattern: the chances of a match and of a household."""
    classes = np.stack([
        np.log(now.match) + _log_chance(now.m, blocked),
        (np.log(now.household) if now.household else -np.inf) + _log_chance(now.h, blocked),
        _log_chance(now.u, blocked),
    ])  # fmt: skip
    classes[0, told == 0.0] = -np.inf
    classes[1:, told == 1.0] = -np.inf
    chance = np.exp(classes - classes.max(axis=0))
    chance /= chance.sum(axis=0)
    return chance[0], chance[1]


def value_frequencies(
    connection: duckdb.DuckDBPyConnection, table: str, definitions: Sequence[Comparison]
) -> tuple[dict[str, dict[str, float]], float]:
    """(column -> value -> share of the records that have the column, share that a rare value counts as)."""
    columns = sorted({level.frequency for one in definitions for level in one.levels if level.frequency})
    found: dict[str, dict[str, float]] = {}
    most = 1
    for column in columns:
        ((known,),) = connection.execute(f"SELECT count({column}) FROM {table}").fetchall()
        rows = connection.execute(
            f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL "
            f"GROUP BY {column} HAVING count(*) >= {RARE} ORDER BY {column}"
        ).fetchall()
        found[column] = {value: float(f"{count / known:.9g}") for value, count in rows}
        most = max(most, known)
    return found, float(f"{(RARE - 1) / most:.9g}")
