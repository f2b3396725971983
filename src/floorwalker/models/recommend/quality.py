"""Settings chosen, and quality measured, on the retailer's own data.

In: the interactions of a run. Out: an `ItemKNN` with chosen settings, and rows of gold.recommender_quality, always with
popularity beside the neighbours.

    history ──────────────────────────┬─ validation days ─┬─ test days ─┐
      choose k1, b, decay here  ──────►                    │             │
      time split: learn from all before ──────────────────►│  targets    │
      leave-one-out B: each customer's last purchase is held back, the rest is learned from
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from floorwalker.models.recommend.evaluator import Report, choose, evaluate
from floorwalker.models.recommend.interactions import Interactions
from floorwalker.models.recommend.item_knn import ItemKNN
from floorwalker.models.recommend.popularity import DAY, Popularity
from floorwalker.models.recommend.protocols import BOUGHT, leave_one_out, sample_users, time_split
from floorwalker.models.recommend.settings import RecommendSettings

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("protocol", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("users", pa.int64()),
    ]
)
"""gold.recommender_quality; 'ndcg@10 low' and 'ndcg@10 high' are the ends of a 95 % interval."""

FEWEST = 100
"""Customers with purchases in the validation days below which the configured settings stay: noise would choose."""

WEIGHTS = ((1.2, 0.2), (1.2, 0.75), (100.0, 0.2))
"""(k1, b) tried: sparse histories like the first, long ones the others."""

DECAYS = (1.0, 0.7, 0.5)


class Measured(NamedTuple):
    """A report and the name its rows carry."""

    model: str
    protocol: str
    report: Report


def configured(settings: RecommendSettings) -> ItemKNN:
    """The neighbours as the settings say."""
    return ItemKNN(settings.neighbours, settings.k1, settings.b, settings.decay, settings.cutoff)


def chosen(data: Interactions, settings: RecommendSettings) -> ItemKNN:
    """An unfitted model with the settings that did best on the validation days; test days are not looked at."""
    if not settings.choose or not len(data):
        return configured(settings)
    test = int(data.moments.max()) - settings.evaluation_days * DAY
    at = test - settings.evaluation_days * DAY
    task = time_split(data, at, test, _buyers(data, at, test, settings.evaluation_users // 2), part="validation")
    if len(task.queries) < FEWEST:
        return configured(settings)
    candidates = []
    for k1, b in sorted({*WEIGHTS, (settings.k1, settings.b)}):
        model = ItemKNN(settings.neighbours, k1, b, settings.decay, settings.cutoff).fit(task.train)
        candidates += [model.with_query(decay) for decay in sorted({*DECAYS, settings.decay})]
    best, _ = choose(candidates, task)
    return ItemKNN(**best.params)


def _buyers(data: Interactions, at: int, until: int | None, count: int) -> np.ndarray:
    """A sample of those who can be asked: something before `at`, a purchase after it. Customers who only came to look
    would leave a sample of everybody nearly empty."""
    after = (data.moments >= at) & (data.strengths >= BOUGHT)
    if until is not None:
        after &= data.moments < until
    return sample_users(
        data.user_ids, count, np.intersect1d(data.users[data.moments < at], data.users[after], assume_unique=False)
    )


def measure(data: Interactions, model: ItemKNN, settings: RecommendSettings) -> list[Measured]:
    """Neighbours and popularity under leave-one-out B and the split by time; nothing where nobody can be asked."""
    if not len(data):
        return []
    active = sample_users(data.user_ids, settings.evaluation_users, np.flatnonzero(np.diff(data.starts) > 1))
    split = int(data.moments.max()) - settings.evaluation_days * DAY
    tasks = {
        "leave-one-out B": leave_one_out(data, "B", "test", active),
        f"time split {settings.evaluation_days} days": time_split(
            data, split, users=_buyers(data, split, None, settings.evaluation_users)
        ),
    }
    return [
        Measured(name, protocol, evaluate(candidate, task))
        for protocol, task in tasks.items()
        if len(task.queries)
        for name, candidate in (
            ("knn", ItemKNN(**model.params)),
            ("popular", Popularity()),
            ("popular_recent", Popularity(settings.popular_days)),
        )
    ]


def table(measured: list[Measured]) -> pa.Table:
    """Rows of gold.recommender_quality in the order model, protocol, metric."""
    rows = []
    for model, protocol, report in measured:
        values = dict(report.metrics)
        for metric, (low, high) in report.intervals.items():
            values |= {f"{metric} low": low, f"{metric} high": high}
        rows += [(model, protocol, metric, value, report.users) for metric, value in values.items()]
    rows.sort(key=lambda row: row[:3])
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(SCHEMA)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)


def tracked(measured: list[Measured]) -> dict[str, float]:
    """Metrics under names a tracker takes: `knn/time_split_28_days/ndcg_at_10`."""
    return {
        f"{model}/{protocol.replace(' ', '_')}/{metric.replace('@', '_at_')}": value
        for model, protocol, report in measured
        for metric, value in sorted(report.metrics.items())
        if np.isfinite(value)
    }
