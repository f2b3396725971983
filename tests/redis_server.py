"""A real Redis server for tests, on a socket of this machine, which keeps nothing; and how to get what it needs.

In: a folder. Out: the server's URL, while it runs; it is stopped by its own id.

    with redis_server(folder) as url:
        open_store(f"{url}?prefix=shop", ("profiles",))
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def needs_redis() -> None:
    """Skip, saying how to get them, where the extra or the server is absent."""
    if importlib.util.find_spec("redis") is None:
        pytest.skip("needs the extra: make setup-dev, or pip install -e '.[redis]'")
    if shutil.which("redis-server") is None:
        pytest.skip("needs a server: apt-get install redis-server")


@contextmanager
def redis_server(folder: Path, *arguments: str) -> Iterator[str]:
    """The server; its URL is `unix:///…`. Without persistence."""
    needs_redis()
    # The name of a socket has at most 107 bytes: a test's folder may be deeper.
    with tempfile.TemporaryDirectory(prefix="redis-") as short:
        place = Path(short) / "socket"
        with (folder / "redis.log").open("wb") as log:
            process = subprocess.Popen(
                ["redis-server", "--save", "", "--appendonly", "no", "--port", "0", "--unixsocket", str(place)]
                + ["--dir", str(folder), *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(place, folder / "redis.log")
            yield f"unix://{place}"
        finally:
            process.terminate()
            process.wait()


def _wait(place: Path, log: Path) -> None:
    """Until it answers."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as one:
            try:
                one.connect(str(place))
                one.sendall(b"PING\r\n")
                if one.recv(100):
                    return
            except OSError:
                time.sleep(0.02)
    raise AssertionError("redis-server does not start:\n" + log.read_text()[-2000:])
