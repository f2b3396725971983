"""Lines of orders, what comes back, and points: what is in the baskets, at which price, in which size.

In: orders, people, the world and its occasions. Out: `Lines` and `Returns`. The first line of an order answers its
occasion; a further one completes the first (same collection), restocks a staple, answers the occasion again, or is an
impulse of another occasion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from floorwalker.sources.simulator.catalogue import BEAUTY, CATEGORIES, FOOD, SIZES, World, euro_price
from floorwalker.sources.simulator.days import DAY, Days
from floorwalker.sources.simulator.occasions import OCCASIONS, Occasions
from floorwalker.sources.simulator.people import STAPLES, People
from floorwalker.sources.simulator.shopping import STORE, Orders

REASONS = ("does not fit", "changed my mind", "not as described", "faulty", "arrived late")
CANCELLED = "cancelled by customer"
COUPON = "EMAIL10"
_COMPLETES, _RESTOCKS, _IMPULSE = 0.34, 0.14, 0.08
_STAPLE_OCCASIONS = tuple(i for i, o in enumerate(OCCASIONS) if o.name in ("care", "pantry"))


@dataclass(frozen=True)
class Lines:
    """Money in hundredths of the order's currency; `discount` is of the whole line."""

    order: np.ndarray
    number: np.ndarray
    product: np.ndarray
    size: np.ndarray
    """Position in the garment's scale."""
    quantity: np.ndarray
    unit_price: np.ndarray
    discount: np.ndarray
    coupon: np.ndarray

    @property
    def amount(self) -> np.ndarray:
        return self.quantity * self.unit_price - self.discount


@dataclass(frozen=True)
class Returns:
    line: np.ndarray
    time: np.ndarray
    quantity: np.ndarray
    amount: np.ndarray
    reason: np.ndarray
    """Position in REASONS; −1 for a cancellation."""


def make_lines(rng: np.random.Generator, orders: Orders, people: People, world: World, occasions: Occasions) -> Lines:
    """Two to three lines an order, skewed."""
    days = world.days
    count = 1 + np.minimum(rng.poisson(rng.gamma(1.1, 1.15, orders.count)), 14)
    order = np.repeat(np.arange(orders.count), count)
    starts = np.cumsum(count) - count
    number = np.arange(len(order)) - starts[order] + 1
    person, day, month = orders.person[order], days.index(orders.time)[order], days.month(orders.time)[order]
    impulse = rng.random(len(order)) < _IMPULSE
    other = rng.integers(0, len(OCCASIONS), len(order))
    occasion = np.where(impulse & (number > 1), other, orders.occasion[order])
    offers = occasions.offered(rng, occasion, month, 9)
    product = occasions.chosen(rng, offers, person, day, people.tastes)
    product = _follow(rng, product, number, starts[order], person, _staples(rng, people, occasions, world), world)
    quantity = (
        1
        + (rng.random(len(order)) < 0.08)
        + np.where(np.isin(world.category[product], (BEAUTY, FOOD)), rng.poisson(0.25, len(order)), 0)
    )
    price = world.price[product, day].astype(np.int64)
    price = np.where(orders.irish[order], euro_price(price), price)
    mailed = rng.random(orders.count) < np.where(orders.caused, 0.35, 0.02)
    percent = world.promotion[product, day].astype(np.int64)
    percent = np.maximum(percent, np.where(mailed[order], 10, 0))
    fitting = rng.choice([-1, 0, 1], len(order), p=[0.05, 0.88, 0.07])
    garment = world.garment[product]
    last = np.array([len(scale) - 1 for scale in SIZES])[garment]
    return Lines(
        order=order,
        number=number,
        product=product,
        size=np.clip(people.sizes[person, garment] + fitting, 0, last),
        quantity=quantity,
        unit_price=price,
        discount=(price * quantity * percent + 50) // 100,
        coupon=mailed[order],
    )


def _staples(rng: np.random.Generator, people: People, occasions: Occasions, world: World) -> np.ndarray:
    """(people, STAPLES): consumables a person keeps buying."""
    kind = np.array(_STAPLE_OCCASIONS)[rng.integers(0, len(_STAPLE_OCCASIONS), people.count)]
    middle = np.full(people.count, occasions.months // 2)
    return occasions.offered(rng, kind, middle, STAPLES)


def _follow(
    rng: np.random.Generator,
    product: np.ndarray,
    number: np.ndarray,
    first_line: np.ndarray,
    person: np.ndarray,
    staples: np.ndarray,
    world: World,
) -> np.ndarray:
    """Lines after the first: some complete the first, some restock; never the withdrawn or the not yet launched."""
    chance, slot = rng.random(len(product)), rng.integers(0, 8, len(product))
    later = number > 1
    partner = world.companions[product[first_line], slot]
    staple = staples[person, slot % STAPLES]
    new = np.where(later & (chance < _COMPLETES), partner, product)
    new = np.where((chance > 1 - _RESTOCKS) & (later | (chance > 1 - _RESTOCKS / 2)), staple, new)
    lasting = (world.launched < world.days.first) & (world.withdrawn > world.days.first + world.days.count)
    return np.where(lasting[new], new, product)


def make_returns(
    rng: np.random.Generator, orders: Orders, lines: Lines, people: People, days: Days, world: World
) -> Returns:
    """Goods brought back three to thirty days later, clothes bought online most; and all lines of cancelled orders."""
    cancelled = orders.cancelled[lines.order]
    rate = np.array([c.returned for c in CATEGORIES])[world.category[lines.product]]
    rate = (
        rate * people.sends_back[orders.person[lines.order]] * np.where(orders.channel == STORE, 0.4, 1.1)[lines.order]
    )
    back = ~cancelled & (rng.random(len(lines.order)) < np.minimum(rate, 0.8))
    day = orders.time[lines.order] // DAY + rng.integers(3, 31, len(lines.order))
    time = np.where(
        cancelled,
        orders.time[lines.order] + 1800 + rng.integers(0, 12 * 3600, orders.count)[lines.order],
        days.moments(rng, day, np.zeros(len(day), np.int64)),
    )
    rows = np.flatnonzero((cancelled | back) & (time < days.ends))
    some = back[rows] & (rng.random(len(rows)) < 0.3)
    quantity = np.where(some, 1, lines.quantity[rows])
    reason = rng.choice(len(REASONS), len(rows), p=[0.46, 0.27, 0.12, 0.1, 0.05])
    return Returns(
        line=rows,
        time=time[rows],
        quantity=quantity,
        amount=lines.amount[rows] * quantity // lines.quantity[rows],
        reason=np.where(cancelled[rows], -1, reason),
    )
