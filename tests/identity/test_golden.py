"""The policy of the golden record: from settings to the tables that SQL reads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.steps import MemoryContext

from floorwalker.app.graph import all_steps
from floorwalker.app.scaffold import make_project
from floorwalker.app.settings import Settings
from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError
from floorwalker.identity.golden import ATTRIBUTES, CRITERIA, UNRANKED, golden_step, policy, ranks
from floorwalker.identity.settings import GoldenSettings, HouseholdSettings, IdentitySettings
from floorwalker.identity.steps import steps
from floorwalker.profiles import SQL


def test_by_default_what_changes_is_the_newest_and_what_lasts_is_said_by_most() -> None:
    orders = {row["attribute"]: sorted(CRITERIA, key=lambda one: row[one]) for row in policy(GoldenSettings())}
    assert tuple(orders) == ATTRIBUTES
    assert {order[0] for order in orders.values()} == {"verified"} and {o[1] for o in orders.values()} == {"source"}
    newest = {attribute for attribute, order in orders.items() if order[2] == "recency"}
    assert newest == {"address", "language", "market"}
    assert {order[2] for attribute, order in orders.items() if attribute not in newest} == {"frequency"}


def test_the_step_writes_the_policy_as_tables(tmp_path: Path) -> None:
    context = MemoryContext(tmp_path, dt.date(2026, 1, 1))
    settings = GoldenSettings(sources=("crm", "till"), verified_sources=("desk", "till"), name=("frequency",))
    step = golden_step(settings)
    step.run(context)
    assert context.written == list(step.writes)
    assert context.connection.sql("FROM silver.golden_sources ORDER BY source").fetchall() == [
        ("crm", 1, 1), ("desk", UNRANKED, 0), ("till", 2, 0),
    ]  # fmt: skip
    named = (
        "SELECT verified, source, recency, completeness, frequency FROM silver.golden_policy WHERE attribute = 'name'"
    )
    assert context.connection.sql(named).fetchall() == [(0, 0, 0, 0, 1)]
    assert str(UNRANKED) in (SQL / "silver" / "golden_fields.sql").read_text(), "SQL and settings rank strangers alike"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (GoldenSettings(order=()), "the order of 'address' is empty"),
        (GoldenSettings(email=("recency", "recency")), "the order of 'email' names a criterion twice"),
        (GoldenSettings(sources=("crm", "crm")), "names a source twice"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(settings: GoldenSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        golden_step(settings)


def test_a_change_of_policy_leaves_who_is_who_alone(tmp_path: Path) -> None:
    changed = IdentitySettings(golden=GoldenSettings(sources=("crm",)), household=HouseholdSettings(size=3))
    assert [one.settings for one in steps(changed)] == [one.settings for one in steps(IdentitySettings())]
    project = Project(make_project(tmp_path / "shop", template="blank"))
    before, after = (
        {one.name: one.settings for one in all_steps(project, Settings(identity=who))}
        for who in (IdentitySettings(), changed)
    )
    assert {name for name in before if before[name] != after[name]} == {"identity.golden", "identity.households"}


def test_ranks_name_each_source_once() -> None:
    assert [row["source"] for row in ranks(GoldenSettings(sources=("a", "b"), verified_sources=("b", "c")))] == [
        "a", "b", "c",
    ]  # fmt: skip
