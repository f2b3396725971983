"""What a recommender is: six methods that every model fills, from a count of sales to a transformer.

In: `Interactions` to learn from, `Histories` to answer. Out: `Ranked` lists of item numbers and scores.

    model = ItemKNN()                               # or any other
    model.fit(interactions)
    lists = model.recommend(histories, k=10, exclude=histories)
    lists.items[0]                                  # ten item numbers, best first, -1 where there are fewer
    model.explain(histories, lists.items).items[0]  # "because you bought": the item behind each of them

Hard guarantee of every model: an item in `exclude` of a query, or not in `allowed`, is never in that query's list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from floorwalker.models.recommend.interactions import Histories, Interactions

Scores = sp.csr_array | NDArray[np.floating]
"""Queries × items. Sparse: what is absent is not recommended. Dense: every item has a score."""


class Ranked(NamedTuple):
    """Lists of several queries, best first; shape (queries, k) each."""

    items: NDArray[np.int32]
    """Item numbers; -1 where a list is shorter than k."""
    scores: NDArray[np.float32]
    """Scores, higher is better; 0 where the item is -1."""


class Recommender(Protocol):
    """Learns from interactions and answers queries; queries are answered independently of each other."""

    name: str
    """Short name of the kind of model: 'knn', 'popular'."""

    @property
    def params(self) -> dict[str, Any]:
        """Settings that, with the same data, give the same model; JSON values only."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn; replaces what was learned before. Item numbers are those of `interactions`."""

    def score(self, histories: Histories) -> Scores:
        """Scores of all items for each query, shape (queries, items). Callers pass blocks: the result may be dense."""

    def recommend(
        self,
        histories: Histories,
        k: int,
        *,
        exclude: Histories | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Ranked:
        """The k best items per query without those in `exclude` (per query) and those not `allowed` (for all).

        Equal scores are ordered by item number. Works in blocks of bounded memory whatever the number of queries.
        """

    def explain(self, histories: Histories, items: NDArray[np.int32]) -> Ranked:
        """For each item of the lists (queries, k): the history item with the largest term, and the term's size.

        -1 and 0 where the model has no such term (a popular item is nobody's consequence).
        """

    def save(self, folder: Path) -> None:
        """Write the fitted model into `folder` (npz and JSON, no pickle)."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises StateError when it is damaged or of a newer version."""
