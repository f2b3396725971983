"""The frame: what one request brought, as the durable log keeps it.

In: a `Head` (when and by which key it came, what it said for all its events) and the events' own JSON, as it was sent.
Out: bytes, and back; old versions decode for ever.

>>> frame = pack(Head(received_at=1_700_000_000_000_000, source="web"), [b'{"type":"page"}'], [(77, 0)])
>>> found = unpack(frame)
>>> found.head.source, found.events, found.places(77), found.places(78)
('web', [b'{"type":"page"}'], [0], [])

    "FW" | version u8 | flags u8 | head bytes u32 | events u32 | subjects u32      little-endian, 16 bytes
    head (msgpack) | offsets u32 × (events + 1) | subjects (hash u64, event u32), sorted | events, one after the other

`subjects` are keyed hashes of the identifiers in an event: by these one person's events are found and taken out
(`without`) without reading the others, and without the log saying who is in it. The log itself guards every frame with
a check sum.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from floorwalker.errors import StateError

VERSION = 1
MAGIC = b"FW"
_START = struct.Struct("<2sBBIII")
_SUBJECT = struct.Struct("<QI")
ERASED = b""
"""What stands in the place of an event that was taken out."""


class Head(msgspec.Struct, omit_defaults=True, array_like=False):
    """What holds for all events of a frame.

    `received_at`: microseconds since 1970, UTC. `sent_at`: the client's clock, as written. `source`: name of the key's
    source; `key_id`, `market`: of the key. `context`, `integrations`: JSON that the request gave for all its events.
    `ip`, `agent`: of the client, for sources in a browser or an app only. `assigned`: event -> message id, for events
    that came without one. `refused`: event -> why it does not count. `route`: through which door it came; `type`: of
    the one event of a route that takes one. `gpc`: the browser asked not to be sold or shared (Global Privacy Control).
    """

    received_at: int
    source: str
    key_id: str = ""
    market: str = ""
    sent_at: str = ""
    context: bytes = b""
    integrations: bytes = b""
    ip: str = ""
    agent: str = ""
    route: str = ""
    type: str = ""
    gpc: bool = False
    assigned: dict[int, str] = {}
    refused: dict[int, str] = {}


@dataclass(frozen=True)
class Frame:
    """A frame, decoded. `subjects`: (hash, event), sorted."""

    head: Head
    events: list[bytes]
    subjects: list[tuple[int, int]]

    def places(self, subject: int) -> list[int]:
        """Events that carry an identifier with this hash."""
        at = bisect_left(self.subjects, (subject, 0))
        found = []
        while at < len(self.subjects) and self.subjects[at][0] == subject:
            found.append(self.subjects[at][1])
            at += 1
        return found

    def without(self, places: Collection[int]) -> bytes:
        """The frame with these events taken out, in which all others keep their places. What it said for all its events
        goes too when none is left."""
        gone = set(places)
        events = [ERASED if place in gone else event for place, event in enumerate(self.events)]
        subjects = [one for one in self.subjects if one[1] not in gone]
        head = msgspec.structs.replace(
            self.head,
            assigned={place: one for place, one in self.head.assigned.items() if place not in gone},
            refused={place: one for place, one in self.head.refused.items() if place not in gone},
        )
        if not any(events):
            head = msgspec.structs.replace(head, context=b"", integrations=b"", ip="", agent="")
        return pack(head, events, subjects)


_encode_head = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(Head).decode


def pack(head: Head, events: Sequence[bytes | memoryview], subjects: Sequence[tuple[int, int]] = ()) -> bytes:
    """A frame's bytes."""
    said = _encode_head(head)
    offsets, total = [0], 0
    for event in events:
        total += len(event)
        offsets.append(total)
    return b"".join(
        (
            _START.pack(MAGIC, VERSION, 0, len(said), len(events), len(subjects)),
            said,
            struct.pack(f"<{len(offsets)}I", *offsets),
            *(_SUBJECT.pack(*one) for one in sorted(subjects)),
            *events,
        )
    )


def unpack(data: bytes) -> Frame:
    """A frame from its bytes. Raises StateError for bytes that are none, or of a version to come."""
    try:
        magic, version, _, size, count, subjects = _START.unpack_from(data)
        if magic != MAGIC:
            raise StateError("a frame of the event log cannot be read", why="it does not begin as one")
        if version > VERSION:
            raise StateError(
                f"a frame of the event log is of version {version}",
                why=f"this version reads {VERSION}",
                fix="use the newer version of floorwalker that wrote it",
            )
        at = _START.size + size
        head = _decode_head(data[_START.size : at])
        offsets = struct.unpack_from(f"<{count + 1}I", data, at)
        at += 4 * (count + 1)
        end = at + _SUBJECT.size * subjects
        index = [_SUBJECT.unpack_from(data, place) for place in range(at, end, _SUBJECT.size)]
    except (struct.error, msgspec.MsgspecError) as error:
        raise StateError("a frame of the event log cannot be read", why=str(error)) from None
    if len(data) != end + offsets[-1]:
        raise StateError("a frame of the event log cannot be read", why="it is longer or shorter than it says")
    events = [data[end + offsets[place] : end + offsets[place + 1]] for place in range(count)]
    return Frame(head, events, index)


class Subjects:
    """Hashes identifiers with a project's key.

    >>> subjects = Subjects(b"secret")
    >>> subjects.hash("user_id", "u1") == subjects.hash("user_id", "u1") != subjects.hash("anonymous_id", "u1")
    True
    """

    def __init__(self, secret: bytes) -> None:
        key = hashlib.blake2b(b"subjects of frames", key=secret[:64], digest_size=32).digest()
        # Copied for each hash: to take the key in would cost half of one.
        self._keyed = hashlib.blake2b(key=key, digest_size=8)

    def hash(self, kind: str, value: str) -> int:
        """64 bits of an identifier."""
        index: list[tuple[int, int]] = []
        self.note([(kind, value)], 0, index)
        return index[0][0]

    def note(self, identifiers: Iterable[tuple[str, str]], place: int, index: list[tuple[int, int]]) -> None:
        """Enter an event's identifiers (kind, value) in an index."""
        for kind, value in identifiers:
            state = self._keyed.copy()
            state.update(f"{kind}\0{value}".encode("utf-8", "replace"))
            index.append((int.from_bytes(state.digest(), "little"), place))
