"""A pair's waterfall: its bars add up to the weight that scoring gives, whatever the model."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.explain.tables import Tables, a_model

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import pair
from floorwalker.identity.explain.waterfall import Waterfall, waterfall
from floorwalker.identity.matching.model import probability
from floorwalker.identity.matching.scoring import weight_sql


def two() -> Tables:
    return Tables(["a till given_name=ann email=x", "b web given_name=ann email=y"]).customers("a", "b")


def total(fall: Waterfall) -> float:
    return fall.prior + sum(bar.bits for bar in fall.bars) + fall.rarity + fall.household + fall.doubt


@settings(max_examples=200, deadline=None)
@given(
    name=st.integers(-1, 2),
    birth=st.integers(-1, 1),
    rarity=st.floats(-3, 8),
    household=st.sampled_from([0.0, 2e-3, 1e-6]),
    calibration=st.sampled_from([(0.0, 1.0), (-1.5, 0.6)]),
)
def test_the_bars_add_up_to_what_scoring_gives(
    name: int, birth: int, rarity: float, household: float, calibration: tuple[float, float]
) -> None:
    model = a_model(household=household, calibration=calibration)
    strangers = model.prior_weight + rarity
    for one, gamma in zip(model.comparisons, (name, birth), strict=True):
        strangers += next((level.weight for level in one.levels if level.value == gamma), 0.0)
    ((weight,),) = duckdb.sql(
        f"SELECT {weight_sql(model)} FROM (SELECT {strangers!r}::DOUBLE AS match_weight, {name} AS gamma_given_name,"
        f" {birth} AS gamma_birth_date)"
    ).fetchall()
    row = {"weight": weight, "probability": probability(weight), "against_strangers": strangers,
           "gamma_given_name": name, "gamma_birth_date": birth}  # fmt: skip
    fall = waterfall(model, row)
    assert total(fall) == pytest.approx(weight, abs=0.02)
    assert fall.rarity == pytest.approx(rarity, abs=0.01)
    assert fall.household <= 0 and fall.doubt <= 1e-9
    assert (fall.household < 0) <= (household > 0)
    assert (fall.doubt < 0) <= (calibration != (0.0, 1.0))


def test_each_bar_says_what_was_found() -> None:
    shop = two().model("a", "b", 3.0, strangers=5.0, gammas=(2, -1))
    fall = pair(shop.connection, "b", "a", a_model()).waterfall
    assert fall is not None
    assert [(bar.name, bar.label, bar.gamma) for bar in fall.bars] == [
        ("given_name", "equal", 2),
        ("birth_date", "one side says nothing", -1),
    ]
    assert fall.bars[1].bits == 0.0
    assert (fall.stored, fall.model) == (True, "m1")


def test_both_records_side_by_side_and_what_ties_them() -> None:
    shop = two().tie("a", "phone_alone", "+441").tie("b", "phone_alone", "+441", refused="limit email 1")
    found = pair(shop.connection, "a", "b", clear=True)
    assert [(line.kind, line.a, line.b, line.same) for line in found.lines] == [
        ("email", "x", "y", False), ("given_name", "ann", "ann", True),
    ]  # fmt: skip
    assert (found.shared[0].accepted, found.waterfall, found.together) == (False, None, False)


def test_a_pair_that_no_table_has_is_scored() -> None:
    shop = two()
    row = {
        "weight": -14.0,
        "probability": 0.0,
        "against_strangers": -13.9,
        "gamma_given_name": 0,
        "gamma_birth_date": -1,
    }
    found = pair(shop.connection, "a", "b", a_model(), score=lambda *_: [row])
    assert found.waterfall is not None
    assert (found.waterfall.stored, found.waterfall.weight) == (False, -14.0)
    assert pair(shop.connection, "a", "b", a_model(), score=lambda *_: []).waterfall is None


def test_what_each_level_asks_for() -> None:
    found = pair(two().levels(transactional=None, crm=6.6, ads=4.2).connection, "a", "b")
    assert found.levels == {"transactional": None, "crm": 6.6, "ads": 4.2}


def test_a_record_that_is_not_known() -> None:
    with pytest.raises(NotFoundError, match="no record z"):
        pair(two().connection, "a", "z")
