"""The live path under load: how fresh profiles are, what an event costs, what a profile takes.

In: a report to add rows to. Out: rows of `benchmarks/results/collect.json`:

- `live_path.cpu_us.uniform`, `.zipf`: processor time of the live path per event, in process, from frames to a store
  that has it: a request of 50 events of 50 different visitors, who are among `profiles` that it has already.
  `live_path.cpu_us` is the worse of the two. `live_path.new_cpu_us`: of a visitor's first event.
- `bytes_per_profile`: the store, per profile; `window_bytes_per_id`: memory of the window per id in it;
  `live_mb_per_million_profiles`: memory of the live process.
- `freshness_ms.p50`, `.p99`: from sending a request to its event being on the profile, as another process reads it,
  while others send events at `load_events_per_s`; `freshness_missed`: probes that were not seen within 5 seconds.
  `freshness_third_ms…`: the same at a third of that load.

Run: `make bench-collect`; smaller: `python -m benchmarks.collect --live --profiles 20000 --live-seconds 5`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from benchmarks.report import Report

from floorwalker.app.config import load_config
from floorwalker.app.live_path import generations
from floorwalker.app.live_path.following import Follower
from floorwalker.app.live_path.shelf import LiveShelf
from floorwalker.app.lookup import normaliser
from floorwalker.engines.database import open_database
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.interface import Stored
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.project import Project
from floorwalker.events.frames import Head, pack
from floorwalker.governance import keys

SIZE = 50
STEP = 10
"""Frames that a step applies: 500 events, as at 29,000 a second every 17 ms."""
RATE = 29_000
PROBES_PER_S = 20
PATIENCE = 5.0
VISITORS = 100_000
"""Of the load on freshness: the live path knows them from the start."""


def add_live(report: Report, profiles: int, seconds: float) -> None:
    """What an event costs, and how fresh profiles are. No `profiles`: freshness alone."""
    if profiles:
        add_cost(report, profiles, seconds)
    for name, rate in (("freshness_third_ms", RATE / 3), ("freshness_ms", RATE)):
        figures = freshness(rate, seconds)
        goal = 100 if name == "freshness_ms" else None
        _add(report, f"{name}.p50", figures["p50"], "ms")
        _add(report, f"{name}.p99", figures["p99"], "ms", goal)
        prefix = name.removesuffix("_ms")
        _add(report, f"{prefix}_missed", figures["missed"], "probes", 0 if goal else None)
        _add(report, f"{prefix}_load_events_per_s", figures["rate"], "events/s")


def _add(report: Report, name: str, value: float, unit: str, at_most: float | None = None) -> None:
    report.add(name, value, unit, at_most=at_most)
    sys.stderr.write(f"bench-collect: {name} = {value:,.6g} {unit}\n")


def add_cost(report: Report, profiles: int, seconds: float) -> None:
    """What an event costs in the live process, and what is kept of it."""
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-") as folder:
        project = _project(Path(folder))
        with Follower(project, load_config(project).settings) as follower:
            follower.catch_up()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            made = _Events()
            used = sum(
                _apply(follower, made.frames(range(first, first + SIZE * STEP)))
                for first in range(0, profiles, SIZE * STEP)
            )
            _add(report, "live_path.new_cpu_us", used / profiles * 1e6, "us")
            _add(report, "bytes_per_profile", follower.store.size() / profiles, "bytes")
            memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            _add(report, "live_mb_per_million_profiles", memory * 1e6 / profiles, "MB")
            window = follower.applier.window
            _add(report, "window_bytes_per_id", window.bytes / max(len(window), 1), "bytes")
            rng, worst = np.random.default_rng(1), 0.0
            for name in ("uniform", "zipf"):
                events, used, until = 0, 0.0, time.perf_counter() + seconds
                while time.perf_counter() < until:
                    used += _apply(follower, made.frames(_visitors(rng, name, profiles)))
                    events += SIZE * STEP
                _add(report, f"live_path.cpu_us.{name}", used / events * 1e6, "us")
                worst = max(worst, used / events * 1e6)
            _add(report, "live_path.cpu_us", worst, "us", 30)


def _visitors(rng: np.random.Generator, name: str, profiles: int) -> Iterator[int]:
    """Visitors of a step's requests, different ones within each."""
    for _ in range(STEP):
        found: dict[int, None] = {}
        while len(found) < SIZE:
            drawn = rng.integers(0, profiles, SIZE) if name == "uniform" else (rng.zipf(1.2, SIZE) - 1) % profiles
            found |= dict.fromkeys(drawn.tolist())
        yield from itertools.islice(found, SIZE)


def _apply(follower: Follower, frames: list[Stored]) -> float:
    before = time.process_time()
    follower.applier.apply([(0, frames)])
    return time.process_time() - before


