"""Answers that do not end: server-sent events, and the same messages over a WebSocket.

In: a route that gives messages (`Endpoint.stream`). Out: each of them, the moment it comes, until the client goes.

Nothing is sent before the first message is asked for, so that a refusal is still an ordinary answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.app.http.answers import Call, Problem

if TYPE_CHECKING:
    from floorwalker.app.http.live import Live
    from floorwalker.app.http.routes import Endpoint
    from floorwalker.app.http.service import App

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
_REFUSED = 4400
"""Codes of WebSockets from 4000 on are the application's: with the status of an answer, 4401 and so on."""
_encode = msgspec.json.Encoder().encode


async def over_http(
    endpoint: Endpoint, live: Live, call: Call, scope: Scope, receive: Receive, send: Send
) -> None:  # fmt: skip
    """Server-sent events. Raises Problem where the stream is refused."""
    heard = next((value for name, value in scope["headers"] if name == b"last-event-id"), b"")
    if heard and b"after=" not in call.query:
        call = call._replace(query=b"&".join(part for part in (call.query, b"after=" + heard) if part))
    stream = endpoint.handle(live, call)
    first = asyncio.ensure_future(anext(stream, None))
    # A refusal comes before anything is waited for.
    await asyncio.wait([first], timeout=0.01)
    if first.done() and first.exception() is not None:
        first.result()
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})

    async def say(message: Any) -> None:
        body = b": still here\n\n"
        if message is not None:
            body = b"id: " + message.id.encode() + b"\ndata: " + _encode(message) + b"\n\n"
        await send({"type": "http.response.body", "body": body, "more_body": True})

    await _tell(stream, first, say, _gone(receive, "http.disconnect"))
    with contextlib.suppress(Exception):
        await send({"type": "http.response.body", "body": b""})


async def over_websocket(app: App, scope: Scope, receive: Receive, send: Send) -> bool:
    """The same over a WebSocket; False where no route of that path gives a stream."""
    endpoint, parameters = app.router.find("GET", scope["path"])
    if endpoint is None or not endpoint.stream:
        return False
    await receive()
    try:
        key = app.live.door.enter(scope, endpoint.scope)
        stream = endpoint.handle(app.live, Call(key, parameters, b"", scope.get("query_string", b"")))
        first = asyncio.ensure_future(anext(stream, None))
        await asyncio.wait([first], timeout=0.01)
        if first.done() and first.exception() is not None:
            first.result()
    except Problem as error:
        await send({"type": "websocket.close", "code": _REFUSED - 400 + error.answer.status})
        return True
    await send({"type": "websocket.accept"})

    async def say(message: Any) -> None:
        if message is not None:
            await send({"type": "websocket.send", "text": _encode(message).decode()})

    await _tell(stream, first, say, _gone(receive, "websocket.disconnect"))
    with contextlib.suppress(Exception):
        await send({"type": "websocket.close", "code": 1001})
    return True


async def _tell(
    stream: AsyncIterator[Any], first: asyncio.Future[Any], say: Callable[[Any], Awaitable[None]], gone: Awaitable[None]
) -> None:
    """Messages, until there are none or the client has gone."""
    leaving = asyncio.ensure_future(gone)
    coming = first
    ended = object()
    try:
        while True:
            await asyncio.wait([coming, leaving], return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                return
            if (message := coming.result()) is ended:
                return
            await say(message)
            coming = asyncio.ensure_future(anext(stream, ended))
    finally:
        for one in (coming, leaving):
            one.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await one


async def _gone(receive: Receive, word: str) -> None:
    while (await receive())["type"] != word:
        pass
