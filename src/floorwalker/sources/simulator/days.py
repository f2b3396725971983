"""The calendar of a simulation: days, months, seasons, opening hours, and summer time.

In: first and last day. Out: weights by which visits fall on days and hours; times in local seconds turned into UTC.
Times are whole seconds since 1970 in the stores' local time; UK and Ireland share one clock.

>>> days = Days(date(2026, 6, 30), 365)
>>> days.months[0], days.months[-1], days.count
('2025-07', '2026-06', 365)
>>> noon = np.array([days.first * 86400 + 43200])
>>> int(noon[0] - days.utc(noon)[0])
3600
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DAY = 86400
_EPOCH = date(1970, 1, 1)
_SEASON = (1.02, 0.84, 0.93, 0.96, 0.98, 0.96, 0.95, 0.90, 0.97, 1.02, 1.20, 1.45)
_WEEK = (0.88, 0.86, 0.90, 0.96, 1.08, 1.28, 1.04)
_STORE_HOURS = (0,) * 9 + (3, 5, 7, 9, 10, 9, 8, 8, 9, 7, 4) + (0,) * 4
_WEB_HOURS = (2, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 3, 3.5, 4, 4, 5, 5, 4, 4, 4, 5, 6, 8, 10, 10, 7, 4)
_APP_HOURS = (2, 1, 0.4, 0.3, 0.3, 0.6, 2, 5, 5, 3.5, 3.5, 4, 6, 5, 4, 4, 4.5, 6, 6, 7, 9, 10, 8, 4)
HOURS = tuple(np.cumsum(h) / np.sum(h) for h in (_STORE_HOURS, _WEB_HOURS, _APP_HOURS))


def peak_days(day: date) -> float:
    """How much busier a day is than its month and weekday say: Black Friday week, the days before Christmas, the
    sales.
    """
    if day.month == 11 and 22 <= day.day <= 29:
        return 1.8
    if day.month == 12:
        return 0.05 if day.day == 25 else 1.35 if 12 <= day.day <= 23 else 1.0
    return 1.25 if day.month == 1 and day.day < 8 else 1.0


class Days:
    """`count` days up to and including `end`; `first` is the first day's number since 1970."""

    def __init__(self, end: date, count: int) -> None:
        self.end, self.count = end, count
        self.start = end - timedelta(days=count - 1)
        self.first = (self.start - _EPOCH).days
        self.dates = [self.start + timedelta(days=i) for i in range(count)]
        weights = np.array([_SEASON[d.month - 1] * _WEEK[d.weekday()] * peak_days(d) for d in self.dates])
        self.cumulative = np.concatenate([[0.0], np.cumsum(weights / weights.mean())])
        """Visits a customer with one visit a day would have made by the start of each day."""
        labels = [f"{d:%Y-%m}" for d in self.dates]
        self.months = tuple(dict.fromkeys(labels))
        positions = {label: i for i, label in enumerate(self.months)}
        self.month_of = np.array([positions[label] for label in labels])
        self.season_of_month = np.array([int(label[5:]) - 1 for label in self.months])
        zone = ZoneInfo("Europe/London")
        noons = [datetime(d.year, d.month, d.day, 12, tzinfo=UTC).astimezone(zone) for d in self.dates]
        self.shift = np.array([int((noon.utcoffset() or timedelta()).total_seconds()) for noon in noons])

    @property
    def begins(self) -> int:
        return self.first * DAY

    @property
    def ends(self) -> int:
        """The second after the last."""
        return (self.first + self.count) * DAY

    def index(self, seconds: np.ndarray) -> np.ndarray:
        """Number of the day, 0 for the first; times outside count as the nearest day."""
        return np.clip(seconds // DAY - self.first, 0, self.count - 1)

    def month(self, seconds: np.ndarray) -> np.ndarray:
        """Position in `months`."""
        return self.month_of[self.index(seconds)]

    def utc(self, seconds: np.ndarray) -> np.ndarray:
        """Local seconds as UTC seconds."""
        return seconds - self.shift[self.index(seconds)]

    def visits(self, rng: np.random.Generator, since: np.ndarray, until: np.ndarray) -> np.ndarray:
        """One day each, between two (fractional) positions on the scale of `cumulative`, as day numbers since 1970."""
        at = since + rng.random(len(since)) * (until - since)
        return self.first + np.clip(np.searchsorted(self.cumulative, at, side="right") - 1, 0, self.count - 1)

    def moments(self, rng: np.random.Generator, day: np.ndarray, channel: np.ndarray) -> np.ndarray:
        """Local seconds on the given days, at the hours of the channel (0 store, 1 web, 2 app)."""
        chance = rng.random(len(day))
        hour = np.zeros(len(day), np.int64)
        for number, cumulative in enumerate(HOURS):
            rows = channel == number
            hour[rows] = np.searchsorted(cumulative, chance[rows], side="right")
        return day * DAY + hour * 3600 + rng.integers(0, 3600, len(day))


def instants(seconds: np.ndarray) -> pa.Array:
    """Seconds as a timestamp column (no zone)."""
    return pa.array(seconds.astype("datetime64[s]"))


def written(seconds: np.ndarray, pattern: str) -> pa.Array:
    """Seconds as text, `pattern` as in strftime."""
    return pc.strftime(instants(seconds), pattern)
