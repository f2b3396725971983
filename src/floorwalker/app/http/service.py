"""The service: an ASGI application over the routes, and the server that runs it.

In: a project. Out: HTTP.

    serve(Project("shop"), port=8181)              granian; returns when it is stopped
    create_app(Project("shop"), beside=console)    the application; `beside` gets every path that is not a route here

Every request passes the same gate: route → key and scope → size → handler → JSON. What a handler does not foresee is
answered 500 with an error body and logged by its kind and place only: messages of errors may quote a person's data.
The access log (logger `floorwalker.access`) has the route's template instead of the path, for the same reason.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from floorwalker.app.http import streaming
from floorwalker.app.http.answers import Answer, Call, Problem, problem
from floorwalker.app.http.door import NOBODY, is_loopback
from floorwalker.app.http.live import Live
from floorwalker.app.http.router import Router
from floorwalker.app.http.routes import BODY_LIMIT, ENDPOINTS, OPEN, Endpoint
from floorwalker.app.http.shared_figures import share
from floorwalker.engines.database import open_database
from floorwalker.engines.project import Project
from floorwalker.errors import FloorwalkerError, NotFoundError, PermissionDenied
from floorwalker.governance import keys
from floorwalker.profiles.bundle.reader import Normalise, as_written

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
Normaliser = Callable[[Project], Normalise]

WAITING = 16
"""Questions to the published tables that may wait in one worker."""

_log = logging.getLogger(__name__)
_access = logging.getLogger("floorwalker.access")

_CORS = ((b"access-control-allow-origin", b"*"), (b"vary", b"origin"))
_PREFLIGHT = _CORS + (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-key"),
    (b"access-control-max-age", b"600"),
)


def write_as_is(project: Project) -> Normalise:
    """Identifiers as they are written, trimmed. The identity room's normaliser takes this place."""
    return as_written


