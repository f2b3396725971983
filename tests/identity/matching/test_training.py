"""Learning: what was put into made-up vectors is found, and nothing but what records say matters."""

from __future__ import annotations

import random

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tests.identity.matching.conftest import Shop
from tests.identity.matching.shop import context_of, learn_fast, table
from tests.identity.population import population

from floorwalker.identity.match import FIELDS, pinned_model
from floorwalker.identity.matching import training
from floorwalker.identity.matching.comparisons import comparisons
from floorwalker.identity.matching.duckdb_scoring import edges
from floorwalker.identity.matching.patterns import Patterns
from floorwalker.identity.matching.training import calibrate, estimate
from floorwalker.identity.settings import IdentitySettings

SMALL = {"given_name": "given_name", "birth_date": "birth_date", "email": "email", "phone": "phone"}
CARDS = {**SMALL, "card": "hard_id"}


def _made_up(fields: dict[str, str], matches: int, strangers: int, seed: int = 1):
    """(definitions, chances of strangers, chances of matches, patterns) of vectors drawn from known chances."""
    rng = np.random.default_rng(seed)
    definitions = comparisons(fields)
    sizes = [len(one.labels) for one in definitions]
    m = [np.concatenate([np.full(size - 1, 0.15 / (size - 1)), [0.85]]) for size in sizes]
    u = [np.concatenate([[0.96], np.full(size - 1, 0.04 / (size - 1))]) for size in sizes]
    drawn = [
        np.concatenate([rng.choice(size, matches, p=m[k]), rng.choice(size, strangers, p=u[k])])
        for k, size in enumerate(sizes)
    ]
    vectors = np.stack(drawn, axis=1)
    vectors[rng.random(vectors.shape) < 0.2] = -1
    values, pairs = np.unique(vectors, axis=0, return_counts=True)
    return definitions, u, m, Patterns(values, pairs.astype(np.float64))


def test_expectation_maximisation_finds_the_chances_that_made_the_vectors() -> None:
    definitions, u, m, patterns = _made_up(SMALL, 6_000, 60_000)
    pairs = patterns.pairs.sum()
    share = 6_000 / pairs
    mixed = [share * of_match + (1 - share) * of_none for of_match, of_none in zip(m, u, strict=True)]
    found = estimate(definitions, mixed, patterns, pairs)
    assert found.match == pytest.approx(share, rel=0.1)
    for k in range(len(definitions)):
        assert found.m[k] == pytest.approx(m[k], abs=0.02)
        assert found.u[k] == pytest.approx(u[k], abs=0.003)


def test_equal_cards_are_matches_and_different_ones_are_not() -> None:
    """Half of those who agree on all else have cards that differ: labels outweigh what vectors look like."""
    definitions = comparisons(CARDS)
    best = [len(one.levels) for one in definitions]
    worst = [0] * len(best)
    values = np.array([best, [*best[:-1], 0], worst, [*worst[:-1], best[-1]]])
    patterns = Patterns(values, np.array([500.0, 500.0, 50_000.0, 100.0]))
    population = [np.full(size + 1, 1 / (size + 1)) for size in best]
    found = estimate(definitions, population, patterns, 51_100.0)
    assert found.match * 51_100 == pytest.approx(600, rel=0.01)
    assert found.m[0][best[0]] == pytest.approx(5 / 6, abs=0.02)


def test_calibration_learns_doubt_from_cards_and_nothing_from_too_few() -> None:
    definitions = comparisons(CARDS)
    best = [len(one.levels) for one in definitions]
    population = [np.concatenate([[0.98], np.full(size, 0.02 / size)]) for size in best]
    vectors, counts = [], []
    for agree in range(len(best)):
        levels = [size if k < agree else 0 for k, size in enumerate(best[:-1])]
        for card, share in ((best[-1], 0.6), (0, 0.4)):
            vectors.append([*levels, card])
            counts.append(1000 * share)
    sure = estimate(definitions, population, Patterns(np.array(vectors), np.array(counts)), 1e6)
    shift, slope = calibrate(definitions, sure, Patterns(np.array(vectors), np.array(counts)))
    # Cards agree in three pairs of five, whatever the vector looks like.
    assert slope < 0.3 and 2.0**shift / (1 + 2.0**shift) < 0.9
    assert calibrate(definitions, sure, Patterns(np.array(vectors), np.array(counts) / 1000)) == (0.0, 1.0)


