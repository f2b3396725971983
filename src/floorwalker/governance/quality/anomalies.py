"""What is odd about a run, in plain words: each check compares a run with what earlier ones and days were like.

In: measurements, days and gaps with their history. Out: `Anomaly` objects, of which `causes` then makes one per cause.

    volume      rows of a source on a day, against its weekday      empty       share of empty values
    freshness   days since a source's newest row                    drift       another distribution (PSI)
    quarantine  share of a delivery that did not fit                category    a value never seen before
    rows        growth of a table from run to run                   schema      columns gone, new or of another type

Nothing is called odd before `min_history` earlier runs or days are known; a change must be both unlikely (outside the
band) and large enough to matter.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from floorwalker.governance.quality.history import Days, Past
from floorwalker.governance.quality.measure import ColumnMeasure, Measure
from floorwalker.governance.quality.settings import QualitySettings
from floorwalker.governance.quality.statistics import (
    Band,
    band,
    day_band,
    psi,
    psi_by_chance,
    shares_between,
)

Severity = Literal["high", "medium", "low"]
EMPTY_STEP = 0.05
"""A share of empty values must change by so much to be told."""
DRIFTED = 0.25
"""The stability index above which a distribution is called another one."""
_FEW = 100
"""Rows below which shares and quantiles say nothing."""
_GROWTH = 0.10
"""A table must grow or shrink by so much more than usual to be told."""


@dataclass
class Anomaly:
    """Something odd. `size`: how odd, to order by; `also`: where the same cause shows; `touches`: what it may reach."""

    severity: Severity
    kind: str
    table: str
    text: str
    column: str = ""
    source: str = ""
    size: float = 1.0
    also: list[str] = field(default_factory=list)
    touches: list[str] = field(default_factory=list)


def volumes(
    days: Mapping[tuple[str, str], Days],
    before: Mapping[tuple[str, str], dt.date],
    brought: Collection[tuple[str, str]],
    settings: QualitySettings,
) -> list[Anomaly]:
    """Odd numbers of rows on the days that this run brought. `before`: newest day per (table, source) until now;
    `brought`: the (table, source) that this run brought rows of."""
    found = []
    for key in sorted(brought):
        if key not in days:
            continue
        known = days[key]
        newest = known.newest
        start = before.get(key, newest - dt.timedelta(days=1))
        odd: list[tuple[dt.date, int, Band]] = []
        day = max(start, newest - dt.timedelta(days=settings.window))
        while day < newest:
            usual = day_band(
                _filled(known.rows, day, settings.window), day, settings.sensitivity, least=settings.min_history
            )
            rows = known.rows.get(day, 0)
            if usual and not usual.holds(rows):
                odd.append((day, rows, usual))
            day += dt.timedelta(days=1)
        if newest in known.first:
            # The newest day may not be over: it is compared with what earlier newest days had at first sight.
            usual = day_band(known.first, newest, settings.sensitivity, least=settings.min_history)
            if usual and not usual.holds(known.first[newest]):
                odd.append((newest, known.first[newest], usual))
        if odd:
            found.append(_volume(*key, odd))
    return found


def _filled(rows: Mapping[dt.date, int], day: dt.date, window: int) -> dict[dt.date, float]:
    """The window of days before `day`, those without rows as zeros."""
    start = max(min(rows), day - dt.timedelta(days=window))
    span = (day - start).days
    return {one: float(rows.get(one, 0)) for one in (start + dt.timedelta(days=n) for n in range(span))}


def _volume(table: str, source: str, odd: list[tuple[dt.date, int, Band]]) -> Anomaly:
    day, rows, usual = max(odd, key=lambda one: (one[2].distance(one[1]), one[0]))
    on = f" on a {usual.day}" if usual.day else ""
    text = (
        f"{source} brought {rows:,} rows to {table} for {day:%A} {day}; usual{on}: {_range(usual)}"
        f" ({usual.count} {'days' if not usual.day else usual.day + 's'})"
    )
    if len(odd) > 1:
        text += (
            f"; {len(odd) - 1} more day{'s' if len(odd) > 2 else ''} of this run {'are' if len(odd) > 2 else 'is'} odd"
        )
    far = rows < usual.middle / 2 or rows > usual.middle * 2
    return Anomaly("high" if far else "medium", "volume", table, text, source=source, size=usual.distance(rows))


def staleness(days: Mapping[tuple[str, str], Days], as_of: dt.date, settings: QualitySettings) -> list[Anomaly]:
    """Sources whose newest row is older than the gaps they usually leave; one sentence per source and table."""
    found = []
    for (table, source), known in sorted(days.items()):
        seen = [day for day in sorted(known.rows) if day >= known.newest - dt.timedelta(days=settings.window)]
        gaps = [(later - earlier).days for earlier, later in pairwise(seen)]
        if len(gaps) < settings.min_history:
            continue
        age = (as_of - known.newest).days - 1
        limit = max(1.5 * max(gaps), band(gaps, settings.sensitivity).high)
        if age > limit:
            text = (
                f"{source} has brought nothing newer than {known.newest:%A} {known.newest} to {table},"
                f" {age} days before the run's; usual gap: {_days(float(np.median(gaps)))},"
                f" at most {_days(max(gaps))} ({len(gaps)} gaps)"
            )
            found.append(
                Anomaly(
                    "high" if age > 2 * limit else "medium", "freshness", table, text, source=source, size=age / limit
                )
            )
    return found


def lateness(
    newest: Mapping[str, tuple[str, dt.datetime]], limits: Mapping[str, float], now: dt.datetime
) -> list[Anomaly]:
    """Sources older than `[quality.freshness]` allows. `newest`: source → (table, time of its newest row)."""
    found = []
    for source, limit in sorted(limits.items()):
        table, at = newest.get(source, ("", None))
        if at is None:
            text = f"{source} has brought nothing yet; [quality.freshness] allows {limit:g} hours"
            found.append(Anomaly("high", "freshness", table, text, source=source))
            continue
        age = (now - at).total_seconds() / 3600
        if age > limit:
            text = (
                f"the newest row of {source} is of {at:%Y-%m-%d %H:%M} UTC, {age:,.0f} hours before this run;"
                f" [quality.freshness] allows {limit:g}"
            )
            found.append(Anomaly("high", "freshness", table, text, source=source, size=age / max(limit, 1e-9)))
    return found


def quarantined(runs: Mapping[str, Sequence[tuple[int, int]]], settings: QualitySettings) -> list[Anomaly]:
    """Sources of which an unusual share did not fit. `runs`: per source (rows read, rows quarantined), oldest first,
    the run at hand last."""
    found = []
    for source, counts in sorted(runs.items()):
        shares = [bad / read for read, bad in counts if read]
        if len(shares) <= settings.min_history or not counts[-1][0]:
            continue
        share, usual = shares[-1], _share_band(shares[-settings.window - 1 : -1], counts[-1][0], settings)
        if share > usual.high and share - usual.middle >= EMPTY_STEP:
            known = f"usual: {_percents(usual)} ({usual.count} runs)"
            text = f"{share:.0%} of what {source} delivered went to quarantine; {known}"
            severity: Severity = "high" if share - usual.middle >= 0.3 else "medium"
            found.append(Anomaly(severity, "quarantine", "", text, source=source, size=usual.distance(share)))
    return found


def compared(one: Measure, past: Sequence[Past], settings: QualitySettings) -> list[Anomaly]:
    """A measurement against earlier ones of the same table and source, newest first."""
    if not past:
        return []
    found = _schema(one, past[0])
    history = [earlier for earlier in past if earlier.rows > 0][: settings.window]
    if len(history) < settings.min_history:
        return found
    if not one.source:
        found += _growth(one, history, settings)
    if one.looked_at < _FEW:
        return found
    for column in one.columns.values():
        earlier = [
            (run, run.columns[column.name]) for run in history
            if column.name in run.columns and run.columns[column.name].type == column.type and run.looked_at >= _FEW
        ]  # fmt: skip
        if len(earlier) < settings.min_history:
            continue
        odd = _emptiness(one, column, [it.empty for _, it in earlier], settings)
        found += odd or _shape(
            one, column, [(run.looked_at, it) for run, it in earlier if it.shape is not None], settings
        )
    return found


def _schema(one: Measure, last: Past) -> list[Anomaly]:
    gone = sorted(last.columns.keys() - one.columns.keys())
    new = sorted(one.columns.keys() - last.columns.keys())
    found = []
    if gone:
        text = f"{one.table} has no column {_list(gone)} any more"
        found.append(Anomaly("high", "schema", one.table, text, gone[0], one.source, 3.0))
    for name in sorted(one.columns.keys() & last.columns.keys()):
        was, now = last.columns[name].type, one.columns[name].type
        if was != now:
            text = f"{one.table}.{name} is {now}; until now it was {was}"
            found.append(Anomaly("high", "schema", one.table, text, name, one.source, 2.0))
    if new:
        text = (
            f"{one.table} has a new column: {_list(new)}"
            if len(new) == 1
            else f"{one.table} has new columns: {_list(new)}"
        )
        found.append(Anomaly("low", "schema", one.table, text, new[0], one.source, 0.5))
    return found


def _growth(one: Measure, history: Sequence[Past], settings: QualitySettings) -> list[Anomaly]:
    """Rows of a table grow or stay; what counts is how much they change from run to run."""
    rows = [run.rows for run in history]
    steps = [math.log(new / old) for new, old in pairwise(rows)]
    if len(steps) < settings.min_history or max(rows[0], one.rows) < _FEW:
        return []
    usual = band(steps, settings.sensitivity, floor=0.01)
    step = math.log(max(one.rows, 0.5) / rows[0])
    if usual.holds(step) or abs(step - usual.middle) < math.log1p(_GROWTH):
        return []
    low, high = (round(rows[0] * math.exp(edge)) for edge in (usual.low, usual.high))
    now = f"usual now: {low:,} to {high:,} ({usual.count + 1} runs)"
    text = f"{one.table} has {one.rows:,} rows, {rows[0]:,} in the run before; {now}"
    far = abs(step) > math.log(1.5)
    return [Anomaly("high" if far else "medium", "rows", one.table, text, size=usual.distance(step))]


def _emptiness(one: Measure, column: ColumnMeasure, past: Sequence[float], settings: QualitySettings) -> list[Anomaly]:
    usual = _share_band(past, one.looked_at, settings)
    if usual.holds(column.empty) or abs(column.empty - usual.middle) < EMPTY_STEP:
        return []
    text = f"{column.name} is empty in {column.empty:.0%} of {_of(one)}; usual: {_percents(usual)} ({usual.count} runs)"
    far = abs(column.empty - usual.middle) >= 0.3
    distance = usual.distance(column.empty)
    return [Anomaly("high" if far else "medium", "empty", one.table, text, column.name, one.source, distance)]


def _shape(
    one: Measure, column: ColumnMeasure, past: Sequence[tuple[int, ColumnMeasure]], settings: QualitySettings
) -> list[Anomaly]:
    if column.shape is None or len(past) < settings.min_history:
        return []
    filled = round(one.looked_at * (1 - column.empty))
    if filled < _FEW:
        return []
    rows = float(np.median([looked_at * (1 - it.empty) for looked_at, it in past]))
    if isinstance(column.shape, dict):
        shapes = [it.shape for _, it in past if isinstance(it.shape, dict)]
        return _categories(one, column, column.shape, shapes, filled, rows, settings)
    numbers = [it.shape for _, it in past if isinstance(it.shape, list)]
    middle = [float(value) for value in np.median(np.asarray(numbers, dtype=float), axis=0)]
    expected, actual = shares_between(middle, column.shape)
    usual = [psi(*shares_between(middle, shape)) for shape in numbers]
    index = psi(expected, actual)
    if index <= _limit(len(expected), filled, rows, usual, settings):
        return []
    half, was = column.shape[10], middle[10]
    shift = f"half of it is up to {half:g}, usually up to {was:g}" if half != was else f"its mean is {column.mean:.4g}"
    known = f"(stability index {index:.2f}, {len(usual)} runs)"
    text = f"{column.name} of {_of(one)} is spread otherwise than usual: {shift} {known}"
    return [Anomaly("medium", "drift", one.table, text, column.name, one.source, index / DRIFTED)]


def _categories(
    one: Measure,
    column: ColumnMeasure,
    shares: Mapping[str, float],
    past: Sequence[Mapping[str, float]],
    rows: int,
    past_rows: float,
    settings: QualitySettings,
) -> list[Anomaly]:
    known = {value for shape in past for value in shape}
    new = sorted(
        (
            value
            for value, share in shares.items()
            if value and value not in known and share >= 0.01 and share * rows >= 20
        ),
        key=lambda value: -shares[value],
    )
    if new and _settled(past):
        told = ", ".join(f"'{value}' ({shares[value]:.0%})" for value in new[:3])
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        text = f"{column.name} of {_of(one)} has values never seen before: {told}{more} ({len(past)} runs)"
        far = sum(shares[value] for value in new) >= 0.2
        return [Anomaly("medium" if far else "low", "category", one.table, text, column.name, one.source)]
    values = sorted(known | set(shares))
    expected = [float(np.mean([shape.get(value, 0.0) for shape in past])) for value in values]
    usual = [psi(expected, [shape.get(value, 0.0) for value in values]) for shape in past]
    index = psi(expected, [shares.get(value, 0.0) for value in values])
    if index <= _limit(len(values), rows, past_rows, usual, settings):
        return []
    moved = max(range(len(values)), key=lambda place: abs(shares.get(values[place], 0.0) - expected[place]))
    name = f"'{values[moved]}'" if values[moved] else "other values"
    text = (
        f"{column.name} of {_of(one)}: {name} is {shares.get(values[moved], 0.0):.0%}, usually {expected[moved]:.0%}"
        f" (stability index {index:.2f}, {len(past)} runs)"
    )
    return [Anomaly("medium", "drift", one.table, text, column.name, one.source, index / DRIFTED)]


def _settled(past: Sequence[Mapping[str, float]]) -> bool:
    """Whether a column's values are a closed list: seldom a new one (campaigns come every week), and all of them kept.

    `past` is newest first.
    """
    seen: set[str] = set()
    news = 0
    for number, shape in enumerate(reversed(past)):
        news += number > 0 and not seen >= shape.keys()
        seen |= shape.keys()
    return news <= 0.1 * len(past) and sum(shape.get("", 0.0) for shape in past) / len(past) < 0.01


def _limit(bins: int, rows: int, past_rows: float, usual: Sequence[float], settings: QualitySettings) -> float:
    """The index above which a distribution has changed: by the rule, by chance, and by what the column usually does."""
    by_chance = psi_by_chance(bins, rows, max(round(past_rows), 1))
    return max(DRIFTED, by_chance, band(usual, settings.sensitivity).high, 1.5 * max(usual))


def _share_band(past: Sequence[float], rows: int, settings: QualitySettings) -> Band:
    """What is usual for a share: as it varied, and at least as chance lets it vary on so many rows."""
    middle = min(max(float(np.median(past)), 1 / max(rows, 1)), 1.0)
    found = band(past, settings.sensitivity, floor=max(math.sqrt(middle * (1 - middle) / max(rows, 1)), 0.002))
    return Band(max(found.low, 0.0), min(found.high, 1.0), found.middle, found.count)


def _of(one: Measure) -> str:
    return f"what {one.source} brought to {one.table}" if one.source else one.table


def _range(usual: Band) -> str:
    low, high = max(usual.low, 0.0), usual.high
    digits = -max(len(str(int(high))) - 3, 0)
    return f"{round(low, digits):,.0f} to {round(high, digits):,.0f}"


def _percents(usual: Band) -> str:
    low, high = max(usual.low, 0.0), min(usual.high, 1.0)
    return f"{low:.0%}" if round(low, 2) == round(high, 2) else f"{low:.0%} to {high:.0%}"


def _days(number: float) -> str:
    return f"{number:g} day" + ("" if number == 1 else "s")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
