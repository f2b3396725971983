"""Who touched what, in order: the data every recommender learns from and is asked with.

In: a table of customers, items and moments (times, or positions). Out: `Interactions`, integer arrays sorted by
customer and moment with the vocabularies beside them, and `Histories`, the items of many queries.

>>> import pyarrow as pa
>>> table = pa.table({"user": ["ann", "ann", "bob"], "item": ["hat", "tie", "hat"], "moment": [2, 1, 1]})
>>> data = Interactions.from_table(table)
>>> data.items.tolist(), data.item_ids.to_pylist(), data.histories().ages.tolist()
([1, 0, 0], ['hat', 'tie'], [1, 0, 0])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from floorwalker.errors import DataTestError, NotFoundError, did_you_mean

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Histories:
    """Items of `len(self)` queries, oldest first: query q owns entries `starts[q]` to `starts[q + 1]`.

    `ages` counts moments back from the newest of the query (0 = newest): what was bought in one basket has one age.
    `strengths` says how much an entry counts (1 = bought).
    """

    starts: Ints
    items: Ints
    ages: Ints
    strengths: Floats

    @staticmethod
    def of(lists: list[list[int]]) -> Histories:
        """Histories from plain lists, oldest item first, every item a moment of its own."""
        lengths = np.array([len(items) for items in lists], np.int64)
        starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        items = np.array([item for items in lists for item in items], np.int32)
        ages = np.repeat(starts[1:], lengths) - 1 - np.arange(len(items))
        return Histories(starts, items, ages.astype(np.int32), np.ones(len(items), np.float32))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    @property
    def rows(self) -> Ints:
        """The query of each entry."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def block(self, start: int, stop: int) -> Histories:
        """Queries `start` to `stop` (exclusive), without copying their items."""
        first, last = self.starts[start], self.starts[stop]
        part = slice(first, last)
        return Histories(self.starts[start : stop + 1] - first, self.items[part], self.ages[part], self.strengths[part])

    def pick(self, queries: Ints) -> Histories:
        """The queries of these numbers, in this order."""
        lengths = self.lengths[queries]
        starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        at = np.arange(starts[-1]) + np.repeat(self.starts[queries] - starts[:-1], lengths)
        return Histories(starts, self.items[at], self.ages[at], self.strengths[at])

    def where(self, keep: Flags) -> Histories:
        """The same queries with only the entries where `keep` is true; ages stay."""
        running = np.concatenate(([0], np.cumsum(keep)))
        return Histories(running[self.starts], self.items[keep], self.ages[keep], self.strengths[keep])

    def newest(self, count: int) -> Histories:
        """The newest `count` entries of every query."""
        from_end = np.repeat(self.starts[1:], self.lengths) - np.arange(len(self.items))
        return self if len(self.items) == 0 or from_end.max() <= count else self.where(from_end <= count)


