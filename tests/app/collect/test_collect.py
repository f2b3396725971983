"""The collector as clients meet it: keys, shapes, limits, what is kept and what is refused."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import signal
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.app.collect.collecting import Collecting, collecting, events, frames, make_key, make_project
from tests.app.driving import call

from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.project import Project

TRACK = {"type": "track", "event": "Product Viewed", "userId": "u1"}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    folder = make_project(tmp_path_factory.mktemp("collect") / "shop")
    (folder / "floorwalker.toml").write_text(
        (folder / "floorwalker.toml").read_text() + "\n[collect]\nrequest_mb = 1\nbody_seconds = 2.0\n"
    )
    with collecting(folder) as running:
        yield running


def last(collector: Collecting) -> dict:
    return events(collector.folder)[-1]


def test_a_key_may_come_in_every_way_that_sdks_send_it(collector: Collecting) -> None:
    key, client = collector.key, collector.client
    basic = base64.b64encode(key.encode()).decode()
    body = json.dumps(TRACK)
    ways = [
        {"headers": {"authorization": f"Basic {basic}"}, "content": body},
        {"auth": (key, ""), "content": body},
        {"headers": {"authorization": f"Bearer {key}"}, "content": body},
        {"headers": {"x-write-key": f"{key}:secret"}, "content": body},
        {"params": {"writeKey": key}, "content": body},
        {"content": json.dumps(TRACK | {"writeKey": key})},
        {"headers": {"authorization": "Bearer other"}, "content": json.dumps(TRACK | {"writeKey": key})},
    ]
    before = len(events(collector.folder))
    for way in ways:
        answer = client.post("/v1/track", **way)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert client.post("/v1/batch", json={"batch": [TRACK | {"writeKey": key}]}).status_code == 200
    assert len(events(collector.folder)) == before + len(ways) + 1


def test_a_wrong_key_is_told_and_a_key_that_may_not_collect_too(collector: Collecting) -> None:
    assert collector.client.post("/v1/track", json=TRACK).status_code == 401
    assert collector.client.post("/v1/track", json=TRACK, auth=("fw_browser_x_y", "")).status_code == 401
    reader = make_key(collector.folder, "server", "--scope", "read")
    assert eventually(lambda: collector.client.post("/v1/track", json=TRACK, auth=(reader, "")).status_code) == 403
    # Nobody learns from a public key what others sent.
    assert collector.client.get("/metrics").status_code == 401
    assert collector.client.get("/metrics", headers={"authorization": f"Bearer {collector.key}"}).status_code == 403
    read = {"authorization": f"Bearer {collector.server_key}"}
    figures = collector.client.get("/metrics", headers=read).text
    assert "floorwalker_collect_events_total" in figures and "floorwalker_collect_unread" in figures


def eventually(ask, wanted: int = 403) -> int:
    """A key made elsewhere counts within a second."""
    for _ in range(30):
        if (found := ask()) == wanted:
            return found
        time.sleep(0.1)
    return found


@pytest.mark.parametrize(
    ("path", "kind"),
    [(f"/v1/{name}", name) for name in ("identify", "track", "page", "screen", "group", "alias")]
    + [("/v1/i", "identify"), ("/v1/t/", "track"), ("/v1/p", "page"), ("/v1/s", "screen"), ("/v1/g", "group")]
    + [("/v1/a", "alias"), ("/api/s/track", "track"), ("/api/s/s2s/identify", "identify")],
)
def test_every_route_of_single_events(collector: Collecting, path: str, kind: str) -> None:
    event = {"event": "x", "userId": "u1", "groupId": "g", "previousId": "p", "messageId": f"m {path}"}
    assert collector.post(path, event).json() == {"success": True}
    frame = frames(collector.folder)[-1]
    assert (frame.head.type, json.loads(frame.events[0])) == (kind, event)


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch", "/api/s/batch"])
def test_every_route_of_batches(collector: Collecting, path: str) -> None:
    context = {"ip": "0.0.0.0", "page": {"url": "https://shop.example"}}
    body = {"batch": [TRACK, TRACK | {"type": "page"}], "sentAt": "2026-01-01T00:00:00Z", "context": context}
    assert collector.post(path, body).json() == {"success": True}
    frame = frames(collector.folder)[-1]
    assert [json.loads(event)["type"] for event in frame.events] == ["track", "page"]
    assert (frame.head.sent_at, json.loads(frame.head.context)) == ("2026-01-01T00:00:00Z", context)
    assert frame.head.source == "browser-source" and frame.head.assigned.keys() == {0, 1}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bytes], ids=["gzip", "deflate", "plain"])
def test_what_the_headers_claim_does_not_matter(collector: Collecting, content_type: str, pack) -> None:
    headers = {"content-type": content_type} if content_type else {}
    body = pack(json.dumps({"batch": [TRACK | {"event": content_type + pack.__name__}]}).encode())
    answer = collector.client.post("/v1/batch", content=body, headers=headers, auth=(collector.key, ""))
    assert answer.status_code == 200 and last(collector)["event"] == content_type + pack.__name__


def test_chunked_bodies_are_read(collector: Collecting) -> None:
    parts = iter([b'{"event":"chunked",', b'"userId":', b'"u1"}'])
    assert collector.client.post("/v1/track", content=parts, auth=(collector.key, "")).status_code == 200
    assert last(collector)["event"] == "chunked"


def test_a_poisoned_event_is_put_aside_and_its_neighbours_are_stored(collector: Collecting) -> None:
    batch = [TRACK | {"messageId": f"p{n}"} for n in range(2499)]
    batch.insert(1234, {"type": "track", "userId": "u1", "messageId": "bad"})
    answer = collector.post("/v1/batch", {"batch": batch})
    assert answer.json() == {
        "success": True,
        "quarantined": [{"index": 1234, "messageId": "bad", "reason": "a track event has no name"}],
    }
    frame = frames(collector.folder)[-1]
    assert len(frame.events) == 2500 and frame.head.refused == {1234: "a track event has no name"}


def test_a_body_with_a_broken_event_keeps_the_others(collector: Collecting) -> None:
    good = json.dumps(TRACK).encode()
    body = b'{"batch":[' + good + b',{"type":"track","event":"x","userId":"\\ud800"},' + good + b"]}"
    answer = collector.client.post("/v1/batch", content=body, auth=(collector.key, ""))
    assert [one["index"] for one in answer.json()["quarantined"]] == [1]


@pytest.mark.parametrize(
    "body", [b"", b"nothing", b"[]", b'{"batch":', b"\x1f\x8bnothing", gzip.compress(b"{}", mtime=0)[:-6]]
)
def test_what_is_no_request_is_refused_for_good(collector: Collecting, body: bytes) -> None:
    answer = collector.client.post("/v1/batch", content=body, auth=(collector.key, ""))
    assert answer.status_code == 400 and set(answer.json()["error"]) == {"code", "what", "why", "fix"}


def test_too_much_is_refused_without_being_read(collector: Collecting) -> None:
    bomb = gzip.compress(b'{"batch":[' + b" " * 40_000_000 + b"]}")
    assert len(bomb) < 100_000
    assert collector.client.post("/v1/batch", content=bomb, auth=(collector.key, "")).status_code == 413
    answer = collector.client.post("/v1/batch", content=b" " * (1 << 20) + b" ", auth=(collector.key, ""))
    assert answer.status_code == 413


def test_a_client_that_stalls_is_cut_off_and_harms_nobody(collector: Collecting) -> None:
    host, port = collector.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        assert collector.post("/v1/track", TRACK).status_code == 200
        slow.settimeout(10)
        assert b" 408 " in slow.recv(1000)


def test_browsers_may_send_from_any_page(collector: Collecting) -> None:
    page = {"origin": "https://shop.example"}
    asked = collector.client.options("/v1/t", headers=page | {"access-control-request-method": "POST"})
    assert asked.status_code == 204 and asked.headers["access-control-allow-origin"] == "https://shop.example"
    allowed = asked.headers["access-control-allow-headers"]
    assert all(name in allowed for name in ("authorization", "content-type", "x-retry-count", "x-write-key"))
    sent = collector.post("/v1/t", TRACK, headers=page | {"sec-gpc": "1", "user-agent": "Mozilla/5.0"})
    assert sent.headers["access-control-allow-origin"] == "https://shop.example"
    head = frames(collector.folder)[-1].head
    assert (head.gpc, head.agent, head.ip) == (True, "Mozilla/5.0", "")
    refused = collector.client.post("/v1/t", json=TRACK, headers=page)
    assert refused.status_code == 401 and "access-control-allow-origin" in refused.headers


def test_pixels_webhooks_and_the_settings_of_the_browser_sdk(collector: Collecting) -> None:
    image = collector.client.get(
        "/pixel/v1/track",
        params={"writeKey": collector.key, "event": "Email Opened", "anonymousId": "a", "properties.campaign_id": "c"},
    )
    assert image.headers["content-type"] == "image/gif" and image.content[:3] == b"GIF"
    assert last(collector) == {"event": "Email Opened", "anonymousId": "a", "properties": {"campaign_id": "c"}}
    hooked = collector.client.post("/v1/webhook", params={"writeKey": collector.key}, json=[{"order": 7}, TRACK])
    assert hooked.status_code == 200
    assert [one.get("event") for one in events(collector.folder)[-2:]] == ["Webhook Received", "Product Viewed"]
    settings = collector.client.get(f"/v1/projects/{collector.key}/settings").json()
    assert settings["integrations"]["Segment.io"]["apiKey"] == collector.key
    assert collector.client.get("/v1/projects/wrong/settings").status_code == 404
    assert collector.post("/v1/m", {"series": []}).status_code == 200


def test_paths_and_methods_that_are_not_there(collector: Collecting) -> None:
    assert collector.client.get("/v1/track").status_code == 405
    assert collector.client.post("/v1/nothing", json={}).status_code == 404
    assert collector.client.get("/health").json() == {"status": "ok"}
    assert collector.client.get("/ready").json() == {"status": "ready"}


def test_tail_shows_what_came_masked(collector: Collecting) -> None:
    collector.post("/v1/batch", {"batch": [
        {"type": "identify", "userId": "customer-4711", "traits": {"email": "ann@example.com"}},
        {"type": "track", "userId": "customer-4711"},
    ]})  # fmt: skip
    shown = call(collector.folder, "tail", "-n", "2")
    assert "identify" in shown.out and "4711" not in shown.out and "a track event has no name" in shown.out
    lines = call(collector.folder, "tail", "-n", "5", "--refused", "--clear", "--json").out.splitlines()
    assert lines and all(json.loads(line)["refused"] for line in lines)
    assert json.loads(lines[-1])["who"] == "user_id customer-4711"


def test_the_tracking_plan_drops_strips_and_puts_aside_before_anything_is_stored(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "tracking.toml").write_text(
        'unknown_events = "quarantine"\n'
        '[events."Coupon Denied"]\naction = "drop"\n'
        '[events."Product Viewed"]\ndrop = ["image_url"]\n'
    )
    with collecting(folder) as collector:
        answer = collector.post("/v1/batch", {"batch": [
            {"type": "track", "event": "Coupon Denied", "userId": "u", "properties": {"coupon_id": "secret"}},
            TRACK | {"properties": {"product_id": "p1", "image_url": "https://secret.example"}},
            {"type": "track", "event": "Made Up", "userId": "u"},
            {"type": "track", "event": "Stock Changed", "properties": {"product_id": "p1", "quantity": 3}},
        ]}).json()  # fmt: skip
        assert [one["index"] for one in answer["quarantined"]] == [2]
        assert [one.get("properties") for one in events(folder)] == [
            {"product_id": "p1"}, {"product_id": "p1", "quantity": 3},
        ]  # fmt: skip
        assert b"secret" not in b"".join(event for frame in frames(folder) for event in frame.events)
        assert collector.post("/v1/track", {"event": "Coupon Denied", "userId": "u"}).json() == {"success": True}
        assert len(frames(folder)) == 1


def test_several_workers_share_a_port_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    with collecting(folder, "--workers", "2") as collector:
        children = Path(f"/proc/{collector.process.pid}/task/{collector.process.pid}/children").read_text().split()
        sent = 0

        def send(count: int) -> None:
            nonlocal sent
            for _ in range(count):
                with httpx.Client(base_url=collector.url, auth=(collector.key, "")) as client:
                    for _ in range(100):
                        with contextlib.suppress(httpx.HTTPError):
                            event = TRACK | {"messageId": f"w{sent}"}
                            if client.post("/v1/track", json=event).status_code == 200:
                                break
                        time.sleep(0.1)
                    else:
                        raise AssertionError("nobody answers")
                sent += 1

        send(40)
        os.kill(int(children[0]), signal.SIGKILL)
        send(40)
        found = [one["messageId"] for one in events(folder)]
        assert {*found} == {f"w{n}" for n in range(80)}
        # Both write, each into a partition of its own.
        log = open_log(Project(folder).state / LOG)
        assert all(end > 0 for end in log.ends().values()) and len(log.ends()) == 2
        log.close()
