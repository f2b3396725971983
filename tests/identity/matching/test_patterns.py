"""Counts against counts by hand."""

from __future__ import annotations

import itertools

import duckdb
import numpy as np
import pytest
from tests.identity.matching.conftest import Shop
from tests.identity.matching.shop import table

from floorwalker.identity.matching.comparisons import comparisons
from floorwalker.identity.matching.patterns import count_patterns, exact_chances, random_pairs


def test_every_pair_has_one_pattern_and_patterns_are_different(shop: Shop) -> None:
    random_pairs(shop.connection, 1500, 3000, "drawn")
    ((pairs,),) = shop.connection.sql("SELECT count(*) FROM drawn").fetchall()
    found = count_patterns(shop.connection, "learn_from", "drawn", shop.model.definitions())
    assert found.pairs.sum() == pairs
    assert len(np.unique(found.values, axis=0)) == len(found.values)
    assert found.values.min() == -1


def test_random_pairs_are_the_same_each_time_and_different_among_themselves() -> None:
    with duckdb.connect() as connection:
        drawn = []
        for name in ("one", "two"):
            random_pairs(connection, 100, 1000, name)
            drawn.append(connection.sql(f"SELECT join_key_l, join_key_r FROM {name} ORDER BY ALL").fetchall())
    assert drawn[0] == drawn[1] and len(set(drawn[0])) == len(drawn[0]) > 800
    assert all(0 <= a < b < 100 for a, b in drawn[0])


def test_chances_of_equal_values_are_those_of_all_pairs_counted_one_by_one() -> None:
    rng = np.random.default_rng(1)
    rows: list[dict[str, str | None]] = [
        {"street": rng.choice([None, "1 a st", "2 b st", "3 c st"]), "zip": rng.choice([None, "x1", "x2"])}
        for _ in range(60)
    ]
    (place,) = comparisons({"street": "address", "zip": "postcode"})
    said = both = street = code = 0
    for a, b in itertools.combinations(rows, 2):
        same_street, same_code = (a[f] == b[f] is not None for f in ("street", "zip"))
        said += any(a[f] is not None and b[f] is not None for f in ("street", "zip"))
        both += same_street and same_code
        street += same_street and not same_code
        code += same_code and not same_street
    with duckdb.connect() as connection:
        table(connection, "crowd", rows)
        found = exact_chances(connection, "crowd", place)
    counted = dict(zip(place.labels, found, strict=True))
    assert counted["address and postcode equal"] == pytest.approx(both / said)
    assert counted["address equal"] == pytest.approx(street / said)
    assert counted["postcode equal"] == pytest.approx(code / said)
    assert np.isnan(counted["different"]) and np.isnan(counted["postcode a slip apart"])
