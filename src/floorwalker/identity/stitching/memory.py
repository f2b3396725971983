"""How much memory a stitcher takes, and for what.

In: a stitcher. Out: bytes by part; containers with what they alone hold, so that a string in two of them counts once.

>>> from floorwalker.identity.settings import IdentitySettings
>>> from floorwalker.identity.stitching.stitcher import Stitcher
>>> stitcher = Stitcher(IdentitySettings(), b"key")
>>> _ = stitcher.add({"record_id": "r1", "email": "ann@lee.com"})
>>> sorted(memory(stitcher)), 500 < bytes_per_identifier(stitcher) < 20_000
(['columns', 'customers', 'records', 'tokens', 'values'], True)
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from sys import getsizeof
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from floorwalker.identity.stitching.stitcher import Stitcher


def memory(stitcher: Stitcher) -> dict[str, int]:
    """Bytes of columns, the index of records and of values, published customers and former ids, hashed values."""
    held, customers, standing, tokens = stitcher.held, stitcher.customers, stitcher.standing, stitcher.tokens
    columns = [one for part in (held, customers, standing, customers.published) for one in _arrays(vars(part).values())]
    tallies = sum(
        getsizeof(tally) + sum(_size(counter) for counter in (tally.names, tally.initials, tally.words))
        for tally in held.tallies.values()
    )
    return {
        "columns": sum(getsizeof(column) for column in columns),
        "records": _size(held.rows) + getsizeof(held.ids),
        "values": _size(held.slot_of) + _size(held.places) + getsizeof(held.names) + _size(held.tallies) + tallies,
        "customers": customers.size(),
        "tokens": tokens.size(),
    }


def bytes_per_identifier(stitcher: Stitcher) -> float:
    """All of it, by different values."""
    return sum(memory(stitcher).values()) / max(len(stitcher.held.slot_of), 1)


def _arrays(values: Iterable[object]) -> Iterable[array]:
    for value in values:
        if isinstance(value, array):
            yield value
        elif isinstance(value, list) and value and isinstance(value[0], array):
            yield from value


def _size(mapping: Mapping) -> int:
    """A mapping with its keys, and with its values where these are numbers."""
    numbers = sum(getsizeof(value) for value in mapping.values() if isinstance(value, int))
    return getsizeof(mapping) + sum(map(getsizeof, mapping)) + numbers
