"""What the tills, the loyalty programme and its partner write.

In: a `Chunk`. Out: rows appended to till/, loyalty/ and partner/. Receipts name their customer by loyalty card, by
the address for an e-receipt, by the till's customer number, or not at all; sales entered on an assistant's tablet
carry the tablet's device id, shared by all its users.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.sources.simulator.baskets import REASONS
from floorwalker.sources.simulator.catalogue import GARMENTS, SIZES, World
from floorwalker.sources.simulator.chunk import Chunk
from floorwalker.sources.simulator.days import DAY, written
from floorwalker.sources.simulator.files import Files, Write
from floorwalker.sources.simulator.noise import SOURCES
from floorwalker.sources.simulator.shopping import CARD, NOBODY, NUMBER, RECEIPT, STORE
from floorwalker.sources.simulator.wording import choose, decimals, hide, join, padded, pick, take, text

TIERS = ("Bronze", "Silver", "Gold")
TIER_FROM = (0, 30_000, 80_000)
_REDEEMS = 0.05


def product_ids(product: np.ndarray) -> pa.Array:
    return hide(join("P", text(10_000 + product)), product < 0)


def store_ids(store: np.ndarray) -> pa.Array:
    return join("S", padded(store + 1, 3))


def countries(irish: np.ndarray) -> pa.Array:
    return pick(("UK", "IE"), irish.astype(np.int64))


def currencies(irish: np.ndarray) -> pa.Array:
    return pick(("GBP", "EUR"), irish.astype(np.int64))


def size_labels(garment: np.ndarray, size: np.ndarray) -> pa.Array:
    """The size's name; NULL for what has no sizes."""
    widest = max(len(scale) for scale in SIZES)
    labels = [label for scale in SIZES for label in scale + ("",) * (widest - len(scale))]
    return hide(pick(labels, garment * widest + size), garment == GARMENTS.index(""))


def british_dates(iso: pa.Array) -> pa.Array:
    """ISO dates as dd/mm/yyyy."""
    year, month, day = (pc.utf8_slice_codeunits(iso, first, last) for first, last in ((0, 4), (5, 7), (8, 10)))
    return join(day, "/", month, "/", year)


