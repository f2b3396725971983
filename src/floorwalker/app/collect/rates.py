"""How fast a key may send: a bucket of tokens per key, filled at a steady rate.

In: a rate in events a second (0: none), and what comes. Out: how many seconds to wait, 0 to go on.

>>> now = [0.0]
>>> rates = Rates(100, clock=lambda: now[0])
>>> rates.wait("k", 150), rates.wait("k", 100), rates.wait("other", 1)
(0, 1, 0)
>>> now[0] = 1.0
>>> rates.wait("k", 100)
0
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

BURST = 2.0
"""Seconds of the rate that may come at once: SDKs send what they saved up while offline."""


class Rates:
    """The buckets of one worker. A request larger than a bucket passes when the bucket is full."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self._clock = rate, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, key: str, events: int) -> int:
        """Seconds until so many events may come; 0 takes them."""
        if not self.rate:
            return 0
        now, most = self._clock(), self.rate * BURST
        held, at = self._buckets.get(key, (most, now))
        held = min(most, held + (now - at) * self.rate)
        wanted = min(events, most)
        if held < wanted:
            self._buckets[key] = held, now
            return max(1, math.ceil((wanted - held) / self.rate))
        self._buckets[key] = held - wanted, now
        return 0
