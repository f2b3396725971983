"""Writing a bundle's index of identifiers anew, when the look-up keys have changed.

In: a connection on the tables the bundle was made of, its folder, the keys. Out: the same bundle in a new file, with an
entry per identifier and valid key.

    reindex_bundle(connection, project.bundles / pointer.bundle, LookupKeys.load(project))

Everything else is copied entry by entry to a fresh file, so that nothing of a retired key is left on freed pages; the
marker is swapped, and readers move over within a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.profiles.bundle import files
from floorwalker.profiles.bundle.build import BundleFile, write_identifiers
from floorwalker.profiles.bundle.erasure import chunks
from floorwalker.profiles.bundle.layout import DATABASES, DONE, META, Done, Meta

if TYPE_CHECKING:
    import duckdb

    from floorwalker.identity.lookup_keys import LookupKeys


def kids_of(path: Path) -> tuple[str, ...]:
    """The keys whose entries a finished bundle holds; none for one that was made before keys had ids."""
    done = msgspec.json.decode((path / DONE).read_bytes(), type=Done)
    environment = files.acquire(path / done.file)
    try:
        with environment.begin() as transaction:
            raw = transaction.get(META, db=environment.open_db(b"meta", txn=transaction, create=False)) or b""
        return tuple(msgspec.msgpack.decode(raw, type=Meta).kids)
    finally:
        files.release(path / done.file)


def reindex_bundle(connection: duckdb.DuckDBPyConnection, path: Path, keys: LookupKeys) -> None:
    """Rewrite the bundle in `path`; whole in the end, or untouched."""
    done = msgspec.json.decode((path / DONE).read_bytes(), type=Done)
    source = files.acquire(path / done.file)
    try:
        with BundleFile(path, done.run_id) as target, source.begin() as transaction:
            for name in DATABASES:
                entries = transaction.cursor(source.open_db(name.encode(), txn=transaction, create=False))
                if name == "meta":
                    raw = transaction.get(META, db=source.open_db(b"meta", txn=transaction, create=False)) or b""
                    meta = msgspec.structs.replace(msgspec.msgpack.decode(raw, type=Meta), kids=sorted(keys.valid))
                    target.put(name, [(META, msgspec.msgpack.encode(meta))])
                elif name != "identifiers":
                    for batch in chunks(entries):
                        target.put(name, batch, in_order=True)
            write_identifiers(connection, target, {"silver.customer_identifiers"}, keys)
            target.finish()
    finally:
        files.release(path / done.file)
