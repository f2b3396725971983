"""Evidence of the model down to a level's cut, and what lies below it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from tests.identity.conftest import Identify
from tests.identity.population import population

from floorwalker.identity.calibration import Pinned, levels_path
from floorwalker.identity.matching import training
from floorwalker.identity.partition import LEAST_WEIGHT
from floorwalker.identity.settings import IdentitySettings


@pytest.fixture(scope="module", autouse=True)
def _few_random_pairs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_PAIRS", 20_000)
        yield


def test_a_level_takes_the_models_pairs_down_to_its_cut_and_says_so_of_the_others(identify: Identify) -> None:
    records, _ = population(1200, seed=4)
    found = identify(records, IdentitySettings(levels={"crm": 0.985}))
    pinned = msgspec.json.decode(levels_path(found.context.project.state).read_bytes(), type=Pinned)
    cut = pinned.cuts["crm"]
    ((taken, lightest),) = found.rows(
        "SELECT count(*), min(weight) FROM silver.identity_evidence WHERE rule = 'model' AND accepted"
    )
    ((below, heaviest, least),) = found.rows(
        "SELECT count(*), max(weight), min(weight) FROM silver.identity_evidence "
        "WHERE reason = 'below level crm' AND rule = 'model' AND NOT accepted"
    )
    assert taken > 20 and below > 20
    assert lightest >= cut.weight > heaviest >= least >= LEAST_WEIGHT
    assert found.rows("SELECT count(*) FROM silver.identity_evidence WHERE accepted = (reason IS NOT NULL)") == [(0,)]


def test_the_customers_of_a_level_are_its_groups_beside_another_level(identify: Identify) -> None:
    records, _ = population(1200, seed=4)
    chosen, beside = identify(records, IdentitySettings(level="ads")), identify(records)
    groups = dict(beside.customer)
    groups |= dict(beside.rows("SELECT record_id, customer_id FROM silver.customer_levels WHERE level = 'ads'"))
    joined: dict[str, set[str]] = {}
    for record, group in groups.items():
        joined.setdefault(group, set()).add(record)
    assert {frozenset(group) for group in joined.values()} == chosen.groups != beside.groups
