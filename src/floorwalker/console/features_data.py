"""What the catalogue page shows: every feature's card and, from a published run, how its values lie.

In: feature sets, and a connection that sees the tables of features. Out: a JSON-ready dict.

    data = features_data("shop", "0.1.0", sets, Published(connection, run_id, as_of, "GBP"))

One scan per table counts what is filled and different and finds the extremes of all its columns together; medians and
bars come from a sample of rows, drawn by the same rows every time. Values themselves are shown for words only when
there are few and each is shared by many; nothing but counts is shown of what is personal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np

from floorwalker.console.tables import Tables
from floorwalker.profiles.features.definition import Feature, FeatureSet
from floorwalker.profiles.features.describe import cards

SAMPLE = 20_000
"""Rows from which medians and bars are made, when a table has more."""
WORDS = 20
"""Most different words of which any is shown."""
SHARED = 5
"""A word that fewer entities have stands among the others."""
BARS = 24
_EPOCH = dt.date(1970, 1, 1)
_AMOUNTS = ("integer", "quantity", "money", "rank", "number", "date")


@dataclass(frozen=True)
class Published:
    """A published run, as far as the page is told of it."""

    connection: duckdb.DuckDBPyConnection
    run_id: str
    as_of: dt.date
    currency: str


def features_data(project: str, version: str, sets: Sequence[FeatureSet], run: Published | None) -> dict[str, Any]:
    """Everything on the page, JSON-ready."""
    tables = Tables(run.connection) if run else None
    entities = []
    for features in sets:
        name = features.entity.name
        rows, figures = _figures(features, run.connection, tables) if run and tables else (None, {})
        told = [asdict(one) | {"figures": figures.get(one.name)} for one in cards([features])]
        entities.append({"name": name, "table": features.entity.table, "rows": rows, "features": told})
    return {
        "project": project,
        "version": version,
        "run": {"run_id": run.run_id, "as_of": run.as_of.isoformat(), "currency": run.currency} if run else None,
        "entities": entities,
    }


def is_personal(feature: Feature) -> bool:
    """Whether its values are about who somebody is: then not even an extreme of them is shown."""
    return feature.purpose == "profiling"


def _figures(
    features: FeatureSet, connection: duckdb.DuckDBPyConnection, tables: Tables
) -> tuple[int | None, dict[str, dict[str, Any]]]:
    """(rows of the table, figures by feature); what the run does not have is left out."""
    table = features.entity.table
    some = [one for one in features.features if tables.has(table, one.name)]
    if not some:
        return None, {}
    scanned, rows = _scan(connection, table, some)
    spread = [one for one in some if one.type in _AMOUNTS and not is_personal(one)]
    sampled = _sampled(connection, features.entity.column, table, spread, rows)
    words = [
        one for one in some
        if one.type in ("text", "boolean") and not is_personal(one) and scanned[one.name]["distinct"] <= 2 * WORDS
    ]  # fmt: skip
    counted = _counted(connection, table, words)
    found: dict[str, dict[str, Any]] = {}
    for one in some:
        entry: dict[str, Any] = {
            "kind": "counts",
            **{key: scanned[one.name][key] for key in ("filled", "distinct", "rows")},
        }
        if is_personal(one):
            entry["kind"] = "personal"
        elif one.name in counted:
            entry |= _words(counted[one.name], scanned[one.name]["filled"])
        elif one.name in sampled and entry["filled"]:
            entry |= _spread(one, sampled[one.name], scanned[one.name])
        found[one.name] = entry
    return rows, found


def _scan(
    connection: duckdb.DuckDBPyConnection, table: str, some: Sequence[Feature]
) -> tuple[dict[str, dict[str, Any]], int]:
    """What one reading of the table finds of every column. Different values are estimated where there are many."""
    parts = ["COUNT(*)"]
    for one in some:
        parts += [f"COUNT({one.name})", f"APPROX_COUNT_DISTINCT({one.name})"]
        parts += [f"MIN({one.name})", f"MAX({one.name})"] if one.type in _AMOUNTS else []
    values = iter(connection.execute(f"SELECT {', '.join(parts)} FROM {table}").fetchall()[0])
    rows = next(values)
    found = {}
    for one in some:
        entry = {"filled": next(values), "distinct": next(values), "rows": rows}
        # The estimate is off by a few in a hundred, and must not exceed what there is.
        entry["distinct"] = min(entry["distinct"], entry["filled"])
        if one.type in _AMOUNTS:
            entry |= {"least": _number(next(values)), "most": _number(next(values))}
        found[one.name] = entry
    return found, rows


def _sampled(
    connection: duckdb.DuckDBPyConnection, key: str, table: str, some: Sequence[Feature], rows: int
) -> dict[str, np.ndarray[Any, Any]]:
    """The numbers of a sample of rows, absent ones left out; which rows follows from the key's hash alone."""
    if not some or not rows:
        return {}
    share = "" if rows <= SAMPLE else f" WHERE HASH({key}) % 1000003 < {SAMPLE * 1000003 // rows}"
    columns = ", ".join(
        f"CAST({one.name} - DATE '1970-01-01' AS DOUBLE) AS {one.name}" if one.type == "date"
        else f"CAST({one.name} AS DOUBLE) AS {one.name}"
        for one in some
    )  # fmt: skip
    taken = connection.sql(f"SELECT {columns} FROM {table}{share}").to_arrow_table()
    found = {}
    for one in some:
        values = taken[one.name].to_numpy()
        found[one.name] = values[np.isfinite(values)]
    return found


