"""Levels nest, cuts hold their targets, and what the curve expects is what a known truth shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify, Outcome
from tests.identity.population import population

from floorwalker.identity.levels import TRUST, USUAL, Cut, Graph, Step, choose_cut, judge_rules, plan
from floorwalker.identity.matching import training
from floorwalker.identity.resolver import Evidence, People, components, smallest_member
from floorwalker.identity.rules import RULES
from floorwalker.identity.settings import IdentitySettings


@pytest.fixture(scope="module", autouse=True)
def _few_random_pairs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_PAIRS", 20_000)
        yield


def _refines(strict: np.ndarray, loose: np.ndarray) -> bool:
    """Are records that are together in `strict` together in `loose`?"""
    return len(np.unique(np.stack([strict, loose]), axis=1).T) == len(np.unique(strict))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_a_partition_further_down_the_order_is_coarser(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, pieces = 40, 60
    tier = rng.choice([0, 1, 2, 4], pieces).astype(np.int8)
    evidence = Evidence(
        record=rng.integers(0, count, pieces).astype(np.int32), node=rng.integers(1, 12, pieces).astype(np.uint64),
        tier=tier, weight=rng.uniform(0, 30, pieces),
        partner=np.where(tier == 4, rng.integers(0, count, pieces), -1).astype(np.int32),
    )  # fmt: skip
    graph = Graph.of(count, evidence, rng.random(pieces) < 0.8)
    cuts = [cut for cut, _ in plan((rule.tier, rule.weight, rule.name) for rule in RULES.values() if rule.tier < 3)]
    labels = [graph.labels(cut) for cut in cuts]
    assert all(_refines(one, two) for one, two in itertools.pairwise(labels))
    assert len(np.unique(labels[0])) > len(np.unique(labels[-1]))
    # Step by step, and all down to a step at once.
    for walked, cut in zip(graph.walk(cuts), cuts, strict=True):
        rows = cut.keeps(graph.tier, graph.weight)
        at_once = components(graph.left[rows], graph.right[rows], graph.points)[:count]
        assert np.array_equal(smallest_member(walked), smallest_member(at_once))


def _levels(found: Outcome) -> dict[str, dict[str, str]]:
    """Level -> record -> group, of records that name anybody."""
    names = IdentitySettings().levels
    groups = {name: dict(found.customer) for name in names}
    for record, level, customer in found.rows("FROM silver.customer_levels"):
        groups[level][record] = customer
    return groups


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_groups_of_a_stricter_level_are_parts_of_those_of_a_looser_one(identify: Identify, seed: int) -> None:
    found = identify(population(800, seed=seed)[0])
    groups = _levels(found)
    counts = [len(set(groups[level].values())) for level in ("transactional", "crm", "ads")]
    assert counts == sorted(counts, reverse=True)
    for strict, loose in (("transactional", "crm"), ("crm", "ads")):
        pairs = {(groups[strict][record], groups[loose][record]) for record in found.customer}
        assert len(pairs) == len({group for group, _ in pairs})
    assert {level for _, level, _ in found.rows("FROM silver.customer_levels")} <= {"transactional", "ads"}


def test_expected_precision_is_what_the_truth_shows(identify: Identify) -> None:
    records, truth = population(3000, seed=21)
    found = identify(records)
    owner = dict(zip(truth["record_id"].to_pylist(), truth["person_id"].to_pylist(), strict=True))
    expected = {}
    for precision, recall, levels in found.rows("SELECT precision, recall, levels FROM silver.identity_levels"):
        expected |= dict.fromkeys((levels or "").replace(",", " ").split(), (precision, recall))
    assert expected.keys() == IdentitySettings().levels.keys()
    for level, groups in _levels(found).items():
        with duckdb.connect() as connection:
            rows = pa.table({"grouped": list(groups.values()), "person": [owner[record] for record in groups]})
            connection.register("rows", rows)
            ((together, right, there),) = connection.execute("""
                SELECT (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM rows GROUP BY grouped)),
                       (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM rows GROUP BY grouped, person)),
                       (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM rows GROUP BY person))
            """).fetchall()
        precision, recall = expected[level]
        assert together > 1000
        assert right / together == pytest.approx(precision, abs=0.03), level
        assert right / there == pytest.approx(recall, abs=0.15), level


def _step(tier: int, weight: float, precision: float) -> Step:
    return Step(tier, weight, "", 100, 50, precision, 0.5)


def test_the_cut_is_the_last_step_that_holds_the_target() -> None:
    steps = [_step(0, 30, 0.999), _step(1, 20, 0.98), _step(4, 10, 0.99), _step(4, 2, 0.9)]
    assert choose_cut(steps, 0.99) == Cut(4, 10)
    assert choose_cut(steps, 0.5) == Cut(4, 2)
    assert choose_cut(steps, 0.9999) == Cut(0, 30)


@given(st.lists(st.floats(0.5, 1), min_size=1, max_size=12), st.floats(0.5, 1), st.floats(0.5, 1))
def test_a_stricter_target_never_cuts_further_down(precisions: list[float], one: float, two: float) -> None:
    steps = [_step(4, -place, precision) for place, precision in enumerate(precisions)]
    assert choose_cut(steps, max(one, two)).weight >= choose_cut(steps, min(one, two)).weight


def test_cards_held_back_judge_the_rules() -> None:
    """600 pairs of records share an address; of 300 both cards are known, and in 30 of these they differ."""
    count, pairs = 1200, 600
    pair = np.arange(count) // 2
    cards = np.where(pair < 300, np.where((pair < 30) & (np.arange(count) % 2 == 1), 10_000 + pair, 1 + pair), 0)
    nobody = np.zeros(count, np.int32)
    people = People(
        {"loyalty_id": cards.astype(np.uint64)}, nobody, nobody, [""], nobody, np.arange(count, dtype=np.uint64)
    )
    evidence = Evidence(
        np.arange(count, dtype=np.int32), (1 + pair).astype(np.uint64), np.ones(count, np.int8),
        np.full(count, 21.0), np.full(count, -1, np.int32),
    )  # fmt: skip
    judged = judge_rules(
        people, evidence, np.zeros(count, bool), "loyalty_id", [Cut(0, 30.0), Cut(1, 20.0)], {"loyalty_id": 1}, 30
    )
    error = (30 + TRUST * (1 - USUAL[1])) / (300 + TRUST)
    assert judged.precision == [1.0, pytest.approx(1 - error)]
    assert judged.matches == pytest.approx(pairs * (1 - error))
