"""Which pairs of records are looked at at all: those that agree on a block's key.

In: a table of records with columns of known kinds. Out: `Block`s chosen for these data, and the SQL that makes
candidate pairs of them; plain enough for DuckDB and Spark.

>>> [str(b) for b in candidates({"email": "email", "born": "birth_date"})][:4]
['email', 'born', 'email[:@]', 'email+born']

Blocks are chosen by counting (`choose`): the pairs of every candidate are counted exactly, from group sizes; blocks
with few pairs come first, one that contains others takes their place, and what would exceed the budget is left out. A
value that too many records share makes no pairs: they would grow with its square, and tell little. The values left
out are pinned with the model (`oversized`), so that records that come later meet the same blocks.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import duckdb
import msgspec

MOST_RECORDS = 400
"""A key that more records share makes no pairs."""
PAIRS_PER_RECORD = 7
"""Budget of candidate pairs of a large table …"""
LEAST_BUDGET = 2_000_000
"""… and what a small one may have anyway."""
COUNTED_RECORDS = 150_000
"""Candidates are counted over about this many records."""

# No hard ids: who shares one is joined or kept apart without a model.
_ALONE = ("birth_date", "email", "phone", "id", "address", "postcode", "word")
_WHOLE = (*_ALONE, "given_name", "family_name", "place", "word")
_SHORT = {"given_name": (2,), "family_name": (4,), "birth_date": (7, 4), "postcode": (3,)}
_BEFORE_AT = -1


class Part(NamedTuple):
    """One part of a key: a column, whole (0), its first `first` characters, or what stands before its @ (-1)."""

    column: str
    first: int = 0

    def __str__(self) -> str:
        if self.first == _BEFORE_AT:
            return f"{self.column}[:@]"
        return f"{self.column}[:{self.first}]" if self.first else self.column

    @property
    def sql(self) -> str:
        """Over the columns of the records; NULL or '' where there is nothing to go by."""
        if self.first == _BEFORE_AT:
            return f"SUBSTR({self.column}, 1, INSTR({self.column}, '@'))"
        return f"SUBSTR({self.column}, 1, {self.first})" if self.first else self.column

    def implies(self, other: Part) -> bool:
        """Do records that agree on this agree on `other`?"""
        return self.column == other.column and (self.first in (0, other.first) or 0 < other.first <= self.first)


class Block(msgspec.Struct, frozen=True):
    """Records that agree on all parts are candidates."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "+".join(map(str, self.parts))

    @property
    def key(self) -> str:
        """SQL of the key: NULL where a part is missing."""
        return " || '|' || ".join(f"NULLIF({part.sql}, '')" for part in self.parts)

    def implies(self, other: Block) -> bool:
        """Is every pair of this block one of `other`?"""
        return all(any(mine.implies(theirs) for mine in self.parts) for theirs in other.parts)


def candidates(fields: Mapping[str, str]) -> list[Block]:
    """Blocks worth counting: telling values alone, any two whole values, and what survives a slip in three."""
    whole = [Part(column) for column, kind in fields.items() if kind in _WHOLE]
    short = [Part(column, first) for column, kind in fields.items() for first in _SHORT.get(kind, ())]
    broad = [Part(column) for column, kind in fields.items() if kind == "category"]
    found: list[tuple[Part, ...]] = [(Part(column),) for column, kind in fields.items() if kind in _ALONE]
    found += [(Part(column, _BEFORE_AT),) for column, kind in fields.items() if kind == "email"]
    found += itertools.combinations(whole, 2)
    found += itertools.product(whole, short)
    found += itertools.combinations([*whole, *broad], 3)
    found += itertools.combinations([*short, *broad], 3)
    found += [(one, *two) for one in whole for two in itertools.combinations(short, 2)]
    blocks: dict[frozenset[Part], Block] = {}
    for parts in found:
        if len({part.column for part in parts}) == len(parts):
            blocks.setdefault(frozenset(parts), Block(tuple(parts)))
    return list(blocks.values())


class Choice(NamedTuple):
    """The blocks chosen, how many pairs each makes, and the keys that are too common: (block, md5 of the key)."""

    blocks: list[Block]
    pairs: list[int]
    oversized: list[tuple[int, str]]


