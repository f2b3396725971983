"""A file of Debezium's messages → lines of JSON that a mapping reads: of each row the last change, by the log.

In: the file, the columns that name a row, and a scratch folder. Out: a file with as many lines, so that a row's number
stays its message's number: a line of JSON for a change that counts, an empty line for one that a later change has
overtaken and for a message that changes nothing, a stand-in for a bad one, whose text and reason come beside.

A change counts over another of its row when it stands later in the database's log, wherever it stands in the file.

    unwrapped(Path("orders.jsonl"), ("id",), scratch)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from floorwalker.errors import SourceError
from floorwalker.sources.connectors.rows import encode
from floorwalker.sources.debezium.envelope import Change, Position, read_change

STAND_IN = b"x\x1fx\n"
"""Two fields where one is expected: a line that the reader refuses."""
CHUNK = 8 << 20
LONGEST = 16 << 20
"""Bytes of a message."""


@dataclass
class Unwrapped:
    """`bad`: the text of refused messages by their number; `why`: the reasons."""

    path: Path
    bad: dict[int, str] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)


def unwrapped(path: Path, key: Sequence[str], scratch: Path) -> Unwrapped:
    """Read the file twice: first for the last change of each row, then to write. Memory: 16 bytes and a position per
    row. Raises SourceError where the file cannot be read."""
    made = Unwrapped(scratch / f"{len(list(scratch.iterdir()))}.jsonl")
    last: dict[bytes, tuple[Position, int]] = {}
    try:
        for number, line in enumerate(_lines(path), 1):
            try:
                change = read_change(line)
                if change is not None:
                    row = _row_of(change, key)
                    # Of two at one place in the log the later line: a row changed twice by one statement.
                    if row not in last or (change.position, number) >= last[row]:
                        last[row] = (change.position, number)
            except ValueError as error:
                made.bad[number] = line.decode("utf-8", "replace").strip()
                made.why[number] = f"change: {error}"
        counting = {number for _, number in last.values()}
        with made.path.open("wb") as out:
            for number, line in enumerate(_lines(path), 1):
                if number in made.bad:
                    out.write(STAND_IN)
                elif number in counting and (change := read_change(line)) is not None:
                    out.write(encode(change.row) + b"\n")
                else:
                    out.write(b"\n")
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path.name} cannot be read", why=str(error)) from error
    return made


def _row_of(change: Change, key: Sequence[str]) -> bytes:
    """Which row of which table it is about."""
    values = [change.row.get(name) for name in key if name in change.row]
    if not values or any(value is None for value in values):
        raise ValueError(f"it has no {' or '.join(key)}, which names the row")
    table = [change.row["__db"], change.row["__schema"], change.row["__table"]]
    return hashlib.blake2b(encode([*table, *values]), digest_size=16).digest()


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of the file, unpacked by the ending of its name."""
    packed = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    carry = b""
    with pa.input_stream(str(path), compression=packed) as stream:
        while chunk := stream.read(CHUNK):
            *whole, carry = (carry + chunk).split(b"\n")
            yield from whole
            if len(carry) > LONGEST:
                raise SourceError(f"{path.name} has a line of more than {LONGEST >> 20} MB")
    if carry:
        yield carry
