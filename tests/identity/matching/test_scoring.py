"""Weights as numpy computes them from the model's numbers, beside those of the SQL."""

from __future__ import annotations

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.matching.conftest import Shop

from floorwalker.identity.matching.duckdb_scoring import edges, load_model
from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.scoring import FLOOR, frequency_sql, weight_sql

CALIBRATIONS = ((0.0, 1.0), (2.5, 0.6), (-1.0, 1.3))


def _expected(model: Model, against_strangers: np.ndarray, gammas: dict[str, np.ndarray]) -> np.ndarray:
    """-log2(2^-w + 2^-v), no more than a + b times that."""
    household = np.full(len(against_strangers), model.household_weight)
    for one in model.comparisons:
        bits = np.array([level.against_household for level in one.levels])
        gamma = gammas[one.name]
        household += np.where(gamma >= 0, bits[np.maximum(gamma, 0)], 0.0)
    weight = -np.logaddexp2(-against_strangers, -household)
    shift, slope = model.calibration
    return weight if (shift, slope) == (0.0, 1.0) else np.minimum(weight, shift + slope * weight)


def _weigh(model: Model, against_strangers: np.ndarray, gammas: dict[str, np.ndarray]) -> np.ndarray:
    with duckdb.connect() as connection:
        columns = {f"gamma_{name}": values for name, values in gammas.items()}
        connection.register("scored", pa.table({"match_weight": against_strangers, **columns}))
        return connection.sql(f"SELECT {weight_sql(model)} AS weight FROM scored").to_arrow_table()["weight"].to_numpy()


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("household", [True, False])
def test_the_weight_is_what_numpy_makes_of_it_and_never_more_than_against_strangers(
    shop: Shop, calibration: tuple[float, float], household: bool
) -> None:
    model = msgspec.structs.replace(
        shop.model, calibration=calibration, household=shop.model.household if household else 0.0
    )
    rng = np.random.default_rng(1)
    strangers = np.concatenate([rng.normal(5, 20, 5000), [-1000.0, 1000.0, 0.0]])
    gammas = {one.name: rng.integers(-1, len(one.levels), len(strangers)) for one in model.comparisons}
    found = _weigh(model, strangers, gammas)
    if household:
        assert found == pytest.approx(_expected(model, strangers, gammas), rel=1e-12, abs=1e-12)
        assert np.isfinite(found).all()
    assert (found <= strangers + 1e-9).all()
    plain = _weigh(msgspec.structs.replace(model, calibration=(0.0, 1.0)), strangers, gammas)
    assert (found <= plain).all()


@settings(max_examples=12, deadline=None)
@given(st.floats(-8, 8), st.floats(0.2, 2.0))
def test_calibration_never_raises_a_weight(shop: Shop, shift: float, slope: float) -> None:
    strangers = np.linspace(-40, 40, 801)
    gammas = {one.name: np.full(801, -1) for one in shop.model.comparisons}
    plain, doubted = (
        _weigh(msgspec.structs.replace(shop.model, calibration=calibration), strangers, gammas)
        for calibration in ((0.0, 1.0), (shift, slope))
    )
    assert (doubted <= plain).all() and (np.diff(doubted) >= 0).all()


def test_edges_are_the_models_numbers_added_up_rare_values_included(shop: Shop) -> None:
    """Against strangers: prior, log2(m/u) per comparison, and for equal names log2(u / share of the value)."""
    model, connection = shop.model, shop.connection
    edges(connection, model, "match_records", "weighed")
    names = [one.name for one in model.comparisons]
    frequent = ("given_name", "family_name", "birth_date")
    assert set(model.frequencies) == set(frequent)
    values = ", ".join(f"coalesce(a.{column}, '') AS {column}" for column in frequent)
    found = connection.sql(
        f"SELECT weight, against_strangers, {', '.join(f'gamma_{name}' for name in names)}, {values} FROM weighed "
        "JOIN match_records a ON a.rid = rid_a"
    ).to_arrow_table()
    gammas = {name: found[f"gamma_{name}"].to_numpy().astype(int) for name in names}
    expected = np.full(len(found), model.prior_weight)
    rare = 0
    for one in model.comparisons:
        bits = np.array([level.weight for level in one.levels])
        expected += np.where(gammas[one.name] >= 0, bits[np.maximum(gammas[one.name], 0)], 0.0)
        if one.name in frequent:
            equal = gammas[one.name] == len(one.levels) - 1
            shares = model.frequencies[one.name]
            share = np.array([shares.get(value, model.rare) for value in found[one.name].to_pylist()])
            rare += int((equal & (share == model.rare)).sum())
            expected += np.where(equal, np.log2(one.levels[-1].u / np.maximum(share, 1e-6)), 0.0)
    against_strangers = found["against_strangers"].to_numpy()
    assert rare > 100 and len(found) > 2000
    assert against_strangers == pytest.approx(expected, abs=1e-9)
    weight = found["weight"].to_numpy()
    assert weight == pytest.approx(_expected(model, against_strangers, gammas), abs=1e-9)
    assert weight.min() >= FLOOR


def test_values_the_model_does_not_know_are_as_rare_as_any(shop: Shop) -> None:
    common, share = max(shop.model.frequencies["given_name"].items(), key=lambda one: one[1])
    with duckdb.connect() as connection:
        load_model(connection, shop.model)
        connection.execute("CREATE TABLE crowd AS SELECT unnest([?, ?, 'neverseen', NULL]) AS given_name", [common] * 2)
        found = dict(connection.sql(frequency_sql(shop.model, "given_name", "crowd")).fetchall())
    assert found == {common: share, "neverseen": shop.model.rare}
    assert share > 5 * shop.model.rare
