"""What sells: the same list for everyone, without what they already have. The bar to beat, and the filler.

In: `Interactions`. Out: items by the number of customers who touched them, of all time or in the last `days`.

>>> import pyarrow as pa
>>> table = pa.table({"user": ["ann", "bob", "bob"], "item": ["hat", "hat", "tie"], "moment": [1, 1, 2]})
>>> model = Popularity().fit(Interactions.from_table(table))
>>> model.recommend(Histories.of([[0], []]), k=2).items.tolist()
[[0, 1], [0, 1]]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from floorwalker.errors import ConfigError
from floorwalker.models.recommend.interactions import Flags, Floats, Histories, Interactions
from floorwalker.models.recommend.interface import Ranked, Scores
from floorwalker.models.recommend.ranking import blocks, hide, walk
from floorwalker.models.recommend.saving import read_model, write_model

DAY = 86_400_000_000
"""Microseconds."""


class Popularity:
    """Counts customers per item; `days` limits the count to that many days before `until`.

    `until` (microseconds since 1970) is the newest moment learned from when not given. Items equal in the window are
    ordered by their count of all time, which adds less than one to the score.
    """

    name = "popular"

    def __init__(self, days: int | None = None, until: int | None = None) -> None:
        if days is not None and days < 1:
            raise ConfigError(f"popularity over {days} days", why="a window has at least one day", fix="days = 30")
        self.days, self.until = days, until
        self.scores: Floats = np.zeros(0)

    @property
    def params(self) -> dict[str, Any]:
        return {"days": self.days, "until": self.until}

    def fit(self, interactions: Interactions) -> Self:
        """Count; a window needs timed interactions (ConfigError otherwise)."""
        ever = _customers(interactions)
        if self.days is None:
            self.scores = ever
            return self
        if not interactions.timed:
            raise ConfigError(
                "recent popularity of interactions without times",
                why="they are in order, but no day is known",
                fix="use Popularity() over all time",
            )
        until = self.until if self.until is not None else int(interactions.moments.max(initial=0))
        inside = (interactions.moments > until - self.days * DAY) & (interactions.moments <= until)
        self.scores = _customers(interactions.where(inside)) + ever / (ever.max(initial=0) + 1)
        return self

    def order(self, allowed: Flags | None = None) -> NDArray[np.int32]:
        """Items anyone touched, most popular first, equal ones by number; only `allowed` ones."""
        order = np.argsort(-self.scores.astype(np.float32), kind="stable")
        keep = self.scores[order] > 0
        if allowed is not None:
            keep &= allowed[order]
        return order[keep].astype(np.int32)

    def score(self, histories: Histories) -> Scores:
        return np.broadcast_to(self.scores, (len(histories), len(self.scores)))

    def recommend(
        self, histories: Histories, k: int, *, exclude: Histories | None = None, allowed: Flags | None = None
    ) -> Ranked:
        """The head of one list per query. Items nobody touched are not recommended."""
        order = self.order(allowed)
        items = np.full((len(histories), k), -1, np.int32)
        for start, stop in blocks(len(histories), len(self.scores)):
            part = exclude.block(start, stop) if exclude is not None else None
            items[start:stop] = walk(order, k, hide((stop - start, len(self.scores)), part, None))
        scores = np.append(self.scores, 0).astype(np.float32)[items]
        return Ranked(items, scores)

    def explain(self, histories: Histories, items: NDArray[np.int32]) -> Ranked:
        """Nothing of the customer's own stands behind a popular item: -1 and 0."""
        return Ranked(np.full(items.shape, -1, np.int32), np.zeros(items.shape, np.float32))

    def save(self, folder: Path) -> None:
        write_model(folder, self.name, self.params, {"scores": self.scores})

    @classmethod
    def load(cls, folder: Path) -> Self:
        params, arrays = read_model(folder, cls.name)
        model = cls(**params)
        model.scores = arrays["scores"]
        return model


def _customers(interactions: Interactions) -> Floats:
    """Distinct customers per item; a weaker touch counts by its strength. Shape (items,)."""
    return np.asarray(interactions.matrix().sum(axis=0), np.float64).ravel()
