"""Visits to the web shop and the app: pages, searches, products looked at, put into the cart, bought.

In: people, records, orders with their lines, clicked e-mails. Out: `Visits` and `Clicks`, one row per event, ordered
by visit and time. Three kinds of visit: those that end with an order of `shopping`, those that start with a click in
an e-mail, and those that just look. What is looked at follows the same occasions and tastes as what is bought. About
half of the looking is done without logging in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from floorwalker.sources.simulator.baskets import Lines
from floorwalker.sources.simulator.catalogue import World
from floorwalker.sources.simulator.days import Days
from floorwalker.sources.simulator.mailing import Mailing
from floorwalker.sources.simulator.noise import SOURCES
from floorwalker.sources.simulator.occasions import Occasions
from floorwalker.sources.simulator.people import People
from floorwalker.sources.simulator.records import Records
from floorwalker.sources.simulator.shopping import APP, GUEST, STORE, WEB, Orders
from floorwalker.sources.simulator.wording import random_hex, take

HOME, LISTING, SEARCH, VIEW, ADD, CHECKOUT, BOUGHT = range(7)
EVENTS = (
    "Page Viewed", "Product List Viewed", "Products Searched", "Product Viewed", "Product Added",
    "Checkout Started", "Order Completed",
)  # fmt: skip
_SHOP, _APP = SOURCES.index("shop"), SOURCES.index("app")
_LOGGED_IN_WEB, _LOGGED_IN_APP = 0.45, 0.88
_FAMILY_DEVICE, _KIOSK = 0.06, 0.02


@dataclass(frozen=True)
class Visits:
    person: np.ndarray
    channel: np.ndarray
    start: np.ndarray
    order: np.ndarray
    """Row of the order it ended with, −1 for none."""
    record: np.ndarray
    """Row of the customer record logged in with, −1 for nobody."""
    device: pa.Array
    """Cookie of the browser, or id of the phone or of a store's kiosk."""
    ident: pa.Array


@dataclass(frozen=True)
class Clicks:
    visit: np.ndarray
    time: np.ndarray
    kind: np.ndarray
    """Position in EVENTS."""
    product: np.ndarray
    """Product number; −1 where the event has none. A listing or search carries the product whose category it showed."""
    quantity: np.ndarray


@dataclass(frozen=True)
class Devices:
    """Cookies and phones of a chunk's people: rows `start[p] … start[p] + count[p] − 1` of `ident` are person p's."""

    ident: pa.Array
    person: np.ndarray
    start: np.ndarray
    count: np.ndarray


def make_devices(rng: np.random.Generator, people: People, more: float) -> Devices:
    """One device each and on average `more` others (a browser's cookie dies now and then and a new one is born)."""
    count = 1 + rng.poisson(more, people.count)
    person = np.repeat(np.arange(people.count), count)
    return Devices(random_hex(rng, len(person)), person, np.cumsum(count) - count, count)


def make_visits(
    rng: np.random.Generator,
    people: People,
    records: Records,
    orders: Orders,
    mailing: Mailing,
    world: World,
    cookies: Devices,
    phones: Devices,
) -> Visits:
    """All visits of the chunk; the time of those that end with an order is set by `make_clicks`."""
    days = world.days
    online = np.flatnonzero(orders.channel != STORE)
    share = np.clip((people.left - people.came) / (days.count * 86400), 0, 1)
    looks = np.repeat(np.arange(people.count), rng.poisson(people.curiosity * share * days.count / 365))
    scale = np.append(days.cumulative, days.cumulative[-1])
    since, until = scale[days.index(people.came)], scale[np.minimum(days.index(people.left) + 1, days.count)]
    app_share = people.habit[:, APP] / (people.habit[:, WEB] + people.habit[:, APP])
    looks_channel = np.where(records.has(_APP)[looks] & (rng.random(len(looks)) < app_share[looks]), APP, WEB)
    looks_time = days.moments(rng, days.visits(rng, since[looks], until[looks]), looks_channel)
    person = np.concatenate([orders.person[online], mailing.click_person, looks])
    channel = np.concatenate([orders.channel[online], np.full(len(mailing.click_person), WEB), looks_channel])
    start = np.concatenate([orders.time[online], mailing.click_time, looks_time])
    order = np.concatenate([online, np.full(len(person) - len(online), -1)])
    chance = rng.random(len(person))
    shop, app = records.some(rng, person, _SHOP), records.some(rng, person, _APP)
    free = np.where(
        channel == APP, np.where(chance < _LOGGED_IN_APP, app, -1), np.where(chance < _LOGGED_IN_WEB, shop, -1)
    )
    bought = (
        np.where(orders.named[order] == GUEST, -1, orders.record[order]) if orders.count else np.full(len(order), -1)
    )
    return Visits(
        person=person,
        channel=channel,
        start=start,
        order=order,
        record=np.where(order >= 0, bought, free),
        device=_device(rng, people, person, channel, start, days, cookies, phones),
        ident=random_hex(rng, len(person), 12),
    )


