"""The k best of many scores, ranks with ties against the model, and exclusions that cannot fail.

In: scores (queries × items, sparse or dense) and what may not be shown. Out: `Ranked` lists, or ranks of targets.
A score and its item number are packed into one integer (score bits made orderly in the upper half, inverted item
number in the lower), so one partial sort orders by score and then by item: equal input, equal lists, at any block size.

>>> top_k(np.array([[0.5, 2.0, 0.5]]), 2).items.tolist()
[[1, 0]]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from floorwalker.models.recommend.interactions import Flags, Floats, Histories, Ints
from floorwalker.models.recommend.interface import Ranked, Scores

CELLS = 4_000_000
"""Scores held at a time, queries × items: about 32 MB of float64, several such arrays at the peak."""

MISS = 1 << 40
"""The rank of a target that can never be named."""

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def blocks(queries: int, items: int, cells: int = CELLS) -> Iterator[tuple[int, int]]:
    """Ranges of queries whose scores fit `cells`; at least one query each.

    >>> list(blocks(5, 10, cells=20))
    [(0, 2), (2, 4), (4, 5)]
    """
    size = max(1, cells // max(items, 1))
    for start in range(0, queries, size):
        yield start, min(start + size, queries)


def top_k(scores: Scores, k: int, exclude: Histories | None = None, allowed: Flags | None = None) -> Ranked:
    """The k best per row, best first, equal scores by item number; never excluded or disallowed items.

    `scores` (queries, items), compared as float32. Absent entries of a sparse matrix, and zeros, are not recommended.
    """
    hidden = _hidden(scores.shape, exclude, allowed)
    if isinstance(scores, np.ndarray):
        keys = _orderly(scores) << _SHIFT | (_LOW - np.arange(scores.shape[1], dtype=np.uint64))
        if hidden is not None:
            keys[hidden] = 0
        best = _sorted_best(keys, k)
    else:
        keys = _orderly(scores.data) << _SHIFT | (_LOW - scores.indices.astype(np.uint64))
        keys[np.asarray(scores.data, np.float32) == 0] = 0
        if hidden is not None:
            keys[hidden[_rows(scores), scores.indices]] = 0
        best = _segments_best(keys, scores.indptr, k)
    found = best > 0
    items = np.where(found, _LOW - (best & _LOW), 0).astype(np.int64).astype(np.int32)
    values = _disorderly((best >> _SHIFT).astype(np.uint32))
    return Ranked(np.where(found, items, np.int32(-1)), np.where(found, values, np.float32(0)))


def ranks(scores: Scores, rows: Ints, targets: Ints, exclude: Histories | None = None) -> NDArray[np.int64]:
    """Rank from 0 of item `targets[i]` in row `rows[i]`: how many other items score at least as high (ties against).

    Excluded items do not compete; an excluded target is a MISS. A target without a score in a sparse
    row ties with all that have none: it ranks behind every other item that may be shown.
    """
    items = scores.shape[1]
    hidden = _hidden(scores.shape, exclude, None)
    if isinstance(scores, np.ndarray):
        shown = np.asarray(scores, np.float32)
        if hidden is not None:
            shown = np.where(hidden, np.float32(-np.inf), shown)
        own = shown[rows, targets]
        result = np.zeros(len(rows), np.int64)
        for start, stop in blocks(len(rows), items):
            result[start:stop] = (shown[rows[start:stop]] >= own[start:stop, None]).sum(axis=1) - 1
    else:
        row_of, columns, values = _rows(scores), scores.indices, np.asarray(scores.data, np.float32)
        keep = values != 0
        if hidden is not None:
            keep &= ~hidden[row_of, columns]
        row_of, columns, values = row_of[keep], columns[keep], values[keep]
        place = np.zeros(scores.shape, np.int32)
        place[row_of, columns] = np.arange(1, len(values) + 1)
        own = place[rows, targets] - 1
        competing = items - (hidden.sum(axis=1) if hidden is not None else np.zeros(scores.shape[0], np.int64))
        result = np.where(own < 0, competing[rows] - 1, _higher(values, row_of, own, rows, scores.shape[0]))
    if hidden is not None:
        result = np.where(hidden[rows, targets], MISS, result)
    return result


def _higher(values: Floats, row_of: Ints, own: Ints, rows: Ints, count: int) -> NDArray[np.int64]:
    """How many other entries of row `rows[i]` are at least `values[own[i]]`; entries are in the order of their rows."""
    if len(values) == 0:
        return np.zeros(len(rows), np.int64)
    if len(np.unique(rows)) == len(rows):
        bar = np.full(count, np.inf, np.float32)
        bar[rows] = values[own]
        return np.bincount(row_of[values >= bar[row_of]], minlength=count)[rows] - 1
    # Several targets in a row: sort by row and score what reaches the row's lowest target, then look each one up.
    bar = np.full(count, np.inf, np.float32)
    np.minimum.at(bar, rows, values[own])
    reach = values >= bar[row_of]
    keys = row_of[reach].astype(np.uint64) << _SHIFT | _orderly(values[reach])
    ends = np.cumsum(np.bincount(row_of[reach], minlength=count))
    wanted = rows.astype(np.uint64) << _SHIFT | _orderly(values[own])
    return ends[rows] - np.searchsorted(np.sort(keys), wanted, side="left") - 1


def walk(order: Ints, k: Ints | int, hidden: Flags) -> NDArray[np.int32]:
    """The first `k` items of one `order` for every row of `hidden` (rows, items), skipping what is hidden there.

    `k` may differ per row. Out: (rows, max k) item numbers, -1 where a list is shorter.
    """
    rows = hidden.shape[0]
    want = np.broadcast_to(np.asarray(k, np.int64), (rows,))
    width = int(want.max(initial=0))
    out = np.full((rows, width), -1, np.int32)
    if rows == 0 or width == 0:
        return out
    # No row needs more of the order than what it wants plus what is hidden from it.
    ahead = order[: width + int(hidden.sum(axis=1).max(initial=0))]
    free = ~hidden[:, ahead]
    count = np.cumsum(free, axis=1)
    row, column = np.nonzero(free & (count <= want[:, None]))
    out[row, count[row, column] - 1] = ahead[column]
    return out


def hide(shape: tuple[int, int], exclude: Histories | None, allowed: Flags | None) -> Flags:
    """Flags (queries, items): true where an item may not be shown."""
    hidden = np.zeros(shape, bool)
    if allowed is not None:
        hidden[:, ~allowed] = True
    if exclude is not None:
        hidden[exclude.rows, exclude.items] = True
    return hidden


def _hidden(shape: tuple[int, int], exclude: Histories | None, allowed: Flags | None) -> Flags | None:
    return None if exclude is None and allowed is None else hide(shape, exclude, allowed)


def _rows(scores: sp.csr_array) -> Ints:
    return np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))


def _orderly(scores: NDArray) -> NDArray[np.uint64]:
    """Unsigned integers in the order of the scores as float32; never 0."""
    bits = (np.asarray(scores, np.float32) + np.float32(0)).view(np.uint32)  # adding 0 makes -0 and 0 equal
    return np.where(bits >> 31 == 1, ~bits, bits | np.uint32(0x80000000)).astype(np.uint64)


def _disorderly(bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The scores that `_orderly` packed."""
    return np.where(bits >> 31 == 1, bits & np.uint32(0x7FFFFFFF), ~bits).astype(np.uint32).view(np.float32)


def _sorted_best(keys: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
    """The k largest keys per row, largest first; 0 where there are fewer."""
    width = keys.shape[1]
    if width > k:
        keys = np.partition(keys, width - k, axis=1)[:, width - k :]
    out = np.zeros((keys.shape[0], k), np.uint64)
    out[:, : keys.shape[1]] = np.sort(keys, axis=1)[:, ::-1]
    return out


def _segments_best(keys: NDArray[np.uint64], starts: Ints, k: int) -> NDArray[np.uint64]:
    """The k largest keys of each segment; segments of like length (powers of two) are padded and sorted together."""
    lengths = np.diff(starts)
    out = np.zeros((len(lengths), k), np.uint64)
    classes = np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    for power in np.unique(classes[lengths > 0]):
        rows = np.flatnonzero((classes == power) & (lengths > 0))
        inside = np.arange(1 << int(power))
        at = starts[rows][:, None] + inside
        real = inside < lengths[rows][:, None]
        out[rows] = _sorted_best(np.where(real, keys[np.where(real, at, 0)], np.uint64(0)), k)
    return out
