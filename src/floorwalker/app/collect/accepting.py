"""From a request to an answer: the key, the events, the log, in this order; 200 means that all of it is on the disk.

In: a body and what came with it. Out: an `Answer`. What an SDK makes of a status decides which one it is: 400, 401, 403
and 413 make it throw its events away, so that they are given only for what no retry could mend; 429 and 503 make it
keep them and come again.

    accepted      200 {"success": true, "quarantined": [{"index": 1, "messageId": "m2", "reason": "…"}]}
    not JSON      400      key unknown  401      may not collect  403      too long  413
    too fast      429 with Retry-After           log busy, disk full  503 with Retry-After
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from floorwalker.app.collect.rates import Rates
from floorwalker.app.http.answers import Answer, problem
from floorwalker.app.http.door import LOCAL, Door
from floorwalker.errors import Busy, StateError
from floorwalker.events.frames import Head, Subjects
from floorwalker.events.wire.framing import frame_of
from floorwalker.events.wire.segment import NotJson, Request, read
from floorwalker.governance.keys import Key

if TYPE_CHECKING:
    from floorwalker.events.language.plan import Plan

RETRY = ((b"retry-after", b"1"),)
SUCCESS = Answer(200, b'{"success":true}')
_encode = msgspec.json.Encoder().encode


class Sink(Protocol):
    """Where frames go: durable once it returns."""

    async def append(self, frame: bytes) -> Any: ...


class Came(msgspec.Struct, frozen=True):
    """What came with a body. `tokens`: keys that it named outside of itself; `local`: without a key, from this machine,
    where that is allowed. `reads`: brings the body into Segment's shape."""

    route: str
    type: str = ""
    tokens: Sequence[str] = ()
    ip: str = ""
    agent: str = ""
    gpc: bool = False
    local: bool = False
    reads: Callable[[bytes], bytes] | None = None


class Accepting:
    """One worker's way of taking requests."""

    def __init__(
        self, door: Door, sink: Sink, subjects: Subjects, rates: Rates, plan: Callable[[], Plan | None], *,
        keep_ip: bool = False, counted: Callable[[int, int, int], None] = lambda counted, refused, dropped: None,
    ) -> None:  # fmt: skip
        self.door, self.sink, self.subjects, self.rates = door, sink, subjects, rates
        self.plan, self.keep_ip, self._counted = plan, keep_ip, counted
        self.failing = False
        """Whether the last events could not be stored."""

    async def accept(self, body: bytes, came: Came) -> Answer:
        """Take a request's events in."""
        try:
            request = read(came.reads(body) if came.reads else body, came.type)
        except NotJson as error:
            if self._key(came, "") is None:
                return _NO_KEY
            return problem(400, "not_json", "the body is not what this route takes", str(error), "send JSON")
        key = self._key(came, request.write_key)
        if key is None:
            return _NO_KEY
        if "collect" not in key.scopes:
            return problem(403, "scope_missing", "this key may not collect", fix="make a key with the scope 'collect'")
        if wait := self.rates.wait(key.key_id, len(request.events)):
            refused = problem(429, "too_fast", "more events a second than this key may send", fix="wait and come again")
            return refused._replace(headers=((b"retry-after", str(wait).encode()),))
        return await self._keep(request, key, came)

    async def _keep(self, request: Request, key: Key, came: Came) -> Answer:
        if not request.events:
            return SUCCESS
        head = Head(
            received_at=time.time_ns() // 1000,
            source=key.name,
            key_id=key.key_id,
            market=key.market,
            # A server's address says nothing of its customers.
            ip=came.ip if self.keep_ip and key.is_public else "",
            agent=came.agent if key.is_public else "",
            route=came.route,
            type=came.type,
            gpc=came.gpc,
        )
        framed = frame_of(request, head, self.subjects, self.plan())
        try:
            if framed.dropped < len(request.events):
                await self.sink.append(framed.frame)
            self.failing = False
        except (Busy, StateError) as error:
            self.failing = isinstance(error, StateError)
            told = problem(503, "not_stored", "the events could not be stored", error.what, "come again in a moment")
            return told._replace(headers=RETRY)
        self._counted(framed.counted, len(framed.refused), framed.dropped)
        if not framed.refused:
            return SUCCESS
        quarantined = [{"index": place, "messageId": one, "reason": why} for place, one, why in framed.refused]
        return Answer(200, _encode({"success": True, "quarantined": quarantined}))

    def _key(self, came: Came, of_body: str) -> Key | None:
        for token in (*came.tokens, of_body):
            if token and (key := self.door.known(token)):
                return key
        return LOCAL if came.local and not any(came.tokens) and not of_body else None


_NO_KEY = problem(401, "key_unknown", "this write key is not valid", "it is missing, mistyped or revoked")
