"""Leaks: columns of a training set that know what they must not know.

In: a training set as Arrow (one row per label, `as_of`, a label of 0 and 1 or a number). Out: findings, in plain words.

Three questions are asked of every column:
1. *After the cut-off?* Its dates lie on or after the row's own `as_of`; or, for a feature of the catalogue, its values
   are not those of `as_of` but those of a later day (`truth` and `later`: the feature computed for either).
2. *Too good to be true?* Alone it tells the label almost perfectly: AUC (Mann-Whitney) at or above `too_good`, or rank
   correlation (Spearman) for a number; also when merely its absence does.
3. *The label itself?* Equal to it, or to its opposite, in all but a thousandth of the rows.

Honest features of retail behaviour stay far below 0.95 (published purchase and churn models reach 0.6 to 0.85), which
is why a single column above it is looked at.

>>> import numpy as np
>>> label = np.array([0, 1] * 200); noise = np.random.default_rng(1).normal(size=400)
>>> table = pa.table({"spent_after": label * 10.0 + noise * 0.1, "noise": noise, "label": label})
>>> [(found.column, found.kind) for found in find_leaks(table, "label")]
[('spent_after', 'too good to be true')]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

from floorwalker.errors import ConfigError

TOO_GOOD = 0.95
_FEWEST = 50
"""Rows below which a perfect column may be chance."""


@dataclass(frozen=True)
class Leak:
    """A suspicious column: what is suspicious, how strongly (0 to 1), and a sentence."""

    column: str
    kind: str
    strength: float
    words: str


def find_leaks(
    table: pa.Table,
    label: str,
    *,
    truth: pa.Table | None = None,
    later: pa.Table | None = None,
    ignore: Iterable[str] = (),
    too_good: float = TOO_GOOD,
) -> list[Leak]:
    """What is suspicious, the strongest first. `truth` and `later`: the same rows in the same order, with catalogue
    features computed anew for `as_of` and for the end of what is known. ConfigError for a label that tells nothing."""
    if label not in table.column_names:
        raise ConfigError(f"no column {label}", why="the set has " + ", ".join(table.column_names))
    outcome = _numbers(table.column(label))
    if outcome is None or np.isnan(outcome).any() or len(np.unique(outcome)) < 2:
        raise ConfigError(f"the label {label} must be a number in every row, and not always the same")
    skip = {label, "as_of", "customer_id", "product_id", "store_id", *ignore}
    found: list[Leak] = []
    for name in table.column_names:
        if name in skip:
            continue
        column = table.column(name)
        leak = _after(name, column, table) or _moved(name, table, truth, later) or _copies(name, column, outcome)
        leak = leak or _telling(name, column, outcome, too_good)
        found += [leak] if leak else []
    return sorted(found, key=lambda leak: (-leak.strength, leak.column))


def _after(name: str, column: pa.ChunkedArray, table: pa.Table) -> Leak | None:
    """Dates and moments that lie on or after the row's own day."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)) or "as_of" not in table.column_names:
        return None
    days, cut = _numbers(column), _numbers(table.column("as_of"))
    late = 0 if days is None or cut is None else int((days >= cut).sum())
    if not late:
        return None
    return Leak(
        name, "after the cut-off", 1.0, f"{late:,} of {len(table):,} rows have a {name} on or after their as_of"
    )


def _moved(name: str, table: pa.Table, truth: pa.Table | None, later: pa.Table | None) -> Leak | None:
    """A catalogue feature whose values are not those of its own day, but nearer to those of a later one."""
    if truth is None or later is None or name not in truth.column_names or name not in later.column_names:
        return None
    given, right, wrong = (_comparable(one.column(name)) for one in (table, truth, later))
    moving = right != wrong
    if not moving.any():
        return None
    as_later = float((given == wrong)[moving].mean())
    as_right = float((given == right)[moving].mean())
    if as_right >= as_later:
        return None
    return Leak(
        name, "after the cut-off", 1.0,
        f"where the values of as_of and of the end of the data differ, {name} is the later one in {as_later:.0%}",
    )  # fmt: skip


def _copies(name: str, column: pa.ChunkedArray, outcome: np.ndarray) -> Leak | None:
    values = _numbers(column)
    if values is None or len(values) < _FEWEST or np.isnan(values).any():
        return None
    low, high = outcome.min(), outcome.max()
    same = max(float((values == outcome).mean()), float((values == low + high - outcome).mean()))
    return (
        Leak(name, "is the label", 1.0, f"{name} equals the label in {same:.1%} of the rows") if same >= 0.999 else None
    )


def _telling(name: str, column: pa.ChunkedArray, outcome: np.ndarray, too_good: float) -> Leak | None:
    """How well the column alone orders the label; for words, by the label's share per word (on the other half)."""
    if len(outcome) < _FEWEST:
        return None
    absent = column.is_null().to_numpy(zero_copy_only=False).astype(float)
    values = _numbers(column)
    strengths = [(f"the absence of {name}", _strength(absent, outcome) if 0 < absent.mean() < 1 else 0.0)]
    if values is not None:
        known = ~np.isnan(values)
        if known.sum() >= _FEWEST and len(np.unique(outcome[known])) > 1:
            strengths.append((name, _strength(values[known], outcome[known])))
    else:
        strengths.append((name, _words_strength(column, outcome)))
    what, strength = max(strengths, key=lambda one: one[1])
    if strength < too_good:
        return None
    measure = "AUC" if len(np.unique(outcome)) == 2 else "rank correlation"
    words = f"{what} alone tells the label with {measure} {strength:.3f}"
    return Leak(name, "too good to be true", strength, words)


def _strength(values: np.ndarray, outcome: np.ndarray) -> float:
    """AUC turned to the side above one half for two outcomes, |Spearman| for more."""
    ranks = rankdata(values)
    low, high = outcome.min(), outcome.max()
    if len(np.unique(outcome)) == 2:
        positive = outcome == high
        n, m = int(positive.sum()), int((outcome == low).sum())
        auc = (float(ranks[positive].sum()) - n * (n + 1) / 2) / (n * m)
        return max(auc, 1 - auc)
    if np.ptp(ranks) == 0:
        return 0.0
    return abs(float(np.corrcoef(ranks, rankdata(outcome))[0, 1]))


def _words_strength(column: pa.ChunkedArray, outcome: np.ndarray) -> float:
    """Words are scored by the label's mean in one half and judged in the other, so that rare words prove nothing."""
    encoded = pc.fill_null(pc.cast(column, pa.string()), "").dictionary_encode().combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    first = np.arange(len(codes)) % 2 == 0
    if len(np.unique(outcome[~first])) < 2:
        return 0.0
    words = len(encoded.dictionary)
    counts = np.bincount(codes[first], minlength=words)
    totals = np.bincount(codes[first], weights=outcome[first], minlength=words)
    means = np.where(counts > 0, totals / np.maximum(counts, 1), outcome[first].mean())
    return _strength(means[codes[~first]], outcome[~first])


def _numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """A column as doubles, NaN where it is empty; None for words."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.int8())
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        column = pc.cast(pc.cast(column, pa.date32()), pa.int32())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)


def _comparable(column: pa.ChunkedArray) -> np.ndarray:
    """Values as objects that compare equal when they are the same, the absence of one included."""
    return np.array([str(value) for value in column.to_pylist()], dtype=object)
