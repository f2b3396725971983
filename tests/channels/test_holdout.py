"""The hold-out: the published test vectors of bucket rule 2, SQL and Python alike, and a share that is what it says."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.channels.holdout import bucket, holdout_sql, in_holdout

IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=1, max_size=27)


@pytest.fixture(scope="module")
def engine():
    return duckdb.connect()


@pytest.mark.parametrize(
    ("seed", "value", "expected"),
    [
        ("seed", "a", 0.0505),
        ("seed", "b", 0.2696),
        ("foo", "ab", 0.2575),
        ("foo", "def", 0.2019),
        ("89123klj", "8952klfjas09ujkasdf", 0.124),
        ("90850943850283058242805", "123", 0.7516),
    ],
)
def test_known_vectors(seed, value, expected):
    assert bucket(value, seed) == expected


@given(ids=st.lists(IDS, min_size=1, max_size=20), seed=IDS, share=st.floats(0, 1))
def test_sql_and_python_agree(engine, ids, seed, share):
    query = f"SELECT {holdout_sql('id', seed, share)} FROM (SELECT unnest(?::VARCHAR[]) AS id)"
    assert [row[0] for row in engine.execute(query, [ids]).fetchall()] == [in_holdout(id, seed, share) for id in ids]


@given(id=IDS, seed=IDS, low=st.floats(0, 1), high=st.floats(0, 1))
def test_raising_the_share_never_lets_anyone_out(id, seed, low, high):
    low, high = min(low, high), max(low, high)
    assert not in_holdout(id, seed, low) or in_holdout(id, seed, high)


def test_the_share_is_what_it_says_and_audiences_are_independent(engine):
    first, second = (holdout_sql("'c' || md5(i::VARCHAR)", seed, 0.05) for seed in ("winback", "vip"))
    ((one, both, rows),) = engine.execute(
        f"SELECT count(*) FILTER ({first}), count(*) FILTER ({first} AND {second}), count(*) FROM range(40000) t(i)"
    ).fetchall()
    # Four standard deviations of a binomial: the ids are fixed, so this is no coin toss.
    assert abs(one - 0.05 * rows) < 4 * (rows * 0.05 * 0.95) ** 0.5
    assert abs(both - 0.0025 * rows) < 4 * (rows * 0.0025) ** 0.5
