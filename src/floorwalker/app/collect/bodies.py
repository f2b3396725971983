"""A request's body: read within limits, and unpacked, whatever its headers claim.

In: an ASGI scope. Out: bytes. SDKs send gzipped JSON under any type of content, with and without a `Content-Encoding`:
what is packed shows in its first bytes.

>>> import gzip
>>> unpacked(gzip.compress(b'{"a":1}'), 100), unpacked(b'{"a":1}', 100)
(b'{"a":1}', b'{"a":1}')
>>> unpacked(gzip.compress(b"0" * 10_000_000), 1000)
Traceback (most recent call last):
floorwalker.app.collect.bodies.TooLong: 1000
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from typing import Any

GZIP, ZLIB = b"\x1f\x8b", b"\x78"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class TooLong(ValueError):
    """The body is longer than this many bytes."""


class CutOff(ValueError):
    """The client left before the body was whole, or it cannot be unpacked."""


async def read(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], most: int) -> bytes:
    """The body as it was sent. Raises TooLong as soon as that is known, CutOff."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise TooLong(most)
    message = await receive()
    body = message.get("body", b"")
    if not message.get("more_body", False) and message["type"] == "http.request":
        if len(body) > most:
            raise TooLong(most)
        return body
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise CutOff("the body ended early")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLong(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def unpacked(body: bytes, most: int) -> bytes:
    """The body as text: gzip and zlib are undone, anything else is left. Raises TooLong, CutOff."""
    if body[:2] == GZIP:
        return _inflated(body, _GZIP_WINDOW, most)
    # A JSON body never begins with an x.
    if body[:1] == ZLIB:
        return _inflated(body, zlib.MAX_WBITS, most)
    if len(body) > most:
        raise TooLong(most)
    return body


def _inflated(body: bytes, window: int, most: int) -> bytes:
    machine = zlib.decompressobj(window)
    try:
        text = machine.decompress(body, most + 1)
    except zlib.error as error:
        raise CutOff(f"it cannot be unpacked: {error}") from None
    if len(text) > most:
        raise TooLong(most)
    if not machine.eof:
        raise CutOff("it cannot be unpacked: it ends early")
    return text
