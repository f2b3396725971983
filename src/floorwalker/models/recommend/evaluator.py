"""How good a recommender is: every item competes, ties count against it, an unknown target is a miss.

In: a recommender and a `Task`. Out: a `Report` of NDCG@10/20, recall@10/20, MRR@20, coverage@10 and customers served,
each mean with a bootstrap interval over customers, and the CPU seconds it took.

    rank of a target = other items that score at least as much; from 0
    NDCG             = sum of 1/log2(rank + 2) over the targets, divided by the largest it could be

>>> import pyarrow as pa
>>> from floorwalker.models.recommend.interactions import Interactions
>>> from floorwalker.models.recommend.popularity import Popularity
>>> from floorwalker.models.recommend.protocols import leave_one_out
>>> table = pa.table({"user": list("aaabbb"), "item": list("xyzxyz"), "moment": [1, 2, 3] * 2})
>>> report = evaluate(Popularity(), leave_one_out(Interactions.from_table(table), "B", "test"))
>>> report.metrics["recall@10"], report.users                    # z was never seen in training: a miss
(0.0, 2)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from floorwalker.errors import ConfigError
from floorwalker.models.recommend.interactions import Histories, Ints
from floorwalker.models.recommend.interface import Recommender
from floorwalker.models.recommend.protocols import Task
from floorwalker.models.recommend.ranking import MISS, blocks, ranks

METRICS = ("ndcg@10", "ndcg@20", "recall@10", "recall@20", "mrr@20")
"""Means over customers; `Report.per_user` has them as columns in this order."""

RESAMPLES = 300
SEED = 20260101


@dataclass(frozen=True)
class Report:
    """What an examination found."""

    model: str
    protocol: str
    part: str
    masked: bool
    """Items of the query were not allowed in the answer."""
    users: int
    metrics: dict[str, float]
    """`METRICS`, and with lists: 'coverage@10' (share of all items in any top ten), 'served' (share of customers with
    a list)."""
    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap intervals over customers of `METRICS`."""
    fit_cpu_s: float
    answer_cpu_s: float
    per_user: NDArray[np.float64] = field(repr=False)
    """Shape (users, metrics): for paired comparisons of two models."""


def evaluate(
    model: Recommender, task: Task, *, mask: bool | None = None, fit: bool = True, lists: bool = True
) -> Report:
    """Fit `model` on the task's training rows (unless `fit` is false: it already is) and examine it.

    mask: hide the items of a query from its answer; by default where the data has no repeats. lists: also make the top
    tens (coverage, served). Deterministic but for the CPU seconds.
    """
    start = time.process_time()
    if fit:
        model.fit(task.train)
    fitted = time.process_time()
    masked = not task.repeats if mask is None else mask
    per_user = _per_user(target_ranks(model, task, masked), task)
    metrics = dict(zip(METRICS, per_user.mean(axis=0).tolist() if len(per_user) else [0.0] * len(METRICS), strict=True))
    if lists:
        top = model.recommend(task.queries, 10, exclude=task.queries if masked else None).items
        metrics["coverage@10"] = len(np.unique(top[top >= 0])) / max(task.train.item_count, 1)
        metrics["served"] = float((top[:, 0] >= 0).mean()) if len(top) else 0.0
    done = time.process_time()
    return Report(
        model=model.name,
        protocol=task.protocol,
        part=task.part,
        masked=masked,
        users=len(task.queries),
        metrics=metrics,
        intervals=dict(zip(METRICS, bootstrap(per_user), strict=True)),
        fit_cpu_s=fitted - start,
        answer_cpu_s=done - fitted,
        per_user=per_user,
    )


def choose(models: Iterable[Recommender], task: Task, metric: str = "ndcg@10") -> tuple[Recommender, list[float]]:
    """The fitted model with the best `metric` on a validation task (the first of equals), and every model's value."""
    if task.part != "validation":
        raise ConfigError(
            "settings chosen on the test part", why="its figures would flatter", fix="use part='validation'"
        )
    best: tuple[float, Recommender] | None = None
    values = []
    for model in models:
        value = evaluate(model, task, fit=False, lists=False).metrics[metric]
        values.append(value)
        if best is None or value > best[0]:
            best = (value, model)
    if best is None:
        raise ConfigError("nothing to choose from", why="the list of models is empty", fix="give at least one")
    return best[1], values


def target_ranks(model: Recommender, task: Task, mask: bool) -> NDArray[np.int64]:
    """Rank from 0 of every target of the task; an item without a training row ranks behind all."""
    items = task.train.item_count
    result = np.full(len(task.targets), MISS, np.int64)
    for start, stop in blocks(len(task.queries), items):
        first, last = np.searchsorted(task.target_rows, [start, stop])
        block: Histories = task.queries.block(start, stop)
        rows = task.target_rows[first:last] - start
        result[first:last] = ranks(model.score(block), rows, task.targets[first:last], block if mask else None)
    known = np.bincount(task.train.items, minlength=items) > 0
    return np.where(known[task.targets], result, MISS)


def bootstrap(values: NDArray[np.float64], resamples: int = RESAMPLES) -> Sequence[tuple[float, float]]:
    """95 % percentile intervals of the column means of `values` (customers, columns), from the same draws."""
    count = len(values)
    if count == 0:
        return [(0.0, 0.0)] * values.shape[1]
    draw = np.random.default_rng(SEED)
    means = np.array(
        [np.bincount(draw.integers(0, count, count), minlength=count) @ values / count for _ in range(resamples)]
    )
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _per_user(rank: NDArray[np.int64], task: Task) -> NDArray[np.float64]:
    """METRICS of each query from the ranks of its targets; several targets: recall over all, ideal NDCG over min(k)."""
    users = len(task.queries)
    wanted = np.bincount(task.target_rows, minlength=users)
    columns = []
    for metric in METRICS:
        kind, k = metric.split("@")[0], int(metric.split("@")[1])
        hit = rank < k
        gain = {
            "ndcg": 1 / np.log2(rank + 2.0),
            "recall": np.ones(len(rank)),
            "mrr": 1 / (rank + 1.0),
        }[kind]
        gain = np.where(hit, gain, 0.0)
        if kind == "mrr":
            column = np.zeros(users)
            np.maximum.at(column, task.target_rows, gain)
        else:
            column = np.bincount(task.target_rows, weights=gain, minlength=users)
            best = wanted if kind == "recall" else _ideal(wanted, k)
            column = column / np.maximum(best, 1e-12)
        columns.append(column)
    return np.stack(columns, axis=1)


def _ideal(wanted: Ints, k: int) -> NDArray[np.float64]:
    """The largest possible DCG@k with that many targets."""
    gains = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))))
    return gains[np.minimum(wanted, k)]
