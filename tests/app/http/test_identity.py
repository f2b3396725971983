"""The routes of identity: what each answers, to whom, and what nobody is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.app.http.shop_service import app_of, identity_of
from tests.app.http.test_service import Service
from tests.decisions.shop import c

from floorwalker.app.http import identity, routes
from floorwalker.app.http import service as serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    app, keys = app_of(tmp_path_factory.mktemp("shop"))
    yield Service(app, keys)
    app.live.close()


def get(service: Service, path: str, key: str = "server") -> Any:
    answer = service.ask("GET", f"/v1/identity/{path}", key)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("who", [c("ann"), c("old"), "email:ANN%40example.com", "ann-till", "record:ann-till"])
def test_the_graph_of_a_customer_however_named(service: Service, who: str) -> None:
    found = get(service, who)
    assert found["customer_id"] == c("ann")
    assert found["aliases"] == [c("old")]
    assert {node["record_id"] for node in found["nodes"] if node["type"] == "record"} == {"ann-till", "ann-web"}
    assert found["masked"] is True


def test_why_and_why_not(service: Service) -> None:
    why = get(service, f"{c('ann')}/why")
    assert [link["rule"] for link in why["links"]] == ["email"]
    assert why["refused"][0]["others"] == 2
    apart = get(service, f"{c('ann')}/why-not/email:bob%40example.com")
    assert apart["same"] is False
    assert [one["kind"] for one in apart["obstacles"]] == ["refused", "below"]
    assert apart["obstacles"][0]["reason"] == "different first names"


def test_a_pair_by_records_and_by_customers(service: Service) -> None:
    one = get(service, f"pair?a=ann-web&b={c('ann')}")
    assert one["together"] is True
    two = get(service, f"pair?a={quote('email:ann@example.com')}&b={c('bob')}")
    assert {two["a"]["record_id"], two["b"]["record_id"]} == {"ann-web", "bob-web"}, "their most alike records"


def test_the_queue_and_a_question(service: Service) -> None:
    found = get(service, "review")["questions"]
    assert [(one["customer_a"], one["customer_b"]) for one in found] == [(c("ann"), c("bob")), (c("ann"), c("eve"))]
    asked = get(service, f"review/{found[0]['review_id']}")
    assert asked["question"] == found[0]
    assert asked["outcome"]["different"] == "they stay two customers, of 2 records and 2 records"
    assert asked["pair"]["lines"][0]["a"] == "a…@example.com"
    assert len(get(service, "review?limit=1")["questions"]) == 1
    assert get(service, "review", "france")["questions"] == [], "one of the two is not of France"
    hidden = service.ask("GET", f"/v1/identity/review/{found[1]['review_id']}", "france")
    assert hidden.status_code == 404


def test_the_figures_and_their_history(service: Service) -> None:
    found = get(service, "metrics")
    assert found["now"]["records"] == 24
    assert found["history"] == []


def test_identifiers_in_full_are_for_admins_who_ask(service: Service) -> None:
    for path in (c("ann"), f"{c('ann')}/why", f"{c('ann')}/why-not/{c('bob')}", "pair?a=ann-web&b=bob-web"):
        masked = service.ask("GET", f"/v1/identity/{path}", "admin").text
        assert "ann@" not in masked and "+442079460000" not in masked, path
        clear = f"{path}{'&' if '?' in path else '?'}clear=true"
        refused = service.ask("GET", f"/v1/identity/{clear}", "server")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_missing"), path
        shown = service.ask("GET", f"/v1/identity/{clear}", "admin").text
        assert "ann@" in shown or "+442079460000" in shown, path


def test_a_key_of_one_market_is_told_of_nobody_else(service: Service) -> None:
    for path in (c("ann"), f"{c('ann')}/why", f"{c('eve')}/why-not/{c('ann')}", f"pair?a={c('eve')}&b={c('ann')}"):
        answer = service.ask("GET", f"/v1/identity/{path}", "france")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
    own = get(service, f"{c('eve')}/why", "france")
    assert own["refused"][0]["others"] == 0, "who shares her phone is of another market"
    assert get(service, f"{c('eve')}/why")["refused"][0]["others"] == 2
    graph = get(service, c("eve"), "france")
    assert max(node.get("others", 0) for node in graph["nodes"]) == 0
    assert service.ask("GET", "/v1/identity/metrics", "france").status_code == 403


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nobody", 404, "not_found"),
        ("emial:x@y.z", 404, "not_found"),
        (f"{c('ann')}?limit=0", 400, "invalid_query"),
        (f"{c('ann')}?limit=many", 400, "invalid_query"),
        (f"{c('ann')}?lmit=3", 400, "invalid_query"),
        ("pair?a=ann-web", 400, "invalid_query"),
        ("pair?a=ann-web&b=nobody", 404, "not_found"),
        ("%00", 404, "not_found"),
        ("why/why", 404, "not_found"),
        (f"pair?{'&'.join(f'x{n}=1' for n in range(30))}", 400, "invalid_query"),
    ],
)
def test_what_is_wrong_is_said(service: Service, path: str, status: int, code: str) -> None:
    answer = service.ask("GET", f"/v1/identity/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_new_run_is_seen_within_a_second(service: Service) -> None:
    live = service.app.live
    get(service, c("ann"))
    before = live.tables._open
    get(service, c("ann"))
    assert live.tables._open is before, "one connection for all"
    identity_of(live.project)
    live.tables._next_look = 0.0
    get(service, c("ann"))
    assert live.tables._open is not before


def test_files_that_went_are_looked_for_again(service: Service) -> None:
    live = service.app.live
    get(service, c("ann"))
    before = live.tables._open
    for file in (live.project.lake / "silver" / "customer_map").glob("*.parquet"):
        file.unlink()
    identity_of(live.project)
    live.tables._next_look = live.tables._clock() + 60
    assert get(service, c("ann"))["customer_id"] == c("ann")
    assert live.tables._open is not before


def test_decisions_do_not_wait_for_questions_and_questions_are_bounded(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    import httpx

    held = threading.Event()
    slow = service.app._router.find("GET", "/v1/identity/metrics")[0]
    assert slow is not None
    waiting = slow._replace(handle=lambda live, call: (held.wait(20), identity.figures(live, call))[1])
    monkeypatch.setitem(service.app._router._exact, ("GET", "/v1/identity/metrics"), waiting)
    monkeypatch.setattr(serving, "WAITING", 2)

    async def both() -> list[int]:
        transport = httpx.ASGITransport(service.app, client=service.client)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            ask = lambda: client.get("/v1/identity/metrics", headers=service.keys["server"])  # noqa: E731
            asked = [asyncio.create_task(ask()) for _ in range(2)]
            await asyncio.sleep(0.05)
            started = time.monotonic()
            decided = await client.post("/v1/decide", json={"surface": "home"}, headers=service.keys["server"])
            assert time.monotonic() - started < 5
            third = await ask()
            held.set()
            return [decided.status_code, third.status_code, *[(await one).status_code for one in asked]]

    assert asyncio.run(both()) == [200, 503, 200, 200]


def test_before_the_first_run_there_is_nothing_to_explain(tmp_path: Any) -> None:
    app, keys = app_of(tmp_path)
    (app.live.project.state / "published.json").unlink()
    assert Service(app, keys).ask("GET", "/v1/identity/x").json()["error"]["code"] == "not_ready"
    app.live.close()


def test_queries_are_described(service: Service) -> None:
    paths = service.ask("GET", "/openapi.json").json()["paths"]
    described = {one["name"]: one for one in paths["/v1/identity/pair"]["get"]["parameters"]}
    assert described["a"]["required"] is True and described["clear"]["schema"]["type"] == "boolean"
    names = [one["name"] for one in paths["/v1/identity/{customer}/why-not/{other}"]["get"]["parameters"]]
    assert names == ["customer", "other", "clear"]
    assert {one.path for one in routes.ENDPOINTS if one.slow} == {path for path in paths if "/identity/" in path}
