"""Which events have come before: message ids of the last hours, in bounded memory.

In: a number per event (64 bits of a hash) and when it was received. Out: whether it came before.

>>> window = Window(seconds=3600, most=1000)
>>> window.is_new(77, 0), window.is_new(77, 5_000_000), window.is_new(78, 5_000_000)
(True, False, True)
>>> window.is_new(77, 2 * 3600 * 1_000_000), window.is_new(77, 4 * 3600 * 1_000_000)
(True, True)

Time is cut into spans; ids of the span that runs and of the one before are known. So an id is known for at least a span
after it came last, and what is known depends on the ids and their times alone: to read the log again from the span
before gives the same answers. When more than `most` ids come in a span, the older ones go at once (`since` tells how
far back all are known). Open addressing in arrays of 64-bit numbers: 16 bytes per id where a Python set takes 91. They
lie in many parts, so that no growing part holds the live path up for long.
"""

from __future__ import annotations

from array import array

_PARTS = 256
_SMALLEST = 1 << 6


def id_of(source: str, message_id: str) -> int:
    """The number of an event. It differs from process to process, as the window does not outlive one."""
    return hash((source, message_id)) & _ALL


class _Generation:
    """Ids of a span, that came from `began` on."""

    __slots__ = ("began", "count", "counts", "parts", "span")

    def __init__(self, span: int, began: int | None) -> None:
        self.span, self.began, self.count = span, began, 0
        self.parts = [_NONE] * _PARTS
        self.counts = [0] * _PARTS


class Window:
    """`seconds`: of a span; `most`: so many ids of one are known. `span`: in microseconds."""

    def __init__(self, seconds: float, most: int) -> None:
        self.span, self._most = int(seconds * 1e6), max(most, 1)
        self._young, self._old = _Generation(-2, None), _Generation(-3, None)

    def __len__(self) -> int:
        return self._young.count + self._old.count

    @property
    def since(self) -> int | None:
        """All ids are known that came from then on; microseconds, None before the first."""
        return self._young.began if self._old.began is None else self._old.began

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return sum(8 * len(part) for one in (self._young, self._old) for part in one.parts)

    def is_new(self, number: int, received: int) -> bool:
        """Note an id; False if it was known already."""
        number = number or 1
        young = self._young
        # Of several partitions one may be a little behind: a span that is over stays over.
        if received // self.span > young.span or young.count >= self._most:
            young = self._rotate(received)
        place, start = number >> 56, number & _LOW
        table = young.parts[place]
        mask = len(table) - 1
        slot = start & mask
        while held := table[slot]:
            if held == number:
                return False
            slot = (slot + 1) & mask
        if 2 * young.counts[place] >= mask:
            table = young.parts[place] = _grown(table)
            mask = len(table) - 1
            slot = start & mask
            while table[slot]:
                slot = (slot + 1) & mask
        table[slot] = number
        young.counts[place] += 1
        young.count += 1
        table = self._old.parts[place]
        mask = len(table) - 1
        slot = start & mask
        while held := table[slot]:
            if held == number:
                return False
            slot = (slot + 1) & mask
        return True

    def _rotate(self, received: int) -> _Generation:
        young, span = self._young, max(received // self.span, self._young.span)
        self._old = young if span - young.span <= 1 else _Generation(span - 1, None)
        self._young = _Generation(span, received)
        return self._young


def _grown(table: array[int]) -> array[int]:
    grown = array("Q", bytes(8 * max(2 * len(table), _SMALLEST)))
    mask = len(grown) - 1
    for number in table:
        if number:
            slot = number & _LOW & mask
            while grown[slot]:
                slot = (slot + 1) & mask
            grown[slot] = number
    return grown


_LOW, _ALL = (1 << 56) - 1, (1 << 64) - 1
_NONE = array("Q", [0])
"""A part that nothing is in; it is never written to."""