def write_till(files: Files, chunk: Chunk, world: World, names: pa.Array) -> None:
    """till/customers.csv and till/receipts_YYYY-MM.csv. `names`: product names by number."""
    records, orders, lines, days = chunk.records, chunk.orders, chunk.lines, world.days
    rows = np.flatnonzero(records.source == SOURCES.index("till"))
    files.csv(
        "till/customers.csv",
        pa.table({
            "customer_no": take(records.ref, rows),
            "first_name": take(records.given_name, rows),
            "surname": take(records.family_name, rows),
            "dob": british_dates(take(records.birth_date, rows)),
            "e_mail": take(records.email, rows),
            "telephone": take(records.phone, rows),
            "address": take(records.address, rows),
            "postcode": take(records.postcode, rows),
            "town": take(records.city, rows),
            "country": countries(chunk.people.irish[records.person[rows]]),
            "loyalty_card": take(records.loyalty_id, rows),
            "registered": written(records.since[rows], "%d/%m/%Y"),
        }),
        delimiter=";",
        encoding="latin-1",
    )  # fmt: skip
    sold = np.flatnonzero(orders.channel[lines.order] == STORE)
    returns = chunk.returns
    back = np.flatnonzero(orders.channel[lines.order[returns.line]] == STORE)
    line = np.concatenate([sold, returns.line[back]])
    refund = np.arange(len(line)) >= len(sold)
    order = lines.order[line]
    sign = np.where(refund, -1, 1)
    quantity = np.concatenate([lines.quantity[sold], returns.quantity[back]])
    total = np.concatenate([lines.amount[sold], returns.amount[back]])
    time = np.concatenate([orders.time[lines.order[sold]], returns.time[back]])
    receipt = join(store_ids(orders.store[order]), "-", padded(orders.number[order], 8))
    # Refunds are receipts of their own; half of the customers show their card or name again.
    again = chunk.writing.random(len(line)) < 0.5
    named = np.where(refund & ~again, NOBODY, orders.named[order])
    record = np.where(named == NOBODY, -1, orders.record[order])
    tablet = (orders.number[order] * 7919 % 100 < 14) & (named != NOBODY)
    price = lines.unit_price[line]
    table = pa.table({
        "receipt_no": choose(refund, join("R", receipt, "-", text(lines.number[line])), receipt),
        "sold_at": written(time, "%d/%m/%Y %H:%M"),
        "store": store_ids(orders.store[order]),
        "kind": pick(("sale", "return"), refund.astype(np.int64)),
        "line": text(lines.number[line]),
        "sku": product_ids(lines.product[line]),
        "description": take(names, lines.product[line]),
        "size": size_labels(world.garment[lines.product[line]], lines.size[line]),
        "qty": sign * quantity,
        "price": decimals(price),
        "discount": decimals(np.where(refund, 0, lines.discount[line])),
        "total": decimals(sign * total),
        "currency": currencies(orders.irish[order]),
        "country": countries(orders.irish[order]),
        "card_no": hide(take(chunk.people.loyalty_id, orders.person[order]), named != CARD),
        "receipt_email": hide(take(records.email, record), named != RECEIPT),
        "customer_no": hide(take(records.ref, record), named != NUMBER),
        "tablet": hide(join("TAB-", store_ids(orders.store[order])), ~tablet),
        "original_receipt": hide(receipt, ~refund),
        "reason": hide(pick(REASONS, np.concatenate([np.zeros(len(sold), np.int64), returns.reason[back]])), ~refund),
    })  # fmt: skip
    files.by_month(_till_csv(files), "till/receipts_{}.csv", table, days.month(time), days.months)


def _till_csv(files: Files) -> Write:
    return lambda path, table: files.csv(path, table, delimiter=";", encoding="latin-1")


