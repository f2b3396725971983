"""The real server on loopback: it starts, answers, follows a new run and writes its records before it stops."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.app.http.shop_service import keys_of
from tests.decisions.shop import c, project_of

from floorwalker.decisions.ledger import decisions_of, open_ledger
from floorwalker.engines.project import Project

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from floorwalker.app.http.service import serve
from floorwalker.engines.project import Project
from tests.app.http.shop_service import normaliser
if __name__ == "__main__":
    serve(Project(sys.argv[1]), port=int(sys.argv[2]), workers=int(sys.argv[3]), normaliser=normaliser)
"""


@contextlib.contextmanager
def running(project: Project, workers: int) -> Iterator[httpx.Client]:
    """The service in a process of its own; stopped with SIGTERM, waited for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = project.root / "run_service.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(program), str(project.root), str(port), str(workers)],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": ""},
        stderr=subprocess.PIPE,
    )
    try:
        retries = httpx.HTTPTransport(retries=8)  # 0.5 s, 1 s, 2 s … until it listens
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=retries, timeout=20) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 0, errors.decode()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_server_answers_and_keeps_every_record(tmp_path: Path, workers: int) -> None:
    project = project_of(tmp_path)
    keys = keys_of(project)
    with running(project, workers) as client:
        assert client.get("/ready").json() == {"status": "ready"}
        assert client.get(f"/v1/profiles/{c('ann')}").status_code == 401
        profile = client.get("/v1/profiles/email:ANN%40example.com", headers=keys["server"])
        assert profile.json()["customer_id"] == c("ann")
        for _ in range(40):
            answer = client.post("/v1/decide", json={"customer": c("ann"), "k": 3}, headers=keys["server"])
            assert len(answer.json()["items"]) == 3
        assert "floorwalker_decisions_total" in client.get("/metrics", headers=keys["server"]).text
    assert len(decisions_of(project.state / "decisions", [c("ann")])) == 40
    with contextlib.closing(open_ledger(project.state / "decisions")) as ledger:
        assert ledger.execute("SELECT count(*) FROM policies").fetchone()[0] == 1
