"""Item neighbours: a case worked by hand, a naive dense twin, exact reasons, hard exclusions, files."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.errors import ConfigError, NotFoundError, StateError
from floorwalker.models.recommend import ranking
from floorwalker.models.recommend.interactions import Histories, Interactions
from floorwalker.models.recommend.item_knn import ItemKNN

BASKETS = st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=6, unique=True), min_size=2, max_size=12)
ITEMS = pa.array([f"p{number:02}" for number in range(12)])


def interactions(lists: list[list[int]]) -> Interactions:
    rows = [(f"c{u:02}", ITEMS[i].as_py(), t) for u, items in enumerate(lists) for t, i in enumerate(items)]
    users, items, moments = zip(*rows, strict=True)
    return Interactions.from_table(pa.table({"user": users, "item": items, "moment": moments}), item_ids=ITEMS)


def naive(data: Interactions, model: ItemKNN) -> np.ndarray:
    """S by loops over dense arrays, straight from the formula."""
    count = data.item_count
    x = np.zeros((data.user_count, count))
    x[data.users, data.items] = 1
    weight = np.zeros_like(x)
    mean = x.sum(axis=0).mean()
    for u in range(len(x)):
        for i in range(count):
            if x[u, i]:
                damp = model.k1 * (1 - model.b + model.b * x[:, i].sum() / mean) + 1
                weight[u, i] = (model.k1 + 1) / damp * max(math.log(count) - math.log(1 + x[u].sum()), 0)
    similar = weight.T @ weight
    for i in range(count):
        keep = sorted(range(count), key=lambda j: (-np.float32(similar[i, j]), j))[: model.neighbours]
        similar[i, [j for j in range(count) if j not in keep]] = 0
    return similar


def test_by_hand() -> None:
    """Five items, k1 = 1, b = 0: every weight is 2/(1 + 1) = 1 times ln 5 - ln(1 + n_u)."""
    table = pa.table({"user": list("aabbb"), "item": list("xyxyz"), "moment": [1, 2, 1, 2, 3]})
    data = Interactions.from_table(table, item_ids=pa.array(list("vwxyz")))
    model = ItemKNN(k1=1.0, b=0.0, decay=0.5).fit(data)
    two, three = math.log(5 / 3) ** 2, math.log(5 / 4) ** 2
    x, y, z = 2, 3, 4
    similar = model.similar.toarray()
    assert similar[x, y] == pytest.approx(two + three, rel=1e-6)
    assert similar[x, z] == pytest.approx(three, rel=1e-6)
    # Asked with x then y: z scores half of S[x,z] and all of S[y,z], and y is the reason.
    asked = Histories.of([[x, y]])
    found = model.recommend(asked, 2, exclude=asked)
    assert found.items.tolist() == [[z, -1]]
    assert found.scores[0, 0] == pytest.approx(1.5 * three, rel=1e-6)
    reason = model.explain(asked, found.items)
    assert reason.items.tolist() == [[y, -1]]
    assert reason.scores[0, 0] == pytest.approx(three, rel=1e-6)


@given(BASKETS, st.integers(1, 12), st.sampled_from([1.0, 0.6]), st.sampled_from([0.0, 0.75]))
@settings(max_examples=60, deadline=None)
def test_equals_the_naive_dense_twin(lists: list[list[int]], neighbours: int, decay: float, b: float) -> None:
    data = interactions(lists)
    model = ItemKNN(neighbours, 1.2, b, decay, cutoff=4).fit(data)
    similar = naive(data, model)
    np.testing.assert_allclose(model.similar.sum(axis=1), similar.sum(axis=1), rtol=1e-5, atol=1e-9)
    histories = data.histories()
    scores = model.score(histories).toarray()
    reasons = model.explain(histories, np.tile(np.arange(12, dtype=np.int32), (len(lists), 1)))
    dense = model.similar.toarray()
    for u, items in enumerate(lists):
        recent = items[-4:]
        terms = np.array([decay**age * dense[item] for age, item in enumerate(recent[::-1])])
        np.testing.assert_allclose(scores[u], terms.sum(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(reasons.scores[u], terms.max(axis=0), rtol=1e-6)
        for j in np.flatnonzero(terms.max(axis=0) > 0):
            assert reasons.items[u, j] == recent[::-1][int(terms[:, j].argmax())]


@given(BASKETS, st.integers(1, 14), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_excluded_and_disallowed_items_never_come_back(lists: list[list[int]], k: int, seed: int) -> None:
    data = interactions(lists)
    model = ItemKNN(decay=0.5).fit(data)
    draw = np.random.default_rng(seed)
    allowed = draw.random(12) < 0.6
    banned = Histories.of([np.flatnonzero(draw.random(12) < 0.4).tolist() for _ in lists])
    found = model.recommend(data.histories(), k, exclude=banned, allowed=allowed)
    for u in range(len(lists)):
        shown = found.items[u][found.items[u] >= 0].tolist()
        assert len(set(shown)) == len(shown)
        assert not set(shown) & set(banned.items[banned.starts[u] : banned.starts[u + 1]].tolist())
        assert all(allowed[item] for item in shown)


@given(BASKETS, st.integers(1, 14))
@settings(max_examples=60, deadline=None)
def test_one_request_equals_the_batch_bit_for_bit(lists: list[list[int]], k: int) -> None:
    data = interactions(lists)
    model = ItemKNN(decay=0.7, cutoff=3).fit(data)
    histories = data.histories()
    batch = model.recommend(histories, k, exclude=histories)
    for u in range(len(lists)):
        items = histories.items[histories.starts[u] : histories.starts[u + 1]]
        one = model.answer(items, k, exclude=items)
        np.testing.assert_array_equal(one.items[0], batch.items[u])
        np.testing.assert_array_equal(one.scores[0], batch.scores[u])


def test_a_request_without_history_gets_an_empty_list() -> None:
    model = ItemKNN().fit(interactions([[0, 1], [1, 2]]))
    assert model.answer(np.zeros(0, np.int32), 2).items.tolist() == [[-1, -1]]
    assert model.recommend(Histories.of([[]]), 2).items.tolist() == [[-1, -1]]


def test_same_lists_whatever_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(7)
    data = interactions([draw.permutation(12)[: draw.integers(1, 6)].tolist() for _ in range(60)])
    whole = ItemKNN().fit(data)
    first = whole.recommend(data.histories(), 5)
    monkeypatch.setattr(ranking.blocks, "__defaults__", (30,))
    again = ItemKNN().fit(data)
    second = again.recommend(data.histories(), 5)
    np.testing.assert_array_equal(whole.similar.toarray(), again.similar.toarray())
    np.testing.assert_array_equal(first.items, second.items)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_neighbours_of_leaves_the_item_itself_out() -> None:
    model = ItemKNN().fit(interactions([[0, 1], [0, 1, 2], [3, 4]]))
    near = model.neighbours_of(3, np.arange(12) != 2)
    assert near.items[0].tolist() == [1, -1, -1]
    assert near.items[2].tolist() == [0, 1, -1]


def test_a_weaker_touch_counts_less() -> None:
    table = pa.table(
        {"user": list("aabb"), "item": ["p00", "p01", "p00", "p02"], "moment": [1] * 4, "how": [1.0, 0.3, 1.0, 1.0]}
    )
    data = Interactions.from_table(table, strength="how", item_ids=ITEMS)
    similar = ItemKNN().fit(data).similar.toarray()
    assert 0 < similar[0, 1] < similar[0, 2]


def test_what_is_saved_is_what_is_loaded(tmp_path) -> None:
    data = interactions([[0, 1, 2], [1, 2], [0, 3]])
    model = ItemKNN(decay=0.6).fit(data)
    model.save(tmp_path)
    again = ItemKNN.load(tmp_path)
    assert again.params == model.params
    np.testing.assert_array_equal(again.similar.toarray(), model.similar.toarray())
    np.testing.assert_array_equal(
        again.recommend(data.histories(), 4).scores, model.recommend(data.histories(), 4).scores
    )


def test_missing_damaged_and_foreign_files_are_told_apart(tmp_path) -> None:
    with pytest.raises(NotFoundError, match="no model"):
        ItemKNN.load(tmp_path)
    ItemKNN().fit(interactions([[0, 1], [1, 2]])).save(tmp_path)
    words = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(words | {"schema": 99}))
    with pytest.raises(StateError, match="not a 'knn' of schema"):
        ItemKNN.load(tmp_path)
    (tmp_path / "model.npz").write_bytes(b"not a zip file")
    with pytest.raises(StateError, match="cannot be read"):
        ItemKNN.load(tmp_path)


@pytest.mark.parametrize("wrong", [{"decay": 0.0}, {"decay": 1.5}, {"neighbours": 0}, {"b": 2.0}, {"cutoff": 0}])
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ItemKNN(**wrong)
