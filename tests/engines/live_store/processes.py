"""Processes that tests start, talk to and kill.

python -m tests.engines.live_store.processes write PLACE FIRST     a line per batch that was written, without end
python -m tests.engines.live_store.processes read PLACE            for each line, a key in hex, its value in hex, or -
python -m tests.engines.live_store.processes hold PLACE            the writer, until it is killed
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.engines.live_store.twins import SETTINGS, TABLES

from floorwalker.engines.live_store.interface import Change
from floorwalker.engines.live_store.opening import open_store

ENTRIES = 40


def start(*arguments: str) -> subprocess.Popen[str]:
    """One of these processes, its input and output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engines.live_store.processes", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def numbered(number: int) -> list[Change]:
    """A batch that overwrites, adds and deletes, in both tables."""
    value = b"%d" % number
    changes: list[Change] = [(TABLES[0], b"entry %d" % entry, value * 300) for entry in range(ENTRIES)]
    changes += [(TABLES[1], b"batch %d" % number, value), (TABLES[1], b"batch %d" % (number - 5), None)]
    return changes


def write(place: str, first: str) -> None:
    store = open_store(place, TABLES, settings=SETTINGS, writing=True)
    number = int(first)
    while True:
        store.write(numbered(number))
        os.write(1, b"%d\n" % number)
        number += 1


def read(place: str) -> None:
    store = open_store(place, TABLES, settings=SETTINGS)
    for line in sys.stdin:
        value = store.get(TABLES[0], bytes.fromhex(line))
        print("-" if value is None else value.hex(), flush=True)


def hold(place: str) -> None:
    open_store(place, TABLES, settings=SETTINGS, writing=True)
    print("held", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    {"write": write, "read": read, "hold": hold}[sys.argv[1]](*sys.argv[2:])
