"""Metrics by hand, ties and unknown targets, masking, choice on validation, intervals, and the golden set."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tests.data import bench_data

from floorwalker.errors import ConfigError
from floorwalker.models.recommend.evaluator import METRICS, bootstrap, choose, evaluate, target_ranks
from floorwalker.models.recommend.interactions import Histories, Interactions
from floorwalker.models.recommend.item_knn import ItemKNN
from floorwalker.models.recommend.popularity import Popularity
from floorwalker.models.recommend.protocols import Task, leave_one_out
from floorwalker.models.recommend.ranking import MISS, top_k


class Table:
    """A recommender whose scores are written down: the same row for every query."""

    name = "table"

    def __init__(self, scores: list[float]) -> None:
        self.row = np.array(scores)

    def fit(self, interactions: Interactions) -> Table:
        return self

    def score(self, histories: Histories) -> np.ndarray:
        return np.tile(self.row, (len(histories), 1))

    def recommend(self, histories: Histories, k: int, *, exclude=None, allowed=None):
        return top_k(self.score(histories), k, exclude, allowed)


def task(targets: list[list[int]], train_items: list[int], asked: list[list[int]], repeats: bool = False) -> Task:
    count = 6
    ids = pa.array([f"i{number}" for number in range(count)])
    table = pa.table(
        {
            "user": [f"u{n}" for n in range(len(train_items))],
            "item": [f"i{n}" for n in train_items],
            "moment": [1] * len(train_items),
        }
    )
    rows = np.repeat(np.arange(len(targets)), [len(part) for part in targets])
    flat = np.array([item for part in targets for item in part])
    data = Interactions.from_table(table, item_ids=ids)
    return Task("B", "test", data, Histories.of(asked), np.arange(len(targets)), rows, flat, repeats)


def test_one_target_by_hand() -> None:
    asked = task([[1], [3]], list(range(6)), [[0], [0]])
    found = evaluate(Table([9, 5, 4, 3, 2, 1]), asked)
    # Item 0 is in the query and masked: item 1 ranks 0, item 3 ranks 2.
    assert found.masked
    assert found.metrics["ndcg@10"] == pytest.approx((1 + 1 / math.log2(4)) / 2)
    assert found.metrics["recall@10"] == 1.0
    assert found.metrics["mrr@20"] == pytest.approx((1 + 1 / 3) / 2)
    assert found.metrics["coverage@10"] == pytest.approx(5 / 6)
    assert found.metrics["served"] == 1.0


def test_several_targets_by_hand() -> None:
    found = evaluate(Table([9, 8, 7, 6, 5, 4]), task([[0, 2]], list(range(6)), [[5]]))
    ideal = 1 + 1 / math.log2(3)
    assert found.metrics["ndcg@10"] == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert found.metrics["recall@20"] == 1.0
    assert found.metrics["mrr@20"] == 1.0


def test_ties_count_against_the_model() -> None:
    asked = task([[1]], list(range(6)), [[0]])
    assert target_ranks(Table([1, 1, 1, 1, 1, 1]), asked, True).tolist() == [4]
    assert target_ranks(Table([1, 1, 1, 1, 1, 1]), asked, False).tolist() == [5]


def test_a_target_never_learned_is_a_miss_even_among_few_items() -> None:
    asked = task([[1]], [0, 2], [[0]])
    assert target_ranks(Table([0, 9, 0, 0, 0, 0]), asked, True).tolist() == [MISS]
    assert evaluate(Table([0, 9, 0, 0, 0, 0]), asked).metrics["recall@20"] == 0


def test_repeats_in_the_data_lift_the_mask() -> None:
    bought_again = task([[0]], list(range(6)), [[0]], repeats=True)
    assert evaluate(Table([9, 1, 1, 1, 1, 1]), bought_again).metrics["ndcg@10"] == 1.0
    assert evaluate(Table([9, 1, 1, 1, 1, 1]), bought_again, mask=True).metrics["ndcg@10"] == 0.0


def test_settings_are_never_chosen_on_the_test_part() -> None:
    with pytest.raises(ConfigError, match="test part"):
        choose([Popularity()], task([[1]], [0, 1], [[0]]))


def test_the_first_of_equals_is_chosen() -> None:
    table = pa.table({"user": list("aaabbb"), "item": list("xyzxyz"), "moment": [1, 2, 3] * 2})
    asked = leave_one_out(Interactions.from_table(table), "B", "validation")
    models = [Popularity().fit(asked.train), Popularity().fit(asked.train)]
    best, values = choose(models, asked)
    assert best is models[0]
    assert values[0] == values[1]


def test_intervals_hold_the_mean_and_repeat_exactly() -> None:
    values = np.random.default_rng(3).random((2000, 2))
    first = bootstrap(values)
    assert first == bootstrap(values)
    for (low, high), mean in zip(first, values.mean(axis=0), strict=True):
        assert low < mean < high
        assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1 / 12 / 2000), rel=0.2)


def test_nobody_to_ask_gives_zeros() -> None:
    table = pa.table({"user": ["a"], "item": ["x"], "moment": [1]})
    found = evaluate(Popularity(), leave_one_out(Interactions.from_table(table), "B", "test"))
    assert found.users == 0
    assert all(found.metrics[name] == 0 for name in METRICS)


def test_beauty_to_the_fourth_digit() -> None:
    """Amazon Beauty, all customers, K = 500, K1 = 1.2, B = .2, decay .7: the figures of plain scipy."""
    path = bench_data("seq_amazon", "beauty.parquet")
    data = Interactions.from_table(
        duckdb.sql(f"SELECT \"user\"::VARCHAR AS user, item::VARCHAR AS item, pos FROM '{path}'").to_arrow_table(),
        moment="pos",
    )
    assert (len(data), data.user_count, data.item_count, data.has_repeats) == (198_502, 22_363, 12_101, False)
    found = evaluate(ItemKNN(500, 1.2, 0.2, 0.7), leave_one_out(data, "B", "test"))
    assert {name: round(found.metrics[name], 4) for name in METRICS[:4]} == {
        "ndcg@10": 0.0508,
        "ndcg@20": 0.0580,
        "recall@10": 0.0860,
        "recall@20": 0.1146,
    }
    assert found.metrics["coverage@10"] == pytest.approx(0.962, abs=0.001)
    published = evaluate(ItemKNN(500, 1.2, 0.2, 0.7), leave_one_out(data, "A", "test"), lists=False)
    assert round(published.metrics["ndcg@10"], 4) == 0.0435
    assert round(published.metrics["recall@10"], 4) == 0.0747
