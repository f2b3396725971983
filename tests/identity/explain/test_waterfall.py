"""A pair's waterfall: the bars add up to the weight, whatever the model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.identity.explain.tables import Tables

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import pair
from floorwalker.identity.explain.waterfall import waterfall


def model() -> SimpleNamespace:
    """Two comparisons, as `identity.matching.model` gives them."""

    def level(value: int, label: str, weight: float) -> SimpleNamespace:
        return SimpleNamespace(value=value, label=label, weight=weight)

    name = SimpleNamespace(name="name", levels=[level(2, "the same", 8.0), level(1, "near", 3.0), level(0, "else", -4)])
    birth = SimpleNamespace(name="birth", levels=[level(1, "the same", 9.5), level(0, "else", -5.0)])
    return SimpleNamespace(comparisons=[name, birth], prior_weight=-10.0)


def two() -> Tables:
    return Tables(["a till given_name=ann email=x", "b web given_name=ann email=y"]).customers("a", "b")


def test_the_bars_add_up_and_rarity_has_a_bar_of_its_own() -> None:
    shop = two().model("a", "b", 9.0, gammas=(2, 1))
    fall = pair(shop.connection, "b", "a", model()).waterfall
    assert fall is not None
    assert [(bar.name, bar.label, bar.bits) for bar in fall.bars] == [
        ("name", "the same", 8.0),
        ("birth", "the same", 9.5),
    ]
    assert fall.rarity == pytest.approx(1.5)
    assert fall.prior + sum(bar.bits for bar in fall.bars) + fall.rarity == pytest.approx(fall.weight) == 9.0
    assert fall.stored


def test_what_one_side_does_not_say_weighs_nothing() -> None:
    fall = waterfall(model(), {"gamma_name": 1, "gamma_birth": -1, "weight": -7.0})
    assert [(bar.gamma, bar.bits) for bar in fall.bars] == [(1, 3.0), (-1, 0.0)]
    assert (fall.rarity, fall.bars[1].label) == (0.0, "one side says nothing")
    assert fall.probability == pytest.approx(1 / 129)


def test_both_records_side_by_side_and_what_ties_them() -> None:
    shop = two().tie("a", "phone_alone", "+441").tie("b", "phone_alone", "+441", refused="limit email 1")
    found = pair(shop.connection, "a", "b", clear=True)
    assert [(line.kind, line.a, line.b, line.same) for line in found.lines] == [
        ("email", "x", "y", False), ("given_name", "ann", "ann", True),
    ]  # fmt: skip
    assert (found.shared[0].accepted, found.waterfall, found.together) == (False, None, False)


def test_a_pair_that_no_table_has_is_scored() -> None:
    shop = two()
    found = pair(
        shop.connection, "a", "b", model(), score=lambda *_: {"weight": -14.0, "gamma_name": 0, "gamma_birth": -1}
    )
    assert found.waterfall is not None
    assert (found.waterfall.stored, found.waterfall.weight) == (False, -14.0)
    assert pair(shop.connection, "a", "b", model(), score=lambda *_: None).waterfall is None


def test_a_record_that_is_not_known() -> None:
    with pytest.raises(NotFoundError, match="no record z"):
        pair(two().connection, "a", "z")
