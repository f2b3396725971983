"""The routes: who may ask what, what each answers, and that no input makes a 500."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.http.shop_service import CALLS, NOW, app_of
from tests.decisions.shop import PEOPLE, c

from floorwalker.app.http.routes import BODY_LIMIT, ENDPOINTS, OPEN
from floorwalker.app.http.service import App, serve
from floorwalker.decisions.ledger import Ledger, find_record
from floorwalker.decisions.request import Request
from floorwalker.engines.project import Project
from floorwalker.errors import PermissionDenied
from floorwalker.governance.keys import KIND_SCOPES, SCOPES, revoke_key
from floorwalker.identity.lookup_keys import LookupKeys

Headers = dict[str, str]


class Service:
    """The application, called without a network."""

    def __init__(self, app: App, keys: dict[str, Headers], client: tuple[str, int] = ("203.0.113.9", 5)) -> None:
        self.app, self.keys, self.client = app, keys, client

    def ask(self, method: str, path: str, key: str | None = "server", **more: Any) -> httpx.Response:
        """One request, as the key of this name."""
        headers = {**(self.keys[key] if key else {}), **more.pop("headers", {})}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=self.client, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(send())

    def decide(self, key: str | None = "server", **body: Any) -> httpx.Response:
        """One decision."""
        return self.ask("POST", "/v1/decide", key, json=body)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    app, keys = app_of(tmp_path_factory.mktemp("shop"))
    yield Service(app, keys)
    app.live.close()


def example(path: str) -> str:
    """A path that names people of the UK."""
    asked = {"/v1/identity/pair": f"?a={c('ann')}&b={c('bob')}"}
    question = "q" + hashlib.md5(b"ann-web|bob-web").hexdigest()[:10]
    for name, value in (("id", c("ann")), ("customer", c("ann")), ("other", c("bob")), ("question", question)):
        path = path.replace(f"{{{name}}}", value)
    return path + asked.get(path, "")


BODIES = {
    "/v1/identity/decisions": {"kind": "link", "a": c("gus"), "b": c("hal")},
    "/v1/identity/unmerge": {"customer": c("gus"), "dry_run": True},
    "/v1/identity/undo": {"decision": "dnobodyknows"},
    "/v1/identity/what-if": {"settings": {"identity.hub_nams": 5}},
}


def test_a_token_finds_whom_the_identifier_finds(service: Service) -> None:
    token = LookupKeys.load(service.app.live.project).token("email", "ann@example.com")
    by_token = service.ask("GET", f"/v1/profiles/lookup_key:{token}")
    assert by_token.json() == service.ask("GET", "/v1/profiles/email:ann%40example.com").json()
    assert by_token.json()["customer_id"] == c("ann")
    assert service.decide(surface="home", identifiers={"lookup_key": token}).json()["customer_id"] == c("ann")
    assert service.ask("GET", f"/v1/profiles/lookup_key:k9{token[2:]}").status_code == 404


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
@pytest.mark.parametrize("key", [None, *CALLS])
def test_every_route_wants_its_scope(service: Service, endpoint: Any, key: str | None) -> None:
    body = {"json": BODIES.get(endpoint.path, {})} if endpoint.method == "POST" else {}
    answer = service.ask(endpoint.method, example(endpoint.path), key, **body)
    if endpoint.scope == OPEN:
        assert endpoint.path in ("/health", "/ready"), "only these answer anybody, and with one word"
        assert answer.status_code == 200
        assert len(answer.content) < 30
        return
    assert endpoint.scope in SCOPES
    if key is None:
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "key_missing")
    else:
        kind, scopes, _ = CALLS[key]
        may = endpoint.scope in (scopes or KIND_SCOPES[kind])
        of_other_market = key == "france" and ("profiles" in endpoint.path or "identity" in endpoint.path)
        hidden = {"/v1/identity/metrics": 403, "/v1/identity/review": 200}.get(endpoint.path, 404)
        if endpoint.path in ("/v1/live/{id}", "/v1/changes"):
            # This shop collects nothing; `tests/app/live_path` has one that does.
            assert answer.status_code == (403 if not may or key == "france" else 503)
            return
        done = {"/v1/identity/unmerge": 200, "/v1/identity/undo": 404, "/v1/identity/what-if": 400}.get(
            endpoint.path, endpoint.status
        )
        assert answer.status_code == (403 if not may else hidden if of_other_market else done)


@pytest.mark.parametrize("token", ["", "fw_server_x_y", "Bearer", "\xff" * 9])
def test_a_wrong_key_is_refused(service: Service, token: str) -> None:
    answer = service.ask("GET", "/metrics", None, headers={"authorization": f"Bearer {token}".encode("latin-1")})
    assert answer.status_code == 401


def test_a_revoked_key_ends_within_a_second(tmp_path: Any) -> None:
    app, keys = app_of(tmp_path)
    service, now = Service(app, keys), [0.0]
    app.live.door._clock, app.live.door._next_look = (lambda: now[0]), 1.0
    assert service.decide("server").status_code == 200
    database = sqlite3.connect(app.live.project.database)
    revoke_key(database, keys["server"]["authorization"].split("_")[2], now=NOW)
    database.close()
    now[0] = 1.5
    assert service.decide("server").json()["error"]["code"] == "key_unknown"
    app.live.close()


@pytest.mark.parametrize("identifier", ["email:ANN@example.com", c("ann"), c("old"), "cookie_id:cookie-ann"])
def test_a_profile_is_found_by_any_identifier(service: Service, identifier: str) -> None:
    answer = service.ask("GET", f"/v1/profiles/{identifier.replace('@', '%40')}")
    assert answer.status_code == 200
    assert answer.json()["customer_id"] == c("ann")
    assert answer.json()["revenue"] == "77.5000"


@pytest.mark.parametrize("identifier", ["email:no@one.com", c("zoe"), "phone:+442079460000", "email:", "%00", "%ff"])
def test_who_is_not_known_is_404_with_a_reason(service: Service, identifier: str) -> None:
    answer = service.ask("GET", f"/v1/profiles/{identifier}")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"code", "what", "why", "fix"}


def test_a_key_of_one_market_sees_nobody_of_another(service: Service) -> None:
    assert service.ask("GET", f"/v1/profiles/{c('ann')}", "france").status_code == 404
    assert service.ask("GET", f"/v1/profiles/{c('eve')}", "france").status_code == 200
    assert service.decide("france", customer=c("ann")).json()["personalized"] is False
    assert service.decide("france", customer=c("eve")).json()["personalized"] is True
    assert service.decide("france", market="UK").status_code == 403


def test_a_server_gets_the_whole_decision_and_it_is_recorded(service: Service) -> None:
    body = service.decide(identifiers={"email": "ann@example.com"}, k=5, request_id="r-7").json()
    assert body["personalized"]
    assert body["customer_id"] == c("ann")
    assert body["trace"]["bought"] > 0
    assert any(item["reason"]["code"] == "bought" for item in body["items"])
    folder = service.app.live.project.state / "decisions"
    service.app.live.ledger.close()
    service.app.live.ledger = Ledger(folder)
    assert find_record(folder, body["decision_id"])


def test_a_browser_key_cannot_ask_by_what_others_may_know(service: Service) -> None:
    for who in ({"customer": c("ann")}, *({"identifiers": {kind: "x"}} for kind in ("email", "phone", "loyalty_id"))):
        answer = service.decide("browser", **who)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "public_key")
    both = {"cookie_id": "cookie-ann", "email": "ann@example.com"}
    assert service.decide("browser", identifiers=both).status_code == 403


@pytest.mark.parametrize("surface", ["home", "product", "cart", "associate"])
@pytest.mark.parametrize("name", PEOPLE[:5])
def test_a_browser_key_learns_nothing_of_the_person(service: Service, surface: str, name: str) -> None:
    answer = service.decide("browser", surface=surface, identifiers={"cookie_id": f"cookie-{name}"}, product_id="p03")
    body = answer.json()
    assert set(body) == {"decision_id", "surface", "items"}
    for item in body["items"]:
        assert set(item) == {"product_id", "name", "category", "brand", "price", "reason"}
        assert set(item["reason"]) == {"code", "text"}
        text = item["reason"]["text"]
        assert text in {"chosen for you", "popular now", "goes with Product 3"} or text.startswith("popular in UK")
    assert c(name) not in answer.text


def test_cors_is_for_browser_keys_on_decide_only(service: Service) -> None:
    origin = {"origin": "https://shop.example"}

    def allowed(answer: httpx.Response) -> bool:
        return answer.headers.get("access-control-allow-origin") == "*"

    preflight = service.ask("OPTIONS", "/v1/decide", None, headers=origin)
    assert preflight.status_code == 204
    assert allowed(preflight)
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert allowed(service.ask("POST", "/v1/decide", "browser", headers=origin, json={}))
    assert allowed(service.ask("POST", "/v1/decide", "browser", headers=origin, json={"customer": "c1"}))
    assert not allowed(service.ask("POST", "/v1/decide", "server", headers=origin, json={}))
    assert not allowed(service.ask("GET", f"/v1/profiles/{c('ann')}", "server", headers=origin))
    assert service.ask("OPTIONS", "/metrics", None, headers=origin).status_code == 405


def test_what_is_wrong_with_a_request_is_said(service: Service) -> None:
    cases = [
        ({"surfce": "home"}, "invalid_request", "did you mean 'surface'?"),
        ({"k": 0}, "invalid_request", ""),
        ({"surface": "hom"}, "unknown_surface", "did you mean 'home'?"),
        ({"identifiers": {"emial": "x"}}, "unknown_kind", "did you mean 'email'?"),
    ]
    for body, code, fix in cases:
        answer = service.decide(**body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == code
        assert fix in answer.json()["error"]["fix"]
    assert service.ask("POST", "/v1/decide", content=b"{").json()["error"]["code"] == "not_json"


def test_long_bodies_are_refused(service: Service) -> None:
    assert service.ask("POST", "/v1/decide", content=b" " * (BODY_LIMIT + 1)).status_code == 413

    async def drip() -> Any:
        for _ in range(BODY_LIMIT // 1000 + 2):
            yield b" " * 1000

    assert service.ask("POST", "/v1/decide", content=drip()).status_code == 413


def test_unknown_routes_and_methods(service: Service) -> None:
    assert service.ask("GET", "/v1/nothing").status_code == 404
    wrong = service.ask("GET", "/v1/decide")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert service.ask("GET", "/v1/profiles/").status_code == 404


def test_metrics_count_and_name_nobody(service: Service) -> None:
    service.decide(customer=c("ann"))
    service.ask("GET", "/v1/profiles/email:ann%40example.com")
    text = service.ask("GET", "/metrics").text
    assert 'floorwalker_decisions_total{personalized="true",surface="home"}' in text
    assert 'floorwalker_request_seconds_count{route="/v1/profiles/{id}"}' in text
    for figure in ("bundle_age_seconds", "records_waiting", "records_dropped", "errors_total"):
        assert f"floorwalker_{figure}" in text
    assert c("ann") not in text
    assert "example.com" not in text


def test_logs_name_nobody(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="floorwalker")
    service.ask("GET", "/v1/profiles/email:ann%40example.com")
    service.decide("browser", identifiers={"email": "ann@example.com"})
    assert "GET /v1/profiles/{id} 200" in caplog.text
    assert "POST /v1/decide 403" in caplog.text
    assert "ann" not in caplog.text.replace("channel", "")


def test_what_breaks_inside_is_500_and_not_quoted(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ann@example.com")

    monkeypatch.setattr(service.app.live, "decide", broken)
    answer = service.decide(customer=c("ann"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "RuntimeError at" in caplog.text
    assert "ann@example.com" not in caplog.text + answer.text


def test_the_interface_is_described_from_the_routes(service: Service) -> None:
    document = service.ask("GET", "/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"]


def test_before_the_first_run_it_lives_but_is_not_ready(tmp_path: Any) -> None:
    app, keys = app_of(tmp_path)
    (app.live.project.state / "published.json").unlink()
    service = Service(app, keys)
    assert service.ask("GET", "/health", None).status_code == 200
    assert service.ask("GET", "/ready", None).status_code == 503
    assert service.decide().json()["error"]["fix"] == "floorwalker run"
    app.live.close()


def test_an_unusable_policy_does_not_stop_the_service(tmp_path: Any) -> None:
    app, keys = app_of(tmp_path)
    service, live = Service(app, keys), app.live
    first = service.decide().json()
    live.project.policies.mkdir()
    (live.project.policies / "decision.toml").write_text("[surfaces")
    live._next_look = 0.0
    assert service.decide().json()["policy"] == first["policy"]
    assert "floorwalker_policy_errors_total 1.0" in service.ask("GET", "/metrics").text
    (live.project.policies / "decision.toml").write_text('[surfaces.home]\nk = 2\nsources = ["popular"]\n')
    live._next_look = 0.0
    assert len(service.decide().json()["items"]) == 2
    live.close()


def test_loopback_without_key_is_only_this_machine_by_its_own_name(tmp_path: Any) -> None:
    app, keys = app_of(tmp_path, loopback=True)
    here, elsewhere = Service(app, keys, ("127.0.0.1", 5)), Service(app, keys)
    assert here.ask("GET", "/metrics", None).status_code == 200
    assert elsewhere.ask("GET", "/metrics", None).status_code == 401
    for name, value in (("x-forwarded-for", "203.0.113.9"), ("host", "evil.example"), ("authorization", "Bearer no")):
        assert here.ask("GET", "/metrics", None, headers={name: value}).status_code == 401
    app.live.close()


def test_it_does_not_listen_to_others_without_keys(tmp_path: Any) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::"):
        with pytest.raises(PermissionDenied, match="without keys"):
            serve(Project(tmp_path), host)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(Request.__struct_fields__)
kinds = st.dictionaries(st.sampled_from(["email", "phone", "cookie_id", "x"]), st.text(max_size=30), max_size=3)
words = st.lists(st.text(max_size=9))


@settings(max_examples=150, deadline=None)
@given(
    body=st.dictionaries(fields, json_values | st.text(max_size=40) | kinds | words).map(json.dumps)
    | st.text()
    | st.binary(max_size=60),
    key=st.sampled_from(["server", "browser", "france"]),
)
def test_no_body_makes_a_500(service: Service, body: str | bytes, key: str) -> None:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    answer = service.ask("POST", "/v1/decide", key, content=content)
    assert answer.status_code in (200, 400, 403)
    assert ("items" in answer.json()) == (answer.status_code == 200)


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(min_size=1, max_size=40))
def test_no_path_makes_a_500(service: Service, raw: bytes) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in raw)
    assert service.ask("GET", f"/v1/profiles/{escaped}").status_code in (400, 404)
