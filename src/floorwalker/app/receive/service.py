"""The service that systems outside send to: one process, two routes, an answer only when what came is on the disk.

In: a project. Out: HTTP.

    POST /v1/changes/SOURCE   messages of Debezium, one or one a line; a key with the scope collect
    POST /v1/privacy/SOURCE   Shopify's webhooks about a person's rights; signed with the app's secret
    GET  /health

Nothing that names a person is logged.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import sqlite3
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from floorwalker.app.collect import bodies
from floorwalker.app.http.answers import Answer, Problem, as_json
from floorwalker.app.http.door import Door
from floorwalker.app.http.service import check_keys
from floorwalker.app.receive.privacy import TOPICS, is_signed, keep
from floorwalker.app.receive.spool import Spool
from floorwalker.app.state import ROOMS
from floorwalker.engines.database import open_database
from floorwalker.engines.project import Project
from floorwalker.errors import Busy
from floorwalker.sources.connectors.landing import PULLED
from floorwalker.sources.connectors.rows import decode, encode
from floorwalker.sources.connectors.settings import Pull

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_BYTES = 4 << 20
BODY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Receiver:
    """The ASGI application. `pulls`: the project's sources; those of the connector debezium are sent to."""

    def __init__(self, project: Project, pulls: list[Pull], *, open_loopback: bool = False) -> None:
        self.state: sqlite3.Connection = open_database(project, ROOMS)
        self.door = Door(self.state, allow_loopback_without_key=open_loopback)
        self.pulls = {one.name: one for one in pulls}
        self.spools = {
            one.name: Spool(project.state / PULLED / one.name) for one in pulls if one.connector == "debezium"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._say(send, await self._answer(scope, receive))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            return await self._take(scope, receive)
        except Problem as error:
            return error.answer
        except bodies.TooLong:
            return Problem(413, "too_long", "the body is too long", f"at most {BODY_BYTES:,} bytes").answer
        except (bodies.CutOff, TimeoutError):
            return Problem(400, "cut_off", "the body did not come whole", fix="send it again").answer
        except Busy as error:
            return Problem(503, "busy", error.what, error.why, error.fix).answer
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s at %s:%s", type(error).__name__, place.filename.rpartition("/")[2], place.lineno)
            return Problem(500, "internal", "it could not be kept", fix="send it again").answer

    async def _take(self, scope: Scope, receive: Receive) -> Answer:
        if (scope["method"], scope["path"]) == ("GET", "/health"):
            return Answer(200, b'{"status":"ok"}')
        _, _, rest = scope["path"].partition("/v1/")
        route, _, name = rest.partition("/")
        if scope["method"] != "POST" or route not in ("changes", "privacy") or not name:
            raise Problem(404, "no_route", "no such route", fix="POST /v1/changes/SOURCE or /v1/privacy/SOURCE")
        if route == "changes":
            # Who may not write learns nothing of what there is.
            self.door.enter(scope, "collect")
        async with asyncio.timeout(BODY_SECONDS):
            body = await bodies.read(scope, receive, BODY_BYTES)
        return await self._changes(name, body) if route == "changes" else self._privacy(scope, name, body)

    async def _changes(self, name: str, body: bytes) -> Answer:
        spool = self.spools.get(name)
        if spool is None:
            fix = f'add [pulls.{name}] with connector = "debezium"' if name.isidentifier() else ""
            raise Problem(404, "no_source", "nothing of this name takes changes", fix=fix)
        lines = _lines(bodies.unpacked(body, BODY_BYTES * 4))
        if lines:
            await spool.add(lines)
        return Answer(200, as_json({"taken": len(lines)}))

    def _privacy(self, scope: Scope, name: str, body: bytes) -> Answer:
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        pull = self.pulls.get(name)
        secret = os.environ.get(pull.secrets.get("webhook_secret", ""), "") if pull else ""
        if not secret or not is_signed(body, headers.get(b"x-shopify-hmac-sha256", ""), secret):
            # The same whether there is no such source, no secret or another signature.
            raise Problem(401, "not_signed", "the signature is not that of this body")
        topic = headers.get(b"x-shopify-topic", "")
        if topic not in TOPICS:
            raise Problem(404, "no_topic", "no such topic", fix="known: " + ", ".join(TOPICS))
        try:
            number = keep(self.state, name, topic, body, dt.datetime.now(dt.UTC))
        except ValueError as error:
            raise Problem(400, "not_understood", "the request cannot be understood", str(error)) from None
        return Answer(200, as_json({"request": number}))

    async def _say(self, send: Send, answer: Answer) -> None:
        headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                self.state.close()
                return


def _lines(body: bytes) -> list[bytes]:
    """A line per message. One message may be written over several lines; what is no JSON is kept for quarantine."""
    text = body.strip()
    if b"\n" in text:
        try:
            return [encode(decode(text))]
        except ValueError:
            return [line.strip() for line in text.split(b"\n") if line.strip()]
    return [text] if text else []


def serve_receiver(project: Project, pulls: list[Pull], *, host: str, port: int, open_loopback: bool = False) -> None:
    """Run it until it is stopped. Raises PermissionDenied where other machines could come and there is no key."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    check_keys(project, host)
    Granian(
        "floorwalker", address=host, port=port, interface=Interfaces.ASGI, workers=1, websockets=False,
        log_access=False, log_level=LogLevels.warning, respawn_failed_workers=True, respawn_interval=1.0,
    ).serve(target_loader=partial(_load, str(project.root), pulls, open_loopback), wrap_loader=False)  # fmt: skip


def _load(root: str, pulls: list[Pull], open_loopback: bool) -> Receiver:
    return Receiver(Project(root), pulls, open_loopback=open_loopback)
