"""Batch equals live: any rows, in any order, cut anywhere into base and delta, give what SQL gives, to the bit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.profiles.features.world import AS_OF, connect, features, row, served

from floorwalker.profiles.features.live import Updater, as_text, stamp

LIVE = Updater(features())
NAMES = [one.name for one in LIVE.features.features]

rows = st.lists(
    st.builds(
        lambda ago, second, micro, **values: {"ago": ago, "second": second, "micro": micro, **values},
        st.integers(-3, 120),
        st.sampled_from([0, 0, 1, 43200, 86399]),
        st.sampled_from([0, 0, 1, 999999]),
        channel=st.sampled_from(["web", "store", "app", "éclair", "", None]),
        amount=st.none() | st.decimals(-50, 5000, places=4),
        pieces=st.none() | st.integers(-2, 13),
        flag=st.none() | st.booleans(),
        day_meant=st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1)),
    ),
    max_size=25,
)


def things(given_rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for number, values in enumerate(given_rows):
        rest = {name: value for name, value in values.items() if name not in ("ago", "second")}
        made.append(row(number, "c1", AS_OF - dt.timedelta(days=values["ago"]), values["second"], **rest))
    return made


@settings(max_examples=60, deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(0, 25))
def test_any_order_any_cut_gives_what_sql_gives(given_rows, random, cut):
    happened = things(given_rows)
    with connect(happened, ["c1"]) as connection:
        expected = served(connection, NAMES)["c1"]
    random.shuffle(happened)
    events = [("silver.things", one) for one in happened]
    merged = LIVE.merge(LIVE.replay(events[:cut]), LIVE.replay(events[cut:]))
    found = LIVE.values(merged, AS_OF)
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }


@settings(max_examples=20, deadline=None)
@given(rows, st.integers(0, 25))
def test_a_base_cut_by_batch_and_the_events_after_it_make_the_whole(given_rows, cut):
    happened = things(given_rows)
    with connect(happened, ["c1"]) as connection:
        expected = served(connection, NAMES)["c1"]
    with connect(happened[:cut], ["c1"]) as connection:
        cut_rows = {bucket.name: connection.execute(sql).fetchall() for bucket, sql in LIVE.base_queries()}
        base = LIVE.base({name: [values[1:] for values in found] for name, found in cut_rows.items()})
    delta = LIVE.replay(("silver.things", one) for one in happened[cut:])
    assert LIVE.values(LIVE.merge(base, delta), AS_OF) == expected


def test_merging_changes_neither_side():
    one = LIVE.replay([("silver.things", row(1, "c1", AS_OF - dt.timedelta(days=2)))])
    before = LIVE.values(one, AS_OF)
    merged = LIVE.merge(one, one)
    assert LIVE.values(merged, AS_OF)["n"] == 2 * before["n"]
    assert LIVE.values(one, AS_OF) == before


def test_a_day_later_the_windows_have_moved_without_any_event():
    state = LIVE.replay([("silver.things", row(1, "c1", AS_OF - dt.timedelta(days=7)))])
    assert LIVE.values(state, AS_OF)["n_7d"] == 1
    assert LIVE.values(state, AS_OF + dt.timedelta(days=1))["n_7d"] == 0
    assert LIVE.values(state, AS_OF + dt.timedelta(days=1))["n"] == 1


def test_the_day_looked_back_from_does_not_count_itself():
    state = LIVE.replay([("silver.things", row(1, "c1", AS_OF))])
    assert LIVE.values(state, AS_OF)["n"] == 0


def test_rows_of_other_tables_change_nothing():
    state = LIVE.empty()
    LIVE.apply(state, "silver.unheard_of", {"occurred_on": AS_OF})
    assert state == LIVE.empty()


def test_what_batch_alone_knows_is_not_served_live():
    assert "members" not in NAMES
    assert features().reason_batch_only("members") == "known after a run"


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (12, "12"), (Decimal("1.5000"), "1.5000"), (dt.date(2026, 1, 2), "2026-01-02"), ("a", "a")],
)
def test_values_become_text_as_in_sql(value, text):
    assert as_text(value) == text


def test_moments_sort_as_text():
    moments = [dt.datetime(1999, 12, 31, 23, 59, 59, 999999, dt.UTC), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]
    assert sorted(map(stamp, moments)) == list(map(stamp, moments))
