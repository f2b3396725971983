"""The e-mail programme: campaigns, who gets them, what they do with them, and which orders they truly cause.

In: people, their records, the calendar. Out: a `Mailing`: events (sent, opened, …), clicks that start visits, orders
caused. A caused order would not have been made without the message: `people.swayed` is the chance per opened message.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.sources.simulator.days import DAY, Days
from floorwalker.sources.simulator.people import People
from floorwalker.sources.simulator.records import STORE_EMAILS, Records

SENT, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED, SPAM = range(6)
CAMPAIGNS_A_YEAR = 27
_REACHES = 0.5
_WITHDRAWS = 0.012
_COMPLAINS = 0.001
_THEMES = ("Edit", "Favourites", "New in", "Offers", "At home", "Weekend", "Gift guide", "Last chance")


@dataclass(frozen=True)
class Campaigns:
    ident: tuple[str, ...]
    name: tuple[str, ...]
    time: np.ndarray
    """Local second of the first message."""


def make_campaigns(days: Days, activity: float) -> Campaigns:
    """Two a month at `activity` 1, at most one a day, at least one; on weekday mornings where they fall."""
    count = int(np.clip(round(CAMPAIGNS_A_YEAR * activity * days.count / 365), 1, days.count))
    at = np.unique(((np.arange(count) + 0.4) * days.count / count).astype(np.int64))
    dates = [days.dates[i] for i in at.tolist()]
    return Campaigns(
        ident=tuple(f"C{d:%y%m%d}" for d in dates),
        name=tuple(f"{d:%B} {_THEMES[i % len(_THEMES)]}" for i, d in enumerate(dates)),
        time=(days.first + at) * DAY + 9 * 3600,
    )


@dataclass(frozen=True)
class Mailing:
    contact: np.ndarray
    """Per person the row of the record whose address is mailed, −1 for nobody."""
    person: np.ndarray
    kind: np.ndarray
    campaign: np.ndarray
    time: np.ndarray
    click_person: np.ndarray
    click_time: np.ndarray
    caused_person: np.ndarray
    caused_day: np.ndarray
    """Day number since 1970."""


def make_mailing(
    rng: np.random.Generator, people: People, records: Records, days: Days, campaigns: Campaigns
) -> Mailing:
    """A year of messages to the chunk's subscribers."""
    contact = _contacts(people, records)
    person = np.flatnonzero((contact >= 0) & people.wants[:, 2])
    record = contact[person]
    shape = (len(person), len(campaigns.time))
    sent = (rng.random(shape) < _REACHES) & (records.since[record][:, None] < campaigns.time)
    reachable = records.reachable[record][:, None]
    sent &= reachable | (np.cumsum(sent, axis=1) <= 2)
    awake = np.where(campaigns.time < people.left[person][:, None], 1.0, 0.2)
    opened = sent & reachable & (rng.random(shape) < people.opens[person][:, None] * awake)
    withdrawn = opened & (rng.random(shape) < _WITHDRAWS)
    gone = np.cumsum(withdrawn, axis=1) - withdrawn > 0
    sent, opened, withdrawn = sent & ~gone, opened & ~gone, withdrawn & ~gone
    clicked = opened & (rng.random(shape) < people.clicks[person][:, None])
    sent_at = campaigns.time[None, :] + rng.integers(0, 5400, shape)
    opened_at = sent_at + 60 + rng.exponential(5 * 3600, shape).astype(np.int64)
    clicked_at = opened_at + rng.integers(4, 240, shape)
    complained = opened & (rng.random(shape) < _COMPLAINS)
    parts = [
        (SENT, sent, sent_at),
        (BOUNCED, sent & ~reachable, sent_at + 7),
        (OPENED, opened, opened_at),
        (CLICKED, clicked, clicked_at),
        (UNSUBSCRIBED, withdrawn, clicked_at + 30),
        (SPAM, complained, clicked_at + 90),
    ]
    found = [(np.full(int(mask.sum()), kind), *np.nonzero(mask), times[mask]) for kind, mask, times in parts]
    kind, row, campaign, time = (np.concatenate(column) for column in zip(*found, strict=True))
    inside = time < days.ends
    sway = np.minimum(people.swayed[person][:, None] * np.where(clicked, 3, 1), 0.9)
    caused = opened & (opened_at < people.left[person][:, None]) & (rng.random(shape) < sway)
    caused_day = (opened_at[caused] + rng.exponential(0.8 * DAY, int(caused.sum()))).astype(np.int64) // DAY
    due = caused_day < days.first + days.count
    visits = clicked & (clicked_at < days.ends)
    return Mailing(
        contact=np.where(people.wants[:, 2], contact, -1),
        person=person[row[inside]],
        kind=kind[inside],
        campaign=campaign[inside],
        time=time[inside],
        click_person=person[np.nonzero(visits)[0]],
        click_time=clicked_at[visits] + 3,
        caused_person=person[np.nonzero(caused)[0]][due],
        caused_day=caused_day[due],
    )


def _contacts(people: People, records: Records) -> np.ndarray:
    """A person's first record with an address of their own (it may be mistyped: then it bounces)."""
    usable = pc.and_(pc.is_valid(records.email), pc.invert(pc.is_in(records.email, pa.array(STORE_EMAILS))))
    rows = np.flatnonzero(pc.fill_null(usable, False).to_numpy(zero_copy_only=False))
    person, first = np.unique(records.person[rows], return_index=True)
    contact = np.full(people.count, -1)
    contact[person] = rows[first]
    return contact
