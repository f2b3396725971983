"""Every route, with the scope it wants and what it does.

In: a `Call` and the worker's `Live`. Out: an `Answer`. `ENDPOINTS` is the whole list: the service knows no other route,
the OpenAPI document is written from it, and a test asks each of them with every kind of key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from floorwalker.app.http import deciding, identity, live_profiles, what_if
from floorwalker.app.http.answers import Answer, Call, Problem, as_json
from floorwalker.app.http.live import Live
from floorwalker.app.http.public import as_public, check_public
from floorwalker.app.what_if import WhatIf
from floorwalker.decisions.once import parse_identifier
from floorwalker.decisions.request import Decision, Request
from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.identity.explain import Graph, Pair, Why, WhyNot
from floorwalker.profiles.live.reading import LiveProfile

BODY_LIMIT = 64 * 1024
"""Bytes of a request's body; longer ones are refused with 413."""

KINDS = ("account_id", "cookie_id", "customer_ref", "device_id", "email", "lookup_key", "loyalty_id", "phone")
"""Kinds of identifiers a request may name."""

OPEN = "open"
"""The scope of routes that answer anybody: they say that the process lives, and nothing else."""


class Endpoint(NamedTuple):
    """A route. `path` may have parameters (`router`); `allows_browser`: a page of another origin may call it; `query`:
    what may stand behind the question mark; `slow`: it asks the published tables, beside the event loop; `long`: it
    waits for a process of its own; `stream`: it answers with messages as they come, over server-sent events or a
    WebSocket."""

    method: str
    path: str
    scope: str
    handle: Callable[[Live, Call], Any]
    about: str
    asks: type | None = None
    answers: type | None = None
    allows_browser: bool = False
    query: type[msgspec.Struct] | None = None
    slow: bool = False
    long: bool = False
    stream: bool = False
    status: int = 200


_request = msgspec.json.Decoder(Request)


def decide(live: Live, call: Call) -> Answer:
    """`POST /v1/decide`"""
    try:
        request = _request.decode(call.body)
    except msgspec.ValidationError as error:
        text = str(error)
        raise Problem(400, "invalid_request", "the request is not as it should be", text, _hint(text)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "not_json", "the body is not JSON", str(error), 'send {"surface": "home"}') from error
    key = call.key
    for kind in request.identifiers:
        if kind not in KINDS:
            raise Problem(400, "unknown_kind", "a kind of identifier is not known", fix=did_you_mean(kind, KINDS))
    if key.is_public:
        check_public(request)
    if key.market and request.market not in (None, key.market):
        raise Problem(403, "other_market", "this key works for another market", f"it is a key of {key.market}")
    try:
        decision = live.decide(request, key.market).decision
    except ConfigError as error:
        raise Problem(400, "unknown_surface", error.what, error.why, error.fix) from error
    return Answer(200, as_json(as_public(decision) if key.is_public else decision))


def profile(live: Live, call: Call) -> Answer:
    """`GET /v1/profiles/{id}`"""
    kind, value = parse_identifier(call.parameters["id"])
    if kind != "customer_id" and kind not in KINDS:
        raise Problem(400, "unknown_kind", "a kind of identifier is not known", fix=did_you_mean(kind, KINDS))
    bundle = live.bundle()
    customer_id = bundle.resolve(kind, value)
    found = bundle.profile(customer_id) if customer_id else None
    if found is None or (call.key.market and found.get("market") != call.key.market):
        # Somebody of another market is nobody here: the answer does not tell that they exist.
        raise Problem(
            404,
            "not_found",
            "no such customer",
            "the identifier is unknown, or several customers share it",
            "ask by customer_id, or by email:…, phone:…, loyalty_id:…",
        )
    return Answer(200, as_json(found))


def health(live: Live, call: Call) -> Answer:
    """`GET /health`: the process answers."""
    return Answer(200, b'{"status":"ok"}')


def ready(live: Live, call: Call) -> Answer:
    """`GET /ready`: there is something to serve; else the service's 503."""
    live.bundle()
    return Answer(200, b'{"status":"ready"}')


