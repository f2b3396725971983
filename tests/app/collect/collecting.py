"""A collector in a process of its own, for tests.

In: a project folder. Out: `Collecting`: its address, its keys, a client, and what lies in the log.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from tests.app.driving import call, start

from floorwalker.app.collect.log import project_log
from floorwalker.engines.project import Project
from floorwalker.events.frames import Frame, unpack


@dataclass
class Collecting:
    """A running collector."""

    folder: Path
    url: str
    client: httpx.Client
    process: subprocess.Popen[str]
    key: str
    server_key: str

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """Send JSON with the browser's key, as SDKs do."""
        return self.client.post(path, content=msgspec.json.encode(body), auth=(self.key, ""), **more)


def make_project(folder: Path) -> Path:
    """An empty project."""
    assert call(folder, "init", str(folder), "--template", "blank").code == 0
    return folder


def make_key(folder: Path, kind: str, *more: str) -> str:
    """A new key."""
    return call(folder, "keys", "create", f"{kind}-source", "--kind", kind, *more, "--json").json["key"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(folder: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    """Start `floorwalker collect`; the live path only where it is asked for."""
    live = () if "--live" in arguments else ("--no-live",)
    return start(folder, "collect", "--port", str(port), *live, *arguments)


@contextlib.contextmanager
def collecting(folder: Path, *arguments: str) -> Iterator[Collecting]:
    """Start it, wait until it is ready, stop it gracefully at the end."""
    key, server_key, port = make_key(folder, "browser"), make_key(folder, "server"), free_port()
    process = launch(folder, port, *arguments)
    try:
        retries = httpx.HTTPTransport(retries=8)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=retries, timeout=20) as client:
            assert client.get("/ready").status_code == 200
            yield Collecting(folder, f"http://127.0.0.1:{port}", client, process, key, server_key)
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=30)[1]
    assert process.returncode == 0 and "Traceback" not in errors, errors


def frames(folder: Path) -> list[Frame]:
    """Everything in the log, by partition and offset."""
    log = project_log(Project(folder))
    found = []
    for partition, end in log.ends().items():
        begin = log.starts()[partition]
        while begin < end:
            stored = log.read(partition, begin)
            found += [unpack(one.frame) for one in stored]
            begin = stored[-1].offset + 1
    log.close()
    return found


def events(folder: Path) -> list[dict[str, Any]]:
    """The events in the log that count."""
    return [
        msgspec.json.decode(raw)
        for frame in frames(folder)
        for place, raw in enumerate(frame.events)
        if raw and place not in frame.head.refused
    ]
