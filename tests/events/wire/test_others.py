"""PostHog's shapes: from servers, from browsers, in lists, in forms."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.events.wire.judging import fault
from floorwalker.events.wire.others import posthog
from floorwalker.events.wire.segment import NotJson, read

PAGE = {"event": "$pageview", "properties": {"distinct_id": "d1", "token": "k", "$current_url": "https://a.b/c"}}


def events(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.raw) for event in read(posthog(body)).events]


@pytest.mark.parametrize("body", [
    json.dumps(PAGE).encode(), json.dumps([PAGE]).encode(), json.dumps({"api_key": "k", "batch": [PAGE]}).encode(),
    b"data=" + base64.b64encode(json.dumps(PAGE).encode()).replace(b"=", b"%3D").replace(b"+", b"%2B"),
    urlencode({"data": json.dumps(PAGE)}).encode(),
])  # fmt: skip
def test_a_page_view_in_every_wrapping(body: bytes) -> None:
    assert read(posthog(body)).write_key == "k"
    (event,) = events(body)
    assert (event["type"], event["anonymousId"]) == ("page", "d1")
    assert event["properties"] == {"$current_url": "https://a.b/c", "url": "https://a.b/c"}


def test_who_somebody_is_and_that_two_are_one() -> None:
    identify, alias, group = events(json.dumps({"api_key": "k", "batch": [
        {"event": "$identify", "distinct_id": "u1", "$set": {"email": "a@b.de"}, "uuid": "m1",
         "properties": {"$anon_distinct_id": "d1"}},
        {"event": "$create_alias", "distinct_id": "u1", "properties": {"alias": "d2"}},
        {"event": "$groupidentify", "distinct_id": "u1", "properties": {"$group_key": "g"}},
    ]}).encode())  # fmt: skip
    assert (identify["userId"], identify["anonymousId"], identify["traits"], identify["messageId"]) == (
        "u1", "d1", {"email": "a@b.de"}, "m1",
    )  # fmt: skip
    assert (alias["userId"], alias["previousId"]) == ("u1", "d2")
    assert (group["anonymousId"], group["groupId"]) == ("u1", "g")


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for prefix in (b"", b"data="):
        try:
            request = read(posthog(prefix + body))
        except NotJson:
            continue
        assert all(isinstance(fault(event), str) for event in request.events)