def metrics(live: Live, call: Call) -> Answer:
    """`GET /metrics`"""
    return Answer(200, live.metrics(), b"text/plain; version=0.0.4; charset=utf-8")


def openapi(live: Live, call: Call) -> Answer:
    """`GET /openapi.json`"""
    from floorwalker.app.http.openapi import document

    return Answer(200, as_json(document(ENDPOINTS)))


def _hint(text: str) -> str:
    """A cure for a misspelt field."""
    if "unknown field `" not in text:
        return "see /openapi.json"
    return did_you_mean(text.split("unknown field `", 1)[1].split("`", 1)[0], Request.__struct_fields__)


ENDPOINTS = (
    Endpoint("POST", "/v1/decide", "decide", decide, "Which products this visitor sees here", Request, Decision, True),
    Endpoint("GET", "/v1/profiles/{id}", "read", profile, "One customer's profile", None, dict),
    Endpoint(
        "GET", "/v1/identity/{customer}", "read", identity.graph, "A customer's identity graph", None, Graph,
        query=identity.AskedGraph, slow=True,
    ),
    Endpoint(
        "GET", "/v1/identity/{customer}/why", "read", identity.why, "Why a customer's records are one person", None,
        Why, query=identity.Asked, slow=True,
    ),
    Endpoint(
        "GET", "/v1/identity/{customer}/why-not/{other}", "read", identity.why_not, "Why two are not one person", None,
        WhyNot, query=identity.AskedPlain, slow=True,
    ),
    Endpoint(
        "GET", "/v1/identity/pair", "read", identity.pair, "Two records side by side, and the model's waterfall", None,
        Pair, query=identity.AskedPair, slow=True,
    ),
    Endpoint(
        "GET", "/v1/identity/review", "read", identity.review, "Questions that a person should answer", None,
        identity.Queue, query=identity.AskedQueue, slow=True,
    ),
    Endpoint(
        "GET", "/v1/identity/review/{question}", "read", identity.one_question, "One question, to be answered", None,
        identity.Asking, query=identity.AskedPlain, slow=True,
    ),
    Endpoint(
        "GET", "/v1/identity/metrics", "read", identity.figures, "Figures of identity, run by run", None,
        identity.Figures, query=identity.AskedFigures, slow=True,
    ),
    Endpoint(
        "POST", "/v1/identity/decisions", "admin", deciding.post_decision, "Decide that two are one person, or two",
        deciding.Decide, deciding.Accepted, slow=True, status=202,
    ),
    Endpoint(
        "POST", "/v1/identity/unmerge", "admin", deciding.post_unmerge, "Take a customer apart", deciding.Unmerge,
        deciding.Accepted, slow=True, status=202,
    ),
    Endpoint(
        "POST", "/v1/identity/undo", "admin", deciding.post_undo, "Take a decision back", deciding.Undo,
        deciding.Accepted, slow=True, status=202,
    ),
    Endpoint(
        "POST", "/v1/identity/what-if", "admin", what_if.post_what_if, "What other settings of identity would do",
        what_if.AskedWhatIf, WhatIf, long=True,
    ),
    Endpoint(
        "GET", "/v1/live/{id}", "read", live_profiles.live_profile, "What a customer is doing now, and their features",
        None, LiveProfile, query=live_profiles.AskedLive, slow=True,
    ),
    Endpoint(
        "GET", "/v1/changes", "read", live_profiles.changes, "Whose profiles change, as they change", None,
        live_profiles.Message, query=live_profiles.AskedChanges, stream=True,
    ),
    Endpoint("GET", "/health", OPEN, health, "Whether the process answers"),
    Endpoint("GET", "/ready", OPEN, ready, "Whether there is a bundle to serve"),
    Endpoint("GET", "/metrics", "read", metrics, "Figures for Prometheus"),
    Endpoint("GET", "/openapi.json", "read", openapi, "This interface"),
)  # fmt: skip
