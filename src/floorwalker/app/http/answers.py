"""What travels: a call that came in, an answer or a problem that goes out.

In: an ASGI scope. Out: `Answer`, whose bytes are JSON unless said otherwise; every error has the same shape.

>>> problem(404, "not_found", "no such customer", fix="check the id").body
b'{"error":{"code":"not_found","what":"no such customer","why":"","fix":"check the id"}}'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from floorwalker.governance.keys import Key

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
_FIELDS = 20
"""Parameters that a query may have."""

S = TypeVar("S", bound=msgspec.Struct)


class Answer(NamedTuple):
    """A status, a body and what it is."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Call(NamedTuple):
    """A request that passed the door: `key` says who calls, `parameters` are those of the path and `query` those behind
    the question mark, decoded."""

    key: Key
    parameters: Mapping[str, str]
    body: bytes
    query: bytes = b""

    def asked(self, struct: type[S]) -> S:
        """The query as a struct. Raises Problem 400 where it is not as the struct says."""
        try:
            given = dict(parse_qsl(self.query.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
            return msgspec.convert(given, struct, strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            names = [field.encode_name for field in msgspec.structs.fields(struct)]
            raise Problem(
                400, "invalid_query", "the query is not as it should be", _told(error), "known: " + ", ".join(names)
            ) from error

    def said(self, struct: type[S]) -> S:
        """The body, read as JSON. Raises Problem 400 where it is not as the struct says."""
        try:
            return msgspec.json.decode(self.body, type=struct)
        except msgspec.ValidationError as error:
            raise Problem(
                400, "invalid_request", "the request is not as it should be", _told(error), "see /openapi.json"
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, "not_json", "the body is not JSON", _told(error)) from error


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, msgspec.MsgspecError) else "it cannot be decoded"


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
