"""A project's own features: `features/*.toml`, checked as strictly as the product's own definitions.

In: the folder, and the product's feature sets. Out: `load_custom` the (entity, feature) pairs as written; `extended`
the sets with them at the end. Whatever cannot be meant is a ConfigError that names file and feature.

    [features.gift_orders_365d]
    description = "How many orders with a coupon in the last year?"
    source = "orders"                       # a name of SOURCES; entity = "customer" is the default
    aggregate = "count"                     # a name of AGGREGATES
    where = "coupon_lines > 0"
    window = 365                            # days; { days = 90, skip = 90 }; absent: ever
    type = "integer"
    default = 0

    [features.gift_share]
    description = "Which share of their orders of the last year had a coupon?"
    type = "number"
    expression = "gift_orders_365d / orders_365d"

Whether a source has a column is found by the engine when the run computes it.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> _ = (folder / "gifts.toml").write_text('''[features.gifts]
... description = "How many orders with a coupon?"
... source = "orders"
... aggregate = "count"
... where = "coupon_lines > 0"
... type = "integer"
... ''')
>>> [(entity, one.name, one.aggregate.where) for entity, one in load_custom(folder)]
[('customer', 'gifts', 'coupon_lines > 0')]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from floorwalker.errors import ConfigError, ModelError, did_you_mean
from floorwalker.profiles.catalogue import sources
from floorwalker.profiles.features.definition import EVER, Aggregate, Feature, FeatureSet, Source, Window
from floorwalker.profiles.features.expression import parse
from floorwalker.profiles.features.states import Measure, bucket_id, measure_of

SOURCES: dict[str, Source] = {one.name: one for one in vars(sources).values() if isinstance(one, Source)}
"""What a feature may count, by the name a file gives it."""

_BY_COLUMN = ("total", "smallest", "largest", "latest", "earliest", "attribute")
_BY_KEY = ("distinct", "top", "top_share", "concentration")
_BY_ROW = ("count", "days", "first_day", "last_day", "longest_gap", "latest_gap", "gap_deviation")
AGGREGATES = (*_BY_ROW, *_BY_COLUMN, *_BY_KEY)
"""What can be made of a source's rows: `_BY_COLUMN` need a `column`, `_BY_KEY` a `key`."""

TESTS = ("not_negative", "share")
"""Tests a feature may ask for; one with a default is tested never to be NULL anyway."""

_PERSONAL = ("records", "households")
"""Sources that say who somebody is: their values are for profiling only."""

_DEFAULTS: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "quantity": (int, float),
    "money": (int, float),
    "rank": (int, float),
    "number": (int, float),
    "text": (str,),
    "boolean": (bool,),
}


class Span(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A window that does not end the day before the run: `days` whole days, the newest `skip` of them left out."""

    days: Annotated[int, msgspec.Meta(ge=1)]
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0


class Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A feature as a file has it."""

    description: str
    type: str
    entity: str = "customer"
    source: str = ""
    aggregate: str = ""
    column: str = ""
    key: str = ""
    where: str = ""
    window: Annotated[int, msgspec.Meta(ge=1)] | Span | None = None
    expression: str = ""
    default: int | float | str | bool | None = None
    unit: str = ""
    group: str = "own"
    purpose: str = "analytics"
    owner: str = "project"
    tests: tuple[str, ...] = ()
    batch_only: str = ""


def load_custom(folder: Path) -> list[tuple[str, Feature]]:
    """The features that a project's files define, in the order of the files' names; no folder, no features."""
    return [(entity, feature) for _, entity, feature in _load(folder)]


def extended(sets: Sequence[FeatureSet], folder: Path) -> tuple[FeatureSet, ...]:
    """The sets, each with the project's features of its entity at the end; without any, the very same sets."""
    theirs = _load(folder)
    if not theirs:
        return tuple(sets)
    known = {one.entity.name: one for one in sets}
    for where, entity, _ in theirs:
        if entity not in known:
            raise ConfigError(f"{where}: unknown entity '{entity}'", fix=did_you_mean(entity, known))
    return tuple(
        _joined(one, [(where, feature) for where, entity, feature in theirs if entity == one.entity.name])
        for one in sets
    )


def _load(folder: Path) -> list[tuple[str, str, Feature]]:
    """(file and feature for errors, entity, feature)."""
    found: list[tuple[str, str, Feature]] = []
    for path in sorted(folder.glob("*.toml")) if folder.exists() else []:
        name = f"{folder.name}/{path.name}"
        for key, values in _tables(path, name).items():
            where = f"{name}: feature '{key}'"
            written = _written(where, values)
            found.append((where, written.entity, _feature(where, key, written)))
    return found


def _tables(path: Path, name: str) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} is not TOML", why=str(error), fix="put expressions in quotes") from None
    for key in content:
        if key != "features":
            raise ConfigError(f"{name}: unknown key '{key}'", fix=f"write [features.{key}]")
    tables = content.get("features", {})
    if not isinstance(tables, Mapping) or not all(isinstance(one, Mapping) for one in tables.values()):
        raise ConfigError(f"{name}: features is no table of tables", fix="write [features.NAME]")
    return dict(tables)


