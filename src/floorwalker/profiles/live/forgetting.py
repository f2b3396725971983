"""Somebody taken out of the live store, as if they had never come.

In: an applier and `Forget`: whose records, by ids and by keyed hashes of identifiers that nobody else has. Out: how
many records went. Whoever calls it copies the store afterwards: freed pages still hold what was deleted (`copied`).

The others of a customer stay, under ids of their own where they need one. What can be listened to afterwards goes as a
whole: it is a feed, not a store.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from floorwalker.identity.stitching.saying import KINDS, LENDING
from floorwalker.profiles.live.layout import MOST_SPILLED, TABLES, rows_key

if TYPE_CHECKING:
    from floorwalker.engines.live_store.interface import Change, LiveStore
    from floorwalker.profiles.live.applying import Applier

_MANY = 10_000


class Forget(msgspec.Struct, frozen=True):
    """`identifiers`: (kind, key of the index in hexadecimal)."""

    customer_ids: list[str]
    record_ids: list[str]
    identifiers: list[tuple[str, str]]


def forget(applier: Applier, asked: Forget) -> int:
    """Take them out; how many records that were."""
    store, stitcher = applier.store, applier.stitcher
    gone = _records(applier, asked)
    kept = set(store_records(store, gone))
    stitcher.forget(sorted(gone))
    customers = {one.encode() for one in asked.customer_ids}
    keys = {bytes.fromhex(one) for one in kept}
    writes: list[Change] = []
    for key in sorted(keys):
        writes += [("records", key, None), ("customer_of", key, None)]
        writes += [("rows", rows_key(key, number), None) for number in range(MOST_SPILLED)]
    writes += [("identifiers", key, None) for key, record in store.items("identifiers") if record in keys]
    for customer in customers:
        writes += [(table, customer, None) for table in ("customers", "parts", "base")]
    writes += [("moved", one, None) for one, now in store.items("moved") if one in customers or now in customers]
    writes += [("changes", key, None) for key, _ in store.items("changes")]
    applier.write_customers(writes)
    # While their records went one by one, what was left of the person had ids for a moment.
    writes += [("moved", key, None) for table, key, now in writes if table == "moved" and {key, now} & customers]
    store.write(writes)
    return len(kept)


def store_records(store: LiveStore, record_ids: set[str]) -> list[str]:
    """Those of the records that the store has."""
    listed = sorted(record_ids)
    found = store.get_many("records", [bytes.fromhex(one) for one in listed])
    return [one for one, value in zip(listed, found, strict=True) if value is not None]


def copied(source: LiveStore, target: LiveStore) -> None:
    """A store as another one, without what was deleted in it."""
    target.clear()
    for table in TABLES:
        entries: Iterator[Change] = ((table, key, value) for key, value in source.items(table))
        while some := list(islice(entries, _MANY)):
            target.write(some)


def _records(applier: Applier, asked: Forget) -> set[str]:
    """The person's records: named, holding an identifier of theirs, or of a customer that is nobody else."""
    held, store = applier.stitcher.held, applier.store
    found = {one for one in asked.record_ids if one in held.rows}
    for kind, index in asked.identifiers:
        record = store.get("identifiers", bytes.fromhex(index))
        row = held.rows.get(record.hex(), -1) if record else -1
        if row < 0 or kind not in KINDS:
            continue
        number = KINDS.index(kind)
        slot = held.slots[number][row]
        if slot >= 0:
            rows = [*held.holders(number, slot), *(held.visitors(number, slot) if number in LENDING else ())]
            found |= {held.ids[one] for one in rows}
    for customer in asked.customer_ids:
        parts = store.get("parts", customer.encode())
        if parts is None or parts.decode() in ("", customer):
            joined = store.get("customers", customer.encode()) or b""
            found |= {joined[at : at + 16].hex() for at in range(0, len(joined), 16)} & held.rows.keys()
    return found
