"""The model's file: read back equal, named after its content, and refused where it is none."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from tests.identity.matching.conftest import Shop

from floorwalker.errors import StateError
from floorwalker.identity.matching.model import FORMAT, Model, probability


def test_a_model_read_back_is_equal(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "model.json"
    shop.model.save(path)
    again = Model.load(path)
    assert again == shop.model and again.id == shop.model.id
    assert [file.name for file in path.parent.iterdir()] == ["model.json"]


def test_the_id_follows_the_content_and_not_the_order_of_keys(shop: Shop) -> None:
    model = shop.model
    others = [
        msgspec.structs.replace(model, **change)
        for change in (
            {"match": model.match * 1.01}, {"calibration": (0.0, 0.9)}, {"oversized": ((0, "d41d8"),)},
            {"blocks": model.blocks[1:]}, {"frequencies": {**model.frequencies, "given_name": {"zoe": 0.5}}},
        )
    ]  # fmt: skip
    assert len({model.id, *(other.id for other in others)}) == 6
    turned = dict(reversed([(name, dict(reversed(shares.items()))) for name, shares in model.frequencies.items()]))
    assert msgspec.structs.replace(model, frequencies=turned).id == model.id


@pytest.mark.parametrize("content", [b"", b"{", b'{"fields": {}}', b"\xff\xfe"])
def test_a_file_that_is_no_model_is_refused_with_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(StateError, match="cannot be read"):
        Model.load(path)


def test_so_are_a_missing_file_and_another_format(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(StateError, match="cannot be read"):
        Model.load(path)
    msgspec.structs.replace(shop.model, format=FORMAT + 1).save(path)
    with pytest.raises(StateError, match=f"of format {FORMAT + 1}"):
        Model.load(path)


def test_chances_of_a_comparison_add_up_and_equal_values_speak_for_a_match(shop: Shop) -> None:
    for one in shop.model.comparisons:
        for chance in ("m", "u", "h"):
            assert math.fsum(getattr(level, chance) for level in one.levels) == pytest.approx(1, abs=1e-6)
        assert one.levels[-1].weight > 2 > 0 > one.levels[0].weight


def test_probability_of_extreme_weights() -> None:
    assert probability(5000.0) == 1.0 and probability(-5000.0) == 0.0
