"""The k best and the ranks, against plain loops; ties; exclusions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from floorwalker.models.recommend.interactions import Histories
from floorwalker.models.recommend.ranking import MISS, blocks, ranks, top_k, walk

# Few distinct values, so that ties are the rule.
TABLES = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.sampled_from([0.0, 0.5, 1.0, 2.5])
)


def excluded(table: np.ndarray, seed: int) -> Histories:
    chance = np.random.default_rng(seed).random(table.shape) < 0.3
    return Histories.of([np.flatnonzero(row).tolist() for row in chance])


def forms(table: np.ndarray) -> list:
    return [table, sp.csr_array(table)]


@given(TABLES, st.integers(1, 10), st.integers(0, 9))
def test_top_k_equals_a_plain_sort(table: np.ndarray, k: int, seed: int) -> None:
    exclude = excluded(table, seed)
    allowed = np.random.default_rng(seed + 1).random(table.shape[1]) < 0.8
    for form in forms(table):
        found = top_k(form, k, exclude, allowed)
        for row in range(len(table)):
            hidden = set(exclude.items[exclude.starts[row] : exclude.starts[row + 1]].tolist())
            shown = [i for i in range(table.shape[1]) if allowed[i] and i not in hidden]
            if sp.issparse(form):
                shown = [i for i in shown if table[row, i] > 0]
            want = sorted(shown, key=lambda i: (-table[row, i], i))[:k]
            assert found.items[row].tolist() == want + [-1] * (k - len(want))
            assert found.scores[row].tolist() == [table[row, i] for i in want] + [0.0] * (k - len(want))


@given(TABLES, st.integers(0, 9), st.booleans())
def test_ranks_count_ties_against(table: np.ndarray, seed: int, several: bool) -> None:
    exclude = excluded(table, seed)
    rows = np.repeat(np.arange(len(table)), 2 if several else 1)
    targets = np.random.default_rng(seed).integers(0, table.shape[1], len(rows))
    for form in forms(table):
        found = ranks(form, rows, targets, exclude)
        for row, target, rank in zip(rows, targets, found, strict=True):
            hidden = set(exclude.items[exclude.starts[row] : exclude.starts[row + 1]].tolist())
            others = [i for i in range(table.shape[1]) if i != target and i not in hidden]
            want = MISS if target in hidden else sum(table[row, i] >= table[row, target] for i in others)
            assert rank == want


def test_negative_scores_keep_their_order() -> None:
    found = top_k(np.array([[-2.0, -0.5, 0.0, 3.0, -0.0]]), 5)
    assert found.items.tolist() == [[3, 2, 4, 1, 0]]
    assert found.scores.tolist() == [[3.0, 0.0, 0.0, -0.5, -2.0]]


@given(st.integers(1, 8), st.integers(0, 50))
def test_walk_skips_what_is_hidden(k: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    order, hidden = draw.permutation(9)[:7], draw.random((4, 9)) < 0.5
    found = walk(order, np.array([k, 0, 2, k]), hidden)
    for row, want in enumerate((k, 0, 2, k)):
        plain = [i for i in order.tolist() if not hidden[row, i]][:want]
        assert [i for i in found[row].tolist() if i >= 0] == plain


@pytest.mark.parametrize(("queries", "items", "cells"), [(0, 5, 10), (7, 3, 6), (3, 100, 10)])
def test_blocks_cover_everything_once(queries: int, items: int, cells: int) -> None:
    ranges = list(blocks(queries, items, cells))
    assert [i for start, stop in ranges for i in range(start, stop)] == list(range(queries))
