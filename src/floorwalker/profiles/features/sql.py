"""SQL of features: a model per bucket, one per entity, and the query of a training set, from the same definitions.

In: a `FeatureSet`. Out: portable SQL. The states of a day are tables (`silver.customer_orders_days`), made of silver
rows; the features are sums, extremes and latest values over those days: buckets first, then the pivot.

    SELECT customer_id, occurred_on AS day, COUNT(*) AS n, … FROM silver.orders GROUP BY customer_id, occurred_on
    SELECT customer_id, CAST(SUM(CASE WHEN age <= 30 THEN n END) AS BIGINT) AS orders_30d, … GROUP BY customer_id

`age` is the number of days between a row's day and the day looked back from: the run's, or a training row's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from floorwalker.engines.models import SqlModel
from floorwalker.errors import ModelError
from floorwalker.profiles.features.definition import TYPES, Feature, FeatureSet
from floorwalker.profiles.features.expression import parse
from floorwalker.profiles.features.states import STAMP, Bucket, Measure, bucket_id, buckets, counted, measure_of

_COUNT_WIDTH, _DAY_WIDTH = 12, 10


@dataclass(frozen=True)
class Spine:
    """For whom, and looking back from when: a query of the entity's column and `as_of`, with what identifies a row."""

    sql: str
    keys: tuple[str, ...]
    joined: bool
    """Whether rows must be joined to the spine; else every entity has the run's own `as_of`."""


@lru_cache(maxsize=16)
def models(features: FeatureSet) -> list[SqlModel]:
    """The SQL models of an entity's features: its buckets, then the table of features."""
    made = [bucket_model(bucket) for bucket in buckets(features) if bucket.is_table]
    entity = features.entity
    spine = Spine(
        f"SELECT p.{entity.column}, q.as_of FROM {entity.spine} AS p CROSS JOIN meta.run AS q", (entity.column,), False
    )
    about = f"{len(features.features)} features of each {entity.name}, as of the day of the run."
    return [*made, _model(entity.table, f"-- {about}\n{query(features, spine)}", _document(features, about))]


def bucket_model(bucket: Bucket) -> SqlModel:
    """The table of a bucket: one row per entity and day."""
    source, column = bucket.source, bucket.entity.column
    measures = "".join(f",\n  {_state(measure, source.at)} AS {measure.name}" for measure in bucket.measures)
    about = f"Per {bucket.entity.name} and day: what features of {source.about or source.name} are computed from."
    sql = (
        f"-- {about}\nSELECT {column}, {source.day} AS day{measures}\n"
        f"FROM {source.table}\nWHERE {_present(bucket)}\nGROUP BY {column}, {source.day}"
    )
    columns = {column: {"tests": ["not_null"]}, "day": {"tests": ["not_null"]}}
    return _model(bucket.table, sql, {"description": about, "columns": columns, "incremental": {"key": [column]}})


def _present(bucket: Bucket) -> str:
    """Which rows of a source count."""
    source = bucket.source
    conditions = [f"{bucket.entity.column} IS NOT NULL", f"{source.day} IS NOT NULL"]
    conditions += [f"{parse(bucket.key).sql} IS NOT NULL"] if bucket.key else []
    conditions += [f"({parse(source.where).sql})"] if source.where else []
    return " AND ".join(conditions)


def _days(bucket: Bucket) -> str:
    """A bucket's rows, as something to select from: its table, or what it is made of where it is not kept."""
    if bucket.is_table:
        return bucket.table
    source, column = bucket.source, bucket.entity.column
    if bucket.key:
        # One row of the source is one state: to group by word and day first would save nothing.
        flags = "".join(
            f", CASE WHEN {parse(measure.where or f'{bucket.key} IS NOT NULL').sql} THEN 1 ELSE 0 END AS {measure.name}"
            for measure in bucket.measures
        )
        columns = f"{column}, {source.day} AS day, {_text(bucket.key)} AS word{flags}"
        return f"(SELECT {columns} FROM {source.table} WHERE {_present(bucket)})"
    measures = "".join(f", {_state(measure, source.at)} AS {measure.name}" for measure in bucket.measures)
    chosen = f"SELECT {column}, {source.day} AS day{measures} FROM {source.table} WHERE {_present(bucket)}"
    return f"({chosen} GROUP BY {column}, {source.day})"


def days_query(bucket: Bucket) -> str:
    """The states of a bucket as (entity, day, word, measures…): what the live path starts from."""
    column, names = bucket.entity.column, [measure.name for measure in bucket.measures]
    if not bucket.key:
        return f"SELECT {column}, day, CAST(NULL AS VARCHAR) AS word, {', '.join(names)} FROM {_days(bucket)} AS d"
    sums = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in names)
    return f"SELECT {column}, day, word, {sums} FROM {_days(bucket)} AS d GROUP BY {column}, day, word"


