"""Records of a text file told from lines that are none, and copied: what `lines` rewrites files by.

In: blocks of whole lines in UTF-8 that end in \\n. Out: the same records in a file DuckDB can read; lines that cannot
be one stand in `Prepared.bad`, and a stand-in that DuckDB refuses keeps their place.

>>> well_formed_line(b",").fullmatch(b'1,"two, 2",3') is None, well_formed_line(b",").fullmatch(b'1,"two,3') is None
(False, True)
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator
from typing import Protocol

RECORD_LIMIT = 1 << 20
"""Bytes a record may span over several lines."""
LINE_LIMIT = 2_000_000
"""Bytes of a line: DuckDB reads no longer ones."""
TOO_LONG = "malformed line: too long"


class Aside(Protocol):
    """What is known of a file; lines put aside and, where it is no open quote, why, by record number."""

    header: tuple[str, ...]
    delimiter: str
    bad: dict[int, str]
    why: dict[int, str]


@functools.cache
def well_formed_line(delimiter: bytes, *, lines: bool = False) -> re.Pattern[bytes]:
    """Matches fields that a CSV reader takes as they stand: unquoted, or wholly quoted with doubled quotes inside.

    `lines=True`: quoted fields may hold line ends. Possessive throughout, hence linear.
    """
    return re.compile(
        _field(delimiter, lines) + b"(?:" + re.escape(delimiter) + _field(delimiter, lines) + b")*+[ \r]*+"
    )


@functools.cache
def _well_formed_lines(delimiter: bytes) -> re.Pattern[bytes]:
    """As many well-formed lines as follow one another: one match for millions of lines instead of one for each."""
    return re.compile(b"(?:" + well_formed_line(delimiter).pattern + b"\n)*+")


@functools.cache
def _record(delimiter: bytes, fields: int) -> re.Pattern[bytes]:
    """A record of exactly `fields` fields that may span lines, with its line end."""
    one = _field(delimiter, True)
    more = b"(?:" + re.escape(delimiter) + one + b"){%d}" % (fields - 1)
    return re.compile(one + more + b"[ \r]*+(?:\n|\\Z)")


def _field(delimiter: bytes, lines: bool) -> bytes:
    inside = b'[^"]' if lines else b'[^"\n]'
    return b'(?: *+"(?:' + inside + b'++|"")*+" *+|(?! *")[^\n' + re.escape(delimiter) + b"]*+)"


def first_odd_line(block: bytes, start: int, end: int, delimiter: bytes) -> int:
    """Where the first line stands that has quotes and is not well formed by itself; −1: there is none."""
    quote = block.find(b'"', start, end)
    if quote < 0:
        return -1
    begin = max(block.rfind(b"\n", start, quote) + 1, start)
    found = _well_formed_lines(delimiter).match(block, begin, end)
    at = found.end() if found else begin
    if at == end:
        return -1
    last = None if block.find(b"\n", at, end) >= 0 else well_formed_line(delimiter).match(block, at, end)
    return -1 if last is not None and last.end() == end else at


def any_too_long(block: bytes) -> bool:
    at = 0
    while len(block) - at > LINE_LIMIT:
        at = block.rfind(b"\n", at, at + LINE_LIMIT + 1) + 1
        if not at:
            return True
    return False


def clipped(blocks: Iterator[bytes], skip: int) -> Iterator[bytes]:
    """Whole lines, without the first `skip`. Of one that is too long: NUL, its beginning, and its size.

    No other line has a NUL here, so that the mark can be told.
    """
    carry, lost = b"", 0
    for block in blocks:
        if lost:
            end = block.find(b"\n")
            lost += len(block) if end < 0 else end
            if end < 0:
                continue
            block, carry = carry + b" ... (%d bytes)" % lost + block[end:], b""
            lost = 0
        else:
            block = carry + block
        while skip and (end := block.find(b"\n") + 1):
            block, skip = block[end:], skip - 1
        if any_too_long(block):
            block = b"\n".join(_clip(line) if len(line) > LINE_LIMIT else line for line in block.split(b"\n"))
        end = block.rfind(b"\n") + 1
        carry = block[end:]
        if carry.startswith(b"\0"):
            head, _, size = carry.rpartition(b" ... (")
            carry, lost = head, int(size.split(b" ", 1)[0])
        yield block[:end]
    if lost:
        carry += b" ... (%d bytes)" % lost
    yield carry + b"\n" if carry and not skip else b""


def _clip(line: bytes) -> bytes:
    return b"\0%b ... (%d bytes)" % (line[:200].replace(b"\0", b""), len(line))


class LineWriter:
    """Copies lines, and puts those aside that are too long; a stand-in of two fields is refused in their place."""

    def __init__(self, out: io.BufferedWriter, prepared: Aside) -> None:
        self.out, self.prepared = out, prepared
        self.lines = 1

    def feed(self, block: bytes, last: bool = False) -> None:
        while (at := block.find(b"\0")) >= 0:
            stop = block.index(b"\n", at) + 1
            self.lines += block.count(b"\n", 0, at)
            self.prepared.bad[self.lines] = block[at + 1 : stop - 1].decode("utf-8", "replace")
            self.prepared.why[self.lines] = TOO_LONG
            self.lines += 1
            self.out.write(block[:at] + b"x\x1fx\n")
            block = block[stop:]
        self.lines += block.count(b"\n")
        self.out.write(block)


class RecordWriter:
    """Copies records, leaves blank lines out and puts lines aside that are no record."""

    def __init__(self, out: io.BufferedWriter, prepared: Aside) -> None:
        self.out, self.prepared = out, prepared
        self.buffer = b""
        self.records = 0
        self.delimiter = prepared.delimiter.encode()
        self.record = _record(self.delimiter, max(len(prepared.header), 1))
        self.stand_in = self.delimiter.join([b"x"] * (len(prepared.header) + 2)) + b"\n"

    def feed(self, block: bytes, last: bool = False) -> None:
        self.buffer += block
        if last and self.buffer and not self.buffer.endswith(b"\n"):
            self.buffer += b"\n"
        buffer, at = self.buffer, 0
        end = buffer.rfind(b"\n") + 1
        # A record may need the bytes after it to be judged: only the end of the file is judged without.
        safe = end if last else min(end, len(buffer) - RECORD_LIMIT)
        while at < safe:
            odd = self.first_odd(buffer, at, end)
            upto = end if odd < 0 else odd
            if not last and upto > safe:
                upto = buffer.rfind(b"\n", at, safe) + 1
                if not upto:
                    break
                odd = -1
            self.copy(buffer[at:upto])
            at = upto
            if odd >= 0:
                at = self.judge(buffer, odd)
            elif not last:
                break
        self.buffer = buffer[at:]

    def first_odd(self, buffer: bytes, at: int, end: int) -> int:
        """The first line that may be no record by itself: odd quotes, or clipped."""
        odd, cut = first_odd_line(buffer, at, end, self.delimiter), buffer.find(b"\0", at, end)
        return odd if cut < 0 or 0 <= odd < cut else cut

    def copy(self, span: bytes) -> None:
        span = re.sub(rb"(?m)^\n", b"", span)
        self.records += span.count(b"\n")
        self.out.write(span)

    def judge(self, buffer: bytes, start: int) -> int:
        """Copy the record that starts here if it is one, else put its first line aside; where to go on."""
        cut = buffer.startswith(b"\0", start)
        found = None if cut else self.record.match(buffer, start, min(len(buffer), start + RECORD_LIMIT))
        if found is not None and found.group().endswith(b"\n") and b"\0" not in found.group():
            self.out.write(found.group())
            self.records += 1
            return found.end()
        stop = buffer.index(b"\n", start)
        self.prepared.bad[self.records] = buffer[start + cut : stop].decode("utf-8", "replace")
        if cut:
            self.prepared.why[self.records] = TOO_LONG
        self.records += 1
        self.out.write(self.stand_in)
        return stop + 1
