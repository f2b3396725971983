"""An event in the address of an image: e-mails and old browsers can send nothing else.

In: a query string. Out: the body of the event, and the image that is answered, whatever becomes of it.

>>> pixel_body(b"writeKey=k&event=Email%20Opened&anonymousId=a&properties.campaign_id=c1&context.traits.email=x%40y.z")
b'{"event":"Email Opened","anonymousId":"a","properties":{"campaign_id":"c1"},"context":{"traits":{"email":"x@y.z"}}}'
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from floorwalker.app.collect.write_keys import NAMES

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel."""
_PARTS = 4


def pixel_body(query: bytes) -> bytes:
    """Dotted names reach inside; a `data` parameter holds the whole event as JSON."""
    told: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=False, max_num_fields=200):
        if name in NAMES:
            continue
        if name == "data":
            return value.encode()
        *path, last = name.split(".", _PARTS - 1)
        inside = told
        for part in path:
            deeper = inside.setdefault(part, {})
            if not isinstance(deeper, dict):
                break
            inside = deeper
        else:
            inside[last] = value
    return msgspec.json.encode(told)
