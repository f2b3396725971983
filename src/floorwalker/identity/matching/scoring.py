"""Scoring candidate pairs by a model: all of them, or only those that new records make. Both give the same edges.

In: a model, records on an engine of Splink's, and which records are new. Out: a table of edges `rid_a`, `rid_b`,
`weight` (bits), `against_strangers`, and the gammas.

A pair's edge depends on nothing but the two records and the model: frequencies, blocks and oversized keys are pinned
in it, so that a pair gets the same edge whatever else is in the table and whenever it is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from floorwalker.identity.matching.blocking import pairs_sql
from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.vectors import compare

if TYPE_CHECKING:
    from splink.internals.database_api import DatabaseAPI

FLOOR = -4.0
"""Lighter pairs (chance below 6 %) are not kept."""


def weight_sql(model: Model, column: str = "match_weight") -> str:
    """SQL of a pair's weight from Splink's (`column`) and the gammas."""
    weight, (shift, slope) = column, model.calibration
    if model.household:
        terms = []
        for one in model.comparisons:
            cases = " ".join(
                f"WHEN {level.value} THEN CAST({level.against_household!r} AS DOUBLE)" for level in one.levels
            )
            terms.append(f"CASE gamma_{one.name} {cases} ELSE CAST(0 AS DOUBLE) END")
        household = f"(CAST({model.household_weight!r} AS DOUBLE) + {' + '.join(terms)})"
        # -log2(2^-w + 2^-v), written so that nothing overflows.
        weight = (
            f"(LEAST({column}, {household}) - LOG2(CAST(1 AS DOUBLE) + "
            f"POWER(CAST(2 AS DOUBLE), -ABS({column} - {household}))))"
        )
    if (shift, slope) == (0.0, 1.0):
        return weight
    return f"LEAST({weight}, CAST({shift!r} AS DOUBLE) + CAST({slope!r} AS DOUBLE) * {weight})"


def frequency_sql(model: Model, column: str, records: str) -> str:
    """The share that each of these records' values of `column` is pinned at: the column, `tf_<column>`."""
    return f"""
        SELECT v.value AS {column}, COALESCE(f.share, CAST({model.rare!r} AS DOUBLE)) AS tf_{column}
        FROM (SELECT DISTINCT {column} AS value FROM {records} WHERE {column} IS NOT NULL) AS v
        LEFT JOIN (SELECT value, share FROM match_frequencies WHERE name = '{column}') AS f ON f.value = v.value
    """


def edges_sql(model: Model, scored: str, floor: float | None = FLOOR) -> str:
    """The edges of a table that Splink scored. `floor`: lighter ones are left out."""
    gammas = ", ".join(f"CAST(gamma_{one.name} AS SMALLINT) AS gamma_{one.name}" for one in model.comparisons)
    return f"""
        SELECT * FROM (
            SELECT LEAST(rid_l, rid_r) AS rid_a, GREATEST(rid_l, rid_r) AS rid_b, {weight_sql(model)} AS weight,
                   match_weight AS against_strangers, {gammas}
            FROM {scored}
        ) AS scored WHERE {"TRUE" if floor is None else f"weight >= {floor!r}"}
    """


def score(
    api: DatabaseAPI[Any],
    model: Model,
    records: str,
    pairs: str,
    frequencies: Mapping[str, str],
    floor: float | None = FLOOR,
) -> str:
    """Compare the pairs of `records`; the name of Splink's table. `frequencies`: column -> table (`frequency_sql`)."""
    return compare(api, records, pairs, model.definitions(), model, least_weight=floor, frequencies=frequencies)


def candidate_sql(model: Model, records: str, new: str | None, skipped: str) -> str:
    """Pairs to score: all of `records`, or only those with a side in `new` (a table of records too)."""
    if new is None:
        return pairs_sql(model.blocks, records, records, skipped)
    return pairs_sql(model.blocks, new, records, skipped)


def skipped_rows(model: Model) -> Sequence[tuple[int, str]]:
    """Rows of the table of oversized keys (block, hash)."""
    return model.oversized


def frequency_rows(model: Model) -> list[tuple[str, str, float]]:
    """Rows of `match_frequencies` (name, value, share)."""
    return [(name, value, share) for name, shares in model.frequencies.items() for value, share in shares.items()]
