"""How a bundle is laid out: its databases, keys and packed records. Writer, reader and eraser agree here.

In: values. Out: bytes, and back.

A bundle is a folder with one LMDB file and a `DONE` marker that names it. The file holds these databases:

    meta             "meta" → Meta                                          one record
    profiles         customer → every trait as an array, names in Meta      the profile route
    people           customer → Person                                      what a decision needs of a person
    aliases          former customer id → customer id                       after merges
    identifiers      look-up key's id, keyed hash of "kind:key" → customer  b"" when several customers share it
    products         product number → Product                               facts shown with an item
    product_numbers  product id → product number
    similar          product number → Scored                                bought with it, most alike first
    popular          market → Scored ("" over all markets)                  most bought first
    stock            place → bitmap over product numbers ("" = web)         on hand
    columns          name → array over product numbers                      what ranking and rules read

Products are numbered in order of their ids; numbers mean nothing outside their bundle.

>>> text_key("c1")
b'=c1'
>>> unpack_numbers(pack_numbers([3, 1])).tolist()
[3, 1]
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

BUNDLE_VERSION = 1
"""Version of the layout; a reader refuses another."""

DATABASES = (
    "meta", "profiles", "people", "aliases", "identifiers", "products", "product_numbers", "similar", "popular",
    "stock", "columns",
)  # fmt: skip

PERSONAL = ("profiles", "people")
"""Databases keyed by customer id; `aliases` and `identifiers` hold customer ids as values."""

DONE = "DONE"
META = b"meta"
RECOMMENDATIONS, SIMILAR, POPULAR, VIEWED = 100, 50, 500, 50
"""How many entries a list keeps at most."""

NO_CAUSE, MODEL_POPULAR = -1, -2
"""In `Person.causes`: recommended without one product as its cause; recommended because it is popular."""

_LONGEST_KEY = 500  # LMDB takes 511 bytes


class Meta(msgspec.Struct, frozen=True):
    """What the bundle was built from, and the names its arrays leave out."""

    version: int
    run_id: str
    as_of: str
    customers: int
    products: int
    traits: list[str]
    """Names of a profile's values, in their order."""
    categories: list[str]
    brands: list[str]
    """Names behind the codes of the columns `category` and `brand`."""
    places: list[str]
    """Places with a stock feed."""
    main_market: str
    """The market with most customers: what an unknown visitor of a key without market gets."""
    kids: list[str] = []
    """Ids of the look-up keys whose entries `identifiers` holds; none: the entries are of the first, without its id."""


class Person(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a decision needs of a person. Arrays are little-endian: product numbers uint32, days since 1970 int32."""

    version: int
    market: str
    personalization: str
    """'granted', 'denied' or 'unknown'."""
    favourite_category: str
    favourite_brand: str
    bought: bytes
    """Products bought, ascending."""
    bought_days: bytes
    """Day each was last bought."""
    viewed: bytes
    viewed_days: bytes
    recommended: bytes
    """Products, best first."""
    scores: bytes
    """float32, falling."""
    causes: bytes
    """int32: the product each follows from, else NO_CAUSE or MODEL_POPULAR."""


class Product(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Facts shown with an item. Money as exact decimal text."""

    product_id: str
    name: str
    category: str
    brand: str
    price: str | None


class Scored(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A list of products with scores (float32), best first."""

    numbers: bytes
    scores: bytes


class Done(msgspec.Struct, frozen=True):
    """The `DONE` marker: the bundle is whole, and this is its file. Replacing it swaps the bundle in one step."""

    file: str
    run_id: str


def text_key(text: str) -> bytes:
    """The key of a text: never empty, never longer than LMDB takes, in byte order of the text while short."""
    key = b"=" + text.encode("utf-8", "surrogatepass")
    return key if len(key) <= _LONGEST_KEY else b"~" + hashlib.blake2b(key).digest()


def number_key(number: int) -> bytes:
    """The key of a product number; byte order is number order."""
    return number.to_bytes(4, "big")


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Product numbers as little-endian uint32."""
    return np.fromiter(numbers, dtype="<u4").tobytes()


def unpack_numbers(data: bytes) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The product numbers in packed bytes."""
    return np.frombuffer(data, dtype="<u4")


_person = msgspec.msgpack.Decoder(Person)


def unpack_person(data: bytes) -> Person:
    """The Person in packed bytes."""
    return _person.decode(data)
