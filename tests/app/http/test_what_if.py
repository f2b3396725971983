"""`POST /v1/identity/what-if`: who may ask, what is refused, and one process at a time."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.app.http.shop_service import NOW, app_of
from tests.app.http.test_service import Service

from floorwalker.app.http import what_if
from floorwalker.governance.keys import create_key, load_keys

PATH = "/v1/identity/what-if"
ASKED = {"settings": {"identity.levels.crm": 0.98, "identity.rules": ["email"]}, "pairs": 2}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    app, keys = app_of(tmp_path_factory.mktemp("shop"))
    (app.live.project.root / "floorwalker.toml").touch()
    yield Service(app, keys)
    app.live.close()


class Process:
    """A process that prints, fails or takes its time."""

    def __init__(self, code: int = 0, late: bool = False, wait: threading.Event | None = None) -> None:
        self.returncode, self.late, self.wait_for, self.signals = code, late, wait, []
        self.command: list[str] = []

    def __call__(self, command: list[str], **_: Any) -> Process:
        self.command = command
        return self

    def communicate(self, timeout: float) -> tuple[bytes, None]:
        if self.wait_for:
            self.wait_for.wait(10)
        if self.late:
            raise subprocess.TimeoutExpired("floorwalker", timeout)
        return b'{"changes":[]}', None

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    def wait(self, timeout: float = 0) -> None:
        self.late = False


def ask(service: Service, key: str = "admin", **body: Any) -> Any:
    return service.ask("POST", PATH, key, json={**ASKED, **body})


def test_it_answers_what_the_command_prints(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    monkeypatch.setattr(subprocess, "Popen", process)
    answer = ask(service)
    assert (answer.status_code, answer.json()) == (200, {"changes": []})
    assert process.command[-6:] == [
        "--pairs", "2", "--set", "identity.levels.crm=0.98", "--set", 'identity.rules=["email"]',
    ]  # fmt: skip


def test_only_admins_of_the_whole_shop(service: Service) -> None:
    assert ask(service, "server").status_code == 403
    database = service.app.live.database
    token = create_key(database, "uk admin", "admin", [], market="UK", now=NOW)
    service.app.live.door._keys = load_keys(database)
    service.keys["uk admin"] = {"authorization": f"Bearer {token}"}
    answer = ask(service, "uk admin")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_market")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"settings": {"identity.hub_nams": 5}}, "did you mean 'hub_names'?"),
        ({"settings": {"recommend.k": 5}}, "what-if changes settings of [identity]"),
        ({"settings": {}}, "length"),
        ({"pairs": 101}, "<= 100"),
        ({"clear": True}, "unknown field"),
    ],
)
def test_what_is_asked_wrongly_is_said(service: Service, body: dict[str, Any], says: str) -> None:
    answer = ask(service, **body)
    assert answer.status_code == 400 and says in answer.text


def test_one_at_a_time_and_not_for_ever(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    going = threading.Event()
    process = Process(wait=going)
    monkeypatch.setattr(subprocess, "Popen", process)
    first = threading.Thread(target=ask, args=(service,))
    first.start()
    while not process.command:
        pass
    assert ask(service).json()["error"]["code"] == "busy"
    going.set()
    first.join()
    assert ask(service).status_code == 200
    slow = Process(late=True)
    monkeypatch.setattr(subprocess, "Popen", slow)
    assert ask(service).status_code == 504 and len(slow.signals) == 1
    monkeypatch.setattr(subprocess, "Popen", Process(code=1))
    assert ask(service).json()["error"]["code"] == "not_worked_out"


def test_the_process_itself(service: Service, tmp_path: Path) -> None:
    # The shop of these tests has no tables of a run: the command says so, and nothing of it reaches the caller.
    answer = ask(service)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_worked_out")
    assert what_if.LONGEST > 60
