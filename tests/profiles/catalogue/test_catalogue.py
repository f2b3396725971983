"""The shipped features: enough of them, different questions, portable SQL, states that live and batch share."""

from __future__ import annotations

from collections import Counter

import pytest

from floorwalker.app.graph import own_models
from floorwalker.engines.models import lint
from floorwalker.identity.household_steps import household_step
from floorwalker.identity.settings import HouseholdSettings
from floorwalker.profiles.catalogue import ALL, CUSTOMER, PRODUCT, STORE
from floorwalker.profiles.features.sql import models


def test_there_are_enough_and_most_ask_something_of_their_own():
    assert len(CUSTOMER.features) >= 180
    assert len(PRODUCT.features) >= 30
    assert len(STORE.features) >= 20
    for features in ALL:
        families = Counter(one.family for one in features.features)
        assert sum(n - 1 for n in families.values()) <= len(features.features) / 2


@pytest.mark.parametrize("features", ALL, ids=lambda features: features.entity.name)
def test_each_asks_a_question_and_no_two_the_same(features):
    asked = Counter(one.description for one in features.features)
    assert all("?" in question for question in asked)
    assert [question for question, n in asked.items() if n > 1] == []
    assert all(one.group and one.owner for one in features.features)


@pytest.mark.parametrize("features", ALL, ids=lambda features: features.entity.name)
def test_no_two_are_computed_alike(features):
    made = Counter((one.source, one.aggregate, one.window, one.expression) for one in features.features)
    assert [what for what, n in made.items() if n > 1] == []


@pytest.mark.slow
def test_the_sql_travels():
    assert [found for features in ALL for model in models(features) for found in lint(model)] == []


def test_what_they_read_is_made():
    made = {model.name for model in own_models()} | set(household_step(HouseholdSettings()).writes)
    read = {one.source.table for features in ALL for one in features.features if one.source}
    assert read <= made


def test_all_but_a_few_are_served_live():
    reasons = {one.name: CUSTOMER.reason_batch_only(one.name) for one in CUSTOMER.features}
    assert sum(bool(reason) for reason in reasons.values()) < 20
    assert "a visit is known when it is over" in reasons["sessions_30d"]


def test_money_counts_and_words_of_people_ask_for_consent():
    assert {one.purpose for one in CUSTOMER.features if one.group == "browsing"} == {"personalization"}
    assert CUSTOMER.feature("gender").purpose == "profiling"
    assert CUSTOMER.feature("revenue").purpose == "analytics"