class App:
    """The ASGI application of one worker."""

    def __init__(self, live: Live, beside: ASGI | None = None) -> None:
        self.live, self._beside = live, beside
        self.router: Router[Endpoint] = Router(ENDPOINTS)
        self._lane = ThreadPoolExecutor(1, "tables")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket" and await streaming.over_websocket(self, scope, receive, send):
            return
        elif self._beside is not None:
            await self._beside(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        endpoint, parameters = self.router.find(scope["method"], scope["path"])
        if endpoint is None and self._beside is not None and not self._knows(scope["path"]):
            await self._beside(scope, receive, send)
            return
        key_id, cors = "", False
        try:
            if endpoint is None:
                answer, cors = self._no_route(scope)
            else:
                key = NOBODY if endpoint.scope == OPEN else self.live.door.enter(scope, endpoint.scope)
                key_id, cors = key.key_id, endpoint.allows_browser and key.is_public
                body = await _read(scope, receive) if endpoint.method == "POST" else b""
                call = Call(key, parameters, body, scope.get("query_string", b""))
                if endpoint.stream:
                    await streaming.over_http(endpoint, self.live, call, scope, receive, send)
                    return
                if endpoint.long:
                    answer = await asyncio.to_thread(endpoint.handle, self.live, call)
                else:
                    answer = await self._aside(endpoint, call) if endpoint.slow else endpoint.handle(self.live, call)
        except Problem as error:
            # A page may read why its key failed; what other keys get stays with their servers.
            answer, cors = error.answer, cors or (not key_id and endpoint is not None and endpoint.allows_browser)
        except NotFoundError as error:
            answer = problem(503, "not_ready", error.what, error.why, error.fix)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s at %s:%s", type(error).__name__, place.filename.rpartition("/")[2], place.lineno)
            answer = problem(500, "internal", "something went wrong here", fix="the service's log has the place")
        headers = [(b"content-type", answer.content_type), (b"content-length", str(len(answer.body)).encode())]
        headers += [(b"cache-control", b"no-store"), *answer.headers, *(_CORS if cors else ())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        route = endpoint.path if endpoint else "other"
        seconds = time.perf_counter() - started
        self.live.figures.answered(route, answer.status, seconds)
        if _access.isEnabledFor(logging.INFO):
            method = endpoint.method if endpoint else "-"
            _access.info("%s %s %d %.1fms key=%s", method, route, answer.status, seconds * 1000, key_id or "-")

    async def _aside(self, endpoint: Endpoint, call: Call) -> Answer:
        """Answer beside the event loop, so that decisions do not wait. Raises Problem 503 where too many do already."""
        if self._waiting >= WAITING:
            raise Problem(503, "busy", "too many questions at once", f"{WAITING} wait already", "ask again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._lane, endpoint.handle, self.live, call)
        finally:
            self._waiting -= 1

    def _knows(self, path: str) -> bool:
        return bool(self.router.methods(path))

    def _no_route(self, scope: Scope) -> tuple[Answer, bool]:
        path, method = scope["path"], scope["method"]
        allowed = self.router.methods(path)
        if not allowed:
            return problem(404, "no_route", "no such route", fix="see /openapi.json"), False
        found = [self.router.find(name, path)[0] for name in allowed]
        if method == "OPTIONS" and any(one and one.allows_browser for one in found):
            return Answer(204, b"", headers=_PREFLIGHT), False
        allow = ((b"allow", ", ".join(allowed).encode()),)
        refused = problem(405, "method", f"this route takes {', '.join(allowed)}")
        return refused._replace(headers=allow), False

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._lane.shutdown()
                self.live.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read(scope: Scope, receive: Receive) -> bytes:
    """The body. Raises Problem 413 as soon as it is known to be too long."""
    too_long = Problem(413, "too_long", f"the body is longer than {BODY_LIMIT} bytes", fix="send fewer products")
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > BODY_LIMIT:
            raise too_long
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "cut_off", "the body ended early")
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise too_long
        if not message.get("more_body", False):
            return body


def create_app(
    project: Project,
    *,
    normaliser: Normaliser = write_as_is,
    allow_loopback_without_key: bool = False,
    beside: Callable[[Project], ASGI] | None = None,
    settle: bool = True,
) -> App:
    """The application. `normaliser` makes the identity room's functions for a project; `beside` makes an application
    that gets every other path and guards itself (the console); `settle`: decisions about who is who take effect at
    once, else with the next run.
    """
    live = Live(
        project,
        normalise=normaliser(project),
        allow_loopback_without_key=allow_loopback_without_key,
        settle=settle,
    )
    return App(live, beside(project) if beside else None)


def serve(
    project: Project,
    host: str = "127.0.0.1",
    port: int = 8181,
    workers: int = 1,
    allow_loopback_without_key: bool = False,
    *,
    normaliser: Normaliser = write_as_is,
    beside: Callable[[Project], ASGI] | None = None,
    settle: bool = True,
) -> None:
    """Run the service until it is stopped. `normaliser` and `beside` are functions of a module: workers import them.
    `settle`: see `create_app`.

    Raises PermissionDenied instead of listening to other machines while there is no key to check them by.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    check_keys(project, host)
    share(project.state / "figures", workers)
    loader = partial(_load, str(project.root), normaliser, allow_loopback_without_key, beside, settle)
    Granian(
        "floorwalker", address=host, port=port, interface=Interfaces.ASGI, workers=workers, websockets=True,
        log_access=False, log_level=LogLevels.warning, respawn_failed_workers=True, respawn_interval=1.0,
    ).serve(target_loader=loader, wrap_loader=False)  # fmt: skip


def check_keys(project: Project, host: str) -> None:
    """Raises PermissionDenied for an address that other machines reach, while no key was made."""
    database = open_database(project, {"keys": keys.MIGRATIONS})
    known = keys.load_keys(database)
    database.close()
    if not is_loopback(host) and not known:
        raise PermissionDenied(
            f"the service will not listen on {host} without keys",
            why="anybody who reaches this address could ask it",
            fix="floorwalker keys create, or --host 127.0.0.1",
        )


def _load(
    root: str,
    normaliser: Normaliser,
    allow_loopback_without_key: bool,
    beside: Callable[[Project], ASGI] | None,
    settle: bool,
) -> App:
    """What each worker process does first."""
    try:
        return create_app(
            Project(root),
            normaliser=normaliser,
            allow_loopback_without_key=allow_loopback_without_key,
            beside=beside,
            settle=settle,
        )
    except FloorwalkerError as error:
        _log.error("%s", error)
        raise
