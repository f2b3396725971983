"""States: what is kept per day so that features of any window can be had, and base and delta can be merged.

In: a `FeatureSet`. Out: its `Bucket`s: for each source the measures per day, and for features that group by a word (the
favourite category) the measures per word and day. Batch keeps them as tables, the live path as small dictionaries.

>>> from floorwalker.profiles.features.definition import *
>>> orders = Source("orders", "silver.orders")
>>> one = Feature("spent", "How much?", "money", orders, total("amount", "money"))
>>> two = Feature("shop", "Where?", "text", orders, top("store_id"))
>>> customers = FeatureSet(Entity("customer", "customer_id", "silver.customer_people", live=True), [one, two])
>>> [(bucket.name, bucket.is_table, [m.name for m in bucket.measures]) for bucket in buckets(customers)]
[('customer_orders', True, ['total_amount']), ('customer_orders_store_id', False, ['n'])]
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from floorwalker.errors import ModelError
from floorwalker.profiles.features.definition import Aggregate, Entity, Feature, FeatureSet, Source

PLAIN = {"count": "sum", "total": "sum", "smallest": "min", "largest": "max", "latest": "max", "earliest": "min"}
"""How the states of two days, or of base and delta, are merged; of a packed value the later is the greater one."""

STAMP = 17
"""A packed value begins with its moment in microseconds since 1970, in so many digits."""


@dataclass(frozen=True)
class Measure:
    """One state per day. `op`: how it is made of rows (an aggregate's kind); `merge`: sum, min or max."""

    name: str
    op: str
    column: str
    where: str
    type: str

    @property
    def merge(self) -> str:
        return PLAIN[self.op]

    @property
    def packed(self) -> bool:
        """Whether the state is text made of a moment and a value."""
        return self.op in ("latest", "earliest")


@dataclass(frozen=True)
class Bucket:
    """The measures of a source per entity and day, or, with a `key`, per entity, word and day."""

    entity: Entity
    source: Source
    key: str
    measures: tuple[Measure, ...]

    @property
    def name(self) -> str:
        """`customer_orders`, or `customer_purchases_category` for one with a key."""
        word = f"_{_slug(self.key)}" if self.key else ""
        return f"{self.entity.name}_{self.source.name}{word}"

    @property
    def is_table(self) -> bool:
        """Whether it is kept. With a key it has nearly as many rows as its source: it is computed where it is read."""
        return self.entity.live and not self.key

    @property
    def table(self) -> str:
        """`silver.customer_orders_days`: the table of a bucket that is kept."""
        return f"silver.{self.name}_days"


def measure_of(aggregate: Aggregate) -> Measure:
    """The state an aggregate is computed from."""
    where = f"_{_slug(aggregate.where)}" if aggregate.where else ""
    if aggregate.kind not in PLAIN or aggregate.kind == "count":
        return Measure(f"n{where}", "count", "", aggregate.where, "integer")
    name = f"{aggregate.kind}_{_slug(aggregate.column)}{where}"
    return Measure(name, aggregate.kind, aggregate.column, aggregate.where, aggregate.type)


def bucket_id(feature: Feature) -> tuple[str, str]:
    """Which bucket a feature reads: its source and key."""
    source, aggregate = counted(feature)
    return source.name, aggregate.key


def counted(feature: Feature) -> tuple[Source, Aggregate]:
    """The source and aggregate of a feature that counts rows. ModelError for one that is an expression."""
    if feature.source is None or feature.aggregate is None:
        raise ModelError(
            f"feature '{feature.name}' counts no rows",
            why="it is an expression over other features, where a source and an aggregate are needed",
            fix="give it a source and an aggregate, or an expression that reads other features",
        )
    return feature.source, feature.aggregate


def buckets(features: FeatureSet) -> list[Bucket]:
    """Every bucket that the features need, in their order."""
    found: dict[tuple[str, str], tuple[Source, dict[str, Measure]]] = {}
    for one in features.features:
        if one.source and one.aggregate and one.aggregate.kind != "attribute":
            measure = measure_of(one.aggregate)
            source, measures = found.setdefault(bucket_id(one), (one.source, {}))
            if source != one.source or measures.get(measure.name, measure) != measure:
                raise ModelError(
                    f"feature '{one.name}': another feature keeps something else as {source.name}.{measure.name}",
                    why="two sources have one name, or one column is summed as two types",
                )
            measures[measure.name] = measure
    return [
        Bucket(features.entity, source, key, tuple(measures.values())) for (_, key), (source, measures) in found.items()
    ]


def _slug(text: str) -> str:
    """An expression as part of a name; what is more than one word keeps a hash: `= 0` and `> 0` are not the same."""
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", text):
        return text
    word = re.sub(r"\W+", "_", text.lower()).strip("_")
    return f"{word[:32].rstrip('_')}_{hashlib.md5(text.encode()).hexdigest()[:6]}"