def query(features: FeatureSet, spine: Spine) -> str:
    """SELECT of every feature for a spine: its keys, `as_of`, then the features in their order."""
    groups: dict[tuple[str, str], list[Feature]] = {}
    gaps: dict[tuple[str, str], list[Feature]] = {}
    attributes: dict[str, list[Feature]] = {}
    for one in features.levels[0]:
        source, aggregate = counted(one)
        if aggregate.kind == "attribute":
            attributes.setdefault(source.table, []).append(one)
        else:
            place = gaps if "gap" in aggregate.kind else groups
            place.setdefault(bucket_id(one), []).append(one)
    by_id = {(bucket.source.name, bucket.key): bucket for bucket in buckets(features)}
    ctes: list[tuple[str, str]] = [("spine", spine.sql)]
    joined: list[tuple[str, list[Feature], tuple[str, ...]]] = []
    for place, build, suffix in ((groups, _pivot, ""), (gaps, _gap_pivot, "_gaps")):
        for identity, some in place.items():
            bucket = by_id[identity]
            name = bucket.name + suffix
            ctes += build(name, bucket, some, spine, features.entity.column)
            joined.append((name, some, spine.keys))
    for table, some in attributes.items():
        name = f"{features.entity.name}_{table.rpartition('.')[2]}"
        listed = "".join(
            f", {_cast(parse(one.aggregate.column).sql, one)} AS {one.name}" for one in some if one.aggregate
        )
        ctes.append((name, f"SELECT {features.entity.column}{listed}\n  FROM {table}"))
        joined.append((name, some, (features.entity.column,)))
    alias = {one.name: f"g{number}" for number, (_, some, _) in enumerate(joined) for one in some}
    columns = "".join(
        f",\n    {_or_default(f'{alias[one.name]}.{one.name}', one)} AS {one.name}" for one in features.levels[0]
    )
    joins = "".join(
        f"\n  LEFT JOIN {name} AS g{number} ON " + " AND ".join(f"g{number}.{key} = s.{key}" for key in keys)
        for number, (name, _, keys) in enumerate(joined)
    )
    keys = list(dict.fromkeys([*spine.keys, "as_of"]))
    ctes.append(("level_0", f"SELECT {', '.join(f's.{key}' for key in keys)}{columns}\n  FROM spine AS s{joins}"))
    have = [*keys, *(one.name for one in features.levels[0])]
    for number, level in enumerate(features.levels[1:], 1):
        added = "".join(f",\n    {_or_default(_cast(one.parsed.sql, one), one)} AS {one.name}" for one in level)
        ctes.append((f"level_{number}", f"SELECT {', '.join(have)}{added}\n  FROM level_{number - 1}"))
        have += [one.name for one in level]
    listed = ",\n  ".join(", ".join(chunk) for chunk in _rows_of([*keys, *(one.name for one in features.features)], 6))
    body = ",\n".join(f"{name} AS (\n  {sql}\n)" for name, sql in ctes)
    return f"WITH {body}\nSELECT {listed}\nFROM level_{len(features.levels) - 1}"


def _aged(bucket: Bucket, spine: Spine, column: str) -> tuple[str, str]:
    """(FROM clause of a bucket's days that lie before the day looked back from, columns of the spine to keep)."""
    if spine.joined:
        keys = ", ".join(f"s.{key}" for key in spine.keys)
        source = (
            f"(SELECT {keys}, DATE_DIFF('day', d.day, s.as_of) AS age, {_listed(bucket)}"
            f" FROM spine AS s JOIN {_days(bucket)} AS d ON d.{column} = s.{column} AND d.day < s.as_of) AS d"
        )
    else:
        source = (
            f"(SELECT d.{column}, DATE_DIFF('day', d.day, q.as_of) AS age, {_listed(bucket)}"
            f" FROM {_days(bucket)} AS d CROSS JOIN meta.run AS q WHERE d.day < q.as_of) AS d"
        )
    return source, ", ".join(f"d.{key}" for key in spine.keys)


def _listed(bucket: Bucket) -> str:
    names = ["day", *(["word"] if bucket.key else []), *(measure.name for measure in bucket.measures)]
    return ", ".join(f"d.{name}" for name in names)


Ctes = list[tuple[str, str]]


