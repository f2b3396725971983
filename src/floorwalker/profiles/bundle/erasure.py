"""Erasing people from bundles.

In: a bundle's folder and customer ids (current and former). Out: how many profiles went; the bundle is a new file.

Deleting inside LMDB would leave the record on a freed page, or in the gap of a page still used. So everything that
stays is copied, entry by entry, to a fresh file; the marker is swapped to it and the old file is removed. Readers move
over within a second (see shelf.py). Product numbers stay, so other people's decisions replay as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

import lmdb
import msgspec

from floorwalker.profiles.bundle import files
from floorwalker.profiles.bundle.build import BundleFile
from floorwalker.profiles.bundle.layout import DATABASES, DONE, META, PERSONAL, Done, Meta, text_key

_BATCH = 10_000


def erase_from_bundles(bundles: Path, customer_ids: Collection[str]) -> int:
    """Erase people from every bundle below `bundles`; returns how many profiles went, over all of them."""
    if not bundles.exists():
        return 0
    return sum(erase_from_bundle(path, customer_ids) for path in sorted(bundles.iterdir()) if path.is_dir())


def erase_from_bundle(path: Path, customer_ids: Collection[str]) -> int:
    """Erase people from one bundle, whole in the end or untouched; returns how many profiles went.

    A folder without `DONE` marker (a build that died) loses its files instead: they may hold anybody.
    """
    try:
        done = msgspec.json.decode((path / DONE).read_bytes(), type=Done)
    except FileNotFoundError:
        for unfinished in path.glob("bundle-*.mdb"):
            unfinished.unlink()
        return 0
    keys = {text_key(customer_id) for customer_id in customer_ids}
    values = {customer_id.encode() for customer_id in customer_ids}
    removed = 0
    source = files.acquire(path / done.file)
    try:
        with BundleFile(path, done.run_id) as target, source.begin() as transaction:
            for name in DATABASES:
                entries: Iterable[tuple[bytes, bytes]] = transaction.cursor(
                    source.open_db(name.encode(), txn=transaction, create=False)
                )
                if name in PERSONAL:
                    entries = (pair for pair in entries if pair[0] not in keys)
                elif name in ("aliases", "identifiers"):
                    entries = (pair for pair in entries if pair[0] not in keys and pair[1] not in values)
                elif name == "meta":
                    raw = transaction.get(META, db=source.open_db(b"meta", txn=transaction)) or b""
                    meta = msgspec.msgpack.decode(raw, type=Meta)
                    removed = _present(transaction, source, keys)
                    entries = [
                        (
                            META,
                            msgspec.msgpack.encode(msgspec.structs.replace(meta, customers=meta.customers - removed)),
                        )
                    ]
                for batch in chunks(entries):
                    target.put(name, batch, in_order=True)
            target.finish()
    finally:
        files.release(path / done.file)
    return removed


def _present(transaction: lmdb.Transaction, source: lmdb.Environment, keys: Collection[bytes]) -> int:
    people = source.open_db(b"profiles", txn=transaction, create=False)
    return sum(transaction.get(key, db=people) is not None for key in keys)


def chunks(entries: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Entries by the batch."""
    iterator = iter(entries)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
