"""Segment's protocol: a request's body, read into events one by one, so that a bad one takes no other along.

In: a body (already un-gzipped) and the type of event its route stands for ("" for batches). Out: a `Request`: what
holds for all of it, and per event its JSON as it was sent and the `Said` of it, or why it cannot be read.

>>> request = read(b'{"batch":[{"type":"track","event":"Product Viewed","userId":"u1"},7],"sentAt":"2026-11-22"}')
>>> [event.said.event if event.said else event.fault for event in request.events], request.sent_at
(['Product Viewed', 'it is no object'], '2026-11-22')
>>> read(b'{"userId":"u1","event":"Order Completed"}', "track").events[0].said.type
'track'

What clients really send differs from the protocol (`docs/collect.md`): the type of content is not looked at, null is as
good as absent, numbers stand for ids, traits lie at the top or in `context.traits`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from floorwalker.events.wire.salvage import salvage

Text = str | int | float | bool | None
"""What may stand where text is meant."""


class Traits(msgspec.Struct, gc=False):
    """The traits by which somebody can be found."""

    email: Text = None
    phone: Text = None


class ExternalId(msgspec.Struct, gc=False):
    """An identifier of another system."""

    id: Text = None
    type: Text = None


class Device(msgspec.Struct, gc=False):
    """The visitor's device."""

    id: Text = None
    advertisingId: Text = None


class Context(msgspec.Struct, gc=False):
    """The part of a context that names somebody."""

    traits: Traits | None = None
    device: Device | None = None
    externalIds: list[ExternalId] | None = None


class Plain(msgspec.Struct, gc=False, rename="camel"):
    """The part of an event that is text, for events whose traits or context are not as they should be: they still
    count. `write_key`: some SDKs give it with every event."""

    type: str | None = None
    event: Text = None
    name: Text = None
    user_id: Text = None
    anonymous_id: Text = None
    group_id: Text = None
    previous_id: Text = None
    message_id: Text = None
    sent_at: Text = None
    write_key: Text = None


class Said(Plain, gc=False, rename="camel"):
    """The part of an event that the collector looks at."""

    traits: Traits | None = None
    context: Context | None = None


class Body(msgspec.Struct, rename="camel"):
    """A batch."""

    batch: list[msgspec.Raw]
    sent_at: msgspec.Raw = msgspec.Raw(b"")
    write_key: msgspec.Raw = msgspec.Raw(b"")
    context: msgspec.Raw = msgspec.Raw(b"")
    integrations: msgspec.Raw = msgspec.Raw(b"")


class Whole(msgspec.Struct, gc=False):
    """The events of a batch, read at once: most batches have no bad one."""

    batch: list[Said]


class Event(NamedTuple):
    """`raw`: as it was sent. `said`: None where it cannot be read, and `fault` says why."""

    raw: bytes
    said: Said | None
    fault: str = ""


class Request(NamedTuple):
    """A request. `context` and `integrations`: JSON objects that hold for all its events, or empty."""

    events: list[Event]
    sent_at: str = ""
    write_key: str = ""
    context: bytes = b""
    integrations: bytes = b""


class NotJson(ValueError):
    """The body is not JSON, or not what the route takes."""


_body = msgspec.json.Decoder(Body)
_whole = msgspec.json.Decoder(Whole)
_said = msgspec.json.Decoder(Said)
_plain = msgspec.json.Decoder(Plain)


def read(body: bytes, type_of_route: str = "") -> Request:
    """The request. Raises NotJson where not even single events can be told apart."""
    if type_of_route:
        event = read_event(body, type_of_route)
        if event.said is None and event.fault != _TYPES:
            raise NotJson(event.fault)
        said = event.said or Said()
        return Request([event], text(said.sent_at), text(said.write_key))
    try:
        found = _body.decode(body)
        raws: list[bytes] = list(map(bytes, found.batch))
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        parts = salvage(body, "batch")
        if parts is None:
            raise NotJson(_told(error)) from None
        raws, rest = parts
        try:
            found = _body.decode(rest)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise NotJson(_told(error)) from None
    events = _at_once(body, raws) or [read_event(raw) for raw in raws]
    first = next((event.said for event in events if event.said), None)
    key = _text(found.write_key) or (text(first.write_key) if first else "")
    return Request(events, _text(found.sent_at), key, _object(found.context), _object(found.integrations))


def _at_once(body: bytes, raws: list[bytes]) -> list[Event] | None:
    """The events, where nothing is wrong with any of them."""
    try:
        if not body.isascii():
            body.decode()
        saids = _whole.decode(body).batch
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if len(saids) != len(raws) or any(said.type not in TYPES for said in saids):
        return None
    return list(map(Event, raws, saids))


def read_event(raw: bytes, type_of_route: str = "") -> Event:
    """One event from its JSON."""
    try:
        said = _said.decode(raw)
    except msgspec.ValidationError:
        try:
            # Traits or a context of an odd shape are no reason to lose the event.
            plain = _plain.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            return Event(raw, None, "it is no object" if raw[:1] != b"{" else _told(error))
        said = Said(*(getattr(plain, name) for name in Plain.__struct_fields__))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return Event(raw, None, _told(error))
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return Event(raw, None, "it is not UTF-8")
    if type_of_route:
        said.type = type_of_route
    elif said.type not in TYPES:
        return Event(raw, None, _TYPES)
    return Event(raw, said)


TYPES = ("track", "identify", "page", "screen", "group", "alias")
_TYPES = f"its type is none of {', '.join(TYPES)}"


def identifiers(said: Said) -> list[tuple[str, str]]:
    """(kind, value) of everything in an event that names its sender."""
    found: list[tuple[str, str]] = []
    if said.user_id is not None and (value := text(said.user_id)):
        found.append(("user_id", value))
    if said.anonymous_id is not None and (value := text(said.anonymous_id)):
        found.append(("anonymous_id", value))
    if said.previous_id is not None and (value := text(said.previous_id)):
        found.append(("user_id", value))
    if said.traits is not None:
        found += _named(said.traits)
    context = said.context
    if context is not None:
        if context.traits is not None:
            found += _named(context.traits)
        if context.device is not None:
            ids = (text(context.device.id), text(context.device.advertisingId))
            found += [("device_id", value) for value in ids if value]
        for one in context.externalIds or ():
            if value := text(one.id):
                found.append((text(one.type) or "external", value))
    return found


def _named(traits: Traits) -> list[tuple[str, str]]:
    named = (("email", text(traits.email)), ("phone", text(traits.phone)))
    return [one for one in named if one[1]]


def text(value: Any) -> str:
    """What may stand where text is meant, as text; nothing for null.

    >>> text(12), text(12.0), text(None), text(" u1 "), text(True)
    ('12', '12', '', 'u1', '')
    """
    if isinstance(value, str):
        return value.strip()
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else ""


def _text(raw: msgspec.Raw) -> str:
    """What a request says of itself in an odd shape is not worth its events."""
    try:
        return text(msgspec.json.decode(raw)) if bytes(raw) else ""
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""


def _object(raw: msgspec.Raw) -> bytes:
    found = bytes(raw)
    return found if found[:1] == b"{" and found != b"{}" else b""


def _told(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)
