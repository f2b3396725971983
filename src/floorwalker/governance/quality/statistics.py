"""What is usual, and how far from it something is: robust bands, weekdays, and the stability of distributions.

In: numbers of earlier runs and days. Out: bands and indices. A few odd days in the history change nothing: medians
and the median absolute deviation (MAD, times 1.4826 to be a standard deviation where the numbers are normal) ignore
them.

The population stability index of a distribution `a` against what is expected, `e`, over bins i (N. Siddiqi, Credit Risk
Scorecards, 2006):

    PSI = Σ (a_i − e_i) · ln(a_i / e_i)          below 0.1 stable, above 0.25 another distribution

Of two samples of the same distribution with n and m rows in B bins, PSI / (1/n + 1/m) is about chi-square with B − 1
degrees of freedom (B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, Journal of
Risk Model Validation 14(4), 2020): `psi_by_chance` is the index that chance alone passes once in a million.

>>> band([10, 11, 9, 10, 10, 400], 4.0).high < 20
True
>>> round(psi([0.5, 0.5], [0.8, 0.2]), 3)
0.416
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_NORMAL = 1.4826
_EMPTY = 1e-4
"""Share given to an empty bin, so that the index stays finite."""
QUANTILES = tuple(round(number / 20, 2) for number in range(21))


@dataclass(frozen=True)
class Band:
    """What is usual: from `low` to `high` around `middle`, learnt from `count` numbers, of one weekday if `day`."""

    low: float
    high: float
    middle: float
    count: int
    day: str = ""

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def distance(self, value: float) -> float:
        """How often the band's half width the value is from its middle; above 1 it is outside."""
        half = (self.high - self.middle) if value > self.middle else (self.middle - self.low)
        return abs(value - self.middle) / half if half > 0 else math.inf


def spread(values: Sequence[float]) -> float:
    """A robust standard deviation: MAD × 1.4826; where over half are equal, the mean absolute deviation instead."""
    array = np.asarray(values, dtype=float)
    away = np.abs(array - np.median(array))
    mad = float(np.median(away)) * _NORMAL
    # More than half are the same number: the few others are then all we know of how it varies.
    return mad if mad > 0 else float(np.mean(np.minimum(away, np.quantile(away, 0.9)))) * 1.2533


def band(values: Sequence[float], k: float, floor: float = 0.0) -> Band:
    """median ± k · spread; `floor` is the least spread that is believed.

    The median of n numbers is itself uncertain: the factor sqrt(1 + π / 2n) widens a band that was learnt from few.
    """
    middle = float(np.median(values))
    half = k * max(spread(values), floor) * math.sqrt(1 + math.pi / (2 * len(values)))
    return Band(middle - half, middle + half, middle, len(values))


def day_band(days: Mapping[dt.date, float], day: dt.date, k: float, *, least: int) -> Band | None:
    """What is usual for rows on a day: of its weekday where `days` knows enough of them, else of any day.

    Counts are compared as logarithms: twice as many and half as many are as odd. How much days vary is learnt from all
    weekdays together, each against its own median. None without `least` days.
    """
    others = {one: math.log1p(rows) for one, rows in days.items() if one != day}
    if len(others) < least:
        return None
    by_weekday: dict[int, list[float]] = {}
    for one, value in others.items():
        by_weekday.setdefault(one.weekday(), []).append(value)
    enough = all(len(values) >= 3 for values in by_weekday.values()) and day.weekday() in by_weekday
    if enough:
        middles = {weekday: float(np.median(values)) for weekday, values in by_weekday.items()}
        rest = [value - middles[one.weekday()] for one, value in others.items()]
        # Each weekday's own median takes away a degree of freedom of its values.
        lost = math.sqrt(len(rest) / max(len(rest) - len(middles), 1))
        middle, of = middles[day.weekday()], len(by_weekday[day.weekday()])
    else:
        middle, of, lost = float(np.median(list(others.values()))), len(others), 1.0
        rest = [value - middle for value in others.values()]
    counting = 1 / math.sqrt(max(math.expm1(middle), 1.0))
    sigma = max(spread(rest) * lost, counting, 0.03)
    half = k * sigma * math.sqrt(1 + math.pi / (2 * of))
    # What has happened three times is usual, however far out: the day of a campaign, a shop that is sometimes shut.
    rest.sort()
    often_low, often_high = (-rest[2], rest[-3]) if len(rest) > 2 else (0.0, 0.0)
    usual = math.expm1(middle)
    # Rows come in clumps (lines of an order, clicks of a visit), so small counts vary more than one by one.
    clump = 6 * math.sqrt(max(usual, 1.0))
    low = min(math.expm1(middle - max(half, 1.1 * often_low)), usual - clump)
    high = max(math.expm1(middle + max(half, 1.1 * often_high)), usual + clump)
    return Band(low, high, usual, of, f"{day:%A}" if enough else "")


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """The population stability index of shares over the same bins."""
    e = np.maximum(np.asarray(expected, dtype=float), _EMPTY)
    a = np.maximum(np.asarray(actual, dtype=float), _EMPTY)
    e, a = e / e.sum(), a / a.sum()
    return float(np.sum((a - e) * np.log(a / e)))


def psi_by_chance(bins: int, n: int, m: int) -> float:
    """The index that two samples of one distribution pass once in a million."""
    from scipy.stats import chi2

    return float(chi2.isf(1e-6, max(bins - 1, 1))) * (1 / max(n, 1) + 1 / max(m, 1))


def shares_between(expected: Sequence[float], actual: Sequence[float]) -> tuple[list[float], list[float]]:
    """Quantiles of two distributions (at `QUANTILES`) → their shares in the deciles of the expected one.

    Equal deciles (half of the customers have no order) become one bin, so that ties are never cut.
    """
    edges = sorted(set(expected[2:-1:2]))
    return _shares(expected, edges), _shares(actual, edges)


def _shares(quantiles: Sequence[float], edges: Sequence[float]) -> list[float]:
    below = [_share_up_to(quantiles, edge) for edge in edges]
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]


def _share_up_to(quantiles: Sequence[float], value: float) -> float:
    """P(X ≤ value), straight lines between the quantiles; at a tie the whole tie is up to it."""
    place = int(np.searchsorted(np.asarray(quantiles, dtype=float), value, side="right"))
    if place == 0:
        return 0.0
    if place >= len(quantiles):
        return 1.0
    low, high = quantiles[place - 1], quantiles[place]
    part = (value - low) / (high - low) if high > low else 0.0
    return QUANTILES[place - 1] + part * (QUANTILES[place] - QUANTILES[place - 1])
