"""What a feature is, in words: for the command line, the catalogue page and the reference in the documents.

In: feature sets. Out: one `Card` per feature, JSON-ready, and the tree of what it is computed from as lines of text.

>>> from floorwalker.profiles.catalogue import CUSTOMER
>>> card(CUSTOMER, "average_order").computed, card(CUSTOMER, "orders_30d").window
('revenue / orders', 'in the last 30 days')
>>> print("\\n".join(tree(CUSTOMER, "average_order")))
average_order = revenue / orders
├─ revenue: sum of amount of silver.orders, ever
└─ orders: number of rows of silver.orders, ever
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from floorwalker.errors import NotFoundError, did_you_mean
from floorwalker.profiles.features.definition import EVER, Feature, FeatureSet

_WORDS = {
    "count": "number of rows",
    "total": "sum of {column}",
    "smallest": "smallest {column}",
    "largest": "largest {column}",
    "latest": "{column} of the newest row that has one",
    "earliest": "{column} of the oldest row that has one",
    "days": "number of days with a row",
    "first_day": "first day with a row",
    "last_day": "last day with a row",
    "longest_gap": "most days between two consecutive days with a row",
    "latest_gap": "days between the last two days with a row",
    "gap_deviation": "standard deviation of the days between consecutive days with a row",
    "distinct": "number of different values of {key}",
    "top": "most frequent {key}",
    "top_share": "share of the rows with the most frequent {key}",
    "concentration": "concentration (Herfindahl index) of the rows over {key}",
    "attribute": "{column} as it stands",
}


@dataclass(frozen=True)
class Card:
    """One feature as it is shown. `live`: whether the live path serves it, else `batch_only` says why not."""

    entity: str
    name: str
    question: str
    type: str
    unit: str
    group: str
    window: str
    source: str
    source_about: str
    computed: str
    where: str
    default: Any
    purpose: str
    owner: str
    tests: tuple[str, ...]
    live: bool
    batch_only: str
    reads: tuple[str, ...]
    read_by: tuple[str, ...]
    table: str


def cards(sets: Sequence[FeatureSet]) -> list[Card]:
    """Every feature of every set, in their order."""
    return [one for features in sets for one in _cards(features, [feature.name for feature in features.features])]


def card(features: FeatureSet, name: str) -> Card:
    """One feature. NotFoundError with a hint when there is none of that name."""
    return _cards(features, [features.feature(name).name])[0]


def choose(sets: Sequence[FeatureSet], name: str, entity: str = "") -> FeatureSet:
    """The set that has a feature: the first, or that of `entity`. NotFoundError with a hint when none has it."""
    known = {one.entity.name: one for one in sets}
    if entity and entity not in known:
        raise NotFoundError(f"no entity '{entity}'", fix=did_you_mean(entity, known))
    names: set[str] = set()
    for one in [known[entity]] if entity else sets:
        own = {feature.name for feature in one.features}
        if name in own:
            return one
        names |= own
    raise NotFoundError(f"no feature '{name}'" + (f" of {entity}" if entity else ""), fix=did_you_mean(name, names))


def computed(feature: Feature) -> str:
    """How it is made of its rows, or its expression."""
    if feature.aggregate is None:
        return feature.expression
    aggregate = feature.aggregate
    return _WORDS[aggregate.kind].format(column=aggregate.column, key=aggregate.key)


def tree(features: FeatureSet, name: str) -> list[str]:
    """A feature and, indented below it, those it reads. One that stands above already is not told twice."""
    told: set[str] = set()

    def lines(one: Feature, first: str, rest: str) -> list[str]:
        if one.expression:
            text = f"{one.name} = {one.expression}"
        else:
            source = one.source.table if one.source else ""
            where = f" where {one.aggregate.where}" if one.aggregate and one.aggregate.where else ""
            window = "" if _windowless(one) else f", {one.window.words}"
            text = f"{one.name}: {computed(one)} of {source}{where}{window}"
        if one.name in told:
            return [f"{first}{one.name} (above)"]
        told.add(one.name)
        below = [features.feature(read) for read in _reads(one)]
        made = [first + text]
        for place, read in enumerate(below):
            last = place == len(below) - 1
            made += lines(read, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
        return made

    return lines(features.feature(name), "", "")


def _windowless(feature: Feature) -> bool:
    kind = feature.aggregate.kind if feature.aggregate else ""
    return kind == "attribute" or "gap" in kind


def _reads(feature: Feature) -> list[str]:
    """What an expression reads, in the order in which it names them."""
    if not feature.expression:
        return []
    names = [name for name in feature.parsed.names if name != "as_of"]
    return sorted(names, key=lambda name: (_place(feature.expression, name), name))


def _place(expression: str, name: str) -> int:
    found = re.search(rf"\b{re.escape(name)}\b", expression)
    return found.start() if found else len(expression)


def _window(feature: Feature) -> str:
    if feature.aggregate is None:
        return "of what it reads" if _reads(feature) else ""
    if feature.aggregate.kind == "attribute":
        return "what holds on the day of the run"
    return feature.window.words if feature.window != EVER else "ever"


def _cards(features: FeatureSet, names: Sequence[str]) -> list[Card]:
    read_by: dict[str, list[str]] = {}
    for one in features.features:
        for read in _reads(one):
            read_by.setdefault(read, []).append(one.name)
    made = []
    for name in names:
        one = features.feature(name)
        reason = (
            features.reason_batch_only(name)
            if features.entity.live
            else f"the live path serves no {features.entity.name}"
        )
        made.append(
            Card(
                entity=features.entity.name,
                name=name,
                question=one.description,
                type=one.type,
                unit=one.unit,
                group=one.group,
                window=_window(one),
                source=one.source.table if one.source else "",
                source_about=one.source.about if one.source else "",
                computed=computed(one),
                where=one.aggregate.where if one.aggregate else "",
                default=one.default,
                purpose=one.purpose,
                owner=one.owner,
                tests=(*(("not_null",) if one.default is not None else ()), *one.tests),
                live=not reason,
                batch_only=reason,
                reads=tuple(_reads(one)),
                read_by=tuple(read_by.get(name, ())),
                table=features.entity.table,
            )
        )
    return made
