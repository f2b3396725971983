"""A stream, from where the last pull ended: new records into delivery files, then the cursor.

In: a reader of pages, a stream, the project's database. Out: delivery files and a `StreamResult`.

No record is lost and, after the run's own de-duplication by content, none counts twice, wherever a pull is cut off:
files are on the disk before the cursor moves, so a record may be delivered again and never left out. Within a file the
last of several records with one key counts; what the overlap brings a second time unchanged is left out.

    pull_stream(reader, pull, stream, state, folder, Asked(now))
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from floorwalker.errors import ConfigError, SourceError
from floorwalker.sources.connectors.cursors import MOST_SEEN, Position, back, load, save, seconds, value_of, written
from floorwalker.sources.connectors.definition import Stream
from floorwalker.sources.connectors.landing import file_name, write
from floorwalker.sources.connectors.rows import at, encode, exploded
from floorwalker.sources.connectors.settings import Pull

CHUNK = 5_000
"""Records that are held at once, and in a file."""
_RESTARTS = 3


class StartAgain(SourceError):
    """A reader's own mark is no longer known: the stream has to be read from its cursor again."""


@dataclass(frozen=True)
class Page:
    """Records as the system gave them, and its mark for going on, where it has one."""

    records: list[Any]
    token: str = ""


class Reader(Protocol):
    """A system that streams are read from."""

    def pages(self, stream: Stream, start: Decimal | None, token: str = "") -> Iterator[Page]: ...

    def clock(self) -> Decimal | None: ...


@dataclass(frozen=True)
class Asked:
    """What a person asked of a pull."""

    now: dt.datetime
    since: dt.datetime | None = None
    full: bool = False
    dry_run: bool = False
    progress: Callable[[str], None] = lambda _: None


@dataclass
class StreamResult:
    """records = new + known + odd; `odd` are no objects and cannot be delivered."""

    pull: str
    stream: str
    since: str = ""
    records: int = 0
    new: int = 0
    known: int = 0
    odd: int = 0
    files: int = 0
    cursor: str = ""
    error: str = ""


@dataclass
class _Chunk:
    """Records that wait to be written; a later one with the same key takes the place of an earlier one."""

    records: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def add(self, key: Any, record: dict[str, Any]) -> None:
        self.records.pop(key, None)
        self.records[key] = record


class _Pulling:
    """One stream of one pull."""

    def __init__(self, pull: Pull, stream: Stream, state: sqlite3.Connection, folder: Path, asked: Asked) -> None:
        self.pull, self.stream, self.state, self.folder, self.asked = pull, stream, state, folder, asked
        self.result = StreamResult(pull.name, stream.name)
        self.was = load(state, pull.name, stream.name)
        self.now = Position(self.was.value, self.was.token)
        self.chunk = _Chunk()
        self.chunks = 0
        self.reached: Decimal | None = None
        self.digests: dict[str, Decimal | None] = {}
        # Asked to begin after the cursor, a pull must not move it over what it leaves out.
        later = asked.since is not None and (self.was.value is None or seconds(asked.since) > self.was.value)
        self.moves = not asked.dry_run and not (later and self.was.value is not None)

    def start(self) -> tuple[Decimal | None, str]:
        """From where to read: as asked, else from the cursor less the overlap, else from where the project says."""
        rule, first = self.stream.cursor, self.pull.since
        if rule is None:
            return None, ""
        if self.asked.since is not None and rule.type == "number":
            raise ConfigError(f"{self.stream.name} is read by a number, not by a time", fix="--full reads all of it")
        if self.asked.since is not None:
            return seconds(self.asked.since), ""
        if not self.asked.full and self.was.value is not None:
            return back(rule, self.was.value), self.was.token if rule.type == "token" else ""
        return (seconds(first) if first and rule.type != "number" else None), ""

    def take(self, page: Page) -> None:
        for record in page.records:
            self.result.records += 1
            if not isinstance(record, dict):
                self.result.odd += 1
                continue
            value = value_of(self.stream.cursor, record)
            if value is not None:
                self.reached = value if self.reached is None else max(value, self.reached)
            digest = hashlib.blake2b(encode(record), digest_size=12).hexdigest()
            known = digest in self.digests or (digest in self.was.seen and not self.asked.full)
            self.digests[digest] = value
            if known:
                self.result.known += 1
                continue
            self.result.new += 1
            key = tuple(str(at(record, part)) for part in self.stream.key) or digest
            self.chunk.add(key, record)
        if page.token:
            self.now.token = page.token
        if len(self.chunk.records) >= CHUNK:
            self.write()
            rule = self.stream.cursor
            if rule is not None and rule.ordered:
                self.move(None)
        self.asked.progress(f"{self.stream.name} {self.result.records:,}")

    def write(self) -> None:
        """Deliver what waits."""
        if len(self.digests) > MOST_SEEN * 10:
            # Only a convenience: what is delivered twice is known by its content.
            self.digests = {}
        records, self.chunk = list(self.chunk.records.values()), _Chunk()
        if records and not self.asked.dry_run:
            lines = {rows: _lines(records, path) for rows, path in self.stream.rows.items()}
            self.chunks += 1
            name = file_name(self.asked.now, self.chunks)
            self.result.files += len(write(self.folder, lines, name))

    def move(self, clock: Decimal | None) -> None:
        """The cursor, after what it covers is on the disk; never beyond the system's own time."""
        rule = self.stream.cursor
        values = [one for one in (self.was.value, self.reached) if one is not None]
        if rule is None or not values:
            return
        self.now.value = max(values)
        if rule.type != "number":
            self.now.value = min(self.now.value, seconds(self.asked.now) if clock is None else clock)
        first = back(rule, self.now.value)
        # Only what the next pull may bring again need be known then.
        self.digests = {one: value for one, value in self.digests.items() if value is not None and value >= first}
        self.now.seen = {one: str(value) for one, value in self.digests.items()}
        self.result.cursor = written(rule, self.now.value)
        if self.moves:
            save(self.state, self.pull.name, self.stream.name, self.now, self.result.cursor, self.asked.now)


def pull_stream(
    reader: Reader, pull: Pull, stream: Stream, state: sqlite3.Connection, folder: Path, asked: Asked
) -> StreamResult:
    """Pull one stream. Raises SourceError; what was delivered until then stays, and so does the cursor it covers."""
    one = _Pulling(pull, stream, state, folder, asked)
    start, token = one.start()
    rule = stream.cursor
    if rule is not None and start is not None:
        one.result.since = written(rule, start)
    for turn in range(_RESTARTS + 1):
        try:
            for page in reader.pages(stream, start, token):
                one.take(page)
            break
        except StartAgain:
            if turn == _RESTARTS:
                raise
            one.write()
            if rule is not None and rule.ordered and one.reached is not None:
                one.move(None)
                start = back(rule, one.reached)
            elif rule is not None and one.was.value is not None and not asked.full and asked.since is None:
                start = back(rule, one.was.value)
            token = one.now.token = ""
    one.write()
    one.move(reader.clock())
    return one.result


def _lines(records: list[dict[str, Any]], path: tuple[str, ...]) -> Iterator[bytes]:
    return (encode(one) for record in records for one in exploded(record, path))
