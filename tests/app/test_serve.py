"""`floorwalker serve` in a process of its own: what each kind of key may ask."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from tests.app.driving import call, rows, start

from floorwalker.app.stores import handlers
from floorwalker.engines.project import Project
from floorwalker.governance.handlers import unowned_files


@contextlib.contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start(folder, "serve", "--port", str(port), *arguments)
    try:
        retries = httpx.HTTPTransport(retries=8)  # 0.5 s, 1 s, 2 s … until it listens
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=retries, timeout=20) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 0 and "Traceback" not in errors, errors


def key(folder: Path, kind: str, *more: str) -> dict[str, str]:
    made = call(folder, "keys", "create", kind, "--kind", kind, *more, "--json").json
    return {"authorization": f"Bearer {made['key']}"}


def test_what_each_key_may_ask(shop: Path) -> None:
    browser, server = key(shop, "browser"), key(shop, "server")
    ireland = key(shop, "server", "--market", "IE")
    (ann,) = rows(shop, "SELECT customer_id FROM gold.customers WHERE email = 'ann@example.com'")[0]
    with serving(shop) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get(f"/v1/profiles/{ann}").status_code == 401
        assert client.get(f"/v1/profiles/{ann}", headers=browser).status_code == 403
        found = client.get("/v1/profiles/email:ANN%40example.com", headers=server).json()
        assert found["customer_id"] == ann and float(found["revenue"]) == 60
        assert client.get(f"/v1/profiles/{ann}", headers=ireland).status_code == 404
        cora = client.get("/v1/profiles/email:cora%40example.ie", headers=ireland)
        assert cora.status_code == 200 and cora.json()["market"] == "IE"

        own = client.post("/v1/decide", json={"customer": ann, "k": 2}, headers=server).json()
        assert own["personalized"] is True and [item["product_id"] for item in own["items"]] == ["D"]
        denied = client.post("/v1/decide", json={"identifiers": {"email": "bob@example.com"}}, headers=server).json()
        assert denied["personalized"] is False
        assert client.post("/v1/decide", json={"customer": ann}, headers=browser).status_code == 403
        public = client.post("/v1/decide", json={"identifiers": {"cookie_id": "k1"}}, headers=browser)
        assert public.status_code == 200 and ann not in public.text and "customer_id" not in public.json()
        assert client.post("/v1/decide", content=b"{", headers=server).status_code == 400

        assert client.get("/metrics", headers=browser).status_code == 403
        assert "floorwalker_decisions_total" in client.get("/metrics", headers=server).text
        assert "/v1/decide" in client.get("/openapi.json", headers=server).json()["paths"]
    assert unowned_files(Project(shop), handlers()) == []


def test_a_decision_over_http_takes_effect_at_once(shop: Path) -> None:
    server, admin = key(shop, "server"), key(shop, "admin")
    with serving(shop) as client:
        before = client.get("/v1/identity/email:ann%40example.com/why", headers=server).json()
        assert [link["rule"] for link in before["links"]] == ["email"] and "ann@" not in str(before)
        shown = client.get("/v1/identity/email:ann%40example.com", params={"clear": "true"}, headers=admin)
        assert "ann@example.com" in shown.text
        body = {"kind": "link", "a": "email:ann@example.com", "b": "customer_ref:crm:2", "note": "one household card"}
        assert client.post("/v1/identity/decisions", json=body, headers=server).status_code == 403
        answer = client.post("/v1/identity/decisions", json=body, headers=admin)
        assert (answer.status_code, answer.json()["takes_effect"]) == (202, "at once")
        until = time.monotonic() + 60
        why = before
        while why["records"] == before["records"] and time.monotonic() < until:
            time.sleep(0.3)
            why = client.get("/v1/identity/email:ann%40example.com/why", headers=server).json()
        assert why["records"] > before["records"]
        assert why["links"][0]["rule"] == "person"
        assert why["links"][0]["value"] == answer.json()["decisions"][0]["decision_id"]
        profile = client.get(f"/v1/profiles/{why['customer_id']}", headers=server).json()
        assert float(profile["revenue"]) == 102, "both people's"
        found = client.get("/v1/identity/metrics", headers=server).json()
        assert len(found["history"]) == 2
    assert call(shop, "audit", "verify").code == 0


def test_an_address_that_cannot_be_listened_on(shop: Path) -> None:
    key(shop, "server")
    assert call(shop, "serve", "--port", "99999").code == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = call(shop, "serve", "--port", port)
    assert done.code == 1 and f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "cannot listen on 192.0.2.1:8181" in call(shop, "serve", "--host", "192.0.2.1", "--port", "8181").err


def test_it_does_not_listen_to_other_machines_without_a_key(shop: Path) -> None:
    done = call(shop, "serve", "--host", "0.0.0.0", "--port", "0")
    assert done.code == 1 and "without keys" in done.err
