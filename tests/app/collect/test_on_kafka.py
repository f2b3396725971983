"""A project whose log is on Kafka: collected, followed, brought into the lake, and a person taken out of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app.collect.collecting import Collecting, collecting, events, frames, make_project
from tests.app.driving import call, rows, run
from tests.engines.event_log.sealed import everything_readable
from tests.kafka_broker import OPTIONS, Broker, broker

from floorwalker.app.collect.erasing import CollectedHandler
from floorwalker.app.collect.log import project_log
from floorwalker.engines.event_log import LOG
from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError
from floorwalker.governance.subject import Identifier, Subject

ANN = Subject((), (), (Identifier("email", "ann@example.com"), Identifier("account_id", "u-ann")))
SEEN = "SELECT message_id FROM bronze.collected_events ORDER BY 1"


def on_kafka(folder: Path, hosts: str) -> Path:
    """A project that says where its log is."""
    make_project(folder)
    with (folder / "floorwalker.toml").open("a") as file:
        url = f"kafka://{hosts}/{folder.parent.name}?{OPTIONS}"
        file.write(f'\n[collect.log]\nurl = "{url}"\npatience_seconds = 2\n')
    return folder


def event(name: str, who: str, **more: Any) -> dict[str, Any]:
    return {"event": "Product Viewed", "userId": who, "messageId": name, "properties": {"product_id": name}, **more}


def shown(folder: Path, who: str) -> dict[str, Any] | None:
    """The live profile."""
    told = call(folder, "live", "show", who)
    return msgspec.json.decode(told.out) if told.code == 0 else None


def until_viewed(folder: Path, who: str, product: str) -> None:
    until = time.monotonic() + 60
    while product not in ((shown(folder, who) or {}).get("context") or {}).get("viewed", ()):
        assert time.monotonic() < until, f"{who} was not seen looking at {product}"
        time.sleep(0.2)


@pytest.fixture
def one_broker(tmp_path: Path):
    with broker(tmp_path) as one:
        yield one


def send(collector: Collecting) -> None:
    traits = {"email": "ann@example.com"}
    assert collector.post("/v1/identify", {"userId": "u-ann", "traits": traits, "messageId": "m0"}).status_code == 200
    mixed = {"batch": [event("m1", "u-ann") | {"type": "track"}, event("m2", "u-bob") | {"type": "track"}]}
    assert collector.post("/v1/batch", mixed).status_code == 200
    assert collector.post("/v1/track", event("m3", "u-bob")).status_code == 200
    assert collector.post("/v1/track", {"userId": "u-bob", "messageId": "m4"}).json()["quarantined"]


@pytest.mark.slow
def test_a_person_is_collected_found_erased_and_stays_away(one_broker: Broker, tmp_path: Path) -> None:
    folder = on_kafka(tmp_path / "shop", one_broker.hosts)
    with collecting(folder, "--live") as collector:
        send(collector)
        until_viewed(folder, "account_id:u-ann", "m1")
        until_viewed(folder, "account_id:u-bob", "m3")
        told = call(folder, "tail", "-n", "9", "--json").out
        assert "m3" in told
        run(folder)
        assert rows(folder, SEEN) == [("m0",), ("m1",), ("m2",), ("m3",)]
        assert {one.kind for one in CollectedHandler().search(Project(folder), ANN)} >= {"email", "account_id"}
        before = everything_readable(folder, one_broker.hosts)
        assert any(b"ann@example.com" in frame for frame in before)

        done = call(folder, "erase", "--customer", "ann@example.com", "--yes", "--json").json
        assert done["proven"] is True and done["found"] == []
        # She comes again, and is kept out; others go on.
        assert collector.post("/v1/track", event("m5", "u-ann")).status_code == 200
        assert collector.post("/v1/track", event("m6", "u-bob")).status_code == 200
        until_viewed(folder, "account_id:u-bob", "m6")
        assert shown(folder, "account_id:u-ann") is None
    assert {one["messageId"] for one in events(folder)} == {"m2", "m3", "m5", "m6"}
    # What the brokers have is what it was, and nobody can read it.
    assert not any(
        b"ann@example.com" in frame or b'"m1"' in frame for frame in everything_readable(folder, one_broker.hosts)
    )

    call(folder, "events", "replay", "--since", "2020-01-01")
    run(folder)
    assert rows(folder, SEEN) == [("m2",), ("m3",), ("m6",)]
    assert call(folder, "customers", "search", "ann@example.com", "--json").json == []
    assert call(folder, "live", "--once").code == 0
    assert shown(folder, "account_id:u-ann") is None
    assert shown(folder, "account_id:u-bob")


def test_while_the_brokers_do_not_answer_senders_are_asked_to_come_again(one_broker: Broker, tmp_path: Path) -> None:
    folder = on_kafka(tmp_path / "shop", one_broker.hosts)
    with collecting(folder) as collector:
        assert collector.post("/v1/track", event("m1", "u1")).status_code == 200
        one_broker.pause()
        try:
            answer = collector.post("/v1/track", event("m2", "u1"))
            assert (answer.status_code, collector.client.get("/ready").status_code) == (503, 503)
        finally:
            one_broker.go_on()
        until = time.monotonic() + 30
        while collector.post("/v1/track", event("m2", "u1")).status_code != 200:
            assert time.monotonic() < until
        assert collector.client.get("/ready").status_code == 200
    names = [one["messageId"] for one in events(folder)]
    assert names[0] == "m1" and set(names) == {"m1", "m2"}
    assert len(frames(folder)) == len(names)


def test_a_log_that_lies_elsewhere_is_not_read_by_offsets_of_this_one(one_broker: Broker, tmp_path: Path) -> None:
    folder = on_kafka(tmp_path / "shop", one_broker.hosts)
    project = Project(folder)
    project_log(project, partitions=1).close()
    assert (project.state / LOG / "keys.db").exists()
    found = msgspec.json.decode(call(folder, "doctor", "--json").out)
    told = sorted(one["says"] for one in found if one["check"] == "log" and one["status"] == "ok")
    assert told == ["1 partitions, 0.0 MB, readable to the end", f"kafka://{one_broker.hosts} answers"]
    config = (folder / "floorwalker.toml").read_text()
    (folder / "floorwalker.toml").write_text(config.replace("/shop?", "/other?").replace(tmp_path.name, "other"))
    with pytest.raises(ConfigError, match="another topic"):
        project_log(project)
    (folder / "floorwalker.toml").write_text(config.partition("\n[collect.log]")[0])
    with pytest.raises(ConfigError, match="in a topic of Kafka"):
        project_log(project)
