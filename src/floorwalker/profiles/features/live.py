"""The live updater: the same features from events as they come, by the same definitions that batch compiles to SQL.

In: rows of silver tables (as dicts), in any order, each once. Out: a `State` per entity, whose `values` are the
features at a day; and `merge`, by which a base cut by batch and the events after it become one.

>>> from floorwalker.profiles.features.definition import *
>>> orders = Source("orders", "silver.orders")
>>> customers = FeatureSet(Entity("customer", "customer_id", "silver.customer_people", live=True), [
...     *over(Feature("orders", "How many orders {window}?", "integer", orders, count(), default=0), 30, None),
...     Feature("favourite_shop", "Where?", "text", orders, top("store_id"))])
>>> live = Updater(customers)
>>> state = live.empty()
>>> at = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
>>> live.apply(state, "silver.orders", {"occurred_at": at, "occurred_on": at.date(), "store_id": "s7"})
>>> live.values(state, dt.date(2026, 3, 1))
{'orders_30d': 0, 'orders': 1, 'favourite_shop': 's7'}

A state holds one small list of numbers per source and day, not the events. What batch alone can compute (`batch_only`)
is left out of `values`. The updater expects what the lake guarantees: no event twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from floorwalker.profiles.features.aggregation import gap_value, plain_value, word_value
from floorwalker.profiles.features.definition import Feature, FeatureSet
from floorwalker.profiles.features.expression import parse
from floorwalker.profiles.features.sql import days_query
from floorwalker.profiles.features.states import STAMP, Bucket, Measure, bucket_id, buckets, counted, measure_of

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_MERGE: dict[str, Callable[[Any, Any], Any]] = {"sum": lambda a, b: a + b, "min": min, "max": max}

Row = Mapping[str, Any]
Days = dict[dt.date, list[Any]]


@dataclass
class State:
    """What is known of one entity: per bucket, states by day; with a key, by word and day."""

    plain: list[Days]
    words: list[dict[str, Days]]


class Updater:
    """The live side of a `FeatureSet`."""

    def __init__(self, features: FeatureSet) -> None:
        live = [one.name for one in features.features if not features.reason_batch_only(one.name)]
        self.features = features.with_inputs(live)
        all_buckets = buckets(self.features)
        self.plain = [bucket for bucket in all_buckets if not bucket.key]
        self.keyed = [bucket for bucket in all_buckets if bucket.key]
        self._steps: dict[str, list[Callable[[State, Row], None]]] = {}
        for number, bucket in enumerate(self.plain):
            self._steps.setdefault(bucket.source.table, []).append(_step(number, bucket))
        for number, bucket in enumerate(self.keyed):
            self._steps.setdefault(bucket.source.table, []).append(_step(number, bucket))
        plain = {(bucket.source.name, bucket.key): number for number, bucket in enumerate(self.plain)}
        keyed = {(bucket.source.name, bucket.key): number for number, bucket in enumerate(self.keyed)}
        self._first = [_reader(one, plain, keyed, all_buckets) for one in self.features.levels[0]]
        self._rest = [
            (one.name, one.parsed.value, _typed(one), one.default)
            for level in self.features.levels[1:]
            for one in level
        ]

    @property
    def tables(self) -> tuple[str, ...]:
        """The silver tables whose rows it wants."""
        return tuple(self._steps)

    def columns(self, table: str) -> tuple[str, ...]:
        """What it looks at in the rows of a table."""
        found: dict[str, None] = {}
        for bucket in (*self.plain, *self.keyed):
            source = bucket.source
            if source.table == table:
                found |= dict.fromkeys((source.day, *((source.at,) if any(m.packed for m in bucket.measures) else ())))
                texts = (source.where, bucket.key, *(text for m in bucket.measures for text in (m.where, m.column)))
                found |= {name: None for text in texts if text for name in parse(text).names}
        return tuple(found)

    def empty(self) -> State:
        return State([{} for _ in self.plain], [{} for _ in self.keyed])

    def apply(self, state: State, table: str, row: Row) -> None:
        """Take in one row of a silver table. Rows of tables that no feature reads change nothing."""
        for step in self._steps.get(table, ()):
            step(state, row)

    def replay(self, rows: Iterable[tuple[str, Row]]) -> State:
        """The state of an entity after these (table, row)s."""
        state = self.empty()
        for table, row in rows:
            self.apply(state, table, row)
        return state

    def merge(self, base: State, delta: State) -> State:
        """Base and delta as one new state; neither is changed."""
        plain = [_merged(bucket, a, b) for bucket, a, b in zip(self.plain, base.plain, delta.plain, strict=True)]
        words = [
            {word: _merged(bucket, a.get(word, {}), b.get(word, {})) for word in {**a, **b}}
            for bucket, a, b in zip(self.keyed, base.words, delta.words, strict=True)
        ]
        return State(plain, words)

    def values(self, state: State, as_of: dt.date) -> dict[str, Any]:
        """The features on a day: what happened before it counts. Money and counts are exact, ratios are floats."""
        found: dict[str, Any] = {"as_of": as_of}
        for name, read, default in self._first:
            value = read(state, as_of)
            found[name] = default if value is None else value
        for name, evaluate, typed, default in self._rest:
            value = evaluate(found)
            found[name] = default if value is None else typed(value)
        return {one.name: found[one.name] for one in self.features.features}

    def base_queries(self) -> list[tuple[Bucket, str]]:
        """For each bucket the query (entity, day, word or NULL, measures…) from which batch cuts the base."""
        return [(bucket, days_query(bucket)) for bucket in (*self.plain, *self.keyed)]

    def base(self, rows: Mapping[str, Iterable[tuple[Any, ...]]]) -> State:
        """The base of one entity: per bucket name, its rows of `base_queries`, the entity left out."""
        state = self.empty()
        for bucket, days in zip(self.plain, state.plain, strict=True):
            for day, _, *values in rows.get(bucket.name, ()):
                days[day] = list(values)
        for bucket, words in zip(self.keyed, state.words, strict=True):
            for day, word, *values in rows.get(bucket.name, ()):
                words.setdefault(word, {})[day] = list(values)
        return state


# -- rows into states -------------------------------------------------------------------------------------------------


def _step(number: int, bucket: Bucket) -> Callable[[State, Row], None]:
    """What a row does to one bucket of a state."""
    source = bucket.source
    counts = parse(source.where).value if source.where else None
    key = parse(bucket.key).value if bucket.key else None
    measures = [(_value(measure, source.at), _MERGE[measure.merge]) for measure in bucket.measures]
    nothing = [0 if measure.op == "count" else None for measure in bucket.measures]

    def step(state: State, row: Row) -> None:
        day = row[source.day]
        if day is None or (counts is not None and counts(row) is not True):
            return
        if key is None:
            days = state.plain[number]
        else:
            word = key(row)
            if word is None:
                return
            days = state.words[number].setdefault(str(word), {})
        states = days.get(day)
        if states is None:
            states = days[day] = nothing.copy()
        for place, (value_of, merge) in enumerate(measures):
            value = value_of(row)
            if value is not None:
                before = states[place]
                states[place] = value if before is None else merge(before, value)

    return step


def _value(measure: Measure, at: str) -> Callable[[Row], Any]:
    """What one row adds to a measure; None: nothing."""
    where = parse(measure.where).value if measure.where else None
    if measure.op == "count":
        return lambda row: 1 if where is None or where(row) is True else None
    column = parse(measure.column).value

    def value_of(row: Row) -> Any:
        if where is not None and where(row) is not True:
            return None
        value = column(row)
        return value if value is None or not measure.packed else stamp(row[at]) + as_text(value)

    return value_of


def stamp(at: dt.datetime) -> str:
    """A moment as text that sorts by time: microseconds since 1970."""
    return str((at - _EPOCH) // _MICROSECOND).rjust(STAMP, "0")


def as_text(value: Any) -> str:
    """A value as SQL's CAST(… AS VARCHAR) writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _merged(bucket: Bucket, base: Days, delta: Days) -> Days:
    merged = {day: values.copy() for day, values in base.items()}
    for day, values in delta.items():
        if day not in merged:
            merged[day] = values.copy()
            continue
        into = merged[day]
        for place, (measure, value) in enumerate(zip(bucket.measures, values, strict=True)):
            if value is not None:
                into[place] = value if into[place] is None else _MERGE[measure.merge](into[place], value)
    return merged


