"""Protocols on a toy set, by hand: what is learned from, what is asked, what is right."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from floorwalker.models.recommend.interactions import Interactions
from floorwalker.models.recommend.popularity import DAY
from floorwalker.models.recommend.protocols import Task, leave_one_out, sample_users, time_split

TOY = Interactions.from_table(
    pa.table(
        {
            "user": ["ann"] * 4 + ["bob"] * 3 + ["cleo"] * 2 + ["dan"],
            "item": list("abcd") + list("bca") + list("ab") + ["d"],
            "moment": [1, 2, 3, 4, 1, 2, 3, 1, 2, 1],
        }
    )
)


def words(task: Task) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Customer -> items learned from, asked with, to be named."""
    ids, items = TOY.user_ids.to_pylist(), TOY.item_ids.to_pylist()
    learned: dict[str, str] = {}
    for user, item in zip(task.train.users, task.train.items, strict=True):
        learned[ids[user]] = learned.get(ids[user], "") + items[item]
    asked = {
        ids[user]: "".join(items[i] for i in part)
        for user, part in zip(task.users, np.split(task.queries.items, task.queries.starts[1:-1]), strict=True)
    }
    right: dict[str, str] = {}
    for row, item in zip(task.target_rows, task.targets, strict=True):
        name = ids[task.users[row]]
        right[name] = right.get(name, "") + items[item]
    return learned, asked, right


def test_a_hides_the_validation_item_from_learning_but_asks_with_it() -> None:
    learned, asked, right = words(leave_one_out(TOY, "A", "test"))
    assert learned == {"ann": "ab", "bob": "b", "cleo": "ab", "dan": "d"}
    assert asked == {"ann": "abc", "bob": "bc"}
    assert right == {"ann": "d", "bob": "a"}


def test_b_learns_everything_but_the_test_item() -> None:
    learned, asked, right = words(leave_one_out(TOY, "B", "test"))
    assert learned == {"ann": "abc", "bob": "bc", "cleo": "ab", "dan": "d"}
    assert asked == {"ann": "abc", "bob": "bc"}
    assert right == {"ann": "d", "bob": "a"}


def test_validation_never_sees_the_test_item() -> None:
    for protocol in ("A", "B"):
        learned, asked, right = words(leave_one_out(TOY, protocol, "validation"))
        assert learned == {"ann": "ab", "bob": "b", "cleo": "ab", "dan": "d"}
        assert asked == {"ann": "ab", "bob": "b"}
        assert right == {"ann": "c", "bob": "c"}


def test_a_sample_changes_who_is_asked_not_what_is_learned() -> None:
    whole, part = leave_one_out(TOY, "B", "test"), leave_one_out(TOY, "B", "test", np.array([1, 2]))
    assert words(part)[0] == words(whole)[0]
    assert words(part)[1] == {"bob": "bc"}


def test_only_purchases_are_targets_and_later_views_are_not_asked_with() -> None:
    table = pa.table(
        {
            "user": ["ann"] * 6,
            "item": list("abcdef"),
            "moment": [1, 2, 3, 4, 5, 6],
            "how": [1.0, 0.3, 1.0, 0.3, 1.0, 0.3],
        }
    )
    data = Interactions.from_table(table, strength="how")
    test, valid = leave_one_out(data, "A", "test"), leave_one_out(data, "A", "validation")
    assert (test.train.items.tolist(), test.queries.items.tolist(), test.targets.tolist()) == (
        [0, 1],
        [0, 1, 2, 3],
        [4],
    )
    assert (valid.queries.items.tolist(), valid.targets.tolist()) == ([0, 1], [2])


def test_in_a_basket_the_target_is_not_the_last_of_the_alphabet() -> None:
    users = [f"c{number:03}" for number in range(300) for _ in range(4)]
    table = pa.table({"user": users, "item": list("abcd") * 300, "moment": [1] * 1200})
    task = leave_one_out(Interactions.from_table(table), "B", "test")
    counts = np.bincount(task.targets, minlength=4)
    assert counts.sum() == 300
    assert counts.min() > 40  # 75 expected of each, standard deviation 7.5


def test_split_by_time() -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    days = [0, 5, 10, 11, 1, 12, 12, 40]
    table = pa.table(
        {
            "user": ["ann", "ann", "ann", "ann", "bob", "new", "ann", "bob"],
            "item": list("abcc") + list("aaba"),
            "moment": pa.array([start + dt.timedelta(days=day) for day in days], pa.timestamp("us", "UTC")),
        }
    )
    data = Interactions.from_table(table)
    first = int(data.moments.min())
    task = time_split(data, first + 10 * DAY, first + 38 * DAY)
    assert task.train.item_ids.take(pa.array(task.train.items)).to_pylist() == ["a", "b", "a"]
    assert task.users.tolist() == [0]  # bob bought nothing in time, 'new' has no history
    assert task.targets.tolist() == [1, 2]  # b again, and c once though bought twice
    assert task.repeats


def test_the_sample_is_by_hash_and_stays_when_others_come() -> None:
    ids = pa.array([f"c{number:05}" for number in range(4000)])
    found = sample_users(ids, 1000)
    assert 850 < len(found) < 1150
    assert found.max() > 3900
    assert sample_users(ids, 4000).tolist() == list(range(4000))
