"""States of days → one value, in Python: the twin of the pivot in `sql.py`.

In: a bucket's states by day (with a key: by word and day), the place of the measure, a window, the day looked back
from. Out: the value, or None where SQL has NULL.

>>> days = {dt.date(2026, 1, 5): [2], dt.date(2026, 2, 20): [1]}
>>> plain_value("count", days, 0, Window(30), dt.date(2026, 3, 1))
1
>>> gap_value("longest_gap", days, 0, dt.date(2026, 3, 1))
46
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from floorwalker.profiles.features.definition import Window
from floorwalker.profiles.features.states import STAMP

Days = Mapping[dt.date, Sequence[Any]]


def plain_value(kind: str, days: Days, place: int, window: Window, as_of: dt.date) -> Any:
    """A feature over the days of a source."""
    before = [(day, states[place]) for day, states in days.items() if day < as_of]
    inside = [(day, value) for day, value in before if window.holds((as_of - day).days)]
    if kind in ("days", "first_day", "last_day"):
        present = [day for day, value in inside if value]
        if kind == "days":
            return len(present) if before else None
        return (min(present) if kind == "first_day" else max(present)) if present else None
    values = [value for _, value in inside if value is not None]
    if not values:
        return None
    if kind in ("count", "total"):
        return sum(values)
    found = (min if kind in ("smallest", "earliest") else max)(values)
    return found[STAMP:] if kind in ("latest", "earliest") else found


def gap_value(kind: str, days: Days, place: int, as_of: dt.date) -> Any:
    """A feature over the pauses between the days with a row."""
    present = sorted(day for day, states in days.items() if states[place] and day < as_of)
    gaps = [(later - earlier).days for earlier, later in pairwise(present)]
    if not gaps:
        return None
    if kind == "longest_gap":
        return max(gaps)
    if kind == "latest_gap":
        return gaps[-1]
    n, total, squares = len(gaps), sum(gaps), sum(gap * gap for gap in gaps)
    return math.sqrt(float(n * squares - total * total) / float(n * (n - 1))) if n > 1 else None


def word_value(kind: str, words: Mapping[str, Days], place: int, window: Window, as_of: dt.date) -> Any:
    """A feature over the words of a source with a key."""
    counted: list[tuple[int, dt.date, str]] = []
    known = False
    for word, days in words.items():
        n, seen = 0, dt.date.min
        for day, states in days.items():
            if day >= as_of:
                continue
            known = True
            if states[place] and window.holds((as_of - day).days):
                n += states[place]
                seen = max(seen, day)
        if n:
            counted.append((n, seen, word))
    if kind == "distinct":
        return len(counted) if known else None
    if not counted:
        return None
    if kind == "top":
        return max(counted)[2]
    total = sum(n for n, _, _ in counted)
    if kind == "top_share":
        return max(counted)[0] / total
    return float(sum(n * n for n, _, _ in counted)) / (float(total) * float(total))
