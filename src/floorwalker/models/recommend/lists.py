"""Lists of many customers, in blocks: neighbours of what they touched, then what is popular where they shop.

In: a fitted `ItemKNN`, histories, exclusions, and one popular order per market. Out: Arrow batches of the rows of
gold.recommendations, one block of customers at a time, so that memory does not grow with their number.

    customer with history     knn, knn, …, then popular up to `top`
    without, or without leave to personalise     popular
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.models.recommend.interactions import Flags, Histories, Ints
from floorwalker.models.recommend.item_knn import ItemKNN
from floorwalker.models.recommend.popularity import Popularity
from floorwalker.models.recommend.ranking import CELLS, blocks, hide, walk

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("rank", pa.int32()),
        ("product_id", pa.string()),
        ("score", pa.float64()),
        ("because_product_id", pa.string()),
        ("model", pa.string()),
    ]
)
"""gold.recommendations; scores are comparable within a customer and a model."""


@dataclass(frozen=True)
class Audience:
    """Customers to make lists for, all arrays in the order of `customer_ids`."""

    customer_ids: pa.Array
    markets: Ints
    """Number of each customer's market: index into the popular models."""
    touched: Histories
    """What the neighbours are asked with; empty where there is none or no leave to use it."""
    excluded: Histories
    """What must not come back, per customer."""


def batches(
    knn: ItemKNN,
    popular: list[Popularity],
    everywhere: Popularity,
    audience: Audience,
    product_ids: pa.Array,
    allowed: Flags,
    top: int,
) -> Iterator[pa.RecordBatch]:
    """Rows of gold.recommendations, customers in order, ranks 1 to at most `top` without gaps.

    `popular[m]` orders market m; `everywhere` fills what a small market leaves open. No excluded, no disallowed and no
    repeated product is ever in a list.
    """
    orders = [_order(model, everywhere, allowed) for model in popular]
    sales = [np.append(model.scores, 0) for model in popular]
    items = len(product_ids)
    # Each customer also takes `top` rows of the output, so a small catalog does not make the block grow.
    for start, stop in blocks(len(audience.customer_ids), max(items, 10 * top), CELLS):
        touched, excluded = audience.touched.block(start, stop), audience.excluded.block(start, stop)
        near = knn.recommend(touched, top, exclude=excluded, allowed=allowed)
        reason = knn.explain(touched, near.items).items
        hidden = hide((stop - start, items), excluded, None)
        row, column = np.nonzero(near.items >= 0)
        hidden[row, near.items[row, column]] = True
        have = (near.items >= 0).sum(axis=1)
        listed, scores = near.items.copy(), near.scores.astype(np.float64)
        markets = audience.markets[start:stop]
        for market in np.unique(markets):
            rows = np.flatnonzero((markets == market) & (have < top))
            if len(rows) == 0:
                continue
            found = walk(orders[market], top - have[rows], hidden[rows])
            at, place = np.nonzero(found >= 0)
            target = rows[at], have[rows[at]] + place
            listed[target] = found[at, place]
            scores[target] = sales[market][found[at, place]]
        yield _rows(audience.customer_ids[start:stop], listed, scores, reason, have, product_ids)


def _order(model: Popularity, everywhere: Popularity, allowed: Flags) -> Ints:
    """What sells in the market, then what sells anywhere, each once."""
    here, anywhere = model.order(allowed), everywhere.order(allowed)
    return np.concatenate((here, anywhere[~np.isin(anywhere, here)]))


def _rows(
    customer_ids: pa.Array,
    listed: NDArray[np.int32],
    scores: NDArray[np.float64],
    reason: NDArray[np.int32],
    have: Ints,
    product_ids: pa.Array,
) -> pa.RecordBatch:
    row, column = np.nonzero(listed >= 0)
    because = reason[row, column]
    by_knn = column < have[row]
    words = pa.array(["popular", "knn"])
    return pa.RecordBatch.from_arrays(
        [
            customer_ids.take(pa.array(row)),
            pa.array((column + 1).astype(np.int32)),
            product_ids.take(pa.array(listed[row, column])),
            pa.array(scores[row, column]),
            product_ids.take(pa.array(because, mask=because < 0)),
            words.take(pa.array(by_knn.astype(np.int8))),
        ],
        schema=SCHEMA,
    )
