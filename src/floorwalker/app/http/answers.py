"""What travels: a call that came in, an answer or a problem that goes out.

In: an ASGI scope. Out: `Answer`, whose bytes are JSON unless said otherwise; every error has the same shape.

>>> problem(404, "not_found", "no such customer", fix="check the id").body
b'{"error":{"code":"not_found","what":"no such customer","why":"","fix":"check the id"}}'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from floorwalker.governance.keys import Key

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"


class Answer(NamedTuple):
    """A status, a body and what it is."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Call(NamedTuple):
    """A request that passed the door: `parameter` is the rest of the path, decoded; `key` says who calls."""

    key: Key
    parameter: str
    body: bytes


class Error(msgspec.Struct, frozen=True):
    """What happened (`what`), why, what to try (`fix`); `code` is for programs."""

    code: str
    what: str
    why: str = ""
    fix: str = ""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer from 400 up."""

    error: Error


class Problem(Exception):
    """Raised by a route: becomes an error answer."""

    def __init__(self, status: int, code: str, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.answer = problem(status, code, what, why, fix)


def problem(status: int, code: str, what: str, why: str = "", fix: str = "") -> Answer:
    """An error answer."""
    return Answer(status, as_json(ErrorBody(Error(code, what, why, fix))))


_encode = msgspec.json.Encoder().encode


def as_json(value: Any) -> bytes:
    """Any struct, dict or list as JSON."""
    return _encode(value)