def _pivot(name: str, bucket: Bucket, some: list[Feature], spine: Spine, column: str) -> Ctes:
    source, keys = _aged(bucket, spine, column)
    if not bucket.key:
        listed = "".join(f",\n    {_cast(_aggregate(one), one)} AS {one.name}" for one in some)
        return [(name, f"SELECT {keys}{listed}\n  FROM {source}\n  GROUP BY {keys}")]
    # First per word, then over the words. The counts of a window are shared by the features that read them.
    counts: dict[str, str] = {}
    for one in some:
        count, seen = _word_count(one)
        counts[count] = _when("SUM", measure_of(one.aggregate).name, one, "BIGINT") if one.aggregate else ""
        counts[seen] = f"MAX(CASE WHEN {_seen_when(one)} THEN d.day END)"
    inner = "".join(f",\n    {sql} AS {word}" for word, sql in counts.items())
    words = f"SELECT {keys}, d.word{inner}\n  FROM {source}\n  GROUP BY {keys}, d.word"
    listed = "".join(f",\n    {_cast(_over_words(one), one)} AS {one.name}" for one in some)
    outer = f"SELECT {keys}{listed}\n  FROM {name}_words AS d\n  GROUP BY {keys}"
    return [(f"{name}_words", words), (name, outer)]


def _gap_pivot(name: str, bucket: Bucket, some: list[Feature], spine: Spine, column: str) -> Ctes:
    """Days between consecutive days with a row. Windows do not apply: a gap has two ends."""
    made: Ctes = []
    source, keys = _aged(bucket, spine, column)
    measures = sorted({measure_of(one.aggregate).name for one in some if one.aggregate})
    if len(measures) != 1:
        names = ", ".join(f"'{one.name}'" for one in some)
        raise ModelError(
            f"pauses of {bucket.source.name} are known under one condition only",
            why=f"{names} have different ones",
            fix="give them the same where",
        )
    gap = f"DATE_DIFF('day', LAG(d.day, 1) OVER (PARTITION BY {keys} ORDER BY d.day), d.day)"
    made.append(
        (
            f"{name}_between",
            f"SELECT {keys}, d.day, CAST({gap} AS BIGINT) AS gap\n  FROM {source}\n  WHERE d.{measures[0]} > 0",
        )
    )
    n, total = "CAST(COUNT(d.gap) AS BIGINT)", "CAST(SUM(d.gap) AS BIGINT)"
    squares = "CAST(SUM(d.gap * d.gap) AS BIGINT)"
    packed = "CASE WHEN d.gap IS NOT NULL THEN CAST(d.day AS VARCHAR) || CAST(d.gap AS VARCHAR) END"
    variance = f"CAST({n} * {squares} - {total} * {total} AS DOUBLE) / NULLIF(CAST({n} * ({n} - 1) AS DOUBLE), 0)"
    known = {
        "longest_gap": "MAX(d.gap)",
        "latest_gap": f"SUBSTRING(MAX({packed}), {_DAY_WIDTH + 1})",
        # From integers, so that it is the same double everywhere.
        "gap_deviation": f"SQRT({variance})",
    }
    listed = "".join(f",\n    {_cast(known[one.aggregate.kind], one)} AS {one.name}" for one in some if one.aggregate)
    made.append((name, f"SELECT {keys}{listed}\n  FROM {name}_between AS d\n  GROUP BY {keys}"))
    return made


# -- pieces -----------------------------------------------------------------------------------------------------------


def _state(measure: Measure, at: str) -> str:
    """How a day's state is made of rows."""
    condition = parse(measure.where).sql if measure.where else ""
    if measure.op == "count":
        counted = f"COUNT(CASE WHEN {condition} THEN 1 END)" if condition else "COUNT(*)"
        return f"CAST({counted} AS BIGINT)"
    column = parse(measure.column).sql
    if measure.packed:
        packed = f"{_stamp(at)} || CAST({column} AS VARCHAR)"
        present = f"({column}) IS NOT NULL" + (f" AND ({condition})" if condition else "")
        function = "MAX" if measure.op == "latest" else "MIN"
        return f"{function}(CASE WHEN {present} THEN {packed} END)"
    chosen = f"CASE WHEN {condition} THEN {column} END" if condition else column
    function = {"total": "SUM", "smallest": "MIN", "largest": "MAX"}[measure.op]
    return f"CAST({function}({chosen}) AS {TYPES[measure.type]})"


def _stamp(at: str) -> str:
    micros = f"DATE_DIFF('microsecond', CAST('1970-01-01 00:00:00+00' AS TIMESTAMPTZ), {at})"
    return f"LPAD(CAST({micros} AS VARCHAR), {STAMP}, '0')"


