"""A real Spark cluster on this machine: one master and two workers of one core and 1 GB, from the PyPI wheel.

In: a folder for logs. Out: the cluster's URL, while it runs; each of its processes is stopped by its own id.

    with spark_cluster(folder) as url:
        command(project, "run", "--engine", url)
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HOST = "127.0.0.1"


@contextmanager
def spark_cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """The cluster; its URL is `spark://127.0.0.1:PORT`."""
    port, page = _free_port(), _free_port()
    url = f"spark://{HOST}:{port}"
    with ExitStack() as stack:
        stack.enter_context(
            _process(folder, "master", "master.Master", "--host", HOST, "--port", str(port), "--webui-port", str(page))
        )
        _wait(folder, page, 0)
        for number in range(workers):
            size = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"work-{number}"))
            where = ("--host", HOST, "--webui-port", str(_free_port()))
            stack.enter_context(_process(folder, f"worker-{number}", "worker.Worker", *where, *size, url))
        _wait(folder, page, workers)
        yield url


@contextmanager
def _process(folder: Path, name: str, kind: str, *arguments: str) -> Iterator[None]:
    spec = importlib.util.find_spec("pyspark")
    assert spec and spec.origin
    home = Path(spec.origin).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


def _wait(folder: Path, page: int, workers: int) -> None:
    """Until the master's page counts that many workers as alive."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{page}/json/", timeout=5) as answer:
                if f'"aliveworkers" : {workers}' in answer.read().decode():
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("the cluster does not start:\n" + (folder / "master.log").read_text()[-2000:])
