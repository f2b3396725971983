"""The collector as `floorwalker collect` runs it, one worker; `loose`: without waiting for the disk, as a control.

python -m benchmarks.collect_server FOLDER PORT durable|loose
"""

from __future__ import annotations

import sys
from functools import partial

from granian import Granian
from granian.constants import Interfaces

from floorwalker.app.collect.service import Collector
from floorwalker.app.collect.settings import CollectSettings
from floorwalker.app.collect.worker import Worker
from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.engines.project import Project


def load(folder: str, how: str) -> Collector:
    """The application of the worker."""
    # One file, so that what the control was told holds to the end.
    settings = CollectSettings(log=LogSettings(rotate_mb=256 if how == "durable" else 1 << 20))
    worker = Worker(Project(folder), settings)
    if how == "loose":
        worker.writer._connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]
    return Collector(worker, settings)


if __name__ == "__main__":
    folder, port, how = sys.argv[1:]
    Granian(
        "benchmark", address="127.0.0.1", port=int(port), interface=Interfaces.ASGI, websockets=False, log_enabled=False
    ).serve(target_loader=partial(load, folder, how), wrap_loader=False)
