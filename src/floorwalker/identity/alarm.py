"""The alarm: is the largest customer larger than it should be?

In: the figures of a run (silver.identity_summary) and those of the runs before. Out: `Alarm`, and what to tell.

A storm that no single identifier raises shows in the size of the largest customer: it grows from run to run, or
reaches the limit that keeps it from growing. Wordings are counted, not records: a customer with a thousand cookies is
one person.

>>> alarm = judge({"largest_customer.word_sets": 25.0}, [{"largest_customer.word_sets": 10.0}] * 3, IdentitySettings())
>>> alarm.times, alarm.warnings
(2.5, ['the largest customer has 25 wordings, 2.5 times what it usually had'])
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import msgspec

from floorwalker.identity.settings import IdentitySettings

SIZE, AT_LIMIT = "largest_customer.word_sets", "customers.at_record_limit"
LEAST = 3
"""With fewer runs before, nothing is usual."""


class Alarm(msgspec.Struct, frozen=True):
    """`usual`: median of the largest customer's wordings over the runs before, None where there are too few; `times`:
    how many times that it has now."""

    largest: int
    usual: float | None
    times: float | None
    warnings: list[str]


def judge(figures: Mapping[str, float], past: Sequence[Mapping[str, float]], settings: IdentitySettings) -> Alarm:
    """`past`: figures of earlier runs, the newest first."""
    largest, warnings = int(figures.get(SIZE, 0)), []
    before = [one[SIZE] for one in past if SIZE in one][: settings.alarm.runs]
    usual = float(statistics.median(before)) if len(before) >= LEAST else None
    times = round(largest / usual, 2) if usual else None
    if times is not None and times > settings.alarm.times:
        warnings.append(f"the largest customer has {largest:,} wordings, {times:g} times what it usually had")
    at_limit = int(figures.get(AT_LIMIT, 0))
    # Those that stood there before have been told of.
    if at_limit > (past[0].get(AT_LIMIT, 0) if past else 0):
        who = "1 customer has" if at_limit == 1 else f"{at_limit:,} customers have"
        warnings.append(f"{who} as many wordings as one may have ({settings.cluster_records})")
    return Alarm(largest, usual, times, warnings)
