"""Killed twenty times under load: whatever was acknowledged is in the log, and in the lake and on profiles once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.app.collect.collecting import events, free_port, launch, make_key, make_project
from tests.app.collect.test_exporting import Shop

from floorwalker.app.config import load_config
from floorwalker.app.live_path import generations
from floorwalker.app.live_path.following import Follower
from floorwalker.app.live_path.settings import LiveSettings
from floorwalker.app.live_path.shelf import LiveShelf
from floorwalker.app.lookup import normaliser
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.profiles.live.applying import STATE, State
from floorwalker.profiles.live.layout import TABLES

KILLS = 20


class Client:
    """An SDK: sends batches, keeps what was not acknowledged and sends it again under the same ids."""

    def __init__(self, name: int, port: int, key: str) -> None:
        self.name, self.key, self.url = name, key, f"http://127.0.0.1:{port}"
        self.acknowledged: set[str] = set()
        self.made = 0

    def work(self, done: threading.Event) -> None:
        rng = random.Random(self.name)
        with httpx.Client(base_url=self.url, auth=(self.key, ""), timeout=5) as client:
            while not done.is_set():
                batch = [
                    {"type": "page", "anonymousId": f"a{self.name}", "messageId": f"{self.name}-{self.made + n}"}
                    for n in range(rng.choice((1, 5, 40)))
                ]
                self.made += len(batch)
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        if client.post("/v1/batch", json={"batch": batch}).status_code == 200:
                            self.acknowledged |= {one["messageId"] for one in batch}
                            break
                    if done.is_set():
                        return
                    time.sleep(rng.random() * 0.05)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_killing_the_collector(tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = make_project(tmp_path / "shop")
    key, port = make_key(folder, "browser"), free_port()
    clients, done = [Client(n, port, key) for n in range(6)], threading.Event()
    threads = [threading.Thread(target=client.work, args=(done,)) for client in clients]
    process = launch(folder, port, "--live")
    for thread in threads:
        thread.start()
    try:
        for number in range(KILLS):
            _until_ready(port)
            if number % 4 == 3:
                # The live process takes longer to start than to be killed.
                _until_followed(Project(folder))
            time.sleep(rng.random() * 0.4)
            for pid in _family(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(20)
            process = launch(folder, port, "--live")
        _until_ready(port)
        time.sleep(0.5)
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    acknowledged = set().union(*(client.acknowledged for client in clients))
    stored = Counter(one["messageId"] for one in events(folder))
    assert len(acknowledged) > 500 and acknowledged <= stored.keys()
    shop = Shop.__new__(Shop)
    shop.project, shop.runs = Project(folder), 0
    shop.lake, shop.log = Lake(shop.project), open_log(shop.project.state / LOG)
    shop.take_in()
    shop.take_in()
    found = shop.ids()
    assert found.keys() == stored.keys() and set(found.values()) == {1}
    _is_on_profiles_once(shop.project, clients, set(stored))


def _is_on_profiles_once(project: Project, clients: list[Client], stored: set[str]) -> None:
    """What the live process wrote, killed as often, is every event once, and byte for byte what it writes again."""
    settings = load_config(project).settings
    with Follower(project, settings) as follower:
        follower.catch_up()
        assert follower.applier.state.steps > KILLS // 4
        written = {table: list(follower.store.items(table)) for table in TABLES}
    shelf = LiveShelf(project, normaliser(project))
    profiles = shelf.profiles()
    assert profiles is not None
    for client in clients:
        customer = profiles.find("cookie_id", f"a{client.name}")
        mine = sum(one.startswith(f"{client.name}-") for one in stored)
        assert customer and len(profiles.rows(customer)) == mine
    shelf.close()
    with Follower(project, settings, again=True) as follower:
        assert {table: list(follower.store.items(table)) for table in TABLES} == written


def _until_ready(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the collector does not come back")


def _until_followed(project: Project) -> None:
    """Wait for another step of the live process."""
    before = _steps(project)
    for _ in range(300):
        if _steps(project) > before:
            return
        time.sleep(0.1)
    raise AssertionError("the live process does not come back")


def _steps(project: Project) -> int:
    name = generations.current(project)
    if name is None:
        return 0
    with generations.open_generation(project, LiveSettings(), name) as store:
        found = store.get("meta", STATE)
        return msgspec.msgpack.decode(found, type=State).steps if found else 0


def _family(pid: int) -> list[int]:
    """A process with its children and theirs, the youngest first."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [*(one for child in children for one in _family(int(child))), pid]
    return [pid]
