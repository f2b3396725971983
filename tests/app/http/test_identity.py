"""The routes of identity: what each answers, to whom, and what nobody is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.app.http.shop_service import NOW, app_of, identity_of
from tests.app.http.test_service import Service
from tests.decisions.shop import c

from floorwalker.app.http import identity, routes
from floorwalker.app.http import service as serving
from floorwalker.governance.audit import entries
from floorwalker.governance.keys import create_key, load_keys
from floorwalker.identity.decisions import load

NEAR = ("bob-till", "bob-web", "eve-till", "eve-web")
"""Records of others that a model finds like Ann's."""


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
    records = {node["record_id"]: node.get("outside", False) for node in found["nodes"] if node["type"] == "record"}
    assert records == {"ann-till": False, "ann-web": False, **dict.fromkeys(NEAR, True)}
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
    slow = service.app.router.find("GET", "/v1/identity/metrics")[0]
    assert slow is not None
    waiting = slow._replace(handle=lambda live, call: (held.wait(20), identity.figures(live, call))[1])
    monkeypatch.setitem(service.app.router._exact, ("GET", "/v1/identity/metrics"), waiting)
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


@pytest.fixture
def own(tmp_path: Any) -> Iterator[Service]:
    """A service of its own, to decide in; with an admin key of France."""
    app, keys = app_of(tmp_path)
    token = create_key(app.live.database, "paris", "admin", market="FR", now=NOW)
    app.live.door._keys = load_keys(app.live.database)
    yield Service(app, {**keys, "paris": {"authorization": f"Bearer {token}"}})
    app.live.close()


def post(service: Service, path: str, body: dict[str, Any], key: str = "admin") -> Any:
    return service.ask("POST", f"/v1/identity/{path}", key, json=body)


def test_an_answer_is_a_decision_and_the_question_is_closed(own: Service) -> None:
    asked = get(own, "review")["questions"][0]
    answer = post(own, "decisions", {"kind": "cut", "a": asked["record_a"], "b": asked["record_b"], "note": "two"})
    assert answer.status_code == 202
    (decided,) = answer.json()["decisions"]
    assert (decided["kind"], decided["records"], decided["customers"]) == ("cut", [1, 1], [c("ann"), c("bob")])
    assert answer.json()["takes_effect"] == "with the next run"
    assert asked["review_id"] not in {one["review_id"] for one in get(own, "review")["questions"]}
    (kept,) = load(own.app.live.database)
    assert (kept.decision_id, kept.note) == (decided["decision_id"], "two")
    assert kept.actor.startswith("admin (key ")
    entry = entries(own.app.live.database)[0]
    assert (entry.action, entry.actor) == ("identity.cut", kept.actor)
    undone = post(own, "undo", {"decision": kept.decision_id})
    assert undone.status_code == 202 and undone.json()["decisions"][0]["kind"] == "undo"
    assert asked["review_id"] in {one["review_id"] for one in get(own, "review")["questions"]}


def test_customers_identifiers_and_lists_of_records_may_be_decided_about(own: Service) -> None:
    linked = post(own, "decisions", {"kind": "link", "a": c("gus"), "b": "email:hal@example.com"}).json()
    assert linked["decisions"][0]["records"] == [2, 2]
    listed = post(own, "decisions", {"kind": "cut", "a": ["ida-till", "ida-web"], "b": ["jon-till"]}).json()
    assert listed["decisions"][0]["records"] == [2, 1]


def test_a_customer_is_taken_apart(own: Service) -> None:
    tried = post(own, "unmerge", {"customer": c("ann"), "dry_run": True})
    assert tried.status_code == 200
    assert [part["records"] for part in tried.json()["parts"]] == [["ann-till"], ["ann-web"]]
    assert load(own.app.live.database) == []
    done = post(own, "unmerge", {"customer": c("ann"), "records": ["ann-web"]})
    assert done.status_code == 202 and done.json()["decisions"][0]["records"] == [1, 1]
    assert [one.kind for one in load(own.app.live.database)] == ["cut"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("decisions", {}, 400, "invalid_request"),
        ("decisions", {"kind": "merge", "a": "x", "b": "y"}, 400, "invalid_request"),
        ("decisions", {"kind": "link", "a": c("ann"), "b": "nobody"}, 404, "not_found"),
        ("decisions", {"kind": "link", "a": c("ann"), "b": c("ann")}, 400, "nothing_to_decide"),
        ("decisions", {"kind": "cut", "a": ["ann-till", c("bob")], "b": "bob-web"}, 400, "invalid_request"),
        ("decisions", {"kind": "cut", "a": "", "b": "bob-web"}, 400, "invalid_request"),
        ("decisions", {"kind": "cut", "a": [], "b": "bob-web"}, 400, "invalid_request"),
        ("decisions", {"kind": "cut", "a": "ann-web", "b": "bob-web", "note": "x" * 501}, 400, "invalid_request"),
        ("unmerge", {"customer": c("ann"), "parts": 9}, 400, "nothing_to_decide"),
        ("unmerge", {"customer": c("ann"), "records": ["bob-web"]}, 404, "not_found"),
        ("undo", {"decision": "d123"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_decided_is_said(
    service: Service, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = post(service, path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_only_admins_decide_and_of_their_market(own: Service) -> None:
    body = {"kind": "cut", "a": "ann-web", "b": "bob-web"}
    assert post(own, "decisions", body, "server").status_code == 403
    assert post(own, "decisions", body, "browser").status_code == 403
    assert post(own, "decisions", body, "paris").status_code == 404
    assert post(own, "decisions", {"kind": "cut", "a": "eve-web", "b": "ann-web"}, "paris").status_code == 404
    assert post(own, "unmerge", {"customer": c("ann")}, "paris").status_code == 404
    made = post(own, "decisions", body).json()["decisions"][0]["decision_id"]
    assert post(own, "undo", {"decision": made}, "paris").status_code == 404
    assert post(own, "decisions", {"kind": "cut", "a": "eve-web", "b": "eve-till"}, "paris").status_code == 202


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
    assert {one.path for one in routes.ENDPOINTS if one.slow or one.long} == {
        path for path in paths if "/identity/" in path or path == "/v1/live/{id}"
    }
