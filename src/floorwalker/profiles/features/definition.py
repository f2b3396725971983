"""What a feature is: one small declarative object, from which SQL, live updater, training query and page come.

In: nothing. Out: `Feature` and what it is made of: a `Source` of rows, an `Aggregate`, a `Window`; or an expression
over other features. A `FeatureSet` holds the features of one entity, checked against each other.

>>> orders = Source("orders", "silver.orders", at="occurred_at", about="orders")
>>> counted = Feature("orders", "How many orders did they place {window}?", "integer", orders, count(), default=0)
>>> some = over(counted, 30, None)
>>> [one.description for one in some]
['How many orders did they place in the last 30 days?', 'How many orders did they place ever?']
>>> customers = FeatureSet(Entity("customer", "customer_id", "silver.customer_people"), some)
>>> customers.feature("orders_30d").window.days
30

Windows are whole days in the source's own time zone, counted back from the day of the run: `30d` is the 30 days before
it. An aggregate is kept per day as a state that can be merged (a count, a sum, an extreme, the latest value), so a base
cut by batch and the events after it give the feature together; what cannot be merged says so in `batch_only`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from floorwalker.errors import ModelError, NotFoundError, did_you_mean
from floorwalker.governance.consent import PURPOSES
from floorwalker.profiles.features.expression import Expression, parse

TYPES = {
    "integer": "BIGINT",
    "quantity": "DECIMAL(28,3)",
    "money": "DECIMAL(28,4)",
    "rank": "DECIMAL(28,6)",
    "number": "DOUBLE",
    "date": "DATE",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
}
"""Types of features, and what they are in the lake."""

# How a day's states are put together, and how those of several days are.
_PLAIN = ("count", "total", "smallest", "largest", "latest", "earliest")
_BY_DAY = ("days", "first_day", "last_day", "longest_gap", "latest_gap", "gap_deviation")
_KEYED = ("distinct", "top", "top_share", "concentration")
_ATTRIBUTE = "attribute"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Entity:
    """What features describe: `spine` is the table with all of them, `column` their id there and in the sources.

    `live`: whether the live path serves it. Then its states of each day are kept as tables, the base it starts from.
    """

    name: str
    column: str
    spine: str
    live: bool = False

    @property
    def table(self) -> str:
        """The table that holds the entity's features."""
        return f"gold.{self.name}_features"


@dataclass(frozen=True)
class Source:
    """Rows that features count: a silver table. `where` leaves some out; `batch_only`: why the live path has none."""

    name: str
    table: str
    at: str = "occurred_at"
    day: str = "occurred_on"
    where: str = ""
    about: str = ""
    batch_only: str = ""


@dataclass(frozen=True)
class Window:
    """`days` whole days, ending `skip` days before the day of the run; no `days`: everything before it.

    >>> Window(30).holds(1), Window(30).holds(31), Window(90, skip=90).holds(91), Window().holds(5000)
    (True, False, True, True)
    """

    days: int | None = None
    skip: int = 0

    def holds(self, age: int) -> bool:
        """Whether a day that lies `age` days before the day of the run is in it; the day before has age 1."""
        return age > self.skip and (self.days is None or age <= self.skip + self.days)

    def sql(self, age: str = "age") -> str:
        """The same as a condition; empty when every day before the run is in it."""
        parts = [f"{age} > {self.skip}"] if self.skip else []
        parts += [f"{age} <= {self.skip + self.days}"] if self.days is not None else []
        return " AND ".join(parts)

    @property
    def suffix(self) -> str:
        """What the window adds to a name."""
        if self.days is None:
            return ""
        return f"_{self.days}d" + (f"_to_{self.skip}d" if self.skip else "")

    @property
    def words(self) -> str:
        if self.days is None:
            return "ever"
        if self.skip:
            return f"in the {self.days} days up to {self.skip} days ago"
        return f"in the last {self.days} days"


EVER = Window()


@dataclass(frozen=True)
class Aggregate:
    """What is made of a source's rows. `where` chooses among them; `key` groups them by a word, and then they count."""

    kind: str
    column: str = ""
    where: str = ""
    key: str = ""
    type: str = "integer"


def count(where: str = "") -> Aggregate:
    """How many rows."""
    return Aggregate("count", where=where)


def total(column: str, type: str, where: str = "") -> Aggregate:
    """Sum of an exact column; `type` is money, quantity, integer or rank."""
    return Aggregate("total", column, where, type=type)


