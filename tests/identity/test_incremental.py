"""A run that looks only at what has changed gives every table that a run over all records gives: properties."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import random_decisions, worlds
from tests.identity.population import population

from floorwalker.identity import arrivals, normalising, touched
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.standing import standing

PROPERTY = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 100_000)
TABLES = (
    "normalised_records", "identity_pairs", "identity_matched", "identity_evidence", "customer_map",
    "customer_aliases", "customer_identifiers", "customer_levels", "identity_levels", "customer_map_history",
    "customer_ids", "identity_summary",
)  # fmt: skip
Row = dict[str, object]


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much has changed in these small tables, only that is looked at."""
    for module in (arrivals, normalising, touched):
        monkeypatch.setattr(module, "SHARE", 1.0)


def same(amended: Outcome, whole: Outcome) -> None:
    """Do a run that brought tables up to date and one that wrote them hold the same?"""
    assert {"silver.normalised_records", "silver.customer_map", "silver.identity_evidence"} <= {*amended.context.merged}
    assert not {"silver.normalised_records", "silver.customer_map"} & {*whole.context.merged}
    runs = {"customer_map_history": "since_run, until_run", "customer_ids": "since_run, until_run"}
    for name in TABLES:
        left = runs.get(name, "since_run" if name == "customer_aliases" else "")
        query = f"SELECT * {f'EXCLUDE ({left})' if left else ''} FROM silver.{name} ORDER BY ALL"
        assert amended.rows(query) == whole.rows(query), name


def changed(rng: random.Random, rows: list[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Before and now: some come, some go, some say something else, some are seen again."""
    before, now = [], []
    for row in rows:
        draw = rng.random()
        if draw >= share / 4:
            before.append(row)
        if draw >= share / 4 + share / 2 or draw < share / 4:
            now.append(row)
        elif draw < share / 2:
            other = rng.choice(rows)
            now.append(row | {name: other[name] for name in rng.sample(["email", "phone", "family_name"], 2)})
        elif draw < share * 5 / 8:
            now.append(row | {"last_seen": max(one["last_seen"] for one in rows)})
    return before, now


@PROPERTY
@given(SEEDS)
def test_families_devices_hubs_and_decisions(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    tight = IdentitySettings(probable=False, hub_names=2, cluster_records=8)
    before, now = changed(rng, worlds(rng), 0.2)
    first = identify(before, tight)
    made = random_decisions(rng, first, 12)
    first = identify(before, tight, previous=first, decided=standing(made[:8]))
    amended, whole = (identify(now, tight, previous=first, decided=standing(made), amend=one) for one in (True, False))
    same(amended, whole)


@PROPERTY
@given(SEEDS)
def test_people_whom_a_model_joins(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    rows = population(900, seed=seed % 5)[0].to_pylist()
    before, now = changed(rng, rows, 0.1)
    first = identify(before)
    amended, whole = (identify(now, previous=first, amend=one) for one in (True, False))
    same(amended, whole)
    assert amended.rows("SELECT count(*) > 50 FROM silver.identity_pairs") == [(True,)]
    again = identify(now, previous=amended, amend=True)
    assert again.groups == amended.groups and again.customer == amended.customer
