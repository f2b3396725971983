"""Text columns, made whole columns at a time: words by number, joined text, codes without repeats, typing errors.

In: numpy arrays of numbers. Out: pyarrow string arrays (NULL stays NULL).

>>> join("S", padded([7, 12], 3), "-", ["a", None]).to_pylist()
['S007-a', None]
>>> decimals([1999, -5]).to_pylist()
[Decimal('19.99'), Decimal('-0.05')]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype="S1")
_HEX = np.frombuffer(b"0123456789abcdef", dtype="S1")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")


@cache
def words(name: str) -> tuple[str, ...]:
    """The lines of `words/<name>.txt`; in lists of single words, the words."""
    text = (files("floorwalker.sources.simulator") / "words" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines() if name in ("nicknames", "cities") else text.split())


def zipf(count: int, exponent: float) -> np.ndarray:
    """Cumulative shares of `count` ranks whose frequency falls as rank^-exponent."""
    weights = np.arange(1, count + 1, dtype=float) ** -exponent
    return np.cumsum(weights) / weights.sum()


def draw(rng: np.random.Generator, cumulative: np.ndarray, size: int) -> np.ndarray:
    """`size` ranks drawn from cumulative shares."""
    return np.minimum(np.searchsorted(cumulative, rng.random(size)), len(cumulative) - 1)


def text(values: Any) -> pa.Array:
    """A string array of numbers or text."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def join(*parts: Any) -> pa.Array:
    """Parts (arrays, or one text for all rows) joined per row; NULL where a part is NULL."""
    return pc.binary_join_element_wise(*[pa.scalar(p) if isinstance(p, str) else text(p) for p in parts], "")


def padded(numbers: Any, width: int) -> pa.Array:
    """Numbers with leading zeroes."""
    return pc.utf8_lpad(text(numbers), width, "0")


def pick(options: Sequence[str], index: np.ndarray) -> pa.Array:
    """Per row the option with that number."""
    return pa.array(options, pa.string()).take(pa.array(index))


def take(array: pa.Array, index: np.ndarray) -> pa.Array:
    """Rows of `array` by number; NULL where the number is negative."""
    return array.take(pa.array(index, mask=index < 0))


def hide(array: pa.Array, hidden: np.ndarray) -> pa.Array:
    """`array` with NULL where `hidden`."""
    return pc.if_else(pa.array(~hidden), array, pa.scalar(None, array.type))


def choose(condition: np.ndarray, yes: Any, no: Any) -> pa.Array:
    """Per row `yes` where the condition holds, else `no`."""
    return pc.if_else(pa.array(condition), yes, no)


def decimals(hundredths: Any, precision: int = 12) -> pa.Array:
    """Money kept in hundredths as exact decimals with two places."""
    low = np.ascontiguousarray(hundredths, dtype=np.int64)
    pairs = np.stack([low, low >> 63], axis=1)
    return pa.Array.from_buffers(pa.decimal128(precision, 2), len(low), [None, pa.py_buffer(pairs.tobytes())])


def code32(numbers: np.ndarray, length: int, multiplier: int, prime: int) -> pa.Array:
    """Short codes of a-z2-7 without repeats for numbers below `prime`, in no visible order."""
    scrambled = (np.asarray(numbers, np.int64) + 1) * multiplier % prime
    digits = (scrambled[:, None] >> (5 * np.arange(length))) & 31
    return _bytes_text(_BASE32[digits], length)


def random_hex(rng: np.random.Generator, count: int, length: int = 16) -> pa.Array:
    """`count` random hexadecimal ids (64 bits at the default length)."""
    return _bytes_text(_HEX[rng.integers(0, 16, (count, length), dtype=np.uint8)], length)


def _bytes_text(characters: np.ndarray, length: int) -> pa.Array:
    if not len(characters):
        return pa.array([], pa.string())
    offsets = np.arange(len(characters) + 1, dtype=np.int32) * length
    return pa.StringArray.from_buffers(
        len(characters), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(characters).tobytes())
    )


def replace(array: pa.Array, rows: np.ndarray, values: list[str | None]) -> pa.Array:
    """`array` with `values` at the rows whose mask is true, in order."""
    return pc.replace_with_mask(array, pa.array(rows), pa.array(values, array.type))


def mistyped(rng: np.random.Generator, value: str, first: int = 0, last: int | None = None) -> str:
    """`value` with one typing error between two positions: a letter lost, doubled, swapped with its neighbour, or a
    key beside it.

    Never returns `value` itself if it has two different letters there.
    """
    last = len(value) if last is None else last
    if last - first < 2:
        return value + (value[-1:] or "x")
    at = int(rng.integers(first, last - 1))
    kind = int(rng.integers(0, 4))
    letter, following = value[at], value[at + 1]
    if kind == 0:
        return value[:at] + value[at + 1 :]
    if kind == 1:
        return value[:at] + letter + value[at:]
    if kind == 2 and letter.lower() != following.lower():
        return value[:at] + following + letter + value[at + 2 :]
    row = next((keys for keys in _KEYS if letter.lower() in keys), "etaoins")
    beside = row[(row.find(letter.lower()) + 1) % len(row)]
    return value[:at] + (beside.upper() if letter.isupper() else beside) + value[at + 1 :]
