"""Comparison vectors counted: the few thousand different ones say all that training needs to know of millions of pairs.

In: records and pairs on a DuckDB connection. Out: `Patterns`, one row per different vector, with how many pairs have
it. Besides `exact_chances`: how often two random records agree on a value, counted exactly from the sizes of groups,
because a sample of pairs is blind to what happens to one pair in a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from floorwalker.identity.matching.comparisons import Comparison
from floorwalker.identity.matching.vectors import compare


@dataclass(frozen=True)
class Patterns:
    """`values`: (patterns, comparisons) gammas, -1 unknown. `pairs`: how many pairs have each."""

    values: NDArray[np.int64]
    pairs: NDArray[np.float64]


def count_patterns(
    connection: duckdb.DuckDBPyConnection, records: str, pairs: str, definitions: Sequence[Comparison]
) -> Patterns:
    """Compare the pairs and count the vectors, in a fixed order."""
    from splink import DuckDBAPI

    table = compare(DuckDBAPI(connection=connection), records, pairs, definitions)
    columns = ", ".join(f"gamma_{one.name}" for one in definitions)
    counted = connection.sql(
        f"SELECT {columns}, count(*) AS pairs FROM {table} GROUP BY ALL ORDER BY {columns}"
    ).to_arrow_table()
    connection.execute(f"DROP TABLE {table}")
    values = np.stack([counted.column(k).to_numpy().astype(np.int64) for k in range(len(definitions))], axis=1)
    return Patterns(values, counted["pairs"].to_numpy().astype(np.float64))


def random_pairs(connection: duckdb.DuckDBPyConnection, records: int, pairs: int, table: str) -> None:
    """Make `table` of up to `pairs` random pairs of rids 0 … records-1, the same ones each time."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT DISTINCT least(a, b) AS join_key_l, greatest(a, b) AS join_key_r, '0' AS match_key FROM (
            SELECT (md5_number_lower('a' || i) % {records})::INTEGER AS a,
                   (md5_number_lower('b' || i) % {records})::INTEGER AS b
            FROM range({pairs}) AS numbers(i)
        ) WHERE a <> b
    """)


def exact_chances(connection: duckdb.DuckDBPyConnection, records: str, definition: Comparison) -> NDArray[np.float64]:
    """By gamma: the share of all pairs (of those that say anything) at the levels of equal values; NaN at others."""
    found = np.full(len(definition.levels) + 1, np.nan)
    known = _known_pairs(connection, records, definition.columns)
    taken: list[tuple[set[str], float]] = []
    for place, level in enumerate(definition.levels):
        if not level.equal:
            continue
        columns = ", ".join(level.equal)
        present = " AND ".join(f"{column} IS NOT NULL" for column in level.equal)
        ((equal,),) = connection.execute(
            f"SELECT coalesce(sum(n::DOUBLE * (n - 1) / 2), 0) FROM "
            f"(SELECT count(*) AS n FROM {records} WHERE {present} GROUP BY {columns})"
        ).fetchall()
        # Pairs that agree on more were counted at the level before.
        alone = max(equal - sum(n for columns, n in taken if columns >= set(level.equal)), 0.0)
        taken.append((set(level.equal), alone))
        found[len(definition.levels) - place] = alone / max(known, 1.0)
    return found


def _known_pairs(connection: duckdb.DuckDBPyConnection, records: str, columns: Sequence[str]) -> float:
    """Pairs in which both records have some column in common (inclusion and exclusion; at most two columns)."""
    counts = ", ".join(f"count({column})::DOUBLE" for column in columns)
    both = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    (row,) = connection.execute(f"SELECT {counts}, count(*) FILTER ({both})::DOUBLE FROM {records}").fetchall()
    *single, all_of_them = (n * (n - 1) / 2 for n in row)
    return single[0] if len(columns) == 1 else sum(single) - all_of_them