# -- states into features ---------------------------------------------------------------------------------------------

Reader = tuple[str, Callable[[State, dt.date], Any], Any]


def _reader(
    feature: Feature, plain: dict[tuple[str, str], int], keyed: dict[tuple[str, str], int], all_buckets: list[Bucket]
) -> Reader:
    identity, (_, aggregate), window = bucket_id(feature), counted(feature), feature.window
    bucket = next(one for one in all_buckets if (one.source.name, one.key) == identity)
    place = [measure.name for measure in bucket.measures].index(measure_of(aggregate).name)
    typed = _typed(feature)

    def read(state: State, as_of: dt.date) -> Any:
        if bucket.key:
            value = word_value(aggregate.kind, state.words[keyed[identity]], place, window, as_of)
        elif "gap" in aggregate.kind:
            value = gap_value(aggregate.kind, state.plain[plain[identity]], place, as_of)
        else:
            value = plain_value(aggregate.kind, state.plain[plain[identity]], place, window, as_of)
        return None if value is None else typed(value)

    return feature.name, read, _default(feature, typed)


def _default(feature: Feature, typed: Callable[[Any], Any]) -> Any:
    return None if feature.default is None else typed(feature.default)


def _typed(feature: Feature) -> Callable[[Any], Any]:
    """A value in the feature's own type, as SQL's CAST makes it."""
    if feature.type in ("money", "quantity", "rank"):
        unit = Decimal(1).scaleb(-int(feature.sql_type.rstrip(")").rpartition(",")[2]))
        return lambda value: Decimal(value).quantize(unit, "ROUND_HALF_UP")
    if feature.type == "date":
        return lambda value: dt.date.fromisoformat(value) if isinstance(value, str) else value
    casts: dict[str, Callable[[Any], Any]] = {"integer": int, "number": float, "text": as_text, "boolean": bool}
    return casts[feature.type]
