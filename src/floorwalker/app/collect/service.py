"""The collector's service: a raw ASGI application, because this is the hottest path of the product.

In: a project. Out: HTTP. Each worker process owns a partition of the log and commits in groups.

    serve_collector(Project("shop"), port=8282, workers=2)         granian; returns when it is stopped

`/ready` fails when the log could not store what came last, or the disk is nearly full, so that a load balancer sends
its traffic elsewhere. Nothing that names a person is logged.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from floorwalker.app.collect import bodies, routes
from floorwalker.app.collect.accepting import Accepting, Came
from floorwalker.app.collect.pixel import GIF, pixel_body
from floorwalker.app.collect.settings_answer import NO_FLAGS, settings_answer, source_config
from floorwalker.app.collect.worker import Worker
from floorwalker.app.collect.write_keys import tokens
from floorwalker.app.http.answers import JSON, Answer, Problem, problem
from floorwalker.app.http.door import is_local
from floorwalker.app.http.service import check_keys
from floorwalker.app.http.shared_figures import share
from floorwalker.engines.project import Project
from floorwalker.errors import FloorwalkerError

if TYPE_CHECKING:
    from floorwalker.app.collect.settings import CollectSettings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-max-age", b"86400"),
)
_HEADERS = b"authorization, content-type, content-encoding, x-retry-count, x-write-key, x-api-key"
_NAMES = re.compile(rb"[\w\-, ]{1,500}")


def _allowed(scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
    """What a page may send: the headers that it asks for, since SDKs have their own; a star would not cover
    Authorization."""
    asked = next((value for name, value in scope["headers"] if name == b"access-control-request-headers"), b"")
    names = asked if _NAMES.fullmatch(asked) else _HEADERS
    return (*_PREFLIGHT, (b"access-control-allow-headers", names))


_ACCEPTED = Answer(200, b'{"success":true}')
_SLOW = problem(408, "too_slow", "the body did not come in time", fix="send it again")
_CLIENT = problem(400, "not_json", "the body cannot be read", "it ends early or is packed wrongly", "send it again")


class Collector:
    """The ASGI application of one worker."""

    def __init__(self, worker: Worker, settings: CollectSettings, *, open_loopback: bool = False) -> None:
        self.worker, self.settings, self._open = worker, settings, open_loopback
        self._accepting: Accepting = worker.accepting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        route = routes.find(scope["method"], scope["path"])
        try:
            if route is not None:
                answer = await self._take(scope, receive, route)
            else:
                answer = await self._other(scope)
        except bodies.TooLong as error:
            most = f"{error.args[0]:,} bytes"
            answer = problem(413, "too_long", f"the body is longer than {most}", fix="send smaller batches")
        except bodies.CutOff:
            answer = _CLIENT
        except TimeoutError:
            answer = _SLOW
        except Problem as error:
            answer = error.answer
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s at %s:%s", type(error).__name__, place.filename.rpartition("/")[2], place.lineno)
            answer = problem(500, "internal", "something went wrong here", fix="the service's log has the place")
        self.worker.figures.answered(route.name if route else "other", answer.status)
        await _say(send, answer, scope)

    async def _take(self, scope: Scope, receive: Receive, route: routes.Route) -> Answer:
        most = self.settings.request_bytes
        async with asyncio.timeout(self.settings.body_seconds):
            body = await bodies.read(scope, receive, most)
        body = bodies.unpacked(body, most * self.settings.unpacked)
        return await self._accepting.accept(body, self._came(scope, route.name, route.type, route.reads))

    def _came(self, scope: Scope, name: str, kind: str = "", reads: Any = None) -> Came:
        headers = scope["headers"]
        agent, gpc = "", False
        for header, value in headers:
            if header == b"user-agent":
                agent = value[:300].decode("latin-1")
            elif header == b"sec-gpc":
                gpc = value == b"1"
        client = scope.get("client") or ("",)
        return Came(
            name, kind, tokens(headers, scope.get("query_string", b"")), client[0], agent, gpc,
            self._open and is_local(scope), reads,
        )  # fmt: skip

    async def _other(self, scope: Scope) -> Answer:
        """What takes no events, or takes them from the query."""
        method, path = scope["method"], routes.plain(scope["path"])
        if method == "OPTIONS":
            return Answer(204, b"", headers=_allowed(scope))
        if method == "POST" and path == "/v1/m":
            # The browser SDK tells how it is doing: nobody asked.
            return _ACCEPTED
        if path in routes.FLAGS:
            return Answer(200, NO_FLAGS)
        if method == "GET":
            if path.startswith(routes.SETTINGS) and path.endswith("/settings"):
                key = path[len(routes.SETTINGS) : -len("/settings")]
                found = self.worker.door.known(key)
                if found is None and not (self._open and is_local(scope)):
                    return problem(404, "key_unknown", "no such write key")
                host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
                return Answer(200, settings_answer(key, host), headers=((b"cache-control", b"public, max-age=120"),))
            if path == routes.CONFIG:
                return self._source_config(scope)
            if kind := routes.PIXELS.get(path):
                query = scope.get("query_string", b"")
                told = await self._accepting.accept(pixel_body(query), self._came(scope, f"pixel {kind}", kind))
                # A picture is a picture: what went wrong shows in the status.
                return Answer(told.status, GIF, b"image/gif", ((b"cache-control", b"no-store, max-age=0"),))
            if path == "/health":
                return Answer(200, b'{"status":"ok"}')
            if path == "/ready":
                why = self.worker.not_ready()
                return problem(503, "not_ready", "events are not taken now", why) if why else _READY
            if path == "/metrics":
                if not (self._open and is_local(scope)):
                    self.worker.door.enter(scope, "read")
                return Answer(200, self.worker.metrics(), b"text/plain; version=0.0.4")
        if routes.find("POST", path):
            return problem(405, "method", "this route takes POST")._replace(headers=((b"allow", b"POST, OPTIONS"),))
        return problem(404, "no_route", "no such route", fix="see docs/collect.md")

    def _source_config(self, scope: Scope) -> Answer:
        for token in tokens(scope["headers"], scope.get("query_string", b"")):
            if self.worker.door.known(token):
                return Answer(200, source_config(token))
        return problem(404, "key_unknown", "no such write key")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.worker.close)
                await send({"type": "lifespan.shutdown.complete"})
                return


_READY = Answer(200, b'{"status":"ready"}')


async def _say(send: Send, answer: Answer, scope: Scope) -> None:
    headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body)), *answer.headers]
    for name, value in scope["headers"]:
        if name == b"origin":
            # With credentials a star does not do; who may write is a matter of the key, not of the page.
            headers += [
                (b"access-control-allow-origin", value),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", b"retry-after"),
                (b"vary", b"origin"),
            ]
    if answer.status == 204:
        headers = [header for header in headers if header[0] not in (b"content-type", b"content-length")]
    elif answer.content_type == JSON and not answer.headers:
        headers.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def serve_collector(project: Project, settings: CollectSettings, *, allow_loopback_without_key: bool = False) -> None:
    """Run the collector until it is stopped.

    Raises PermissionDenied instead of listening to other machines while there is no key to check them by."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    check_keys(project, settings.host)
    share(project.state / "figures-collect", settings.workers)
    Granian(
        "floorwalker", address=settings.host, port=settings.port, interface=Interfaces.ASGI, workers=settings.workers,
        websockets=False, log_access=False, log_level=LogLevels.warning,
        workers_kill_timeout=settings.stop_seconds, respawn_failed_workers=True, respawn_interval=1.0, backlog=2048,
    ).serve(
        target_loader=partial(_load, str(project.root), settings, allow_loopback_without_key), wrap_loader=False
    )  # fmt: skip


def _load(root: str, settings: CollectSettings, allow_loopback_without_key: bool) -> Collector:
    """What each worker process does first."""
    try:
        worker = Worker(Project(root), settings, allow_loopback_without_key=allow_loopback_without_key)
        return Collector(worker, settings, open_loopback=allow_loopback_without_key)
    except FloorwalkerError as error:
        _log.error("%s", error)
        raise
