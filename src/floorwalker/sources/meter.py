"""How far the reading of files is, how fast it goes, and how long it will take.

In: bytes, as they are read. Out: a share and a line of text, at most five times a second.

>>> from floorwalker.sources.meter import Meter
>>> told = []
>>> meter = Meter(4_000_000_000, lambda done, text: told.append((done, text)), clock=iter((0.0, 10.0)).__next__)
>>> meter.add(1_000_000_000)
>>> told
[(0.25, '1.0 of 4.0 GB, 100 MB/s, 0:30 left')]
"""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 0.2


class Meter:
    """Tells `tell(share, text)`. What is packed may turn out to be more than it seemed: the share never passes 1."""

    def __init__(
        self, total: int, tell: Callable[[float, str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.tell, self.clock = total, tell, clock
        self.done = 0
        self.began = self.told = clock()

    def add(self, count: int) -> None:
        """So many bytes more have been read."""
        self.done += count
        now = self.clock()
        if now - self.told < EVERY or not self.total:
            return
        self.told = now
        self.total = max(self.total, self.done)
        rate = self.done / max(now - self.began, 1e-9)
        left = round((self.total - self.done) / rate)
        unit, scale = ("GB", 1e9) if self.total >= 1e9 else ("MB", 1e6)
        size = f"{self.done / scale:.1f} of {self.total / scale:.1f} {unit}"
        self.tell(self.done / self.total, f"{size}, {rate / 1e6:,.0f} MB/s, {left // 60}:{left % 60:02d} left")
