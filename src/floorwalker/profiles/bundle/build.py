"""Building a bundle from the gold tables of a run.

In: a DuckDB connection that sees `gold.*` (and what there is of `silver.*`). Out: a finished bundle folder.

    path = build_bundle(lake.read(), project.bundles, run_id=run_id, as_of=as_of, keys=LookupKeys.load(project))

Required: gold.customers, gold.products. Used when present: gold.customer_products, gold.recommendations, gold.rfm,
gold.clusters, gold.segments, gold.consents, gold.stock, gold.similar_products (product_id, rank, similar_product_id,
score), gold.popular_products (market, rank, product_id, score), silver.customer_identifiers, silver.customer_aliases
(customer_id, alias_of), silver.products.

Memory: rows come in Arrow batches and leave in one transaction per batch, sorted, so LMDB only appends; DuckDB sorts
within its own `memory_limit`. What grows is one array per product (about 20 bytes each) and the product ids.
A reader sees nothing until the `DONE` marker names the file: a build that dies leaves the former bundle as it was.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb
import msgspec
import numpy as np

from floorwalker.errors import StateError
from floorwalker.identity.lookup_keys import LookupKeys, prefix
from floorwalker.profiles.bundle import queries
from floorwalker.profiles.bundle.layout import (
    BUNDLE_VERSION,
    DATABASES,
    DONE,
    META,
    Done,
    Meta,
    number_key,
    text_key,
)

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH = 10_000  # rows per Arrow batch and LMDB transaction: 10-40 MB
_FIRST_SIZE = 1 << 28

_pack = msgspec.msgpack.Encoder().encode
Pair = tuple[bytes, bytes]


def build_bundle(
    connection: duckdb.DuckDBPyConnection, bundles: Path, *, run_id: str, as_of: dt.date, keys: LookupKeys
) -> Path:
    """Build the bundle of a run in `bundles/<run_id>` and return that folder. Building again replaces it in one step.

    Raises StateError when gold.customers or gold.products is missing.
    """
    tables = {f"{schema}.{name}" for schema, name in connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables"
    ).fetchall()}  # fmt: skip
    for required in ("gold.customers", "gold.products"):
        if required not in tables:
            raise StateError(f"a bundle needs {required}", why="this run did not make it", fix="floorwalker run")
    with BundleFile(bundles / run_id, run_id) as file:
        connection.execute(queries.NUMBERS)
        try:
            meta = write_shop(connection, file, tables)
            traits, customers = write_people(connection, file, tables)
            write_identifiers(connection, file, tables, keys)
            write_aliases(connection, file, tables)
        finally:
            connection.execute("DROP TABLE IF EXISTS bundle_numbers")
        said = {"customers": customers, "traits": traits, "main_market": main_market(connection)}
        write_meta(file, meta | said | {"kids": sorted(keys.valid)}, run_id, as_of)
        file.finish()
    return bundles / run_id


SHOP = ("products", "product_numbers", "columns", "similar", "popular", "stock")
"""Databases that `write_shop` fills: what concerns no person."""


def write_shop(connection: duckdb.DuckDBPyConnection, file: BundleFile, tables: set[str]) -> dict[str, Any]:
    """Products, lists and stock; returns what Meta says of them. Needs bundle_numbers."""
    meta = _products(connection, file, tables)
    _lists(connection, file, tables)
    return meta | {"places": _stock(connection, file, tables, meta["products"])}


def write_meta(file: BundleFile, known: dict[str, Any], run_id: str, as_of: dt.date) -> None:
    """The record that says what the bundle is."""
    record = Meta(version=BUNDLE_VERSION, run_id=run_id, as_of=as_of.isoformat(), **known)
    # A map, not an array: a later reader finds the version whatever else changed.
    file.put("meta", [(META, _pack(record))])


class BundleFile:
    """A bundle's new file while it is written; `finish` makes it the bundle, leaving without it removes the file.

    `base`: a finished bundle file that it starts as a copy of."""

    def __init__(self, folder: Path, run_id: str, base: Path | None = None) -> None:
        self.folder, self.run_id, self._finished = folder, run_id, False
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.stem.rpartition("-")[2]) for path in folder.glob("bundle-*.mdb")]
        self.path = folder / f"bundle-{max(numbers, default=0) + 1}.mdb"
        self._size = _FIRST_SIZE
        if base is not None:
            shutil.copyfile(base, self.path)
            self.path.chmod(0o600)
            self._size = max(_FIRST_SIZE, 2 * base.stat().st_size)
        self._environment = lmdb.open(
            str(self.path),
            subdir=False,
            lock=False,
            sync=False,
            max_dbs=len(DATABASES),
            map_size=self._size,
            mode=0o600,
        )
        self._handles = {name: self._environment.open_db(name.encode()) for name in DATABASES}

    def __enter__(self) -> BundleFile:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            self._environment.close()
            self.path.unlink(missing_ok=True)

    def put(self, database: str, pairs: Iterable[Pair], *, in_order: bool = False) -> None:
        """Write pairs in one transaction. `in_order`: keys rise, also over calls, so pages fill from left to right."""
        pairs = list(pairs)
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    transaction.cursor(self._handles[database]).putmulti(pairs, append=in_order)
                return
            except lmdb.MapFullError:  # the map is address space, not disk: double it and write the batch again
                self._size *= 2
                self._environment.set_mapsize(self._size)

    def get(self, database: str, key: bytes) -> bytes | None:
        """What the file holds under a key."""
        with self._environment.begin() as transaction:
            return transaction.get(key, db=self._handles[database])

    def remove(self, database: str, keys: Iterable[bytes]) -> int:
        """Take entries out; returns how many there were."""
        with self._environment.begin(write=True) as transaction:
            return sum(transaction.delete(key, db=self._handles[database]) for key in keys)

    def clear(self, *databases: str) -> None:
        """Take every entry out."""
        with self._environment.begin(write=True) as transaction:
            for database in databases:
                transaction.drop(self._handles[database], delete=False)

    def finish(self) -> None:
        """Make the file durable, then the bundle; former files of the folder go."""
        self._environment.sync(True)
        self._environment.close()
        self._finished = True
        marker = self.folder / f"{DONE}.new"
        with marker.open("wb") as handle:
            handle.write(msgspec.json.encode(Done(file=self.path.name, run_id=self.run_id)))
            handle.flush()
            os.fsync(handle.fileno())
        marker.replace(self.folder / DONE)
        for former in self.folder.glob("bundle-*.mdb"):
            if former != self.path:
                former.unlink()


def _batches(connection: duckdb.DuckDBPyConnection, sql: str, parameters: object = None) -> Iterator[pa.RecordBatch]:
    return iter(connection.sql(sql, params=parameters).to_arrow_reader(_BATCH))


def _lists_as_bytes(column: pa.ListArray, dtype: str) -> list[bytes]:
    """Each row's list as little-endian bytes, cut from the batch's one buffer."""
    data = column.values.to_numpy(zero_copy_only=False).astype(dtype).tobytes()
    bounds = (column.offsets.to_numpy() * np.dtype(dtype).itemsize).tolist()
    return [data[start:end] for start, end in pairwise(bounds)]


def _products(connection: duckdb.DuckDBPyConnection, file: BundleFile, tables: set[str]) -> dict[str, Any]:
    ids: list[str] = []
    names: dict[int, dict[int, str]] = {0: {}, 1: {}}
    columns: list[list[Any]] = []
    for batch in _batches(connection, queries.products(tables)):
        facts = [batch.column(index).to_pylist() for index in range(5)]
        coded = [batch.column(index).to_numpy(zero_copy_only=False) for index in range(5, 12)]
        first = len(ids)
        ids += facts[0]
        file.put(
            "products",
            [(number_key(first + row), _pack(fact)) for row, fact in enumerate(zip(*facts, strict=True))],
            in_order=True,
        )
        for which in (0, 1):
            names[which].update(zip(coded[which].tolist(), facts[2 + which], strict=True))
        columns.append(coded)
    file.put(
        "product_numbers", sorted((text_key(product_id), number_key(number)) for number, product_id in enumerate(ids))
    )
    kinds = {
        "category": "<i4", "brand": "<i4", "active": "u1", "revenue": "<f4", "margin": "<f4", "clearance": "<f4",
        "sold_lately": "u1",
    }  # fmt: skip
    arrays = [(text_key("product_id"), _pack(ids))]
    for position, (name, dtype) in enumerate(kinds.items()):
        parts = [part[position] for part in columns]
        arrays.append((text_key(name), np.concatenate(parts).astype(dtype).tobytes() if parts else b""))
    file.put("columns", arrays)
    labels = [[name for code, name in sorted(names[which].items()) if code >= 0] for which in (0, 1)]
    return {"products": len(ids), "categories": labels[0], "brands": labels[1]}


def write_people(
    connection: duckdb.DuckDBPyConnection, file: BundleFile, tables: set[str], *, in_order: bool = True
) -> tuple[list[str], int]:
    """Profiles and people of gold.customers: the names of the traits, and how many there are."""
    columns = [row[:2] for row in connection.execute("DESCRIBE SELECT * FROM gold.customers").fetchall()]
    traits, sql = queries.profiles(columns, tables)
    customers = 0
    for batch in _batches(connection, sql):
        keys, *values = (column.to_pylist() for column in batch.columns)
        file.put(
            "profiles",
            [(text_key(key), _pack(row)) for key, row in zip(keys, zip(*values, strict=True), strict=True)],
            in_order=in_order,
        )
        customers += len(keys)
    packed = ("<u4", "<i4", "<u4", "<i4", "<u4", "<f4", "<i4")
    starts = [row[0] for row in connection.execute(queries.SLICES).fetchall()]
    for first, end in zip(starts, [*starts[1:], None], strict=False):
        for batch in _batches(connection, queries.people(tables, first, end)):
            keys, *words = (batch.column(index).to_pylist() for index in range(5))
            lists = [_lists_as_bytes(batch.column(5 + index), dtype) for index, dtype in enumerate(packed)]
            rows = zip(*words, *lists, strict=True)
            file.put(
                "people",
                [(text_key(key), _pack((BUNDLE_VERSION, *row))) for key, row in zip(keys, rows, strict=True)],
                in_order=in_order,
            )
    return traits, customers


def main_market(connection: duckdb.DuckDBPyConnection) -> str:
    """The market with most customers; '' when there is none."""
    market = connection.execute(
        "SELECT market FROM gold.customers WHERE market <> '' GROUP BY market ORDER BY count(*) DESC, market LIMIT 1"
    ).fetchall()
    return market[0][0] if market else ""


def write_identifiers(
    connection: duckdb.DuckDBPyConnection,
    file: BundleFile,
    tables: set[str],
    keys: LookupKeys,
    *,
    in_order: bool = True,
) -> None:
    """An entry per identifier and valid key."""
    if "silver.customer_identifiers" not in tables:
        return
    for kid in sorted(keys.valid, key=prefix):
        secret = keys.valid[kid]
        # HMAC in two steps of SHA-256, which the engine has: no identifier becomes a Python object.
        block = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
        pads = {"inner": bytes(byte ^ 0x36 for byte in block), "outer": bytes(byte ^ 0x5C for byte in block)}
        for batch in _batches(connection, queries.IDENTIFIERS, {"prefix": prefix(kid), **pads}):
            hashed, customers = (column.to_pylist() for column in batch.columns)
            file.put("identifiers", zip(hashed, map(str.encode, customers), strict=True), in_order=in_order)


def write_aliases(connection: duckdb.DuckDBPyConnection, file: BundleFile, tables: set[str]) -> None:
    """Former ids of customers."""
    if "silver.customer_aliases" in tables:
        for batch in _batches(connection, queries.ALIASES):
            former, current = (column.to_pylist() for column in batch.columns)
            file.put("aliases", zip(map(text_key, former), map(str.encode, current), strict=True), in_order=True)


def _lists(connection: duckdb.DuckDBPyConnection, file: BundleFile, tables: set[str]) -> None:
    def scored(sql: str) -> Iterator[list[tuple[Any, bytes]]]:
        for batch in _batches(connection, sql):
            numbers, scores = _lists_as_bytes(batch.column(1), "<u4"), _lists_as_bytes(batch.column(2), "<f4")
            yield [
                (key, _pack(pair))
                for key, pair in zip(batch.column(0).to_pylist(), zip(numbers, scores, strict=True), strict=True)
            ]

    if "gold.similar_products" in tables:
        for rows in scored(queries.SIMILAR_PRODUCTS):
            file.put("similar", [(number_key(number), value) for number, value in rows], in_order=True)
    for sql in (queries.POPULAR_OVERALL, queries.POPULAR_PRODUCTS):  # the second replaces the first where it has a list
        if sql is queries.POPULAR_OVERALL or "gold.popular_products" in tables:
            for rows in scored(sql):
                file.put("popular", [(text_key(market), value) for market, value in rows])


def _stock(connection: duckdb.DuckDBPyConnection, file: BundleFile, tables: set[str], products: int) -> list[str]:
    if "gold.stock" not in tables:
        return []
    places = [row[0] for row in connection.execute(queries.PLACES).fetchall()]
    if places and "" not in places:
        places.insert(0, "")
    for batch in _batches(connection, queries.STOCK):
        bitmaps = []
        for place, numbers in zip(batch.column(0).to_pylist(), _lists_as_bytes(batch.column(1), "<u4"), strict=True):
            present = np.zeros(products, dtype=bool)
            present[np.frombuffer(numbers, dtype="<u4")] = True
            bitmaps.append((text_key(place), np.packbits(present, bitorder="little").tobytes()))
        file.put("stock", bitmaps)
    return places
