"""Any JSON that a system pushes at us, as events.

In: a body: an object, or a list of them. Out: a body that `segment.read` takes. An object that is an event already
stays one; any other is kept whole as the properties of a `Webhook Received`: nothing is lost until a mapping reads it.

>>> webhook(b'{"order":7}')
b'{"batch":[{"type":"track","event":"Webhook Received","anonymousId":"webhook","properties":{"order":7}}]}'
"""

from __future__ import annotations

from typing import Any

import msgspec

from floorwalker.events.wire.segment import TYPES, NotJson

NAME = "Webhook Received"


def webhook(body: bytes) -> bytes:
    """Raises NotJson."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise NotJson(str(error)) from None
    return msgspec.json.encode({"batch": [_event(one) for one in (found if isinstance(found, list) else [found])]})


def _event(value: Any) -> Any:
    if not isinstance(value, dict) or value.get("type") in TYPES:
        return value
    return {"type": "track", "event": NAME, "anonymousId": "webhook", "properties": value}
