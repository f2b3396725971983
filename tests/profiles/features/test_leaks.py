"""The leak detector catches planted leaks and leaves honest columns alone."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from tests.profiles.features.test_training import CATALOGUE, day, labelled
from tests.profiles.features.world import AS_OF, connect, row

from floorwalker.errors import ConfigError
from floorwalker.profiles.features.leaks import find_leaks
from floorwalker.profiles.features.training import training_set

N = 2000


def honest(seed: int = 1) -> tuple[np.random.Generator, np.ndarray, dict]:
    """A label with two columns that really foretell it: AUC about 0.8, as good as retail gets."""
    random = np.random.default_rng(seed)
    taste = random.normal(size=N)
    label = (taste + random.normal(size=N) > 0.3).astype(int)
    columns = {
        "taste": taste,
        "orders": random.poisson(np.exp(taste * 0.5)),
        "channel": np.where(random.random(N) < 0.5 + 0.1 * label, "web", "store"),
        "gap": [None if missing else 1.5 for missing in random.random(N) < 0.4],
        "as_of": [AS_OF] * N,
        "last_order_on": [AS_OF - dt.timedelta(days=int(ago)) for ago in random.integers(1, 300, N)],
        "label": label,
    }
    return random, label, columns


@pytest.mark.parametrize("seed", range(5))
def test_honest_columns_are_left_alone(seed):
    _, _, columns = honest(seed)
    assert find_leaks(pa.table(columns), "label") == []


def test_planted_leaks_are_caught_and_named():
    random, label, columns = honest()
    columns["spent_after"] = label * random.exponential(20, N)
    columns["copy"] = label
    columns["opposite"] = 1 - label
    columns["refund_reason"] = [None if one else "size" for one in label]
    columns["segment_after"] = np.where(label == 1, "buyer", "none")
    columns["next_order_on"] = [AS_OF + dt.timedelta(days=3) if one else None for one in label]
    found = {leak.column: leak for leak in find_leaks(pa.table(columns), "label")}
    assert {name: leak.kind for name, leak in found.items()} == {
        "spent_after": "too good to be true",
        "copy": "is the label",
        "opposite": "is the label",
        "refund_reason": "too good to be true",
        "segment_after": "too good to be true",
        "next_order_on": "after the cut-off",
    }
    assert "the absence of refund_reason" in found["refund_reason"].words
    assert "on or after their as_of" in found["next_order_on"].words


def test_a_number_as_label():
    random, _, columns = honest()
    columns["label"] = columns["taste"] * 3 + random.normal(size=N)
    columns["echo"] = columns["label"] ** 3 + 0.01 * random.normal(size=N)
    assert [leak.column for leak in find_leaks(pa.table(columns), "label", too_good=0.98)] == ["echo"]


def test_rare_words_prove_nothing():
    _, label, columns = honest()
    columns["customer_number"] = [f"n{number}" for number in range(len(label))]
    assert find_leaks(pa.table(columns), "label") == []


def test_a_feature_computed_after_the_cut_off_is_seen_though_it_tells_little():
    rows = [
        row(number, f"c{number % 60}", day(ago), pieces=1 + number % 3)
        for number, ago in enumerate(np.random.default_rng(2).integers(1, 90, 600).tolist())
    ]
    people = [f"c{number}" for number in range(60)]
    with connect(rows, people) as connection:
        labels = labelled(connection, *((one, day(30), number % 2) for number, one in enumerate(people)))
        names = ["n", "n_30d", "spent"]
        truth = (
            training_set(connection, labels, names, catalogue=CATALOGUE).relation.order("customer_id").to_arrow_table()
        )
        today = labelled(connection, *((one, AS_OF, 1) for one in people))
        later = (
            training_set(connection, today, names, catalogue=CATALOGUE).relation.order("customer_id").to_arrow_table()
        )
    wrong = truth.set_column(truth.column_names.index("spent"), "spent", later.column("spent"))
    found = find_leaks(wrong, "label", truth=truth, later=later)
    assert [(leak.column, leak.kind) for leak in found] == [("spent", "after the cut-off")]
    assert find_leaks(truth, "label", truth=truth, later=later) == []


@pytest.mark.parametrize("label", [[1] * 60, [None] * 60, ["yes"] * 60])
def test_a_label_that_tells_nothing_is_refused(label):
    with pytest.raises(ConfigError, match="label"):
        find_leaks(pa.table({"label": label, "x": list(range(60))}), "label")


def test_no_such_label():
    with pytest.raises(ConfigError, match="no column bought"):
        find_leaks(pa.table({"label": [0, 1]}), "bought")
