"""The shapes of other SDKs, brought into Segment's: Jitsu's and PostHog's.

In: their bodies. Out: a body that `segment.read` takes.

>>> posthog(b'{"api_key":"k","batch":[{"event":"$pageview","distinct_id":"d1","properties":{"$current_url":"https://a.b"}}]}')
b'{"batch":[{"type":"page","anonymousId":"d1","properties":{"$current_url":"https://a.b","url":"https://a.b"}}],"writeKey":"k"}'

Jitsu's events are Segment's one by one, under another path; its key travels in a header. PostHog has one id per person
(`distinct_id`), which is taken for a visitor's until `$identify` or `$create_alias` says whose it is.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs

import msgspec

from floorwalker.events.wire.segment import NotJson

_encode = msgspec.json.Encoder().encode


def posthog(body: bytes) -> bytes:
    """`POST /batch/`, `/capture/` and `/e/`: `{api_key, batch: […]}`, a list of events or one, as JSON or, from a
    browser, as a form's `data` in base 64. Raises NotJson."""
    try:
        found = msgspec.json.decode(_of_form(body) if body[:5] == b"data=" else body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise NotJson(str(error)) from None
    if not isinstance(found, dict | list):
        raise NotJson("it is neither an event nor a list of events")
    whole = found if isinstance(found, dict) else {}
    batch = whole.get("batch", found)
    events = batch if isinstance(batch, list) else [found]
    key = whole.get("api_key") or next(filter(None, map(_key_of, events)), None)
    told: dict[str, Any] = {"batch": [_of_posthog(one) for one in events]}
    if sent := whole.get("sent_at"):
        told["sentAt"] = sent
    if key:
        told["writeKey"] = key
    return _encode(told)


def _of_form(body: bytes) -> bytes:
    data = parse_qs(body.decode("latin-1")).get("data", [""])[0]
    return data.encode("latin-1") if data[:1] in "{[" else base64.b64decode(data.replace(" ", "+"))


def _key_of(event: Any) -> Any:
    """Browsers give the key with every event: as `api_key`, or as the `token` among its properties."""
    if not isinstance(event, dict):
        return None
    properties = event.get("properties")
    return event.get("api_key") or (properties.get("token") if isinstance(properties, dict) else None)


def _of_posthog(event: Any) -> Any:
    """One event; what is no object is left for the judge to refuse."""
    if not isinstance(event, dict):
        return event
    properties = event.get("properties")
    properties = dict(properties) if isinstance(properties, dict) else {}
    inside = properties.pop("distinct_id", None)
    properties.pop("token", None)
    person = event.get("distinct_id") or inside
    name = event.get("event")
    told: dict[str, Any] = {"type": "track"}
    if name == "$identify":
        told |= {"type": "identify", "userId": person, "anonymousId": properties.get("$anon_distinct_id")}
        told["traits"] = {**_dict(event.get("$set_once")), **_dict(properties.get("$set_once"))}
        told["traits"] |= {**_dict(event.get("$set")), **_dict(properties.get("$set"))}
    elif name == "$create_alias":
        told |= {"type": "alias", "userId": person, "previousId": properties.get("alias")}
    elif name == "$groupidentify":
        told |= {"type": "group", "anonymousId": person, "groupId": properties.get("$group_key")}
        told["traits"] = _dict(properties.get("$group_set"))
    else:
        kinds = {"$pageview": "page", "$screen": "screen"}
        told |= {"type": kinds.get(str(name), "track"), "anonymousId": person}
        if told["type"] == "track":
            told["event"] = name
        elif title := properties.get("$screen_name"):
            told["name"] = title
        for ours, theirs in (("url", "$current_url"), ("path", "$pathname"), ("referrer", "$referrer")):
            if theirs in properties:
                properties.setdefault(ours, properties[theirs])
        told["properties"] = properties
    for ours, theirs in (("messageId", "uuid"), ("timestamp", "timestamp")):
        if value := event.get(theirs):
            told[ours] = value
    return {key: value for key, value in told.items() if value is not None}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
