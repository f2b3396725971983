"""Killed twenty times under load: whatever was acknowledged is in the log, and in the lake once."""

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
import pytest
from tests.app.collect.collecting import events, free_port, launch, make_key, make_project
from tests.app.collect.test_exporting import Shop

from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project

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
    process = launch(folder, port)
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            _until_ready(port)
            time.sleep(rng.random() * 0.4)
            for pid in (*_children(process.pid), process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(20)
            process = launch(folder, port)
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


def _until_ready(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the collector does not come back")


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