def _when(function: str, measure: str, feature: Feature, kind: str = "") -> str:
    window = feature.window.sql("d.age")
    chosen = f"CASE WHEN {window} THEN d.{measure} END" if window else f"d.{measure}"
    return f"CAST({function}({chosen}) AS {kind})" if kind else f"{function}({chosen})"


def _aggregate(feature: Feature) -> str:
    """A feature over the days of a bucket without a key."""
    _, aggregate = counted(feature)
    kind, measure = aggregate.kind, measure_of(aggregate)
    if kind in ("count", "total"):
        return _when("SUM", measure.name, feature, TYPES[measure.type])
    if kind in ("smallest", "largest"):
        return _when("MIN" if kind == "smallest" else "MAX", measure.name, feature)
    if kind in ("latest", "earliest"):
        return f"SUBSTRING({_when('MAX' if kind == 'latest' else 'MIN', measure.name, feature)}, {STAMP + 1})"
    window = feature.window.sql("d.age")
    present = f"d.{measure.name} > 0" + (f" AND {window}" if window else "")
    if kind == "days":
        return f"COUNT(CASE WHEN {present} THEN 1 END)"
    return f"{'MIN' if kind == 'first_day' else 'MAX'}(CASE WHEN {present} THEN d.day END)"


def _word_count(feature: Feature) -> tuple[str, str]:
    name = measure_of(counted(feature)[1]).name + feature.window.suffix
    return f"count_{name}", f"seen_{name}"


def _seen_when(feature: Feature) -> str:
    window = feature.window.sql("d.age")
    return f"d.{measure_of(counted(feature)[1]).name} > 0" + (f" AND {window}" if window else "")


def _over_words(feature: Feature) -> str:
    """A feature over the words of a bucket with a key."""
    (_, aggregate), (count, seen) = counted(feature), _word_count(feature)
    n = f"d.{count}"
    if aggregate.kind == "distinct":
        return f"COUNT(CASE WHEN {n} > 0 THEN 1 END)"
    if aggregate.kind == "top":
        packed = f"LPAD(CAST({n} AS VARCHAR), {_COUNT_WIDTH}, '0') || CAST(d.{seen} AS VARCHAR) || d.word"
        return f"SUBSTRING(MAX(CASE WHEN {n} > 0 THEN {packed} END), {_COUNT_WIDTH + _DAY_WIDTH + 1})"
    total = f"CAST(CAST(SUM({n}) AS BIGINT) AS DOUBLE)"
    if aggregate.kind == "top_share":
        return f"CAST(MAX({n}) AS DOUBLE) / NULLIF({total}, 0)"
    return f"CAST(CAST(SUM({n} * {n}) AS BIGINT) AS DOUBLE) / NULLIF({total} * {total}, 0)"


def _text(key: str) -> str:
    sql = parse(key).sql
    return sql if parse(key).names == (key,) else f"CAST({sql} AS VARCHAR)"


def _cast(sql: str, feature: Feature) -> str:
    return f"CAST({sql} AS {feature.sql_type})"


def _or_default(sql: str, feature: Feature) -> str:
    if feature.default is None:
        return sql
    text = str(feature.default).replace("'", "''")
    default = f"'{text}'" if isinstance(feature.default, str) else text.upper()
    return f"COALESCE({sql}, CAST({default} AS {feature.sql_type}))"


def _rows_of(names: list[str], width: int) -> Iterable[list[str]]:
    return (names[start : start + width] for start in range(0, len(names), width))


def _document(features: FeatureSet, about: str) -> dict[str, object]:
    """What stands in the TOML beside a model written by hand: descriptions, units and tests of the columns."""
    column = features.entity.column
    columns: dict[str, dict[str, object]] = {
        column: {"about": f"the {features.entity.name}", "tests": ["not_null", "unique"]}
    }
    for one in features.features:
        tests = dict.fromkeys([*(["not_null"] if one.default is not None else []), *one.tests])
        columns[one.name] = {"about": one.description, "unit": one.unit, "tests": [*tests]}
    return {"description": about, "columns": columns, "incremental": {"key": [column], "sliced": True}}


def _model(name: str, sql: str, document: dict[str, object]) -> SqlModel:
    # What it reads is plain in its text, which we wrote: to parse it would take longer than all else.
    reads = {f"{layer}.{table}" for layer, table in re.findall(r"\b(bronze|silver|gold|meta)\.(\w+)", sql)}
    return SqlModel(name, sql, None, tuple(sorted(reads)), document, facts=("as_of",) if "meta.run" in reads else ())