def _device(
    rng: np.random.Generator,
    people: People,
    person: np.ndarray,
    channel: np.ndarray,
    start: np.ndarray,
    days: Days,
    cookies: Devices,
    phones: Devices,
) -> pa.Array:
    owner = np.where(rng.random(len(person)) < _FAMILY_DEVICE, people.first_member[person], person)
    through = np.clip((start - days.begins) / (days.ends - days.begins), 0, 0.999)
    on_web = cookies.start[owner] + (through * cookies.count[owner]).astype(np.int64)
    on_app = phones.start[owner] + (through * phones.count[owner]).astype(np.int64)
    kiosk = (channel == APP) & (rng.random(len(person)) < _KIOSK)
    stores = int(people.stores.max()) + 1 if people.count else 1
    options = pa.concat_arrays([cookies.ident, phones.ident, pa.array([f"KIOSK-S{n + 1:03d}" for n in range(stores)])])
    row = np.where(channel == APP, len(cookies.ident) + on_app, on_web)
    return take(options, np.where(kiosk, len(cookies.ident) + len(phones.ident) + people.stores[person, 0], row))


def make_clicks(
    rng: np.random.Generator, visits: Visits, people: People, lines: Lines, world: World, occasions: Occasions
) -> Clicks:
    """Events of all visits, sorted by visit; an order's visit ends at the order's second."""
    count = len(visits.person)
    days = world.days
    rank, visit, kind, product, quantity = [], [], [], [], []

    def add(
        rows: np.ndarray,
        what: int,
        position: np.ndarray | float,
        goods: np.ndarray | int = -1,
        pieces: np.ndarray | int = 0,
    ) -> None:
        visit.append(rows)
        kind.append(np.full(len(rows), what, np.int8))
        rank.append(np.broadcast_to(np.asarray(position, float), len(rows)))
        product.append(np.broadcast_to(np.asarray(goods, np.int64), len(rows)))
        quantity.append(np.broadcast_to(np.asarray(pieces, np.int64), len(rows)))

    every = np.arange(count)
    buying = visits.order >= 0
    looked = rng.poisson(np.where(buying, 1.3, 1.9)) + ~buying
    view_visit = np.repeat(every, looked)
    day, month = days.index(visits.start), days.month(visits.start)
    person = visits.person
    occasion = occasions.occasion(rng, people.tastes.at(person, day + days.first), month)
    offers = occasions.offered(rng, occasion[view_visit], month[view_visit], 3)
    seen = occasions.chosen(rng, offers, person[view_visit], day[view_visit], people.tastes)
    first = np.full(count, -1)
    first[view_visit[::-1]] = seen[::-1]
    add(every[rng.random(count) < 0.35], HOME, -2.0)
    how = rng.random(count)
    listed, searched = every[(first >= 0) & (how < 0.45)], every[(first >= 0) & (how > 0.86)]
    add(listed, LISTING, -1.0, first[listed])
    add(searched, SEARCH, -1.0, first[searched])
    at = rng.random(len(view_visit)) * 10
    add(view_visit, VIEW, at, seen)
    kept = rng.random(len(view_visit)) < 0.11
    add(view_visit[kept], ADD, at[kept] + 1e-3, seen[kept], 1)
    by_order = np.full(int(visits.order.max(initial=-1)) + 2, -1)
    by_order[visits.order[buying]] = every[buying]
    of_line = by_order[np.minimum(lines.order, len(by_order) - 1)] if len(lines.order) else lines.order
    rows = np.flatnonzero(of_line >= 0)
    at = rng.random(len(rows)) * 10
    looked_at = rng.random(len(rows)) < 0.8
    add(of_line[rows[looked_at]], VIEW, at[looked_at], lines.product[rows[looked_at]])
    add(of_line[rows], ADD, at + 1e-3, lines.product[rows], lines.quantity[rows])
    add(every[buying], CHECKOUT, 20.0)
    add(every[buying], BOUGHT, 21.0)
    visit_of, position = np.concatenate(visit), np.concatenate(rank)
    order = np.lexsort((position, visit_of))
    visit_of = visit_of[order]
    pause = 4 + rng.exponential(38, len(order)).astype(np.int64)
    passed = np.cumsum(pause)
    size = np.bincount(visit_of, minlength=count)
    ends = np.cumsum(size)
    begins = ends - size
    anchor = (
        np.where(buying, passed[np.maximum(ends - 1, 0)], passed[np.minimum(begins, max(0, len(passed) - 1))])
        if len(passed)
        else ends
    )
    time = visits.start[visit_of] + passed - anchor[visit_of]
    inside = (time >= days.begins) & (time < days.ends)
    return Clicks(
        visit=visit_of[inside],
        time=time[inside],
        kind=np.concatenate(kind)[order][inside],
        product=np.concatenate(product)[order][inside],
        quantity=np.concatenate(quantity)[order][inside],
    )
