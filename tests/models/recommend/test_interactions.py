"""Interactions: numbering, order, moments and what is refused."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.errors import DataTestError, NotFoundError
from floorwalker.models.recommend.interactions import Histories, Interactions

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz"), st.integers(0, 3)), max_size=30)


def data(rows: list[tuple[str, str, int]]) -> Interactions:
    users, items, moments = zip(*rows, strict=True) if rows else ([], [], [])
    return Interactions.from_table(
        pa.table(
            {
                "user": pa.array(users, pa.string()),
                "item": pa.array(items, pa.string()),
                "moment": pa.array(moments, pa.int64()),
            }
        )
    )


def test_one_basket_has_one_age() -> None:
    found = data([("ann", "hat", 1), ("ann", "tie", 5), ("ann", "sock", 5), ("bob", "hat", 9)])
    assert found.histories().ages.tolist() == [1, 0, 0, 0]
    assert found.histories().lengths.tolist() == [3, 1]


@given(ROWS)
def test_order_of_the_rows_does_not_matter(rows: list[tuple[str, str, int]]) -> None:
    straight, turned = data(rows), data(rows[::-1])
    for field in ("users", "items", "moments"):
        np.testing.assert_array_equal(getattr(straight, field), getattr(turned, field))
    assert straight.item_ids.to_pylist() == sorted({item for _, item, _ in rows})
    assert sorted(zip(straight.users, straight.moments, strict=True)) == list(
        zip(straight.users, straight.moments, strict=True)
    )


@given(ROWS)
def test_matrix_holds_each_pair_once(rows: list[tuple[str, str, int]]) -> None:
    found = data(rows)
    assert found.matrix().nnz == len({row[:2] for row in rows})
    assert found.has_repeats == (found.matrix().nnz < len(rows))


def test_a_vocabulary_may_be_wider_and_narrower_than_the_rows() -> None:
    table = pa.table({"user": ["b", "b"], "item": ["x", "gone"], "moment": [1, 2]})
    found = Interactions.from_table(table, user_ids=pa.array(["a", "b"]), item_ids=pa.array(["w", "x"]))
    assert (found.users.tolist(), found.items.tolist()) == ([1], [1])
    assert found.starts.tolist() == [0, 0, 1]


def test_times_become_microseconds_utc() -> None:
    when = pa.array([dt.datetime(1970, 1, 2, tzinfo=dt.UTC)], pa.timestamp("ms", "UTC"))
    found = Interactions.from_table(pa.table({"user": ["a"], "item": ["x"], "moment": when}))
    assert found.timed
    assert found.moments.tolist() == [86_400_000_000]


def test_missing_column_and_nulls_are_refused_with_a_cure() -> None:
    with pytest.raises(NotFoundError, match="no column 'moment'") as missing:
        Interactions.from_table(pa.table({"user": ["a"], "item": ["x"], "moments": [1]}))
    assert "did you mean 'moments'" in str(missing.value)
    with pytest.raises(DataTestError, match="1 nulls"):
        Interactions.from_table(pa.table({"user": ["a"], "item": pa.array([None], pa.string()), "moment": [1]}))


def test_pick_newest_and_block_agree_with_plain_lists() -> None:
    lists = [[1, 2, 3], [], [4], [5, 6]]
    histories = Histories.of(lists)

    def plain(found: Histories) -> list[list[int]]:
        return [part.tolist() for part in np.split(found.items, found.starts[1:-1])]

    assert plain(histories.newest(2)) == [[2, 3], [], [4], [5, 6]]
    assert histories.newest(2).ages.tolist() == [1, 0, 0, 1, 0]
    assert plain(histories.pick(np.array([3, 1, 0]))) == [[5, 6], [], [1, 2, 3]]
    assert plain(histories.block(1, 3)) == [[], [4]]
