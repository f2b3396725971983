"""Reading a bundle: profiles, identifiers, recommendations, products, stock.

In: the folder of a finished bundle. Out: records and arrays; nothing here writes.

    bundle = Bundle.open(project.bundles / run_id, keys=LookupKeys.load(project), normalise=normalise)
    customer_id = bundle.resolve("email", "Ann@Example.com")
    bundle.profile(customer_id)["revenue"]          '1204.5000'
    bundle.person(customer_id).personalization      'granted'

The file never changes once it is finished, so one read transaction serves for the life of the bundle, without locks.
A bundle belongs to one thread at a time: open one per thread (the pages are shared by the operating system).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import numpy as np

from floorwalker.errors import NotFoundError, StateError
from floorwalker.identity.lookup_keys import FIRST, LookupKeys
from floorwalker.identity.lookup_keys import KIND as LOOKUP_KEY
from floorwalker.profiles.bundle import files
from floorwalker.profiles.bundle.layout import (
    BUNDLE_VERSION,
    DATABASES,
    DONE,
    META,
    MODEL_POPULAR,
    Done,
    Meta,
    Person,
    Product,
    Scored,
    number_key,
    text_key,
    unpack_numbers,
    unpack_person,
)

Normalise = Callable[[str, str], "str | None"]
"""(kind, value) → the identifier's key, None when the value is none. The identity room's, given by who opens."""

_PRODUCTS_KEPT, _PLACES_KEPT = 65_536, 64  # bounds of the two caches: about 40 MB, and a byte per product and place

_product = msgspec.msgpack.Decoder(Product)
_scored = msgspec.msgpack.Decoder(Scored)
_EMPTY = Scored(b"", b"")
_NO_LIST = (np.empty(0, "<u4"), np.empty(0, "<f4"))


def as_written(kind: str, value: str) -> str | None:
    """The plainest normalisation: the trimmed value itself, None when nothing is left."""
    return value.strip() or None


class Bundle:
    """One run's bundle, open for reading. Use `Bundle.open`."""

    def __init__(self, path: Path, environment: Any, done: Done, keys: LookupKeys, normalise: Normalise) -> None:
        self.path, self.run_id = path, done.run_id
        self._file = path / done.file
        self._keys, self._normalise = keys, normalise
        handles = {name: environment.open_db(name.encode(), create=False) for name in DATABASES}
        self._transaction = environment.begin()
        self._handles = handles
        self.meta = msgspec.msgpack.decode(self._get("meta", META) or b"", type=Meta)
        self._kid = self.lookup_kid
        self.categories = self._column("category", "<i4")
        self.brands = self._column("brand", "<i4")
        self.active = self._column("active", "u1").astype(bool)
        self.revenue = self._column("revenue", "<f4")
        self.margin = self._column("margin", "<f4")
        self.clearance = self._column("clearance", "<f4")
        self.sold_lately = self._column("sold_lately", "u1").astype(bool)
        ids = msgspec.msgpack.decode(self._get("columns", text_key("product_id")) or b"\x90", type=list[str])
        self.product_ids = np.array(ids, dtype=object)
        self._products: dict[int, Product] = {}
        self._stock: dict[str, Any] = {}
        self._places = frozenset(self.meta.places)
        # One short list per market: kept unpacked, since every decision looks at one.
        self._popular = {}
        for key, raw in self._transaction.cursor(handles["popular"]):
            scored = _scored.decode(raw)
            self._popular[key[1:].decode()] = unpack_numbers(scored.numbers), np.frombuffer(scored.scores, "<f4")

    @classmethod
    def open(cls, path: Path, *, keys: LookupKeys, normalise: Normalise = as_written) -> Bundle:
        """Open the finished bundle in `path`.

        Raises NotFoundError when there is none (or it is still being built), StateError when another version wrote it.
        """
        try:
            done = msgspec.json.decode((path / DONE).read_bytes(), type=Done)
            environment = files.acquire(path / done.file)
        except (FileNotFoundError, lmdb.Error) as error:
            raise NotFoundError(
                f"no serving bundle in {path.name}",
                why="the run that publishes it has not finished, or its files were removed",
                fix="floorwalker run",
            ) from error
        with environment.begin() as transaction:
            raw = transaction.get(META, db=environment.open_db(b"meta", txn=transaction, create=False))
        if (version := msgspec.msgpack.decode(raw or b"")["version"]) != BUNDLE_VERSION:
            files.release(path / done.file)
            raise StateError(
                f"the bundle {path.name} has layout {version}",
                why=f"this Floorwalker reads layout {BUNDLE_VERSION}",
                fix="floorwalker run   (builds the bundle anew)",
            )
        return cls(path, environment, done, keys, normalise)

    def close(self) -> None:
        """Let the file go. Arrays handed out before stay valid; other reads raise."""
        self._transaction.abort()
        files.release(self._file)

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, database: str, key: bytes) -> bytes | None:
        return self._transaction.get(key, db=self._handles[database])

    def _column(self, name: str, dtype: str) -> Any:
        return np.frombuffer(self._get("columns", text_key(name)) or b"", dtype=dtype)

    # people

    def current_id(self, customer_id: str) -> str | None:
        """The id a customer has now: itself, or the one it was merged into; None when nobody has it."""
        key = text_key(customer_id)
        if self._get("people", key) is not None:
            return customer_id
        alias = self._get("aliases", key)
        return alias.decode() if alias else None

    def resolve(self, kind: str, value: str) -> str | None:
        """The customer behind an identifier, None when unknown or when several customers share it.

        `kind` 'customer_id' takes a customer id or a former one, 'lookup_key' a token; the others are those of
        silver.customer_identifiers.
        """
        if kind == "customer_id":
            return self.current_id(value)
        entry = self._keys.entry(value) if kind == LOOKUP_KEY else self._entry(kind, value)
        if entry is None:
            return None
        # A bundle that was made before keys had ids has the digest alone.
        found = self._get("identifiers", entry if self.meta.kids else entry.partition(b":")[2])
        return self.current_id(found.decode()) if found else None

    @property
    def lookup_kid(self) -> str | None:
        """The look-up key by which identifiers are found here; None where none of the project's keys fits."""
        kids = self.meta.kids or [FIRST]
        valid = self._keys.valid
        fitting = [kid for kid in (self._keys.current, *sorted(valid)) if kid in kids and kid in valid]
        return fitting[0] if fitting else None

    def _entry(self, kind: str, value: str) -> bytes | None:
        key = self._normalise(kind, value)
        return self._keys.entry_of(self._kid, kind, key) if key is not None and self._kid else None

    def profile(self, customer_id: str) -> dict[str, Any] | None:
        """Every trait of a customer by name; money as exact decimal text, days as ISO text. None when unknown."""
        raw = self._get("profiles", text_key(customer_id))
        return None if raw is None else dict(zip(self.meta.traits, msgspec.msgpack.decode(raw), strict=True))

    def person_bytes(self, customer_id: str) -> bytes | None:
        """The packed Person: what a decision's profile digest is taken of."""
        return self._get("people", text_key(customer_id))

    def person(self, customer_id: str) -> Person | None:
        """What a decision needs of a customer; None when unknown."""
        raw = self.person_bytes(customer_id)
        return None if raw is None else unpack_person(raw)

    def recommendations(self, customer_id: str) -> list[tuple[str, float, str | None]]:
        """The stored list, best first: (product id, score, product it follows from or None)."""
        person = self.person(customer_id)
        if person is None:
            return []
        causes = np.frombuffer(person.causes, dtype="<i4").tolist()
        return [
            (self.product_ids[number], score, self.product_ids[cause] if cause > MODEL_POPULAR + 1 else None)
            for number, score, cause in zip(
                unpack_numbers(person.recommended).tolist(),
                np.frombuffer(person.scores, dtype="<f4").tolist(),
                causes,
                strict=True,
            )
        ]

    # products

    def number(self, product_id: str) -> int | None:
        """A product's number in this bundle, None when the catalogue does not have it."""
        raw = self._get("product_numbers", text_key(product_id))
        return None if raw is None else int.from_bytes(raw, "big")

    def product(self, number: int) -> Product:
        """Facts of a product by number. Kept in a bounded cache."""
        known = self._products.get(number)
        if known is None:
            if len(self._products) >= _PRODUCTS_KEPT:
                self._products.clear()
            raw = self._get("products", number_key(number))
            if raw is None:
                raise NotFoundError(f"product number {number} is not in bundle {self.run_id}")
            known = self._products[number] = _product.decode(raw)
        return known

    def similar(self, number: int) -> Scored:
        """Products bought with this one."""
        raw = self._get("similar", number_key(number))
        return _EMPTY if raw is None else _scored.decode(raw)

    def popular(self, market: str) -> tuple[Any, Any]:
        """The most bought products of a market and their scores, best first; of all markets when it has no list."""
        return self._popular.get(market) or self._popular.get("") or _NO_LIST

    def has_popular(self, market: str) -> bool:
        """Whether the market has a list of its own."""
        return bool(market) and market in self._popular

    # stock

    def stock_place(self, store_id: str | None) -> str | None:
        """Whose stock answers for a place: the store's when it has a feed, else the web's; None without any feed."""
        if store_id and store_id in self._places:
            return store_id
        return "" if self._places else None

    def out_of_stock(self, place: str) -> Any:
        """Per product number, whether the place (from `stock_place`) has none of it. Kept for some places."""
        known = self._stock.get(place)
        if known is None:
            if len(self._stock) >= _PLACES_KEPT:
                self._stock.clear()
            bitmap = np.frombuffer(self._get("stock", text_key(place)) or b"", dtype="u1")
            known = ~np.unpackbits(bitmap, count=self.meta.products, bitorder="little").astype(bool)
            self._stock[place] = known
        return known
