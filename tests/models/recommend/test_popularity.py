"""Popularity: counts customers, in a window or of all time; skips what is hidden; saves."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from floorwalker.errors import ConfigError
from floorwalker.models.recommend.interactions import Histories, Interactions
from floorwalker.models.recommend.popularity import DAY, Popularity


def sales(days_ago: list[int], items: list[str], users: list[str]) -> Interactions:
    newest = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    moments = pa.array([newest - dt.timedelta(days=days) for days in days_ago], pa.timestamp("us", "UTC"))
    return Interactions.from_table(pa.table({"user": users, "item": items, "moment": moments}))


def test_one_customer_counts_once() -> None:
    data = sales([1, 2, 3, 0], ["hat", "hat", "hat", "tie"], ["a", "a", "b", "a"])
    assert Popularity().fit(data).scores.tolist() == [2.0, 1.0]


def test_a_window_forgets_and_all_time_breaks_its_ties() -> None:
    data = sales([90, 91, 92, 1, 2, 0], ["old", "old", "tie", "new", "tie", "hat"], list("abcdef"))
    model = Popularity(days=30).fit(data)
    order = [data.item_ids[i].as_py() for i in model.order()]
    assert order == ["tie", "hat", "new", "old"]  # tie sold once lately and twice ever
    assert model.scores[data.item_ids.to_pylist().index("old")] < 1
    # A day counts up to its end and not the moment it starts: `until` itself is inside.
    assert Popularity(days=1, until=int(data.moments.max()) - 90 * DAY).fit(data).order()[0] == 2


def test_lists_skip_excluded_and_disallowed_items() -> None:
    data = sales([0] * 6, ["a", "a", "a", "b", "b", "c"], list("123121"))
    model = Popularity().fit(data)
    found = model.recommend(Histories.of([[0], [], [0, 1, 2]]), 2, exclude=Histories.of([[0], [], [0, 1, 2]]))
    assert found.items.tolist() == [[1, 2], [0, 1], [-1, -1]]
    assert found.scores.tolist() == [[2, 1], [3, 2], [0, 0]]
    only = model.recommend(Histories.of([[]]), 3, allowed=np.array([False, True, True]))
    assert only.items.tolist() == [[1, 2, -1]]
    assert (model.explain(Histories.of([[]]), only.items).items == -1).all()


def test_unsold_items_are_not_popular() -> None:
    table = pa.table({"user": ["a"], "item": ["x"], "moment": [1]})
    model = Popularity().fit(Interactions.from_table(table, item_ids=pa.array(["w", "x", "y"])))
    assert model.recommend(Histories.of([[]]), 3).items.tolist() == [[1, -1, -1]]


def test_saved_and_loaded(tmp_path) -> None:
    model = Popularity(days=30).fit(sales([0, 1], ["a", "b"], ["x", "y"]))
    model.save(tmp_path)
    again = Popularity.load(tmp_path)
    assert again.params == model.params
    np.testing.assert_array_equal(again.scores, model.scores)


def test_a_window_without_times_is_refused() -> None:
    data = Interactions.from_table(pa.table({"user": ["a"], "item": ["x"], "moment": [1]}))
    with pytest.raises(ConfigError, match="without times"):
        Popularity(days=7).fit(data)
    with pytest.raises(ConfigError, match="0 days"):
        Popularity(days=0)
