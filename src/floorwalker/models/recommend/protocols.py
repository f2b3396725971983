"""How a recommender is examined: which rows it learns from, what it is asked, what counts as right.

In: `Interactions`. Out: a `Task`. Two protocols that must never share a table, and a split by time.

    leave-one-out   per customer: the last item is the test, the one before is for validation (choosing settings)
      A             test: learned without both; asked with everything but the test item (as published rows are)
      B             test: learned from, and asked with, everything but the test item (as a shop serves)
    time split      learned from everything before a moment, asked for what is bought after it

Only full-strength rows (bought) are targets; what came after a target is neither learned from nor asked with.

>>> import pyarrow as pa
>>> table = pa.table({"user": ["ann"] * 4, "item": list("abcd"), "moment": [1, 2, 3, 4]})
>>> task = leave_one_out(Interactions.from_table(table), "A", "test")
>>> task.train.items.tolist(), task.queries.items.tolist(), task.targets.tolist()
([0, 1], [0, 1, 2], [3])
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from floorwalker.models.recommend.interactions import Histories, Interactions, Ints

BOUGHT = 1.0
"""Strength from which a row is a purchase and may be a target."""


@dataclass(frozen=True)
class Task:
    """An examination: learn from `train`, answer `queries`; query `target_rows[i]` should name item `targets[i]`."""

    protocol: Literal["A", "B", "time"]
    part: Literal["validation", "test"]
    train: Interactions
    queries: Histories
    users: Ints
    """Customer number of each query."""
    target_rows: Ints
    """Query of each target, ascending; leave-one-out has one target a query."""
    targets: Ints
    repeats: bool
    """Whether customers in the data touch items again; if not, what is in a query cannot be right and is masked."""


def leave_one_out(
    data: Interactions, protocol: Literal["A", "B"], part: Literal["validation", "test"], users: Ints | None = None
) -> Task:
    """One target per customer with two purchases and something before them; the others' rows are all for training.

    `users`: ask only these customers (a sample); what is learned from stays the same.
    Validation is the same task under A and B.
    """
    row = np.arange(len(data))
    test_at = _last(data, data.strengths >= BOUGHT)
    valid_at = _last(data, (data.strengths >= BOUGHT) & (row < test_at[data.users]))
    asked = valid_at > data.starts[:-1]
    query_end = test_at if part == "test" else valid_at
    train_end = test_at if part == "test" and protocol == "B" else valid_at
    train = data.where((row < train_end[data.users]) | ~asked[data.users])
    before = data.where(row < query_end[data.users])
    chosen = np.flatnonzero(asked) if users is None else users[asked[users]]
    queries = before.histories().pick(chosen)
    targets = data.items[query_end[chosen]]
    return Task(protocol, part, train, queries, chosen, np.arange(len(chosen)), targets, data.has_repeats)


def time_split(
    data: Interactions,
    at: int,
    until: int | None = None,
    users: Ints | None = None,
    part: Literal["validation", "test"] = "test",
) -> Task:
    """Learn from moments before `at`; the targets are what known customers bought from `at` to before `until`.

    Customers whose first row lies after `at` are not asked: they have no history, whatever the model.
    """
    past = data.where(data.moments < at)
    after = (data.moments >= at) & (data.strengths >= BOUGHT)
    if until is not None:
        after &= data.moments < until
    known = np.diff(past.starts) > 0
    if users is not None:
        sampled = np.zeros(data.user_count, bool)
        sampled[users] = True
        known &= sampled
    future = data.where(after & known[data.users])
    pairs = np.unique(future.users.astype(np.int64) * max(data.item_count, 1) + future.items)
    buyers, targets = np.divmod(pairs, max(data.item_count, 1))
    chosen, rows = np.unique(buyers, return_inverse=True)
    queries = past.histories().pick(chosen)
    return Task("time", part, past, queries, chosen, rows, targets.astype(np.int32), data.has_repeats)


def sample_users(user_ids: pa.Array, count: int, among: Ints | None = None) -> Ints:
    """About `count` customers (of those in `among`) chosen by a hash of their id, all when there are no more: never the
    first ones, who differ from the rest."""
    chosen = np.arange(len(user_ids)) if among is None else np.asarray(among)
    if len(chosen) <= count:
        return chosen
    names = user_ids.take(pa.array(chosen)).to_pylist()
    hashed = np.fromiter((zlib.crc32(name.encode()) for name in names), np.uint64, len(chosen))
    return chosen[hashed * np.uint64(len(chosen)) < np.uint64(count) << np.uint64(32)]


def _last(data: Interactions, wanted: np.ndarray) -> Ints:
    """Row number of each customer's last wanted row; -1 where there is none."""
    last = np.full(data.user_count, -1, np.int64)
    rows = np.flatnonzero(wanted)
    last[data.users[rows]] = rows  # rows ascend: the last assignment stays
    return last