def test_what_was_learned_tells_people_apart(shop: Shop) -> None:
    """Of pairs at 95 % or more that no card decides, nearly all are one person."""
    edges(shop.connection, shop.model, "match_records", "weighed")
    ((right, pairs),) = shop.connection.sql("""
        SELECT count(*) FILTER (p.person_id = q.person_id), count(*) FROM weighed
        JOIN match_records a ON a.rid = rid_a JOIN match_records b ON b.rid = rid_b
        JOIN truth p ON p.record_id = a.record_id JOIN truth q ON q.record_id = b.record_id
        WHERE weight >= 4.25 AND gamma_loyalty_id <= 0
    """).fetchall()
    assert pairs > 500 and right / pairs > 0.93


def test_learning_again_gives_the_same_and_order_and_names_of_records_do_not_matter(tmp_path) -> None:
    records, _ = population(900, seed=8)
    ids, rows = [], records.to_pylist()
    random.Random(4).shuffle(rows)
    renamed = [row | {"record_id": f"n{n:04d}"} for n, row in enumerate(rows)]
    shuffled = pa.Table.from_pylist(renamed, schema=records.schema)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_PAIRS", 20_000)
        for number, some in enumerate((records, records, shuffled)):
            context = context_of(some, tmp_path / str(number))
            ids.append(pinned_model(context, 900, IdentitySettings()).id)
    assert ids[0] == ids[1] == ids[2]


PEOPLE = [
    {"given_name": "ann", "family_name": "lee", "birth_date": "1980-03-04"},
    {"given_name": "anna", "family_name": "lee", "birth_date": "1980-03-04"},
    {"given_name": "bob", "family_name": "bee", "birth_date": "1951-12-27"},
]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("twins", [False, True])
def test_few_records_are_enough_for_a_model_that_scores(count: int, twins: bool) -> None:
    rows = [PEOPLE[0]] * count if twins else PEOPLE[:count]
    kinds = {name: name for name in PEOPLE[0]}
    with duckdb.connect(config={"threads": "1"}) as connection:
        table(connection, "crowd", rows)
        model = learn_fast(connection, "crowd", kinds)
        assert 0 < model.match < 1 and np.isfinite(model.prior_weight)
        edges(connection, model, "crowd", "found")


def test_a_column_that_says_nothing_and_one_that_always_says_the_same_decide_nothing() -> None:
    rng = random.Random(2)
    rows: list[dict[str, str | None]] = []
    for number in range(300):
        row = {"given_name": rng.choice(["ann", "bob", "eve", "tom", "zoe"]), "family_name": f"lee{number}",
               "birth_date": f"19{rng.randrange(40, 99)}-0{rng.randrange(1, 9)}-1{rng.randrange(9)}",
               "phone": None, "club": "gold"}  # fmt: skip
        rows += [row, row] if number % 2 else [row]
    kinds = {"given_name": "given_name", "family_name": "family_name", "birth_date": "birth_date", "phone": "phone",
             "club": "category"}  # fmt: skip
    with duckdb.connect(config={"threads": "1"}) as connection:
        table(connection, "crowd", rows)
        model = learn_fast(connection, "crowd", kinds)
        edges(connection, model, "crowd", "found")
        found = connection.sql("SELECT gamma_phone, gamma_club, weight FROM found").fetchall()
    by_name = {one.name: one.levels for one in model.comparisons}
    assert abs(by_name["club"][1].weight) < 0.1
    assert all(np.isfinite(level.weight) for one in model.comparisons for level in one.levels)
    assert {(phone, club) for phone, club, _ in found} == {(-1, 1)}
    assert sum(weight > 5 for *_, weight in found) == 150


def test_columns_without_any_value_are_no_reason_to_fail() -> None:
    with duckdb.connect(config={"threads": "1"}) as connection:
        table(connection, "crowd", [dict.fromkeys(FIELDS)] * 40)
        model = learn_fast(connection, "crowd", FIELDS)
        assert edges(connection, model, "crowd", "found") == 0