@dataclass(frozen=True)
class Interactions:
    """Customer `users[i]` touched item `items[i]` at `moments[i]`; sorted by user and moment.

    Rows of one moment (a basket) stand in an order drawn from a hash: in the order of their names, leave-one-out would
    always ask for the last name of the alphabet, and its neighbours in the alphabet would look like a discovery.
    `moments` are microseconds since 1970 in UTC (`timed`) or positions. `user_ids[u]` and `item_ids[i]` are the names,
    sorted, so that the same rows give the same numbers. One row per touch: a customer may touch an item repeatedly.
    """

    users: Ints
    items: Ints
    moments: Ints
    strengths: Floats
    user_ids: pa.Array
    item_ids: pa.Array
    timed: bool = False

    @staticmethod
    def from_table(
        table: pa.Table,
        *,
        user: str = "user",
        item: str = "item",
        moment: str = "moment",
        strength: str | None = None,
        user_ids: pa.Array | None = None,
        item_ids: pa.Array | None = None,
    ) -> Interactions:
        """Number the customers and items of `table` and put its rows in order.

        `user_ids`, `item_ids`: sorted vocabularies, which may hold names without rows; rows of others are left out.
        Raises NotFoundError for a missing column and DataTestError where a customer, item or moment is null.
        """
        for name in (user, item, moment, *((strength,) if strength else ())):
            if name not in table.column_names:
                raise NotFoundError(
                    f"no column '{name}' in the interactions",
                    why="they need a customer, an item and a moment",
                    fix=did_you_mean(name, table.column_names),
                )
            if table[name].null_count:
                raise DataTestError(
                    f"column '{name}' of the interactions has {table[name].null_count} nulls",
                    why="an interaction without customer, item or moment has no place in a history",
                    fix="filter such rows out before",
                )
        when = table[moment]
        timed = pa.types.is_temporal(when.type)
        if timed:
            when = when.cast(pa.timestamp("us", getattr(when.type, "tz", None))).cast(pa.int64())
        moments = when.to_numpy().astype(np.int64)
        users, user_ids = _numbered(table[user], user_ids)
        items, item_ids = _numbered(table[item], item_ids)
        weight = table[strength].to_numpy() if strength else np.ones(len(moments))
        strengths = weight.astype(np.float32)
        known = (users >= 0) & (items >= 0)
        users, items, moments, strengths = users[known], items[known], moments[known], strengths[known]
        order = np.lexsort((_shuffled(users, items), moments, users))
        return Interactions(users[order], items[order], moments[order], strengths[order], user_ids, item_ids, timed)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def user_count(self) -> int:
        return len(self.user_ids)

    @property
    def item_count(self) -> int:
        return len(self.item_ids)

    @cached_property
    def starts(self) -> Ints:
        """Entries of user u: `starts[u]` to `starts[u + 1]`; shape (users + 1,)."""
        return np.concatenate(([0], np.cumsum(np.bincount(self.users, minlength=self.user_count)))).astype(np.int64)

    @cached_property
    def has_repeats(self) -> bool:
        """Whether any customer touched any item more than once."""
        return len(np.unique(self._pairs)) < len(self)

    @property
    def _pairs(self) -> Ints:
        return self.users.astype(np.int64) * max(self.item_count, 1) + self.items

    def where(self, keep: Flags) -> Interactions:
        """The rows where `keep` is true; the vocabularies stay, so numbers mean the same."""
        return replace(
            self,
            users=self.users[keep],
            items=self.items[keep],
            moments=self.moments[keep],
            strengths=self.strengths[keep],
        )

    def histories(self) -> Histories:
        """What every customer touched (one query per user, also for users without rows)."""
        fresh = np.ones(len(self), bool)
        fresh[1:] = (self.users[1:] != self.users[:-1]) | (self.moments[1:] != self.moments[:-1])
        step = np.cumsum(fresh)
        newest = step[self.starts[1:][self.users] - 1] if len(self) else step
        return Histories(self.starts, self.items, (newest - step).astype(np.int32), self.strengths)

    def matrix(self) -> sp.csr_array:
        """Customers × items; each pair once, with its greatest strength."""
        pairs, first = np.unique(self._pairs, return_inverse=True)
        strength = np.zeros(len(pairs), np.float64)
        np.maximum.at(strength, first, self.strengths)
        rows, columns = np.divmod(pairs, max(self.item_count, 1))
        starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=self.user_count))))
        return sp.csr_array(
            (strength, columns.astype(np.int32), starts.astype(np.int32)), shape=(self.user_count, self.item_count)
        )


def _shuffled(users: Ints, items: Ints) -> NDArray[np.uint64]:
    """A fixed pseudo-random number per pair (the finalizer of SplitMix64)."""
    mixed = users.astype(np.uint64) << np.uint64(32) | items.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _numbered(names: pa.ChunkedArray, known: pa.Array | None) -> tuple[Ints, pa.Array]:
    """Each row's number in the sorted vocabulary (`known`, else the names themselves; -1 = not in it), and that."""
    whole = names.combine_chunks().cast(pa.string())
    encoded = whole.dictionary_encode() if len(whole) else pa.array([], pa.string()).dictionary_encode()
    words = encoded.dictionary
    if known is None:
        known = words.sort()
    place = pc.call_function("index_in", [words], pc.SetLookupOptions(known))
    number = place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return number[encoded.indices.to_numpy(zero_copy_only=False)], known
