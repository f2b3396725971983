"""What somebody allows, as of now: the last word of each record, and of these the most restrictive.

In: what a run knew of a customer's consents, and the rows that came since. Out: {purpose: status}, which is what the
next run will have in `gold.consents`; `governance.consent.allowed` says what follows from it.

>>> def word(purpose, status, at):
...     when = dt.datetime.fromtimestamp(at, dt.UTC)
...     values = {"purpose": purpose, "status": status, "occurred_at": when, "event_id": ""}
...     return Row("consents", 0, 0, 0, values)
>>> by_run = [Word("r1", "ads", "granted", 5)]
>>> consents(by_run, {"r1": [word("ads", "withdrawn", 7)], "r2": [word("profiling", "granted", 6)]})
{'ads': 'denied', 'profiling': 'granted'}

A withdrawal in the shop's page and a grant by telephone are of two records: until they say the same, the withdrawal
holds, whichever was last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from floorwalker.governance.consent import EVERY_PURPOSE, GRANTED, PURPOSES
from floorwalker.profiles.live.layout import Row

DENIED = "denied"
_UNSUBSCRIBES = ("Unsubscribed", "Email Marked as Spam")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Word(NamedTuple):
    """What a record said last on a purpose. `since`: microseconds since 1970."""

    record: str
    purpose: str
    status: str
    since: int


def consents(by_run: Iterable[Word], rows: Mapping[str, Iterable[Row]]) -> dict[str, str]:
    """Status per purpose, of all records of a customer. `rows`: record → what came of it since the run."""
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for record, purpose, status, since in (*by_run, *_said(rows)):
        known = last.get((record, purpose))
        # Of two words at one moment the refusal counts, as in silver.consents.
        if known is None or since > known[0] or (since == known[0] and status < known[1]):
            last[record, purpose] = (since, status)
    found: dict[str, str] = {}
    for (_, purpose), (_, status) in sorted(last.items()):
        found[purpose] = min(found.get(purpose, status), status)
    return dict(sorted(found.items()))


def _said(rows: Mapping[str, Iterable[Row]]) -> Iterator[Word]:
    for record, listed in rows.items():
        for row in listed:
            since = (row.values["occurred_at"] - _EPOCH) // _MICROSECOND
            if row.kind == "consents":
                purpose, status = row.values["purpose"], row.values["status"]
                for one in PURPOSES if purpose == EVERY_PURPOSE else (purpose,):
                    yield Word(record, one, GRANTED if status == GRANTED else DENIED, since)
            elif row.kind == "email_events" and row.values["event_name"] in _UNSUBSCRIBES:
                yield Word(record, "marketing_email", DENIED, since)
