"""A frame as a message of Kafka: encrypted under a key of its own, with a header that says which.

In: a frame, its key and its place. Out: the message's value and header, and the frame again.

The header, `fw`, is 25 bytes: version, session, leaf (which frame of the session), and how many bytes of frames the
partition got before it. A key is used for one frame only, so that the nonce may be constant; the place is
authenticated.

>>> place = Place(partition=0, session=7, leaf=3)
>>> sealed = seal(bytes(32), place, b"frame")
>>> unseal(bytes(32), place, sealed), unseal(bytes(32), place._replace(leaf=4), sealed)
(b'frame', None)
>>> Header.read([("fw", Header(7, 3, 1200).packed())])
Header(session=7, leaf=3, before=1200)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NAME = "fw"
VERSION = 1
TAG = 16
"""So many bytes longer than the frame is what is stored."""
_HEADER = struct.Struct(">BQQQ")
_PLACE = struct.Struct(">QQQ")
_NONCE = bytes(12)


class Place(NamedTuple):
    """Where a frame belongs, and nowhere else."""

    partition: int
    session: int
    leaf: int


class Header(NamedTuple):
    """What a message says about itself in clear."""

    session: int
    leaf: int
    before: int

    def packed(self) -> bytes:
        return _HEADER.pack(VERSION, *self)

    @classmethod
    def read(cls, headers: Sequence[tuple[str, Any]] | None) -> Header | None:
        """None where the message is none of ours, or of a version that is not known."""
        for name, value in headers or ():
            if name == NAME and isinstance(value, bytes) and len(value) == _HEADER.size:
                version, session, leaf, before = _HEADER.unpack(value)
                return cls(session, leaf, before) if version == VERSION else None
        return None


def seal(key: bytes, place: Place, frame: bytes) -> bytes:
    """Encrypt a frame. The key must never have been used, nor be used again."""
    return AESGCM(key).encrypt(_NONCE, frame, _PLACE.pack(*place))


def unseal(key: bytes, place: Place, sealed: bytes) -> bytes | None:
    """The frame; None when it is damaged, or not from this place."""
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, _PLACE.pack(*place))
    except InvalidTag:
        return None
