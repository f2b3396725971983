"""A person goes out of the log and out of what waits, and stays out when it is read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.collect.test_exporting import Shop, page

from floorwalker.app.collect.erasing import CollectedHandler
from floorwalker.engines.event_log import LOG
from floorwalker.governance.subject import Identifier, Subject

ANN = Subject((), (), (Identifier("email", "ann@example.com"), Identifier("account_id", "4711")))


@pytest.fixture(params=["in files", "on Kafka"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop", on_kafka=request.param == "on Kafka")
    made.came(
        page("m1", userId="4711"),
        page("m2", context={"traits": {"email": "ANN@example.com"}}),
        page("m3", properties={"note": "write to \u0061nn@example.com"}),
        page("m4", userId="47110"),
        {"type": "page", "messageId": "m5"},
        page("m6", anonymousId="b", properties={"order_id": "4711"}),
    )
    made.came(page("m7", userId="u7"), partition=1)
    yield made
    made.log.close()


def left(shop: Shop) -> set[str]:
    shop.take_in()
    return {*shop.ids()}


def test_their_events_go_and_nobody_elses(shop: Shop) -> None:
    handler = CollectedHandler()
    assert {one.kind for one in handler.search(shop.project, ANN)} >= {"email", "account_id"}
    assert handler.erase(shop.project, ANN).removed == 3
    assert handler.search(shop.project, ANN) == []
    assert handler.erase(shop.project, ANN).removed == 0
    for path in (shop.project.state / LOG).rglob("*.db*"):
        assert b"nn@example.com" not in path.read_bytes().lower()
    assert left(shop) == {"m4", "m6", "m7"}


def test_what_waits_to_be_read_is_made_again_without_them(shop: Shop) -> None:
    shop.export()
    handler = CollectedHandler()
    assert any("parquet" in one.place for one in handler.search(shop.project, ANN))
    handler.erase(shop.project, ANN)
    assert handler.search(shop.project, ANN) == []
    assert left(shop) == {"m4", "m6", "m7"}
    assert shop.ids() == Counter(["m4", "m6", "m7"])


def test_what_a_request_said_of_all_its_events_takes_all_along(shop: Shop) -> None:
    from floorwalker.events.frames import Head, Subjects
    from floorwalker.events.wire.framing import frame_of
    from floorwalker.events.wire.segment import read

    context = b'{"traits":{"email":"ann@example.com"}}'
    body = b'{"batch":[{"type":"page","anonymousId":"c","messageId":"m8"}],"context":' + context + b"}"
    with shop.log.writer(0) as writer:
        writer.append([frame_of(read(body), Head(1, "web"), Subjects(b"key")).frame])
    handler = CollectedHandler()
    assert handler.erase(shop.project, ANN).removed == 4
    assert handler.search(shop.project, ANN) == [] and "m8" not in left(shop)
