"""Figures that several worker processes keep together, for Prometheus.

In: a folder, and how many workers. Out: a registry per worker, and the text with the figures of all added up. Whichever
worker is asked answers for the rest: each keeps its figures in files of the folder.

    share(project.state / "figures", workers)        once, before the workers start
    own = registry()                                  in each worker
    text(own, LivePathCollector(project))             what /metrics answers
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, multiprocess, values
from prometheus_client.registry import Collector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def share(folder: Path, workers: int) -> None:
    """Have workers that start from here keep their figures together; one alone needs no files."""
    os.environ.pop(_FOLDER, None)
    if workers > 1:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.db"):
            old.unlink()
        os.environ[_FOLDER] = str(folder)


def registry() -> CollectorRegistry:
    """Where a worker keeps its own."""
    if _FOLDER in os.environ:
        # The library looks only when it is first imported, which a forked worker's parent has done long ago.
        values.ValueClass = values.MultiProcessValue()
        _forget_the_dead(Path(os.environ[_FOLDER]))
    return CollectorRegistry()


def text(own: CollectorRegistry, *others: Collector) -> bytes:
    """The figures of all workers, and `others` that are known without them, in Prometheus' text format."""
    if _FOLDER in os.environ:
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
    else:
        together = own
    found = generate_latest(together)
    if others:
        more = CollectorRegistry()
        for one in others:
            more.register(one)
        found += generate_latest(more)
    return found


def _forget_the_dead(folder: Path) -> None:
    """Gauges of a worker that died are nobody's; what it counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            multiprocess.mark_process_dead(int(pid), str(folder))
