"""Figures against a truth, and the negative control that must show the storm."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify
from tests.identity.population import population

from floorwalker.identity.quality import measure, naive_map


def _measure(found: list[int], truth: list[int]):
    ids = [f"r{n}" for n in range(len(found))]
    return measure(
        pa.table({"record_id": ids, "customer_id": [str(c) for c in found]}),
        pa.table({"record_id": ids, "person_id": [str(p) for p in truth]}),
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25))
def test_the_figures_equal_those_counted_pair_by_pair(rows: list[tuple[int, int]]) -> None:
    found, truth = [a for a, _ in rows], [b for _, b in rows]
    pairs = list(itertools.combinations(range(len(rows)), 2))
    joined = {p for p in pairs if found[p[0]] == found[p[1]]}
    true = {p for p in pairs if truth[p[0]] == truth[p[1]]}
    quality = _measure(found, truth)
    assert (quality.found_pairs, quality.true_pairs, quality.right_pairs) == (
        len(joined),
        len(true),
        len(joined & true),
    )
    members = range(len(rows))
    precision = sum(
        sum(found[i] == found[j] and truth[i] == truth[j] for j in members) / found.count(found[i]) for i in members
    ) / len(rows)
    assert quality.bcubed_precision == pytest.approx(precision)
    assert quality.largest == max(found.count(c) for c in found)


def test_no_pairs_at_all() -> None:
    quality = _measure([1, 2], [1, 2])
    assert (quality.precision, quality.recall, quality.bcubed_f1) == (1.0, 1.0, 1.0)


def test_rules_hold_their_floor_where_raw_matching_storms(identify: Identify) -> None:
    records, truth = population(5000, seed=11)
    found = measure(identify(records).context.connection.sql("FROM silver.customer_map").to_arrow_table(), truth)
    assert found.precision >= 0.98
    assert found.recall >= 0.72
    assert found.largest <= 60
    naive = measure(naive_map(records), truth)
    assert naive.precision < 0.5
    assert naive.largest > 100
