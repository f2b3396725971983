"""Names for cohorts: what a merchandiser would call a group, from where it lies beside the typical customer.

In: a cohort's medians and the medians of all customers, in days, orders and money. Out: a unique name and one sentence.

>>> typical = Medians(recency_days=51, frequency=2, monetary=674.0)
>>> name(Medians(12, 7, 2100.0), typical)
'Loyal big spenders'
>>> unique_names([Medians(12, 7, 2100.0), Medians(14, 4, 1900.0)], typical)
['Loyal big spenders, about 7 orders', 'Loyal big spenders, about 4 orders']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_NAMES = {
    ("recent", "top"): "Star customers",
    ("recent", "high"): "Loyal big spenders",
    ("recent", "usual"): "Active regulars",
    ("recent", "low"): "Fresh faces",
    ("usual", "top"): "Stars, cooling",
    ("usual", "high"): "Valuable, cooling",
    ("usual", "usual"): "Middle of the road",
    ("usual", "low"): "Occasional small baskets",
    ("long ago", "top"): "Stars, gone quiet",
    ("long ago", "high"): "Valuable, gone quiet",
    ("long ago", "usual"): "Former regulars",
    ("long ago", "low"): "Lapsed one-timers",
}
_FAR = 1.5
"""A median this many times (or this fraction of) the typical one is no longer usual."""
_TOP = 4.0
"""From this many times the typical value on, a group is a class of its own."""


class Medians(NamedTuple):
    """A group's median customer: days since the last order, orders, money spent."""

    recency_days: float
    frequency: float
    monetary: float


def name(group: Medians, typical: Medians) -> str:
    """What to call a group; two groups may get the same name, see `unique_names`."""
    recency = (group.recency_days + 1) / (typical.recency_days + 1)
    when = "recent" if recency < 1 / _FAR else "long ago" if recency > _FAR else "usual"
    # Orders and money together: one number, their geometric mean, so that neither alone makes a group "high".
    value = ((group.frequency + 1) / (typical.frequency + 1) * (group.monetary + 1) / (typical.monetary + 1)) ** 0.5
    worth = "top" if value > _TOP else "high" if value > _FAR else "low" if value < 1 / _FAR else "usual"
    return _NAMES[when, worth]


def unique_names(groups: Sequence[Medians], typical: Medians) -> list[str]:
    """A name per group, in the same order; namesakes are told apart by the figure in which they differ most."""
    names = [name(group, typical) for group in groups]
    for shared in sorted({n for n in names if names.count(n) > 1}):
        same = [i for i, n in enumerate(names) if n == shared]
        for i, label in zip(same, _labels([groups[i] for i in same]), strict=True):
            names[i] = f"{shared}, {label}"
    return names


def describe(group: Medians, typical: Medians, share_of_customers: float, share_of_revenue: float) -> str:
    """One sentence: when, how often, how much beside the typical customer, and how large the group is. Shares in 0…1.

    >>> print(describe(Medians(12, 7, 2100.0), Medians(51, 2, 674.0), 0.19, 0.66).replace("; ", ";\\n"))
    Last order 12 days ago (typical 51), 7 orders (typical 2), 3.1 times the typical spend;
    19 % of customers, 66 % of revenue.
    """
    times = (
        f"{group.monetary / typical.monetary:.1f} times the typical spend" if typical.monetary > 0 else "no usual spend"
    )
    return (
        f"Last order {_plural(group.recency_days, 'day')} ago (typical {typical.recency_days:.0f}), "
        f"{_plural(group.frequency, 'order')} (typical {typical.frequency:.0f}), {times}; "
        f"{share_of_customers:.0%} of customers, {share_of_revenue:.0%} of revenue.".replace("%", " %")
    )


def _labels(groups: list[Medians]) -> list[str]:
    """What tells namesakes apart: the figure with the widest spread whose wording differs, else their order."""
    best, widest = [f"group {number}" for number in range(1, len(groups) + 1)], 0.0
    wordings = (
        [f"last order about {_plural(group.recency_days, 'day')} ago" for group in groups],
        [f"about {_plural(group.frequency, 'order')}" for group in groups],
        [f"spending about {group.monetary:,.0f}" for group in groups],
    )
    for values, wording in zip(zip(*groups, strict=True), wordings, strict=True):
        spread = (max(values) + 1) / (min(values) + 1)
        if len(set(wording)) == len(groups) and spread > widest:
            best, widest = wording, spread
    return best


def _plural(number: float, word: str) -> str:
    return f"{number:.0f} {word}" if round(number) == 1 else f"{number:.0f} {word}s"
