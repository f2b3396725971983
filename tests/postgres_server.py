"""A real PostgreSQL server for tests, on a free port of this machine, in a folder of its own; ended by its own id.

In: nothing. Out: where it listens and its password, while it runs.

    with postgres_server() as server:
        psycopg.connect(server.dsn)
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "not-in-any-file"


@dataclass(frozen=True)
class Postgres:
    """`url`: as a project writes it, without the password."""

    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/postgres"

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=tester password={PASSWORD} dbname=postgres"


def binaries() -> Path | None:
    """Where the server's programs are: on the path, or where Debian keeps them."""
    if found := shutil.which("postgres"):
        return Path(found).parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    return places[-1].parent if places else None


def needs_postgres() -> Path:
    """Skip, saying how to get them, where the server or the driver is absent; fail where services are required."""
    missing = ""
    if importlib.util.find_spec("psycopg") is None:
        missing = "needs the extra: make setup-dev, or pip install -e '.[connectors]'"
    elif binaries() is None:
        missing = "needs a server: apt-get install postgresql"
    if missing and os.environ.get("FLOORWALKER_REQUIRE_SERVICES"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    found = binaries()
    assert found is not None
    return found


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """The server, on a new cluster. PostgreSQL does not run as root: then it runs as postgres or nobody."""
    programs = needs_postgres()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        user = _plain_user() if os.geteuid() == 0 else None
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if user is not None:
            for path in (folder, secret):
                os.chown(path, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "tester", "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8"]
            + ["--no-locale", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **as_user,
        )
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"]
            + ["-c", "timezone=America/New_York"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            **as_user,
        )
        server = Postgres(port)
        try:
            _wait(server, process, folder / "log")
            yield server
        finally:
            # At once: nothing of it is needed.
            process.send_signal(signal.SIGQUIT)
            process.wait()
            log.close()


def _plain_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("needs a user that is not root, postgres or nobody")


def _wait(server: Postgres, process: subprocess.Popen, log: Path) -> None:
    """Until it answers."""
    import psycopg

    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            psycopg.connect(server.dsn, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError("PostgreSQL does not start:\n" + log.read_text(errors="replace")[-2000:])
