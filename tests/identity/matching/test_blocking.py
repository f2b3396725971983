"""Blocks: every pair once, none from a key that too many share; new records make exactly their part of all pairs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.matching.conftest import Shop
from tests.identity.matching.shop import table

from floorwalker.identity.match import FIELDS
from floorwalker.identity.matching import blocking
from floorwalker.identity.matching.blocking import Block, Part, candidates, choose, oversized, pairs_sql

VALUES = st.sampled_from([None, "", "ann@x.com", "ann@y.com", "bob@x.com"])
NAMES = st.sampled_from([None, "lee", "leeds", "li", ""])
ROWS = st.lists(st.fixed_dictionaries({"email": VALUES, "family_name": NAMES}), min_size=1, max_size=14)
BLOCKS = candidates({"email": "email", "family_name": "family_name"})


def _key(block: Block, row: dict[str, str | None]) -> tuple[str, ...] | None:
    """The key as Python has it."""
    found = []
    for part in block.parts:
        value = row[part.column] or ""
        if part.first == -1:
            value = value.partition("@")[0] if "@" in value else ""
        found.append(value[: part.first] if part.first > 0 else value)
    return tuple(found) if all(found) else None


def _pairs(
    connection: duckdb.DuckDBPyConnection, blocks: Sequence[Block], left: str, right: str, skipped: str = "none_skipped"
) -> list[tuple[int, int]]:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS none_skipped (block INTEGER, hash VARCHAR)")
    found = connection.execute(pairs_sql(blocks, left, right, skipped)).fetchall()
    return [(a, b) for a, b, _ in found]


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_pairs_are_those_that_agree_on_a_key_once_and_in_order(rows: list[dict[str, str | None]]) -> None:
    with duckdb.connect(config={"threads": "1"}) as connection:
        table(connection, "crowd", rows)
        found = _pairs(connection, BLOCKS, "crowd", "crowd")
        expected = {
            (a, b)
            for a, b in itertools.combinations(range(len(rows)), 2)
            if any((key := _key(block, rows[a])) is not None and key == _key(block, rows[b]) for block in BLOCKS)
        }
        assert sorted(found) == sorted(expected)


@settings(max_examples=20, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_a_block_that_implies_another_makes_a_part_of_its_pairs(rows: list[dict[str, str | None]], rng) -> None:
    implying = [(a, b) for a, b in itertools.permutations(BLOCKS, 2) if a.implies(b)]
    assert len(implying) >= 3
    one, other = rng.choice(implying)
    with duckdb.connect(config={"threads": "1"}) as connection:
        table(connection, "crowd", rows)
        assert set(_pairs(connection, [one], "crowd", "crowd")) <= set(_pairs(connection, [other], "crowd", "crowd"))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_new_records_make_their_part_of_all_pairs(shop: Shop, seed: int) -> None:
    shop.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE newcomers AS FROM match_records WHERE hash(rid, {seed}) % 7 = 0"
    )
    new = {rid for (rid,) in shop.connection.sql("SELECT rid FROM newcomers").fetchall()}
    every = _pairs(shop.connection, shop.model.blocks, "match_records", "match_records")
    found = _pairs(shop.connection, shop.model.blocks, "newcomers", "match_records")
    assert len(found) == len(set(found)) > 0
    assert set(found) == {(a, b) for a, b in every if a in new or b in new}


def test_no_blocks_make_no_pairs(shop: Shop) -> None:
    assert _pairs(shop.connection, [], "match_records", "match_records") == []


def test_a_key_that_too_many_share_makes_no_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "MOST_RECORDS", 3)
    blocks = [Block((Part("family_name"),)), Block((Part("email"),))]
    rows = [{"family_name": "lee", "email": "x"}] * 3 + [{"family_name": "lee", "email": "y"}] * 1
    with duckdb.connect() as connection:
        table(connection, "crowd", [*rows, {"family_name": None, "email": None}])
        skipped = oversized(connection, "crowd", blocks)
        ((digest,),) = connection.execute("SELECT md5('lee')").fetchall()
        assert skipped == [(0, digest)]
        connection.execute("CREATE TEMP TABLE skipped (block INTEGER, hash VARCHAR)")
        connection.executemany("INSERT INTO skipped VALUES (?, ?)", [list(one) for one in skipped])
        # The same key of another block is not meant: those who share an address are still pairs.
        assert sorted(_pairs(connection, blocks, "crowd", "crowd", "skipped")) == [(0, 1), (0, 2), (1, 2)]


def test_choice_counts_what_its_blocks_make_and_none_contains_another(shop: Shop) -> None:
    choice = choose(shop.connection, "match_records", FIELDS)
    assert len(choice.blocks) == len(choice.pairs) >= 3 and not choice.oversized
    for block, pairs in zip(choice.blocks, choice.pairs, strict=True):
        assert len(_pairs(shop.connection, [block], "match_records", "match_records")) == pairs
    assert not any(a.implies(b) for a, b in itertools.permutations(choice.blocks, 2))


def test_choice_keeps_to_the_budget_and_a_larger_one_buys_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for budget in (300, 3000):
        monkeypatch.setattr(blocking, "LEAST_BUDGET", budget)
        monkeypatch.setattr(blocking, "PAIRS_PER_RECORD", 0)
        choice = choose(shop.connection, "match_records", FIELDS)
        assert 0 < sum(choice.pairs) <= budget
        made.append(sum(choice.pairs))
    assert made[0] < made[1]


def test_a_block_has_no_column_twice_and_no_block_comes_twice() -> None:
    found = candidates(FIELDS)
    assert len({frozenset(block.parts) for block in found}) == len(found)
    assert all(len({part.column for part in block.parts}) == len(block.parts) for block in found)
    assert not any("loyalty_id" in str(block) for block in found)
