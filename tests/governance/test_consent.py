"""Consent: the rule in Python and the rule in SQL give one answer, and the most restrictive word wins."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.errors import ConfigError
from floorwalker.governance.consent import (
    PURPOSES,
    ConsentPolicy,
    allowed,
    allowed_customers_sql,
    load_consent_policy,
)

STATUS = st.dictionaries(st.sampled_from([*PURPOSES, "all"]), st.sampled_from(["granted", "denied", "withdrawn"]))
POLICY = st.builds(ConsentPolicy, st.dictionaries(st.sampled_from(PURPOSES), st.booleans()))


@pytest.fixture(scope="module")
def tables():
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    connection.execute("CREATE TABLE gold.customers (customer_id VARCHAR)")
    connection.execute("CREATE TABLE gold.consents (customer_id VARCHAR, purpose VARCHAR, status VARCHAR)")
    return connection


@given(people=st.lists(STATUS, max_size=6), policy=POLICY, purpose=st.sampled_from(PURPOSES))
def test_sql_and_python_agree(tables, people, policy, purpose):
    tables.execute("DELETE FROM gold.customers")
    tables.execute("DELETE FROM gold.consents")
    for number, status in enumerate(people):
        tables.execute("INSERT INTO gold.customers VALUES (?)", [str(number)])
        for name, word in status.items():
            tables.execute("INSERT INTO gold.consents VALUES (?, ?, ?)", [str(number), name, word])
    found = dict(tables.execute(allowed_customers_sql(purpose, policy)).fetchall())
    assert found == {str(number): allowed(status, purpose, policy) for number, status in enumerate(people)}


@given(status=STATUS, policy=POLICY, purpose=st.sampled_from(PURPOSES))
def test_a_refusal_always_wins(status, policy, purpose):
    for refused in (purpose, "all"):
        assert not allowed({**status, refused: "denied"}, purpose, policy)
        assert not allowed({**status, refused: "withdrawn"}, purpose, policy)


@given(status=STATUS, policy=POLICY)
def test_refusing_profiling_ends_what_acts_on_a_profile(status, policy):
    for purpose in ("personalization", "ads"):
        assert not allowed({**status, "profiling": "denied"}, purpose, policy)


def test_refusing_profiling_leaves_what_needs_no_profile():
    assert allowed({"profiling": "denied", "marketing_email": "granted"}, "marketing_email", ConsentPolicy())


def test_two_rows_for_one_purpose_count_most_restrictively(tables):
    tables.execute("DELETE FROM gold.customers")
    tables.execute("DELETE FROM gold.consents")
    tables.execute("INSERT INTO gold.customers VALUES ('a')")
    tables.execute("INSERT INTO gold.consents VALUES ('a', 'ads', 'granted'), ('a', 'ads', 'denied')")
    assert tables.execute(allowed_customers_sql("ads", ConsentPolicy({"ads": True}))).fetchall() == [("a", False)]


def test_without_a_file_everything_is_denied(tmp_path):
    policy = load_consent_policy(tmp_path / "consent.toml")
    assert [purpose for purpose in PURPOSES if allowed({}, purpose, policy)] == []


def test_the_file_is_read(tmp_path):
    path = tmp_path / "consent.toml"
    path.write_text('[absent]\nanalytics = "allow"\nads = "deny"\n')
    policy = load_consent_policy(path)
    assert allowed({}, "analytics", policy)
    assert not allowed({}, "ads", policy)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[absnt]\nads = "allow"\n', "absent"),
        ('[absent]\npersonalisation = "allow"\n', "personalization"),
        ('[absent]\nads = "yes"\n', '"allow" or "deny"'),
        ("[absent\n", "line"),
        ('absent = "deny"\n', "[absent]"),
    ],
)
def test_a_mistake_is_named_with_its_cure(tmp_path, text, hint):
    path = tmp_path / "consent.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_consent_policy(path)
    assert hint in raised.value.fix


def test_an_unknown_purpose_is_an_error():
    with pytest.raises(ConfigError, match="unknown purpose"):
        allowed({}, "marketing", ConsentPolicy())


def test_the_shipped_policy_loads_and_denies():
    shipped = Path(__file__).parents[2] / "src/floorwalker/app/templates/shared/policies/consent.toml"
    policy = load_consent_policy(shipped)
    assert set(policy.absent) == set(PURPOSES)
    assert not any(policy.absent.values())
