"""From a shop's SDK to whoever listens: collector, live process and service, each a process of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.app.collect.collecting import Collecting, collecting, free_port, make_key, make_project
from tests.app.driving import call, start

from floorwalker.app.live_path import generations
from floorwalker.engines.project import Project


class Listening:
    """The shop's collector, and a service that listens."""

    def __init__(self, collector: Collecting, url: str, token: str) -> None:
        self.collector, self.url = collector, url
        self.headers = {"authorization": f"Bearer {token}"}

    def looks(self, cookie: str, product: str) -> None:
        event = {"event": "Product Viewed", "anonymousId": cookie, "properties": {"product_id": product}}
        assert self.collector.post("/v1/track", event).status_code == 200

    def profile(self, who: str, **more: Any) -> httpx.Response:
        return httpx.get(f"{self.url}/v1/live/{who}", headers=self.headers, timeout=20, **more)

    def until_viewed(self, who: str, product: str) -> dict[str, Any]:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = self.profile(who)
            if answer.status_code == 200 and product in answer.json()["context"]["viewed"]:
                return answer.json()
            time.sleep(0.02)
        raise AssertionError(f"{who} was not seen looking at {product}")

    @contextlib.contextmanager
    def changes(self, after: str = "") -> Iterator[Iterator[dict[str, Any]]]:
        headers = self.headers | ({"last-event-id": after} if after else {})
        with httpx.stream("GET", f"{self.url}/v1/changes", headers=headers, timeout=30) as answer:
            assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream"
            lines = answer.iter_lines()
            assert next(lines) == ": here"
            yield (json.loads(line[6:]) for line in lines if line.startswith("data: "))


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    folder = make_project(tmp_path_factory.mktemp("live") / "shop")
    with collecting(folder, "--live") as collector:
        token, port = make_key(folder, "admin"), free_port()
        process = start(folder, "serve", "--port", str(port))
        try:
            shop = Listening(collector, f"http://127.0.0.1:{port}", token)
            until = time.monotonic() + 60
            while generations.current(Project(folder)) is None:
                assert time.monotonic() < until
                time.sleep(0.1)
            with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
                assert client.get(f"{shop.url}/health").status_code == 200
            yield shop
        finally:
            process.send_signal(signal.SIGTERM)
            assert "Traceback" not in process.communicate(timeout=30)[1]


def test_what_somebody_does_is_on_their_profile_at_once(listening: Listening) -> None:
    listening.looks("k1", "p1")
    found = listening.until_viewed("cookie_id:k1", "p1")
    assert found["features"]["views_7d"] == 1 and found["context"]["session"]["is_open"]
    assert listening.profile(found["customer_id"]).json()["customer_id"] == found["customer_id"]
    assert listening.profile("cookie_id:k1", params={"features": "false"}).json()["features"] == {}
    assert listening.profile("cookie_id:nobody").status_code == 404
    assert listening.profile("shoe_size:44").json()["error"]["code"] == "unknown_kind"


def test_a_stream_tells_who_changes_and_goes_on_where_it_was_cut_off(listening: Listening) -> None:
    listening.looks("k2", "p0")
    customer = listening.until_viewed("cookie_id:k2", "p0")["customer_id"]
    with listening.changes() as messages:
        listening.looks("k2", "p1")
        message = next(messages)
        (change,) = message["changes"]
        assert change["customer_id"] == customer and change["events"] == ["Product Viewed"]
        assert not message["missed"]
    listening.looks("k2", "p2")
    listening.until_viewed("cookie_id:k2", "p2")
    with listening.changes(after=message["id"]) as messages:
        again = next(messages)
        assert [one["customer_id"] for one in again["changes"]] == [customer] and not again["missed"]
    with listening.changes(after="another~1-7") as messages:
        assert next(messages)["missed"], "of another generation: read everything anew"


def test_a_websocket_tells_the_same(listening: Listening) -> None:
    listening.looks("k3", "p0")
    customer = listening.until_viewed("cookie_id:k3", "p0")["customer_id"]
    with websocket(listening.url, listening.headers) as (status, receive):
        assert status == 101
        listening.looks("k3", "p1")
        assert [one["customer_id"] for one in receive()["changes"]] == [customer]
    with websocket(listening.url, {}) as (status, _):
        assert status != 101


def test_who_may_not_read_hears_nothing(listening: Listening) -> None:
    browser = {"authorization": f"Bearer {listening.collector.key}"}
    french = make_key(listening.collector.folder, "server", "--market", "FR")
    for path in ("/v1/changes", "/v1/live/cookie_id:k1"):
        assert httpx.get(listening.url + path).status_code == 401
        assert httpx.get(listening.url + path, headers=browser).status_code == 403
        time.sleep(1.1)
        assert httpx.get(listening.url + path, headers={"authorization": f"Bearer {french}"}).status_code == 403


def test_one_live_path_at_a_time(listening: Listening) -> None:
    refused = call(listening.collector.folder, "live")
    assert refused.code == 1 and "at work already" in refused.err
    assert "--no-live" in refused.err


@contextlib.contextmanager
def websocket(url: str, headers: dict[str, str]) -> Iterator[tuple[int, Any]]:
    """A client of the protocol: the status of the handshake, and a function that waits for a message."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /v1/changes HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{told}\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n") and (byte := connection.recv(1)):
            head += byte

        def exactly(count: int) -> bytes:
            data = b""
            while len(data) < count:
                data += connection.recv(count - len(data))
            return data

        def receive() -> Any:
            _, length = exactly(2)
            if length == 126:
                (length,) = struct.unpack(">H", exactly(2))
            return json.loads(exactly(length))

        yield int(head.split()[1]), receive


def test_consent_decides_what_a_profile_may_be_used_for(listening: Listening) -> None:
    def allows(purpose: str, status: str) -> None:
        told = {"event": "Consent Updated", "anonymousId": "k9", "properties": {"purpose": purpose, "status": status}}
        assert listening.collector.post("/v1/track", told).status_code == 200

    def until(purpose: str, allowed: bool) -> dict[str, Any]:
        over = time.monotonic() + 30
        while time.monotonic() < over:
            found = listening.profile("cookie_id:k9", params={"purpose": purpose}).json()
            if found.get("allowed") is allowed:
                return found
            time.sleep(0.02)
        raise AssertionError(found)

    listening.looks("k9", "p9")
    listening.until_viewed("cookie_id:k9", "p9")
    shut = until("personalization", False)
    assert shut["context"] is None and shut["features"] == {} and shut["customer_id"]
    allows("personalization", "granted")
    found = until("personalization", True)
    assert found["context"]["viewed"] == ["p9"] and found["features"]["views_7d"] == 1
    # Who somebody is, is for profiling: nobody has said that this may be done.
    assert found["features"]["email_known"] is None and found["features"]["gender"] is None
    allows("profiling", "denied")
    until("personalization", False)
    assert listening.profile("cookie_id:k9", params={"purpose": "fun"}).status_code == 400