class _Events:
    """Frames of made-up events: nobody sends one twice."""

    def __init__(self, seed: int = 1) -> None:
        self._rng, self._number = random.Random(seed), itertools.count()

    def frames(self, visitors: Iterator[int] | range) -> list[Stored]:
        now, found = time.time_ns() // 1000, []
        rest = iter(visitors)
        while some := list(itertools.islice(rest, SIZE)):
            events = [json.dumps(self.event(f"{visitor:032x}")).encode() for visitor in some]
            head = Head(received_at=now, source="bench", sent_at="2026-03-01T12:00:01.000Z")
            found.append(Stored(0, now, pack(head, events)))
        return found

    def event(self, visitor: str) -> dict:
        rng = self._rng
        return {
            "type": "track", "event": rng.choice(("Product Viewed", "Product Added", "Product List Viewed")),
            "anonymousId": visitor, "messageId": f"ajs-{next(self._number)}-{rng.getrandbits(64):016x}",
            "timestamp": "2026-03-01T12:00:00.000Z",
            "properties": {"product_id": f"P-{rng.randrange(10_000)}", "price": 12.5, "currency": "GBP",
                           "category": "Shoes"},
            "context": {"page": {"url": "https://shop.example/p/1", "path": "/p/1", "title": "Shoes"},
                        "locale": "en-GB", "library": {"name": "bench", "version": "1"}},
        }  # fmt: skip


def freshness(rate: float, seconds: float) -> dict[str, float]:
    """From action to profile, in a process that only reads, while clients send at a rate."""
    with tempfile.TemporaryDirectory(prefix="floorwalker-bench-") as folder:
        project = _project(Path(folder))
        key, made = _key(project), _Events()
        with open_log(project.state / LOG, partitions=1).writer(0) as writer:
            for first in range(0, VISITORS, SIZE * STEP):
                writer.append([one.frame for one in made.frames(range(first, first + SIZE * STEP))])
        with _collecting(project) as port:
            shelf = LiveShelf(project, normaliser(project))
            return asyncio.run(_probe(port, key, shelf, rate, seconds))


async def _probe(port: int, key: str, shelf: LiveShelf, rate: float, seconds: float) -> dict[str, float]:
    made, rng = _Events(2), random.Random(2)
    bodies = [[json.dumps(made.event(f"{rng.randrange(VISITORS):032x}")) for _ in range(SIZE)] for _ in range(400)]
    sent, began = 0, time.perf_counter()
    until = began + 2.0 + seconds
    turn = itertools.count()

    async def client() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (now := time.perf_counter()) < until:
            # A steady rate over all clients: nobody sends before its turn.
            number = next(turn)
            if (wait := began + number * SIZE / rate - now) > 0:
                await asyncio.sleep(wait)
            stamp = f'-{number}"'
            events = ",".join(one.replace('", "timestamp"', stamp + ', "timestamp"', 1) for one in bodies[number % 400])
            writer.write(
                _request(port, f'{{"batch":[{events}],"sentAt":"2026-03-01T12:00:01.000Z","writeKey":"{key}"}}')
            )
            await _answer(reader)
            sent += SIZE
        writer.close()

    async def probes() -> list[float | None]:
        await asyncio.sleep(2.0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found: list[float | None] = []
        number = 0
        while time.perf_counter() < until:
            number += 1
            cookie = f"probe-{number}"
            event = made.event(cookie)
            start = time.perf_counter()
            writer.write(_request(port, json.dumps({"batch": [event], "writeKey": key})))
            await _answer(reader)
            found.append(await _seen(shelf, cookie, start))
            await asyncio.sleep(max(0.0, 1 / PROBES_PER_S - (time.perf_counter() - start)))
        writer.close()
        return found

    results = await asyncio.gather(probes(), *(client() for _ in range(16)))
    times = results[0]
    seen = sorted(one for one in times if one is not None)
    return {
        "p50": seen[len(seen) // 2] * 1000 if seen else PATIENCE * 1000,
        "p99": seen[int(len(seen) * 0.99)] * 1000 if seen else PATIENCE * 1000,
        "missed": sum(one is None for one in times),
        "rate": sent / (time.perf_counter() - began),
    }


async def _seen(shelf: LiveShelf, cookie: str, start: float) -> float | None:
    """Seconds until the visitor's profile has the event."""
    while (took := time.perf_counter() - start) < PATIENCE:
        profiles = shelf.profiles()
        if profiles is not None and (customer := profiles.find("cookie_id", cookie)) and profiles.rows(customer):
            return took
        await asyncio.sleep(0.001)
    return None


def _request(port: int, body: str) -> bytes:
    head = f"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"not stored: {head[:60]!r}")


@contextlib.contextmanager
def _collecting(project: Project) -> Iterator[int]:
    """`floorwalker collect`, with the live path, until it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "floorwalker.app.cli", "-p", str(project.root), "collect", "--port", str(port)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(("src", "."))}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            client.get(f"http://127.0.0.1:{port}/ready").raise_for_status()
        while generations.current(project) is None and time.monotonic() < until:
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _project(folder: Path) -> Project:
    (folder / "floorwalker.toml").write_text('[project]\nname = "bench"\n')
    return Project(folder)


def _key(project: Project) -> str:
    database = open_database(project, {"keys": keys.MIGRATIONS})
    found = keys.create_key(database, "bench", "browser", now="2026-01-01T00:00:00Z")
    database.close()
    return found