def write_loyalty(files: Files, chunk: Chunk, world: World) -> None:
    """loyalty/members.csv and loyalty/events_YYYY-MM.csv: a point for each pound or euro on orders that showed the
    card.
    """
    records, orders, lines, days, rng = chunk.records, chunk.orders, chunk.lines, world.days, chunk.writing
    rows = np.flatnonzero(records.source == SOURCES.index("loyalty"))
    irish = chunk.people.irish[records.person]
    files.csv("loyalty/members.csv", pa.table({
        "member_no": take(records.ref, rows),
        "card_no": take(records.loyalty_id, rows),
        "given_name": take(records.given_name, rows),
        "family_name": take(records.family_name, rows),
        "birth_date": take(records.birth_date, rows),
        "email": take(records.email, rows),
        "mobile": take(records.phone, rows),
        "street": take(records.address, rows),
        "postcode": take(records.postcode, rows),
        "town": take(records.city, rows),
        "country": countries(irish[rows]),
        "joined_at": written(records.since[rows], "%Y-%m-%d %H:%M:%S"),
    }))  # fmt: skip
    spent = np.bincount(lines.order, weights=lines.amount, minlength=orders.count).astype(np.int64)
    carded = np.append(records.loyalty_id.is_valid().to_numpy(zero_copy_only=False), False)
    shown = (orders.named == CARD) | ((orders.channel != STORE) & carded[orders.record])
    earned = np.flatnonzero(shown & ~orders.cancelled)
    person, before, tier_now = _tiers(orders.person[earned], spent[earned])
    rises = np.flatnonzero(tier_now > before)
    redeems = earned[rng.random(len(earned)) < _REDEEMS]
    new = rows[(records.since[rows] >= days.begins) & (records.since[rows] < days.ends)]
    who = np.concatenate([orders.person[earned], person[rises], orders.person[redeems], records.person[new]])
    sizes = [len(earned), len(rises), len(redeems), len(new)]
    kind = np.repeat(np.arange(4), sizes)
    time = np.concatenate(
        [orders.time[earned], orders.time[earned][rises] + 60, orders.time[redeems] + 1, records.since[new]]
    )
    spends = rng.choice([250, 500, 1000], len(redeems))
    points = np.concatenate(
        [spent[earned] // 100, np.zeros(len(rises), np.int64), spends, np.zeros(len(new), np.int64)]
    )
    tier = np.concatenate([tier_now, tier_now[rises], np.full(len(redeems), -1), np.zeros(len(new), np.int64)])
    place = np.where(orders.channel == STORE, orders.store, -1)
    store = np.concatenate([place[earned], place[earned][rises], place[redeems], np.full(len(new), -1)])
    table = pa.table({
        "card_no": take(chunk.people.loyalty_id, who),
        "event": pick(("earn", "tier", "redeem", "join"), kind),
        "points": hide(text(points), (kind == 1) | (kind == 3)),
        "tier": hide(pick(TIERS, np.maximum(tier, 0)), tier < 0),
        "store": hide(store_ids(store), store < 0),
        "country": countries(chunk.people.irish[who]),
        "happened_at": written(time, "%Y-%m-%d %H:%M:%S"),
    })  # fmt: skip
    files.by_month(files.csv, "loyalty/events_{}.csv", table, days.month(time), days.months)


def _tiers(person: np.ndarray, spent: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tier before and after each order, given orders in order of time: by what the person has spent since the first
    day.
    """
    order = np.argsort(person, kind="stable")
    running = np.cumsum(spent[order])
    first = np.searchsorted(person[order], person[order])
    after_sorted = running - (running - spent[order])[first]
    after = np.empty(len(person), np.int64)
    after[order] = after_sorted
    thresholds = np.array(TIER_FROM[1:])
    return (
        person,
        np.searchsorted(thresholds, after - spent, side="right"),
        np.searchsorted(thresholds, after, side="right"),
    )


def write_partner(files: Files, chunk: Chunk, world: World, activity: float) -> None:
    """partner/members.csv, addresses hashed, and partner/earnings_YYYY-MM.csv: points for meals and journeys
    elsewhere.
    """
    records, days, rng = chunk.records, world.days, chunk.writing
    rows = np.flatnonzero(records.source == SOURCES.index("partner"))
    clear = take(records.email, rows).to_pylist()
    hashed = [None if e is None else hashlib.sha256(e.strip().lower().encode()).hexdigest() for e in clear]
    files.csv("partner/members.csv", pa.table({
        "member": take(records.ref, rows),
        "first": take(records.given_name, rows),
        "last": take(records.family_name, rows),
        "born": pc.replace_substring(take(records.birth_date, rows), "-", ""),
        "email_sha256": pa.array(hashed, pa.string()),
        "phone": take(records.phone, rows),
        "address": take(records.address, rows),
        "postcode": take(records.postcode, rows),
        "city": take(records.city, rows),
        "country": countries(chunk.people.irish[records.person[rows]]),
        "retailer_card": take(records.loyalty_id, rows),
        "since": written(records.since[rows], "%Y%m%d"),
    }))  # fmt: skip
    row = np.repeat(rows, rng.poisson(2.0 * activity * days.count / 365, len(rows)))
    time = np.maximum(records.since[row], days.begins)
    time = time + (rng.random(len(row)) * (days.ends - time)).astype(np.int64) // DAY * DAY
    time = np.minimum(time, days.ends - 1)
    table = pa.table({
        "member": take(records.ref, row),
        "date": written(time, "%Y%m%d"),
        "points": rng.integers(5, 120, len(row)),
        "place": pick(("café", "railway", "cinema", "petrol"), rng.integers(0, 4, len(row))),
        "country": countries(chunk.people.irish[records.person[row]]),
    })  # fmt: skip
    files.by_month(files.csv, "partner/earnings_{}.csv", table, days.month(time), days.months)
