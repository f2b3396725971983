"""What an event must have to count: the rules of the protocol, in one place.

In: an `Event` of the wire. Out: why it is put in quarantine, "" if it is not. A refused event is kept in the log with
the reason, so that it can be mended and replayed; it never makes the request fail.

>>> from floorwalker.events.wire.segment import read_event
>>> fault(read_event(b'{"type":"track","event":"","userId":"u1"}')), fault(read_event(b'{"type":"page"}'))
('a track event has no name', 'it has neither userId nor anonymousId')
"""

from __future__ import annotations

from floorwalker.events.wire.segment import Event, Said, text

MOST_BYTES = 32 * 1024
"""Bytes of an event (Segment's limit)."""
MOST_ID = 100
"""Characters of a message id: de-duplication keeps these."""
MOST_TEXT = 512
"""Characters of an identifier or of an event's name: longer ones name nobody."""


def fault(event: Event) -> str:
    """Why the event does not count."""
    said = event.said
    if said is None:
        return event.fault
    if len(event.raw) > MOST_BYTES:
        return f"it is longer than {MOST_BYTES:,} bytes"
    if said.type == "track" and not text(said.event):
        return "a track event has no name"
    if not text(said.user_id) and not text(said.anonymous_id) and not _is_of_a_thing(said):
        return "it has neither userId nor anonymousId"
    if said.type == "group" and not text(said.group_id):
        return "a group event has no groupId"
    if said.type == "alias" and not text(said.previous_id):
        return "an alias event has no previousId"
    if len(text(said.message_id)) > MOST_ID:
        return f"its messageId is longer than {MOST_ID} characters"
    for name in ("user_id", "anonymous_id", "group_id", "previous_id", "event"):
        value = getattr(said, name)
        if isinstance(value, str) and len(value) > MOST_TEXT:
            return f"its {_CAMEL.get(name, name)} is longer than {MOST_TEXT} characters"
    return ""


def plain(raw: bytes, said: Said) -> list[tuple[str, str]] | None:
    """What names the sender of an event that is as nearly all are, and so has no fault: ids and name are text, neither
    empty nor too long, and nothing else names anybody. None for any other: `fault` and `identifiers` look closer."""
    user, anonymous, message, kind = said.user_id, said.anonymous_id, said.message_id, said.type
    if type(message) is not str or not 0 < len(message) <= MOST_ID or message[0] <= " " or len(raw) > MOST_BYTES:
        return None
    if kind == "track":
        name = said.event
        if type(name) is not str or not 0 < len(name) <= MOST_TEXT or name[0] <= " ":
            return None
    elif kind not in _PLAIN:
        return None
    if said.traits is not None or said.previous_id is not None:
        return None
    if (context := said.context) is not None and (
        context.traits is not None or context.device is not None or context.externalIds is not None
    ):
        return None
    found = []
    if user is not None:
        if type(user) is not str or not 0 < len(user) <= MOST_TEXT or user[0] <= " " or user[-1] <= " ":
            return None
        found.append(("user_id", user))
    if anonymous is not None:
        if type(anonymous) is not str or not 0 < len(anonymous) <= MOST_TEXT:
            return None
        if anonymous[0] <= " " or anonymous[-1] <= " ":
            return None
        found.append(("anonymous_id", anonymous))
    return found or None


_PLAIN = ("page", "identify", "screen")


def _is_of_a_thing(said: Said) -> bool:
    """A stock or a price that changed is nobody's doing."""
    if said.type != "track":
        return False
    from floorwalker.events.language.words import definition

    found = definition(text(said.event))
    return found is not None and not found.person


_CAMEL = {
    "user_id": "userId", "anonymous_id": "anonymousId", "group_id": "groupId", "previous_id": "previousId",
}  # fmt: skip
