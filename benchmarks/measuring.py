"""What a process says of itself: seconds, seconds of processor, and the most memory it held.

In: nothing but the process. Out: plain data, for a parent that started it to be measured alone. Light on purpose: it is
part of what is measured.

>>> sorted(figures(0.0))
['cpu', 'nodes', 'peak_mb', 'seconds']
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """The most memory this process held at once, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux its peak counts the parent's memory at the fork.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def figures(started: float, nodes: dict[str, list[float]] | None = None) -> dict[str, Any]:
    """What a process says of itself at its end; `started` as of perf_counter."""
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time(),
        "peak_mb": peak_mb(),
        "nodes": nodes or {},
    }


def told(started: float, **more: Any) -> None:
    """Say the figures as the line of JSON that `measure` reads; `more` is told with them."""
    sys.stdout.write(json.dumps({**figures(started), **more}) + "\n")
