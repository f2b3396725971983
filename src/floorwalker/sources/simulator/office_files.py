"""What the help desk and the preference centre write, and the truth.

In: a `Chunk`. Out: rows appended to helpdesk/, consents.csv and truth/. The truth tells, for every customer record,
order and device, whose it is; no pipeline reads it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.sources.simulator.catalogue import World
from floorwalker.sources.simulator.chunk import Chunk
from floorwalker.sources.simulator.days import DAY, written
from floorwalker.sources.simulator.files import Files
from floorwalker.sources.simulator.noise import SOURCES
from floorwalker.sources.simulator.occasions import OCCASIONS
from floorwalker.sources.simulator.online_files import ISO, order_ids
from floorwalker.sources.simulator.shopping import STORE
from floorwalker.sources.simulator.store_files import countries, store_ids
from floorwalker.sources.simulator.wording import choose, hide, join, padded, pick, take

TOPICS = (
    "where is my order",
    "return and refund",
    "wrong or damaged item",
    "size advice",
    "loyalty points",
    "complaint",
)
_ASKED = ("shop", "app", "loyalty")
_PURPOSES = ("analytics", "personalization", "marketing_email", "ads")
_CHANGES_MIND = 0.02


def write_helpdesk(files: Files, chunk: Chunk, world: World) -> None:
    """helpdesk/tickets_YYYY-MM.jsonl: one online order in sixteen brings a contact, one named store order in a
    hundred.
    """
    orders, records, days, rng = chunk.orders, chunk.records, world.days, chunk.writing
    rate = np.where(orders.channel == STORE, 0.01, 0.062)
    reach = np.append(pc.or_(records.email.is_valid(), records.phone.is_valid()).to_numpy(zero_copy_only=False), False)
    time = orders.time + (0.2 * DAY + rng.exponential(2.5 * DAY, orders.count)).astype(np.int64)
    order = np.flatnonzero((rng.random(orders.count) < rate) & reach[orders.record] & (time < days.ends))
    topic = rng.choice(len(TOPICS), len(order), p=[0.34, 0.26, 0.12, 0.1, 0.09, 0.09])
    happy = rng.choice(5, (2, len(order)), p=[0.1, 0.1, 0.2, 0.35, 0.25]) + 1
    satisfaction = np.where(topic >= 5, happy.min(axis=0), happy[0])
    online = orders.channel[order] != STORE
    table = pa.table({
        "ticket": join("T", padded(orders.number[order], 8)),
        "created_at": written(days.utc(time[order]), ISO),
        "requester.email": take(records.email, orders.record[order]),
        "requester.phone": take(records.phone, orders.record[order]),
        "country": countries(orders.irish[order]),
        "topic": pick(TOPICS, topic),
        "status": pick(("solved", "open", "pending"), rng.choice(3, len(order), p=[0.9, 0.04, 0.06])),
        "csat": pa.array(satisfaction, mask=rng.random(len(order)) > 0.45),
        "order_id": hide(order_ids(orders.number[order], orders.channel[order]), ~online),
    })  # fmt: skip
    files.by_month(files.jsonl, "helpdesk/tickets_{}.jsonl", table, days.month(time[order]), days.months)


def write_consents(files: Files, chunk: Chunk, world: World) -> None:
    """consents.csv, one row per purpose and answer: shop and app know the account, the loyalty desk the card; most give
    an address. A few change their mind.
    """
    records, people, days, rng = chunk.records, chunk.people, world.days, chunk.writing
    asked = np.flatnonzero(np.isin(records.source, [SOURCES.index(name) for name in _ASKED]))
    person, first = np.unique(records.person[asked], return_index=True)
    row = asked[first]
    later = rng.random(len(row)) < _CHANGES_MIND
    since = np.maximum(records.since[row[later]], days.begins)
    changed = since + (rng.random(int(later.sum())) * (days.ends - since)).astype(np.int64)
    time = np.concatenate([records.since[row], changed])
    answer = np.concatenate([people.wants[person], people.wants[person[later]] & np.array([True, False, True, False])])
    row = np.repeat(np.concatenate([row, row[later]]), len(_PURPOSES))
    time = np.repeat(time, len(_PURPOSES))
    account = records.source[row] != SOURCES.index("loyalty")
    files.csv("consents.csv", pa.table({
        "recorded_at": written(days.utc(time), ISO),
        "account": hide(take(records.ref, row), ~account),
        "card_no": hide(take(records.loyalty_id, row), account),
        "email": take(records.email, row),
        "country": countries(people.irish[records.person[row]]),
        "purpose": pick(_PURPOSES, np.tile(np.arange(len(_PURPOSES)), len(row) // len(_PURPOSES))),
        "agreed": pick(("N", "Y"), answer.ravel().astype(np.int64)),
        "form": choose(account, pa.scalar("web form"), pa.scalar("loyalty desk")),
        "text_version": pick(("2023-05", "2025-01"), (time >= days.begins).astype(np.int64)),
    }))  # fmt: skip


def write_truth(files: Files, chunk: Chunk) -> None:
    """truth/*.parquet: whose each record, order and device is, and what people are really like."""
    people, records, orders = chunk.people, chunk.records, chunk.orders
    files.parquet("truth/person_of_record.parquet", pa.table({
        "source": pick(SOURCES, records.source),
        "customer_ref": records.ref,
        "person_id": people.number[records.person],
        "household_id": people.household[records.person],
    }))  # fmt: skip
    in_store = orders.channel == STORE
    ident = order_ids(orders.number, orders.channel)
    files.parquet("truth/person_of_order.parquet", pa.table({
        "source": pick(("till", "shop", "app"), orders.channel),
        "order_id": choose(in_store, join(store_ids(orders.store), "-", padded(orders.number, 8)), ident),
        "person_id": people.number[orders.person],
        "occasion": pick([o.name for o in OCCASIONS], orders.occasion),
        "caused_by_email": orders.caused,
    }))  # fmt: skip
    devices = (chunk.cookies, chunk.phones)
    files.parquet("truth/person_of_cookie.parquet", pa.table({
        "kind": pick(("cookie_id", "device_id"), np.repeat([0, 1], [len(d.ident) for d in devices])),
        "value": pa.concat_arrays([d.ident for d in devices]),
        "person_id": people.number[np.concatenate([d.person for d in devices])],
    }))  # fmt: skip
    tastes = people.tastes
    files.parquet("truth/people.parquet", pa.table({
        "person_id": people.number,
        "household_id": people.household,
        "country": countries(people.irish),
        "gender": pick(("female", "male"), people.sex),
        "given_name": people.given_name,
        "family_name": people.family_name,
        "birth_date": pa.array(people.born.astype("datetime64[D]")),
        "email": people.email,
        "loyalty_id": people.loyalty_id,
        "customer_since": pa.array(people.came.astype("datetime64[s]")),
        "customer_until": pa.array(people.left.astype("datetime64[s]")),
        "orders_a_year": people.orders_a_year,
        "price_sensitivity": tastes.sensitivity,
        "budget": tastes.budget,
        "occasions": pa.FixedSizeListArray.from_arrays(pa.array(tastes.mixture.ravel()), len(OCCASIONS)),
        "changes_on": pa.array(tastes.shift_day.astype("datetime64[D]")),
        "habit_store": people.habit[:, 0],
        "habit_web": people.habit[:, 1],
        "habit_app": people.habit[:, 2],
        "opens_email": people.opens,
        "swayed_by_email": people.swayed,
    }))  # fmt: skip