def _written(where: str, values: Mapping[str, Any]) -> Written:
    for struct, given in ((Written, values), (Span, values.get("window"))):
        for key in given if isinstance(given, Mapping) else ():
            if key not in struct.__struct_fields__:
                raise ConfigError(f"{where}: unknown key '{key}'", fix=did_you_mean(key, struct.__struct_fields__))
    try:
        return msgspec.convert(dict(values), Written)
    except msgspec.ValidationError as error:
        key = (re.search(r"`\$\.?(.*?)`", str(error)) or [None, ""])[1]
        text = str(error).split(" - at")[0]
        raise ConfigError(f"{where}: {f'{key}: ' if key else ''}{text}") from None


def _feature(where: str, name: str, written: Written) -> Feature:
    _check(where, written)
    window = written.window
    try:
        return Feature(
            name,
            written.description,
            written.type,
            SOURCES[written.source] if written.source else None,
            _aggregate(written),
            Window(window.days, window.skip) if isinstance(window, Span) else Window(window) if window else EVER,
            written.expression,
            written.default,
            written.unit,
            written.group,
            written.purpose,
            written.owner,
            written.tests,
            written.batch_only,
        )
    except ModelError as error:
        raise ConfigError(f"{where}: {error.what.partition(': ')[2] or error.what}", why=error.why) from None


def _aggregate(written: Written) -> Aggregate | None:
    """The aggregate; its state has the feature's own type where it is a value of a column."""
    if not written.aggregate:
        return None
    kind = written.type if written.aggregate in _BY_COLUMN else "integer"
    return Aggregate(written.aggregate, written.column, written.where, written.key, kind)


def _check(where: str, written: Written) -> None:
    """What the definition itself does not look at: it trusts the product's own modules."""
    for key, value, known in (
        ("source", written.source, SOURCES),
        ("aggregate", written.aggregate, AGGREGATES),
        *(("test", one, TESTS) for one in written.tests),
    ):
        if value and value not in known:
            raise ConfigError(f"{where}: unknown {key} '{value}'", fix=did_you_mean(value, known))
    if written.source and not written.aggregate:
        raise ConfigError(f"{where}: a source needs an aggregate", fix="one of: " + ", ".join(AGGREGATES))
    if written.expression:
        for key in ("source", "aggregate", "column", "key", "where", "window"):
            if getattr(written, key):
                raise ConfigError(f"{where}: an expression has no {key}", why="it reads other features by name")
    if written.aggregate:
        for key, kinds in (("column", _BY_COLUMN), ("key", _BY_KEY)):
            if getattr(written, key) and written.aggregate not in kinds:
                raise ConfigError(
                    f"{where}: '{written.aggregate}' takes no {key}", fix=f"{key} is for {', '.join(kinds)}"
                )
        if written.aggregate == "attribute" and (written.where or written.window):
            raise ConfigError(f"{where}: an attribute is a column as it stands: it has no where and no window")
    if written.source in _PERSONAL and written.aggregate in (*_BY_COLUMN, "top") and written.purpose != "profiling":
        raise ConfigError(f"{where}: it says who somebody is", fix='purpose = "profiling"')
    for key in ("column", "key", "where", "expression"):
        if text := getattr(written, key):
            try:
                parse(text)
            except ModelError as error:
                raise ConfigError(f"{where}: {key}: {error.what}", why=error.why, fix=error.fix) from None
    _check_default(where, written)


