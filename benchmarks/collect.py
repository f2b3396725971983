"""The collector under load: durable events a second, processor time per event, and what durability costs.

In: nothing; shoppers and events are made up. Out: a table and `benchmarks/results/collect.json`. Run: `make
bench-collect`; smaller: `python -m benchmarks.collect --seconds 3 --only 50`.

The load generator shares the machine's cores with the server. One worker; every request is another client's batch of
JSON events of about 400 bytes, each of another visitor; answers are counted when they are 200 and whole.

- `durable_events_per_s.batch{1,10,50,500}`: events a second that were on the disk when they were answered.
- `events_per_cpu_s.batch…`: the same per second of the server's processor time, its parent process included.
- `answer_ms.batch….p50`, `.p99`: from sending a request to its answer, with all connections busy.
- `loose_…`: the same server with SQLite's `synchronous = OFF`: the control. `durable_ratio.batch50`: events per second
  of processor, durable against loose.
- `bytes_per_event.batch50`: what an event takes in the log; it came with about 400 bytes.
- The live path's rows are those of `benchmarks.collect_live`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.collect_live import add_live
from benchmarks.report import Report

from floorwalker.engines.database import open_database
from floorwalker.engines.project import Project
from floorwalker.governance import keys

CONNECTIONS = {1: 64, 10: 32, 50: 32, 500: 8}
BODIES = 400
"""Different requests that are sent in turn."""
AT_LEAST = {
    "durable_events_per_s.batch50": 29_000, "durable_ratio.batch50": 0.75, "events_per_cpu_s.batch50": 100_000,
}  # fmt: skip
SECONDS = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each size of batch, durable and loose; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.collect", description="The collector, measured.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="per measurement")
    parser.add_argument("--only", type=int, nargs="+", default=list(CONNECTIONS), help="sizes of batches")
    parser.add_argument("--profiles", type=int, default=1_000_000, help="that the live path has")
    parser.add_argument("--live-seconds", type=float, default=60.0, help="per measurement of the live path")
    parser.add_argument("--live", action="store_true", help="the live path alone")
    parser.add_argument("--results", type=Path, help="where collect.json goes")
    options = parser.parse_args(arguments)
    report = Report("collect")
    report.add("load_at_start", os.getloadavg()[0], "processes")
    found: dict[tuple[int, bool], dict[str, float]] = {}
    for size, durable in () if options.live else itertools.product(options.only, (True, False)):
        if not durable and size not in (50, 1):
            continue
        found[size, durable] = figures = measured(size, options.seconds, durable=durable)
        name = f"batch{size}"
        prefix = "" if durable else "loose_"
        _add(report, f"{prefix or 'durable_'}events_per_s.{name}", figures["events_per_s"], "events/s")
        _add(report, f"{prefix}events_per_cpu_s.{name}", figures["events_per_cpu_s"], "events/CPU-s")
        for quantile in ("p50", "p99"):
            _add(report, f"{prefix}answer_ms.{name}.{quantile}", figures[quantile], "ms")
        if durable:
            _add(report, f"bytes_per_event.{name}", figures["bytes_per_event"], "bytes")
            _add(report, f"peak_mb.{name}", figures["peak_mb"], "MB")
    if (50, True) in found:
        ratio = found[50, True]["events_per_cpu_s"] / found[50, False]["events_per_cpu_s"]
        _add(report, "durable_ratio.batch50", ratio, "×")
    add_live(report, options.profiles, options.live_seconds)
    return report.finish(options.results) if options.results else report.finish()


def _add(report: Report, name: str, value: float, unit: str) -> None:
    report.add(name, value, unit, at_least=AT_LEAST.get(name))
    sys.stderr.write(f"bench-collect: {name} = {value:,.6g} {unit}\n")


def measured(size: int, seconds: float, *, durable: bool) -> dict[str, float]:
    """Figures of one server under load from one client process."""
    with (
        tempfile.TemporaryDirectory(prefix="floorwalker-bench-") as folder,
        serving(Path(folder), durable) as (port, pids),
    ):
        requests = make_requests(size, port, key_of(Path(folder)))
        asyncio.run(load(port, requests, CONNECTIONS[size], 2.0))
        cpu, started = processor(pids), time.perf_counter()
        stored = size_of(Path(folder))
        times = asyncio.run(load(port, requests, CONNECTIONS[size], seconds))
        took, used = time.perf_counter() - started, processor(pids) - cpu
        events = len(times) * size
        times.sort()
        return {
            "events_per_s": events / took,
            "events_per_cpu_s": events / used,
            "p50": statistics.median(times) * 1000,
            "p99": times[int(len(times) * 0.99)] * 1000,
            "bytes_per_event": (size_of(Path(folder)) - stored) / events,
            "peak_mb": sum(peak(pid) for pid in pids),
        }


def make_requests(size: int, port: int, key: str) -> list[bytes]:
    """Whole HTTP requests, each a batch of events of as many visitors."""
    rng = random.Random(1)
    found = []
    for number in range(BODIES):
        batch = [
            {
                "type": "track", "event": rng.choice(("Product Viewed", "Product Added", "Product List Viewed")),
                "anonymousId": f"{rng.getrandbits(128):032x}", 
                "messageId": f"ajs-{number}-{place}-{rng.getrandbits(64):016x}",
                "timestamp": "2026-03-01T12:00:00.000Z",
                "properties": {"product_id": f"P-{rng.randrange(10_000)}", "price": 12.5, "currency": "GBP",
                               "category": "Shoes"},
                "context": {"page": {"url": "https://shop.example/p/1", "path": "/p/1", "title": "Shoes"},
                            "locale": "en-GB", "library": {"name": "bench", "version": "1"}},
            }
            for place in range(size)
        ]  # fmt: skip
        body = json.dumps({"batch": batch, "sentAt": "2026-03-01T12:00:01.000Z", "writeKey": key}).encode()
        head = f"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        found.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return found


async def load(port: int, requests: list[bytes], connections: int, seconds: float) -> list[float]:
    """Keep all connections busy; the seconds that each answer took. Raises where one is not 200."""
    until, turn, times = time.perf_counter() + seconds, itertools.count(), []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (now := time.perf_counter()) < until:
            writer.write(requests[next(turn) % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or b"quarantined" in body:
                raise SystemExit(f"not stored: {head[:60]!r} {body[:200]!r}")
            times.append(time.perf_counter() - now)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return times


@contextlib.contextmanager
def serving(folder: Path, durable: bool) -> Iterator[tuple[int, list[int]]]:
    """A server in processes of its own: its port and their ids."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key_of(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.collect_server", str(folder), str(port), "durable" if durable else "loose"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(("src", "."))},
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield port, [process.pid, *children(process.pid)]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def key_of(folder: Path) -> str:
    """A write key of the project."""
    kept = folder / "key"
    if not kept.exists():
        project = Project(folder)
        database = open_database(project, {"keys": keys.MIGRATIONS})
        kept.write_text(keys.create_key(database, "bench", "browser", now="2026-01-01T00:00:00Z"))
        database.close()
    return kept.read_text()


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processor(pids: Sequence[int]) -> float:
    """Seconds of processor that these processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak(pid: int) -> float:
    """The most memory a process has held, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def size_of(folder: Path) -> int:
    """Bytes in the log."""
    return sum(path.stat().st_size for path in (folder / "state" / "log").rglob("*") if path.is_file())


if __name__ == "__main__":
    raise SystemExit(main())