def smallest(column: str, type: str, where: str = "") -> Aggregate:
    return Aggregate("smallest", column, where, type=type)


def largest(column: str, type: str, where: str = "") -> Aggregate:
    return Aggregate("largest", column, where, type=type)


def latest(column: str, type: str = "text", where: str = "") -> Aggregate:
    """The value of the newest row that has one; at the same moment the greatest."""
    return Aggregate("latest", column, where, type=type)


def earliest(column: str, type: str = "text", where: str = "") -> Aggregate:
    """The value of the oldest row that has one; at the same moment the smallest."""
    return Aggregate("earliest", column, where, type=type)


def days(where: str = "") -> Aggregate:
    """On how many days there was a row."""
    return Aggregate("days", where=where)


def first_day(where: str = "") -> Aggregate:
    return Aggregate("first_day", where=where, type="date")


def last_day(where: str = "") -> Aggregate:
    return Aggregate("last_day", where=where, type="date")


def longest_gap(where: str = "") -> Aggregate:
    """Most days between two consecutive days with a row."""
    return Aggregate("longest_gap", where=where)


def latest_gap(where: str = "") -> Aggregate:
    """Days between the last two days with a row."""
    return Aggregate("latest_gap", where=where)


def gap_deviation(where: str = "") -> Aggregate:
    """Sample standard deviation of the days between consecutive days with a row."""
    return Aggregate("gap_deviation", where=where, type="number")


def distinct(key: str, where: str = "") -> Aggregate:
    """How many different values of `key`."""
    return Aggregate("distinct", where=where, key=key)


def top(key: str, where: str = "") -> Aggregate:
    """The value of `key` with most rows; of equals the one seen last, then the last in the alphabet."""
    return Aggregate("top", where=where, key=key, type="text")


def top_share(key: str, where: str = "") -> Aggregate:
    """Which share of the rows has that value."""
    return Aggregate("top_share", where=where, key=key, type="number")


def concentration(key: str, where: str = "") -> Aggregate:
    """Herfindahl index of the rows over the values of `key`: 1 when all have one value, 1/n when n share evenly."""
    return Aggregate("concentration", where=where, key=key, type="number")


def attribute(column: str, type: str = "integer") -> Aggregate:
    """A column of a table with one row per entity: what holds today, also when a training set looks back."""
    return Aggregate(_ATTRIBUTE, column, type=type)


@dataclass(frozen=True)
class Feature:
    """One feature: either `aggregate` over a `source` in a `window`, or an `expression` over other features.

    `description` asks the question that the feature answers. `default` stands where there are no rows, or where the
    expression is NULL. `purpose`: what a person must have consented to before it is used. `tests`: 'not_null',
    'not_negative', 'share' (0 to 1).
    """

    name: str
    description: str
    type: str
    source: Source | None = None
    aggregate: Aggregate | None = None
    window: Window = EVER
    expression: str = ""
    default: Any = None
    unit: str = ""
    group: str = ""
    purpose: str = "analytics"
    owner: str = "floorwalker"
    tests: tuple[str, ...] = ()
    batch_only: str = ""
    family: str = ""
    """Name without the window: features of one family differ by window only."""

    @property
    def sql_type(self) -> str:
        return TYPES[self.type]

    @cached_property
    def parsed(self) -> Expression:
        return parse(self.expression)

    def __post_init__(self) -> None:
        if not self.family:
            object.__setattr__(self, "family", self.name)
        problem = _problem(self)
        if problem:
            raise ModelError(f"feature '{self.name}': {problem}", fix="see floorwalker/profiles/features/definition.py")