def choose(connection: duckdb.DuckDBPyConnection, table: str, fields: Mapping[str, str]) -> Choice:
    """Count every candidate over `table` (a large one by a sample of its records) and take what the budget allows."""
    ((records,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    share = min(1.0, COUNTED_RECORDS / max(records, 1))
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE blocking_sample AS
        SELECT * FROM {table} WHERE hash(rid) % 1000000 < {round(share * 1_000_000)}
    """)
    options = candidates(fields)
    budget = max(LEAST_BUDGET, PAIRS_PER_RECORD * records)
    counts = [_pairs(connection, "blocking_sample", block, MOST_RECORDS * share) / share**2 for block in options]
    connection.execute("DROP TABLE blocking_sample")
    chosen: list[int] = []
    for one in sorted(range(len(options)), key=lambda i: (counts[i], i)):
        if not counts[one] or any(options[one].implies(options[other]) for other in chosen):
            continue
        contained = [other for other in chosen if options[other].implies(options[one])]
        if sum(counts[i] for i in chosen) - sum(counts[i] for i in contained) + counts[one] <= budget:
            chosen = [i for i in chosen if i not in contained] + [one]
    blocks = [options[i] for i in chosen]
    return Choice(blocks, [round(counts[i]) for i in chosen], oversized(connection, table, blocks))


def _pairs(connection: duckdb.DuckDBPyConnection, table: str, block: Block, most: float) -> int:
    """Pairs of a block whose key is in at most `most` records."""
    ((pairs,),) = connection.execute(
        f"SELECT coalesce(sum(n * (n - 1) // 2), 0)::BIGINT FROM (SELECT count(*) AS n FROM {table} "
        f"WHERE ({block.key}) IS NOT NULL GROUP BY {', '.join(part.sql for part in block.parts)}) "
        f"WHERE n <= {most}"
    ).fetchall()
    return pairs


def oversized(connection: duckdb.DuckDBPyConnection, table: str, blocks: Sequence[Block]) -> list[tuple[int, str]]:
    """(block, md5 of the key) of the keys that make no pairs."""
    found = []
    for number, block in enumerate(blocks):
        rows = connection.execute(
            f"SELECT md5({block.key}) AS hash FROM {table} WHERE ({block.key}) IS NOT NULL "
            f"GROUP BY {block.key} HAVING count(*) > {MOST_RECORDS} ORDER BY hash"
        ).fetchall()
        found += [(number, digest) for (digest,) in rows]
    return found


def pairs_sql(blocks: Sequence[Block], left: str, right: str, skipped: str) -> str:
    """SELECT join_key_l, join_key_r of the candidate pairs between tables `left` and `right` (columns rid and the
    fields), each pair once, smaller rid first; where both are one table, within it. `skipped`: a table of `oversized`
    (block, hash)."""
    if not blocks:
        return f"SELECT rid AS join_key_l, rid AS join_key_r, '0' AS match_key FROM {left} WHERE FALSE"
    parts = []
    for number, block in enumerate(blocks):
        keyed = f"SELECT rid, block_key FROM (SELECT rid, {block.key} AS block_key FROM {{table}}) AS keyed"
        # Of equal keys it is enough to look at one side's.
        common = f"MD5(block_key) NOT IN (SELECT hash FROM {skipped} WHERE block = {number})"
        order = "l.rid < r.rid" if left == right else "l.rid <> r.rid"
        parts.append(
            "SELECT LEAST(l.rid, r.rid) AS join_key_l, GREATEST(l.rid, r.rid) AS join_key_r "
            f"FROM ({keyed.format(table=left)} WHERE block_key IS NOT NULL AND {common}) AS l "
            f"JOIN ({keyed.format(table=right)} WHERE block_key IS NOT NULL) AS r "
            f"ON l.block_key = r.block_key AND {order}"
        )
    return f"SELECT DISTINCT join_key_l, join_key_r, '0' AS match_key FROM ({' UNION ALL '.join(parts)}) AS pairs"


def near_sql(blocks: Sequence[Block], new: str, skipped: str) -> str:
    """SQL that says of a record (record_id and the fields) whether it is of table `new` or agrees with one of these on
    a block; see `pairs_sql`."""
    agrees = [
        f"({block.key}) IN (SELECT block_key FROM (SELECT DISTINCT {block.key} AS block_key FROM {new}) AS keyed"
        f" WHERE block_key IS NOT NULL AND MD5(block_key) NOT IN (SELECT hash FROM {skipped} WHERE block = {number}))"
        for number, block in enumerate(blocks)
    ]
    return " OR ".join([f"record_id IN (SELECT record_id FROM {new})", *agrees])
