"""Cuts stay as they were judged until there is news."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.identity.matching.conftest import Shop, shop

from floorwalker.errors import ConfigError
from floorwalker.identity.calibration import Pinned, check_levels, pinned_levels
from floorwalker.identity.levels import Cut
from floorwalker.identity.partition import Gathered
from floorwalker.identity.resolver import COUNTED, PROBABLE, Evidence, People
from floorwalker.identity.settings import IdentitySettings

__all__ = ["shop"]  # the fixture
SETTINGS = IdentitySettings()


def _gathered(count: int) -> Gathered:
    """Half of the records hang together by the model, from 20 bits down to 0."""
    nobody = np.zeros(count, np.int32)
    codes = {kind: np.zeros(count, np.uint64) for kind in COUNTED}
    people = People(codes, nobody, nobody, [""], nobody, np.arange(count, dtype=np.uint64))
    left = np.arange(0, count, 2, dtype=np.int32)
    evidence = Evidence(
        left, left.astype(np.uint64), np.full(len(left), PROBABLE, np.int8), np.linspace(20, 0, len(left)), left + 1
    )
    return Gathered(people, np.ones(count, bool), evidence, left.astype(np.uint64))


def _pinned(path: Path, count: int, model=None, settings: IdentitySettings = SETTINGS, partial: bool = False) -> Pinned:
    gathered = _gathered(count)
    refused = np.zeros(len(gathered.evidence), np.int8)
    return pinned_levels(path, gathered, refused, {}, model, settings, partial)


def test_cuts_follow_the_chances_and_stricter_levels_stop_earlier(tmp_path: Path) -> None:
    pinned = _pinned(tmp_path / "levels.json", 2000)
    strict, crm, ads = (pinned.cuts[level] for level in ("transactional", "crm", "ads"))
    assert strict.tier == crm.tier == ads.tier == PROBABLE
    assert strict.weight > crm.weight > ads.weight
    for level, target in SETTINGS.levels.items():
        at = next(n for n, step in enumerate(pinned.steps) if Cut(step.tier, step.weight) == pinned.cuts[level])
        assert pinned.steps[at].precision >= target > pinned.steps[at + 1].precision


def test_they_stay_until_records_targets_or_model_change(tmp_path: Path, shop: Shop) -> None:
    path = tmp_path / "folder" / "levels.json"
    first = _pinned(path, 2000)
    assert _pinned(path, 2380) == first == msgspec.json.decode(path.read_bytes(), type=Pinned)
    assert _pinned(path, 100, partial=True) == first
    assert _pinned(path, 2420).records == 2420
    assert _pinned(path, 1220).records == 2420
    assert _pinned(path, 1000).records == 1000
    other = _pinned(path, 1000, settings=IdentitySettings(levels={"crm": 0.9}))
    assert set(other.cuts) == {"crm"}
    assert _pinned(path, 1000, model=shop.model).basis not in (first.basis, other.basis)
    assert [file.name for file in path.parent.iterdir()] == ["levels.json"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (IdentitySettings(level="cmr"), "'cmr' is not one of its levels"),
        (IdentitySettings(levels={"crm": 0.4}), "crm = 0.4 is no precision"),
        (IdentitySettings(levels={"crm": 1.0}), "crm = 1.0 is no precision"),
    ],
)
def test_levels_that_cannot_be_are_refused(settings: IdentitySettings, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        check_levels(settings)
    with pytest.raises(ConfigError, match=words):
        _pinned(tmp_path / "levels.json", 10, settings=settings)