def _counted(connection: duckdb.DuckDBPyConnection, table: str, some: Sequence[Feature]) -> dict[str, dict[str, int]]:
    """How often each value of these columns occurs: all columns in one reading."""
    if not some:
        return {}
    listed = ", ".join(f"HISTOGRAM(CAST({one.name} AS VARCHAR))" for one in some)
    found = connection.execute(f"SELECT {listed} FROM {table}").fetchall()[0]
    return {one.name: dict(counts or {}) for one, counts in zip(some, found, strict=True)}


def _words(counts: dict[str, int], filled: int) -> dict[str, Any]:
    """The most frequent words, when there are few; rare ones are only counted."""
    if len(counts) > WORDS or not filled:
        return {"distinct": len(counts)}
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [(word, number) for word, number in ordered if number >= SHARED][:8]
    others = filled - sum(number for _, number in shown)
    top = [{"word": word, "share": number / filled} for word, number in shown]
    return {"kind": "words", "distinct": len(counts), "top": top, "others": others / filled}


def _spread(feature: Feature, values: np.ndarray[Any, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Extremes, median and bars of a column of numbers or days."""
    least, most = entry["least"], entry["most"]
    if values.size == 0:
        return {}
    median = float(np.median(values))
    # A few very large values would press all others into one bar: the last bar holds what lies above.
    high = float(np.quantile(values, 0.99))
    low = float(values.min())
    whole = feature.type in ("integer", "date")
    if high <= low or feature.type == "date" or (whole and values.max() - low < BARS):
        high = float(values.max())
    width = (high - low + (1 if whole else 0)) / BARS
    if whole:
        width = max(1.0, float(np.ceil(width)))
    bars = max(1, min(BARS, int(np.ceil((high - low + (1 if whole else 0)) / width)) if width else 1))
    places = np.clip(((values - low) / width).astype(int), 0, bars - 1) if width else np.zeros(values.size, int)
    counts = np.bincount(places, minlength=bars)
    told = _day if feature.type == "date" else lambda number: number
    return {
        "kind": "spread",
        "least": told(least), "median": told(median), "most": told(most),
        "bars": [int(one) for one in counts],
        "from": told(low), "width": width if bars > 1 else 0,
        "open": bool(values.max() > low + width * bars),
    }  # fmt: skip


def _number(value: Any) -> float | None:
    if isinstance(value, dt.date):
        return float((value - _EPOCH).days)
    return None if value is None else float(value)


def _day(number: float) -> str:
    return (_EPOCH + dt.timedelta(days=int(number))).isoformat()
