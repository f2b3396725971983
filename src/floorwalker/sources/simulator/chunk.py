"""Everything that happens to one chunk of people, made in the order in which it is caused.

In: the seed, the chunk's number, the world. Out: a `Chunk`, which the writers turn into rows of each system's files.
Every subject has its own random stream (seed, chunk, subject), so that a change to one leaves the others' draws alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from floorwalker.sources.simulator.baskets import Lines, Returns, make_lines, make_returns
from floorwalker.sources.simulator.browsing import Clicks, Devices, Visits, make_clicks, make_devices, make_visits
from floorwalker.sources.simulator.catalogue import World
from floorwalker.sources.simulator.mailing import Campaigns, Mailing, make_mailing
from floorwalker.sources.simulator.noise import SOURCES, NoiseProfile
from floorwalker.sources.simulator.occasions import Occasions
from floorwalker.sources.simulator.people import People, make_people
from floorwalker.sources.simulator.records import Records, make_records
from floorwalker.sources.simulator.shopping import Orders, make_orders

CHUNK = 5_000
"""People per chunk."""
_SUBJECTS = ("people", "records", "mailing", "orders", "lines", "returns", "visits", "clicks", "devices", "writing")


@dataclass
class Counters:
    """Running numbers of the retailer's systems: the next customer number of each source, the next order."""

    records: list[int]
    orders: int = 1

    @classmethod
    def fresh(cls) -> Counters:
        return cls([1] * len(SOURCES))


@dataclass(frozen=True)
class Chunk:
    number: int
    people: People
    records: Records
    mailing: Mailing
    orders: Orders
    lines: Lines
    returns: Returns
    cookies: Devices
    phones: Devices
    visits: Visits
    clicks: Clicks
    writing: np.random.Generator
    """Random stream for what only the writing of files decides (points redeemed, tickets, …)."""


def make_chunk(
    seed: int,
    number: int,
    count: int,
    world: World,
    occasions: Occasions,
    campaigns: Campaigns,
    noise: NoiseProfile,
    activity: float,
    counters: Counters,
) -> Chunk:
    """The lives of `count` people, the `number`-th chunk."""
    rng = {
        subject: np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, place)))
        for place, subject in enumerate(_SUBJECTS)
    }
    people = make_people(rng["people"], world, noise, number * CHUNK, count, activity)
    records = make_records(rng["records"], people, noise, counters.records)
    mailing = make_mailing(rng["mailing"], people, records, world.days, campaigns)
    orders = make_orders(rng["orders"], people, records, world.days, occasions, mailing, counters.orders)
    counters.orders += orders.count
    _registered_before_use(records, orders)
    lines = make_lines(rng["lines"], orders, people, world, occasions)
    cookies = make_devices(rng["devices"], people, 0.9)
    phones = make_devices(rng["devices"], people, 0.2)
    visits = make_visits(rng["visits"], people, records, orders, mailing, world, cookies, phones)
    return Chunk(
        number=number,
        people=people,
        records=records,
        mailing=mailing,
        orders=orders,
        lines=lines,
        returns=make_returns(rng["returns"], orders, lines, people, world.days, world),
        cookies=cookies,
        phones=phones,
        visits=visits,
        clicks=make_clicks(rng["clicks"], visits, people, lines, world, occasions),
        writing=rng["writing"],
    )


def _registered_before_use(records: Records, orders: Orders) -> None:
    """Move registrations before the first order that refers to the record."""
    used = orders.record >= 0
    np.minimum.at(records.since, orders.record[used], orders.time[used] - 600)
