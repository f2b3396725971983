"""Pairs over runs: what is kept and what is scored add up to scoring everything, and a model stays until it is old."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.matching.shop import context_of
from tests.identity.population import population, table
from tests.steps import MemoryContext

from floorwalker.identity import match
from floorwalker.identity.matching import training
from floorwalker.identity.matching.model import Model
from floorwalker.identity.settings import IdentitySettings

TABLES = ("silver.identity_pairs", "silver.identity_matched")


@pytest.fixture(scope="module", autouse=True)
def _few_random_pairs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_PAIRS", 20_000)
        yield


@pytest.fixture(scope="module")
def crowd() -> list[dict[str, object]]:
    return population(900, seed=12)[0].to_pylist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, crowd: list[dict[str, object]]) -> Path:
    """A project with a model."""
    folder = tmp_path_factory.mktemp("project")
    _matched(crowd, folder)
    return folder


def _matched(
    rows: list[dict[str, object]], folder: Path, before: MemoryContext | None = None, probable: bool = True
) -> MemoryContext:
    context = context_of(table(rows), folder)
    for name in TABLES if before else ():
        context.write(f"{name}_previous", before.connection.sql(f"FROM {name}").to_arrow_table())
    match.match(context, IdentitySettings(probable=probable))
    return context


def _rows(context: MemoryContext, name: str) -> list[tuple]:
    return context.connection.sql(f"FROM {name} ORDER BY ALL").fetchall()


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.floats(0.5, 0.99))
def test_a_run_that_goes_on_from_another_gives_what_a_first_run_gives(
    folder: Path, crowd: list[dict[str, object]], seed: int, share: float
) -> None:
    """Records are added, changed, and taken away between the two runs."""
    rng = random.Random(seed)
    old = [row for row in crowd if rng.random() < share]
    old = [row | ({"family_name": "Changed"} if rng.random() < 0.05 else {}) for row in old]
    now = [row for row in crowd if rng.random() < 0.97]
    first = _matched(old, folder)
    ongoing, anew = _matched(now, folder, first), _matched(now, folder)
    for name in TABLES:
        assert _rows(ongoing, name) == _rows(anew, name)
    assert len(_rows(anew, TABLES[0])) > 300
    probable = "SELECT rid_a, rid_b, weight, against_strangers FROM identity_probable ORDER BY ALL"
    assert ongoing.connection.sql(probable).fetchall() == anew.connection.sql(probable).fetchall()


def test_pairs_are_in_order_and_of_the_pinned_model(folder: Path, crowd: list[dict[str, object]]) -> None:
    context = _matched(crowd, folder)
    model = Model.load(match.model_path(context.project.state))
    ((pairs, ordered, most, least, models),) = context.connection.sql("""
        SELECT count(*), count(*) FILTER (record_a < record_b), max(probability), min(probability), list(DISTINCT model)
        FROM silver.identity_pairs
    """).fetchall()
    assert pairs == ordered > 300 and models == [model.id]
    assert 0.05 < least < 0.5 < most <= 1
    assert context.connection.table("silver.identity_pairs").columns == match.MEMORY["silver.identity_pairs"].names


def test_pairs_of_another_model_are_not_kept(folder: Path, crowd: list[dict[str, object]]) -> None:
    first = _matched(crowd, folder)
    for name in TABLES:
        first.connection.execute(f"UPDATE {name} SET model = 'another'")
    first.connection.execute("UPDATE silver.identity_pairs SET weight = 99")
    again = _matched(crowd, folder, first)
    ((most,),) = again.connection.sql("SELECT max(weight) FROM silver.identity_pairs").fetchall()
    assert most < 99


def test_a_model_is_learned_again_when_records_grow_or_shrink_and_not_before(
    tmp_path: Path, crowd: list[dict[str, object]]
) -> None:
    context = _matched(crowd, tmp_path)
    path = match.model_path(context.project.state)
    learned = Model.load(path)
    match._make_records(context.connection)
    held = IdentitySettings(relearn_growth=0.2)
    for records, stays in ((1.19, True), (1.21, False), (0.51, True), (0.49, False)):
        # As if it had been learned on fewer or more records than there are.
        pinned = msgspec.structs.replace(learned, records=round(learned.records / records), household=0.0)
        pinned.save(path)
        found = match.pinned_model(context, learned.records, held)
        assert (found == pinned) is stays, records
        assert (found.id == learned.id) is not stays
    pinned = msgspec.structs.replace(learned, fields={"given_name": "given_name"})
    pinned.save(path)
    assert match.pinned_model(context, learned.records, held).id == learned.id


def test_too_few_records_or_a_shop_that_wants_none_have_no_pairs(
    crowd: list[dict[str, object]], tmp_path: Path
) -> None:
    for number, context in enumerate(
        (_matched(crowd[:450], tmp_path / "few"), _matched(crowd, tmp_path / "unwanted", probable=False))
    ):
        assert _rows(context, TABLES[0]) == [], number
        assert context.connection.table("silver.identity_pairs").columns == match.MEMORY[TABLES[0]].names
        assert not match.model_path(context.project.state).exists()


def test_a_value_of_a_hub_is_compared_with_nobody(tmp_path: Path) -> None:
    rows, _ = population(600, seed=9)
    named = [row | {"email": "ann@else.com"} for row in rows.to_pylist() if row["given_name"] and row["family_name"]]
    context = context_of(table(named), tmp_path)
    hubs = context.connection.sql("SELECT count(*) FROM identity_hubs WHERE kind = 'email'").fetchall()
    assert hubs == [(1,)]
    assert context.connection.sql("SELECT count(email), count(*) > 100 FROM match_records").fetchall() == [(0, True)]