def _problem(feature: Feature) -> str:
    """What is wrong with a definition; empty when nothing is."""
    aggregate = feature.aggregate
    if not _NAME.fullmatch(feature.name):
        return "a name is a lower-case letter, then letters, digits and _"
    if feature.type not in TYPES:
        return f"unknown type '{feature.type}': {did_you_mean(feature.type, TYPES)}"
    if feature.purpose not in PURPOSES:
        return f"unknown purpose '{feature.purpose}': {did_you_mean(feature.purpose, PURPOSES)}"
    if not feature.description:
        return "it has no description: which question does it answer?"
    if bool(feature.expression) == bool(aggregate):
        return "it needs an aggregate of a source, or an expression over other features, and not both"
    if (
        feature.type not in ("number", "boolean", "text")
        and "/" in feature.expression
        and "FLOOR" not in feature.expression
    ):
        return "engines round a quotient differently when it becomes an exact number: say FLOOR(…), or type number"
    if aggregate is None:
        return ""
    if feature.source is None:
        return "an aggregate needs a source"
    known = (*_PLAIN, *_BY_DAY, *_KEYED, _ATTRIBUTE)
    if aggregate.kind not in known:
        return f"unknown aggregate '{aggregate.kind}': {did_you_mean(aggregate.kind, known)}"
    if aggregate.kind in _KEYED and not aggregate.key:
        return f"'{aggregate.kind}' needs a key"
    if "gap" in aggregate.kind and feature.window != EVER:
        return "a gap has two ends: it has no window"
    if aggregate.kind in ("total", "smallest", "largest", "latest", "earliest", _ATTRIBUTE) and not aggregate.column:
        return f"'{aggregate.kind}' needs a column"
    if aggregate.kind == "total" and aggregate.type not in ("integer", "quantity", "money", "rank"):
        return "only exact numbers can be summed: integer, quantity, money or rank"
    return ""


def over(feature: Feature, *windows: int | Window | None) -> list[Feature]:
    """The same feature in several windows: `{window}` in its description becomes words, its name gets a suffix."""
    made = []
    for one in windows:
        window = one if isinstance(one, Window) else Window(one)
        made.append(
            replace(
                feature,
                name=feature.name + window.suffix,
                description=feature.description.replace("{window}", window.words),
                window=window,
                family=feature.name,
            )
        )
    return made


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """The features of one entity, in the order in which they are shown."""

    entity: Entity
    features: Sequence[Feature]
    _by_name: dict[str, Feature] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, Feature] = {}
        for one in self.features:
            if one.name in by_name or one.name in ("as_of", self.entity.column):
                raise ModelError(f"two features are called '{one.name}'", fix="give one of them another name")
            by_name[one.name] = one
        object.__setattr__(self, "_by_name", by_name)
        for one in self.features:
            for name in one.parsed.names if one.expression else ():
                if name != "as_of" and name not in by_name:
                    raise ModelError(
                        f"feature '{one.name}' reads '{name}', which is no feature", fix=did_you_mean(name, by_name)
                    )
        _ = self.levels

    def feature(self, name: str) -> Feature:
        """A feature by name; NotFoundError with a hint when there is none."""
        if name not in self._by_name:
            raise NotFoundError(f"no feature '{name}'", fix=did_you_mean(name, self._by_name))
        return self._by_name[name]

    @cached_property
    def levels(self) -> list[list[Feature]]:
        """Aggregates first, then expressions, each level reading only levels before it. ModelError for a circle."""
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for one in self.features:
            sorter.add(one.name, *(name for name in _read_by(one) if name != "as_of"))
        try:
            sorter.prepare()
        except CycleError as error:
            raise ModelError("features read each other in a circle", why=" → ".join(error.args[1])) from None
        depth: dict[str, int] = {}
        while sorter.is_active():
            for name in sorter.get_ready():
                one = self._by_name[name]
                below = [depth[read] for read in _read_by(one) if read != "as_of"]
                depth[name] = 0 if one.aggregate else 1 + max(below, default=0)
                sorter.done(name)
        return [
            [one for one in self.features if depth[one.name] == level]
            for level in range(max(depth.values(), default=0) + 1)
        ]

    def with_inputs(self, names: Iterable[str]) -> FeatureSet:
        """The named features and those that they are computed from."""
        wanted: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in wanted and name != "as_of":
                wanted.add(name)
                waiting += _read_by(self.feature(name))
        return FeatureSet(self.entity, [one for one in self.features if one.name in wanted])

    def reason_batch_only(self, name: str) -> str:
        """Why the live path cannot serve a feature; empty when it can."""
        one = self.feature(name)
        if one.aggregate and one.aggregate.kind == _ATTRIBUTE and not (one.source and one.source.batch_only):
            return one.batch_only or "it is what holds on the day of the run"
        if one.batch_only or (one.source and one.source.batch_only):
            return one.batch_only or (one.source.batch_only if one.source else "")
        return next(
            (reason for read in _read_by(one) if read != "as_of" and (reason := self.reason_batch_only(read))), ""
        )


def _read_by(feature: Feature) -> tuple[str, ...]:
    return feature.parsed.names if feature.expression else ()
