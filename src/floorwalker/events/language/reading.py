"""Events from a file, however they were written down: a line each, a list, or the body of a batch.

In: a file of bytes, gzipped or not. Out: `Item`s: where each stood, and the event, or why it is none.

>>> import io
>>> body = b'{"batch": [{"type": "page"}, {"type": "screen"}], "context": {"ip": "1.2.3.4"}}\\n{oops\\n'
>>> for item in read_items(io.BytesIO(body)):
...     print(item.where, item.fault or item.event)
line 1, item 1 {'type': 'page', 'context': {'ip': '1.2.3.4'}}
line 1, item 2 {'type': 'screen', 'context': {'ip': '1.2.3.4'}}
line 2 is no JSON

Lines are read one after the other, so a file of them may be of any size. What a batch says of all its events, its
`context` and `integrations`, holds for each. A line that cannot be read does not stop the rest.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, NamedTuple

import msgspec

from floorwalker.errors import SourceError

SHARED = ("context", "integrations")
"""What a batch may say of all its events."""
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"


class Item(NamedTuple):
    """One event as it stood in a file: `event` is any JSON value; or `fault` says why there is none."""

    where: str
    event: Any = None
    fault: str = ""


def read_items(file: IO[bytes]) -> Iterator[Item]:
    """Every event of a file. Raises SourceError for one that cannot be unpacked."""
    buffered = io.BufferedReader(_Plain(file))
    try:
        yield from _items(gzip.GzipFile(fileobj=buffered) if buffered.peek(2)[:2] == _GZIP else buffered)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise SourceError(
            "the file cannot be unpacked", why="it is damaged, or ends too early", fix="gzip -t FILE"
        ) from None


def events_of(value: Any) -> list[Any] | None:
    """The events of a list or of a batch's body, each with what the batch says of all; None: it is neither."""
    if isinstance(value, list):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("batch"), list):
        return None
    shared = {name: value[name] for name in SHARED if isinstance(value.get(name), Mapping)}
    return [_with(event, shared) for event in value["batch"]]


def _with(event: Any, shared: Mapping[str, Mapping[str, Any]]) -> Any:
    if not shared or not isinstance(event, Mapping):
        return event
    made = dict(event)
    for name, more in shared.items():
        own = event.get(name)
        if own is None or isinstance(own, Mapping):
            made[name] = {**more, **(own or {})}
    return made


def _items(lines: Iterable[bytes]) -> Iterator[Item]:
    waiting = iter(lines)
    started = False
    for number, line in enumerate(waiting, 1):
        text = (line.removeprefix(_MARK) if number == 1 else line).strip()
        if not text:
            continue
        value, fault = _decode(text)
        if fault and not started and text[:1] in (b"{", b"["):
            # Perhaps one document over many lines; if not, they are lines after all.
            rest = list(waiting)
            whole, whole_fault = _decode(b"\n".join((text, *rest)))
            if not whole_fault:
                yield from _spread(whole, "")
                return
            yield Item(f"line {number}", fault=fault)
            for later, other in enumerate(rest, number + 1):
                yield from _line(other.strip(), later)
            return
        started = True
        yield from [Item(f"line {number}", fault=fault)] if fault else _spread(value, f"line {number}")


def _line(text: bytes, number: int) -> Iterator[Item]:
    if text:
        value, fault = _decode(text)
        yield from [Item(f"line {number}", fault=fault)] if fault else _spread(value, f"line {number}")


def _spread(value: Any, where: str) -> Iterator[Item]:
    events = events_of(value)
    if events is None:
        yield Item(where or "item 1", value)
        return
    for place, event in enumerate(events, 1):
        yield Item(f"{where}, item {place}" if where else f"item {place}", event)


def _decode(text: bytes) -> tuple[Any, str]:
    """(value, why there is none). The decoder's own message is left out where it would quote the text."""
    try:
        return msgspec.json.decode(text), ""
    except UnicodeDecodeError:
        return None, "is not UTF-8"
    except msgspec.DecodeError as error:
        return None, "is not UTF-8" if "UTF-8" in str(error) else "is no JSON"
    except RecursionError:
        return None, "is nested too deeply"


class _Plain(io.RawIOBase):
    """Any file of bytes, standard input among them, as one that can be looked into before it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)
