"""What nobody should send: no crash, no memory without bounds, a clear answer, and neighbours are served."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.collect.collecting import Collecting, collecting, events, make_project

from floorwalker.app.collect.service import Collector
from floorwalker.app.collect.settings import CollectSettings
from floorwalker.app.collect.worker import Worker
from floorwalker.engines.database import open_database
from floorwalker.engines.project import Project
from floorwalker.governance import keys

GOOD = {"type": "track", "event": "Product Viewed", "userId": "u1"}


class InProcess:
    """The application without a server in between: thousands of requests a minute."""

    def __init__(self, folder: Path) -> None:
        project = Project(folder)
        database = open_database(project, {"keys": keys.MIGRATIONS})
        self.key = keys.create_key(database, "web", "browser", now="2026-01-01T00:00:00Z")
        database.close()
        self.worker = Worker(project, CollectSettings(request_mb=1))
        self.app = Collector(self.worker, self.worker.settings)

    def send(self, path: str, body: bytes, headers: list[tuple[bytes, bytes]] = [], query: bytes = b"") -> int:  # noqa: B006
        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": query, "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"x"), *headers],
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        assert json.loads(sent[1]["body"])
        return sent[0]["status"]


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("hostile"))
    yield made
    made.worker.close()


PATHS = st.sampled_from(["/v1/batch", "/v1/track", "/v1/webhook", "/batch/", "/api/s/track", "/v1/identify"])


@settings(max_examples=400, deadline=None)
@given(PATHS, st.binary(max_size=400), st.booleans(), st.binary(max_size=60))
def test_any_bytes_get_an_answer(inside: InProcess, path: str, body: bytes, packed: bool, header: bytes) -> None:
    told = [(b"authorization", header), (b"x-write-key", inside.key.encode())]
    assert inside.send(path, gzip.compress(body) if packed else body, told, header) in (200, 400, 401)


@settings(max_examples=300, deadline=None)
@given(PATHS, st.integers(0, 2**32))
def test_a_good_request_with_bytes_changed_gets_an_answer(inside: InProcess, path: str, seed: int) -> None:
    rng = random.Random(seed)
    body = bytearray(json.dumps({"batch": [GOOD, GOOD], "writeKey": inside.key, **GOOD}).encode())
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(body))
        match rng.randrange(3):
            case 0:
                body[at] = rng.randrange(256)
            case 1:
                body.pop(at)
            case _:
                body.insert(at, rng.randrange(256))
    assert inside.send(path, bytes(body)) in (200, 400, 401)


@pytest.mark.parametrize("event", [
    b'{"type":"track","event":"x","userId":' + b"9" * 5000 + b"}",
    b'{"type":"track","event":"x","userId":1e400}', b'{"type":"track","event":"x","userId":-0.0}',
    b'{"type":"track","event":"x","userId":"u","properties":' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
    b'{"type":"track","event":"\\u0000","userId":"u"}', b'{"type":"track","event":"x","userId":"u","userId":"v"}',
    b'{"type":"track","event":["x"],"userId":"u"}', b'{"type":"track","event":"x","userId":{"$ne":null}}',
])  # fmt: skip
def test_odd_events_are_stored_or_put_aside_and_the_good_one_is_stored(inside: InProcess, event: bytes) -> None:
    good = json.dumps(GOOD | {"messageId": "good"}).encode()
    body = b'{"batch":[' + event + b"," + good + b'],"writeKey":"' + inside.key.encode() + b'"}'
    assert inside.send("/v1/batch", body) == 200
    assert [one for one in events(inside.worker.project.root) if one.get("messageId") == "good"]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    with collecting(make_project(tmp_path_factory.mktemp("hostile") / "shop")) as running:
        yield running


def test_bombs_and_floods_take_no_memory_and_no_neighbours(collector: Collecting) -> None:
    collector.post("/v1/track", GOOD)
    before = memory(collector)
    bomb = gzip.compress(b'{"batch":["' + b"a" * 200_000_000 + b'"]}', 9)
    for _ in range(5):
        assert collector.client.post("/v1/batch", content=bomb, auth=(collector.key, "")).status_code == 413
    host, port = collector.url.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(100)]
    for one in idle:
        one.sendall(b"POST /v1/track HTTP/1.1\r\nhost: x\r\n" + b"x-h: " + b"a" * 2000 + b"\r\n")
    with socket.create_connection((host, int(port))) as flood:
        flood.settimeout(10)
        head = b"POST /v1/track HTTP/1.1\r\nhost: x\r\n" + b"".join(
            b"x-%d: %s\r\n" % (n, b"a" * 500) for n in range(3000)
        )
        try:
            flood.sendall(head + b"content-length: 2\r\n\r\n{}")
            assert not flood.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            pass  # cut off in the middle is an answer, too
    assert collector.post("/v1/track", GOOD).status_code == 200
    for one in idle:
        one.close()
    assert memory(collector) < before + 150


def memory(collector: Collecting) -> float:
    """What the processes of the collector hold, in MB."""
    pids = [collector.process.pid]
    pids += map(int, Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text().split())
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
