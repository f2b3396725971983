"""Requests as SDKs send them, and as nobody should: no event takes another along."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.events.wire.judging import MOST_BYTES, fault, plain
from floorwalker.events.wire.segment import NotJson, identifiers, read, read_event, text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TRACK = {"type": "track", "event": "Product Viewed", "userId": "u1", "messageId": "m1"}


def body(*events: Any, **more: Any) -> bytes:
    return json.dumps({"batch": list(events), **more}).encode()


@given(st.lists(JSON, max_size=5), JSON)
def test_whatever_json_comes_it_is_read_event_by_event(events: list[Any], more: Any) -> None:
    request = read(body(*events, context=more, extra=more))
    assert [json.loads(event.raw) for event in request.events] == events
    assert all(fault(event) for event, told in zip(request.events, events, strict=True) if not isinstance(told, dict))


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_read_or_refused(data: bytes) -> None:
    for kind in ("", "track"):
        try:
            request = read(data, kind)
        except NotJson:
            continue
        assert all(isinstance(fault(event), str) for event in request.events)


@given(st.integers(0, 20), st.sampled_from([
    b'{"type":"track","event":"x","userId":"\\ud800"}', b'{"type":"track","event":"x","userId":"u","a":01}',
    b'{"type":"track","event":"x","userId":"u","a":NaN}', b'{"type":"track","event":"x","userId":"\xff"}',
    b'{"type":"track","event":"x","userId":"u","p":"\x00"}', b"nothing", b"17", b'"a"',
    b'{"type":"track","event":"x","userId":"u","p":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"type":"dance","userId":"u"}', b'{"type":"track","userId":"u"}', b'{"type":"track","event":"x"}',
]))  # fmt: skip
def test_a_poisoned_event_leaves_its_neighbours_alone(place: int, poison: bytes) -> None:
    good = [json.dumps(TRACK | {"messageId": f"m{n}"}).encode() for n in range(20)]
    sent = [*good[:place], poison, *good[place:]]
    request = read(b'{"batch":[' + b", ".join(sent) + b'],"sentAt":"2026-01-01T00:00:00Z","writeKey":"k"}')
    assert [event.raw for event in request.events] == sent
    assert [bool(fault(event)) for event in request.events] == [one is poison for one in sent]
    assert (request.sent_at, request.write_key) == ("2026-01-01T00:00:00Z", "k")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"batch":7}', b'{"events":[]}', b'{"batch":[{"a":1}', b"null"])
def test_what_is_no_batch_is_refused(data: bytes) -> None:
    with pytest.raises(NotJson):
        read(data)


@given(JSON, JSON)
def test_what_a_batch_says_of_itself_in_an_odd_shape_loses_no_event(sent: Any, key: Any) -> None:
    request = read(body(TRACK, sentAt=sent, writeKey=key))
    assert [fault(event) for event in request.events] == [""]


def test_null_is_as_good_as_absent_and_numbers_are_ids() -> None:
    event = read_event(b'{"type":"identify","userId":null,"anonymousId":17.0,"traits":{"email":"a@b.de","phone":null}}')
    assert fault(event) == ""
    assert event.said and dict(identifiers(event.said)) == {"anonymous_id": "17", "email": "a@b.de"}


def test_traits_and_contexts_of_an_odd_shape_lose_no_event() -> None:
    event = read_event(b'{"type":"track","event":"x","userId":"u","context":[1],"traits":"none"}')
    assert event.said and (event.said.user_id, fault(event)) == ("u", "")


def test_everything_that_names_the_sender_is_found() -> None:
    event = read_event(json.dumps({
        "type": "alias", "userId": "u", "previousId": "p", "context": {
            "traits": {"email": "a@b.de"}, "device": {"id": "d", "advertisingId": "ad"},
            "externalIds": [{"id": "L1", "type": "loyalty_id"}, {"id": 7}],
        }}).encode())  # fmt: skip
    assert event.said and sorted(identifiers(event.said)) == sorted([
        ("user_id", "u"), ("user_id", "p"), ("email", "a@b.de"), ("device_id", "d"), ("device_id", "ad"),
        ("loyalty_id", "L1"), ("external", "7"),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "track", "event": " ", "userId": "u"}, "has no name"),
        ({"type": "group", "userId": "u"}, "groupId"),
        ({"type": "alias", "userId": "u", "previousId": None}, "previousId"),
        ({"type": "page"}, "neither userId nor anonymousId"),
        (TRACK | {"messageId": "m" * 101}, "messageId"),
        (TRACK | {"userId": "u" * 513}, "userId is longer"),
        (TRACK | {"properties": {"text": "x" * MOST_BYTES}}, "longer than 32,768 bytes"),
        ({"type": None, "userId": "u"}, "type"),
    ],
)
def test_what_the_protocol_asks_for_is_held(event: dict[str, Any], reason: str) -> None:
    assert reason in fault(read(body(event)).events[0])


def test_a_single_event_takes_its_type_from_the_route() -> None:
    request = read(json.dumps({"event": "x", "anonymousId": "a", "writeKey": "k", "sentAt": "now"}).encode(), "track")
    assert (request.events[0].said.type, request.write_key, request.sent_at) == ("track", "k", "now")
    with pytest.raises(NotJson):
        read(b"[1]", "track")


@given(JSON)
def test_text_of_anything_is_text(value: Any) -> None:
    assert isinstance(text(value), str)


WORDS = st.none() | st.sampled_from(["", " ", "u1", " u1", "u1 ", "x" * 513, "é"]) | st.integers(0, 3)


@given(st.fixed_dictionaries({}, optional={
    "type": st.sampled_from(["track", "page", "group", "alias", "identify"]), "event": WORDS, "userId": WORDS,
    "anonymousId": WORDS, "messageId": WORDS, "previousId": WORDS, "groupId": WORDS,
    "traits": st.sampled_from([None, {}, {"email": "a@b.de"}]),
    "context": st.sampled_from([None, {}, {"device": {"id": "d"}}, {"traits": {"phone": 1}}]),
}))  # fmt: skip
def test_what_passes_quickly_has_no_fault_and_the_same_identifiers(event: dict[str, Any]) -> None:
    one = read_event(json.dumps(event).encode())
    if one.said is not None and (found := plain(one.raw, one.said)) is not None:
        assert fault(one) == "" and found == identifiers(one.said)
