"""Orders: who buys when, through which channel, on what occasion, and how the system that sells recognises them.

In: people, records, the mailing (it causes some orders). Out: `Orders`, one row each, by time. What is in them:
`baskets`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from floorwalker.sources.simulator.days import DAY, Days
from floorwalker.sources.simulator.mailing import Mailing
from floorwalker.sources.simulator.noise import SOURCES
from floorwalker.sources.simulator.occasions import Occasions
from floorwalker.sources.simulator.people import People
from floorwalker.sources.simulator.records import Records

STORE, WEB, APP = 0, 1, 2
NOBODY, CARD, RECEIPT, NUMBER, ACCOUNT, GUEST = range(6)
"""How an order names its customer: not at all, loyalty card, address for an e-receipt, the till's customer number,
login, guest.
"""
_TILL, _SHOP, _APP = (SOURCES.index(name) for name in ("till", "shop", "app"))
_SHOWS_CARD = 0.62
_GIVES_NAME = 0.70


@dataclass(frozen=True)
class Orders:
    number: np.ndarray
    """Running number over the whole data set."""
    person: np.ndarray
    time: np.ndarray
    channel: np.ndarray
    store: np.ndarray
    named: np.ndarray
    record: np.ndarray
    """Row of the customer record the order refers to, −1 for none."""
    occasion: np.ndarray
    cancelled: np.ndarray
    caused: np.ndarray
    irish: np.ndarray

    @property
    def count(self) -> int:
        return len(self.number)


def make_orders(
    rng: np.random.Generator,
    people: People,
    records: Records,
    days: Days,
    occasions: Occasions,
    mailing: Mailing,
    first: int,
) -> Orders:
    """The chunk's orders, numbered from `first` in order of time."""
    scale = np.append(days.cumulative, days.cumulative[-1])
    since, until = scale[days.index(people.came)], scale[np.minimum(days.index(people.left) + 1, days.count)]
    count = rng.poisson(people.orders_a_year / 365 * np.maximum(0, until - since))
    own = np.repeat(np.arange(people.count), count)
    person = np.concatenate([own, mailing.caused_person])
    day = np.concatenate([days.visits(rng, since[own], until[own]), mailing.caused_day])
    caused = np.arange(len(person)) >= len(own)
    weight = people.habit * np.stack([np.ones(people.count, bool), records.has(_SHOP), records.has(_APP)], axis=1)
    bounds = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    channel = np.minimum((rng.random((len(person), 1)) > bounds[person]).sum(axis=1), APP)
    time = days.moments(rng, day, channel)
    order = np.argsort(time, kind="stable")
    person, day, caused, channel, time = (values[order] for values in (person, day, caused, channel, time))
    named, record = _recognised(rng, people, records, person, channel)
    second = rng.random(len(person)) < 0.2
    return Orders(
        number=first + np.arange(len(person)),
        person=person,
        time=time,
        channel=channel,
        store=people.stores[person, second.astype(np.int64)],
        named=named,
        record=record,
        occasion=occasions.occasion(rng, people.tastes.at(person, day), days.month(time)),
        cancelled=(channel != STORE) & (rng.random(len(person)) < 0.018) & (time < days.ends - DAY),
        caused=caused,
        irish=people.irish[person],
    )


def _recognised(
    rng: np.random.Generator, people: People, records: Records, person: np.ndarray, channel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How each order names its customer, and which record it means."""
    chance = rng.random((2, len(person)))
    holder = people.loyalty_id.is_valid().to_numpy(zero_copy_only=False)[person]
    till, shop, app = (records.some(rng, person, source) for source in (_TILL, _SHOP, _APP))
    has_email = np.append(records.email.is_valid().to_numpy(zero_copy_only=False), False)
    at_till = np.where(
        holder & (chance[0] < _SHOWS_CARD),
        CARD,
        np.where((till < 0) | (chance[1] > _GIVES_NAME), NOBODY, np.where(has_email[till], RECEIPT, NUMBER)),
    )
    on_web = np.where(has_email[shop] & (chance[0] < 0.12), GUEST, ACCOUNT)
    named = np.choose(channel, [at_till, on_web, np.full(len(person), ACCOUNT)])
    record = np.choose(channel, [np.where(at_till == NOBODY, -1, till), shop, app])
    return named, record
