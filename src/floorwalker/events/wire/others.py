"""The shapes of other SDKs, brought into Segment's: Jitsu's and PostHog's.

In: their bodies. Out: a body that `segment.read` takes.

>>> posthog(b'{"api_key":"k","batch":[{"event":"$pageview","distinct_id":"d1","properties":{"$current_url":"https://a.b"}}]}')
b'{"batch":[{"type":"page","anonymousId":"d1","properties":{"$current_url":"https://a.b","url":"https://a.b"}}],"writeKey":"k"}'

Jitsu's events are Segment's one by one, under another path; its key travels in a header. PostHog has one id per person
(`distinct_id`), which is taken for a visitor's until `$identify` or `$create_alias` says whose it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from floorwalker.events.wire.segment import NotJson

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def posthog(body: bytes) -> bytes:
    """`POST /batch/`, `/capture/` and `/e/`: `{api_key, batch: […]}` or one event. Raises NotJson."""
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise NotJson(str(error)) from None
    batch = found.get("batch")
    events = batch if isinstance(batch, list) else [found]
    key = found.get("api_key") or next((one.get("api_key") for one in events if isinstance(one, dict)), None)
    told: dict[str, Any] = {"batch": [_of_posthog(one) for one in events]}
    if sent := found.get("sent_at"):
        told["sentAt"] = sent
    if key:
        told["writeKey"] = key
    return _encode(told)


def _of_posthog(event: Any) -> Any:
    """One event; what is no object is left for the judge to refuse."""
    if not isinstance(event, dict):
        return event
    properties = event.get("properties")
    properties = dict(properties) if isinstance(properties, dict) else {}
    person = event.get("distinct_id") or properties.pop("distinct_id", None)
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