def _check_default(where: str, written: Written) -> None:
    default, kinds = written.default, _DEFAULTS.get(written.type, ())
    if default is None:
        return
    if written.type == "date":
        raise ConfigError(f"{where}: a date has no default", fix="leave default out: absent stays NULL")
    if kinds and (not isinstance(default, kinds) or (isinstance(default, bool) and written.type != "boolean")):
        raise ConfigError(f"{where}: the default {default!r} is no {written.type}")
    if isinstance(default, str) and not re.fullmatch(r"[\w .,+/-]*", default):
        raise ConfigError(f"{where}: a default is letters, digits, spaces and . , + / -")


def _joined(product: FeatureSet, theirs: list[tuple[str, Feature]]) -> FeatureSet:
    if not theirs:
        return product
    names = {one.name for one in product.features}
    for where, feature in theirs:
        if feature.name in names or feature.name in ("as_of", product.entity.column):
            raise ConfigError(
                f"{where}: this name is taken", why=f"of {product.entity.name} features", fix="give it another name"
            )
        names.add(feature.name)
    for where, feature in theirs:
        for name in feature.parsed.names if feature.expression else ():
            if name != "as_of" and name not in names:
                raise ConfigError(f"{where} reads '{name}', which is no feature", fix=did_you_mean(name, names))
    _check_states(product.features, theirs)
    _check_purposes({one.name: one for one in (*product.features, *(feature for _, feature in theirs))}, theirs)
    try:
        return FeatureSet(product.entity, [*product.features, *(feature for _, feature in theirs)])
    except ModelError as error:
        raise ConfigError(f"{theirs[0][0].partition(':')[0]}: {error.what}", why=error.why, fix=error.fix) from None


def _check_purposes(known: Mapping[str, Feature], theirs: list[tuple[str, Feature]]) -> None:
    """What is made of a feature for a stricter purpose than analytics has that purpose, too."""
    for where, feature in theirs:
        read = [known[name] for name in (feature.parsed.names if feature.expression else ()) if name != "as_of"]
        stricter = {one.purpose: one.name for one in read if one.purpose != "analytics"}
        if stricter and feature.purpose not in stricter:
            purpose, name = sorted(stricter.items())[-1]
            raise ConfigError(f"{where}: it reads '{name}', which is for {purpose}", fix=f'purpose = "{purpose}"')


def _check_states(product: Iterable[Feature], theirs: list[tuple[str, Feature]]) -> None:
    """Features that read the same rows share their states by name: one name must not stand for two of them."""
    states: dict[tuple[tuple[str, str], str], Measure] = {}
    gaps: dict[tuple[str, str], Measure] = {}
    for where, feature in [*(("", one) for one in product), *theirs]:
        aggregate = feature.aggregate
        if aggregate is None or aggregate.kind == "attribute":
            continue
        place, measure = bucket_id(feature), measure_of(aggregate)
        first = states.setdefault((place, measure.name), measure)
        if where and first != measure:
            why = (
                f"another feature keeps {measure.column} as {first.type}, this one as {measure.type}"
                if first.type != measure.type
                else f"'{measure.where}' and '{first.where}' of another feature would be kept under one name"
            )
            raise ConfigError(f"{where}: its state is in use by another", why=why, fix="use that type, or other words")
        if "gap" in aggregate.kind and gaps.setdefault(place, measure) != measure and where:
            raise ConfigError(
                f"{where}: pauses of {place[0]} are known under one condition only",
                why=f"others have: {gaps[place].where or 'every row'}",
            )
