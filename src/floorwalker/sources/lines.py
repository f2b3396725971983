"""Text files made safe to read in bulk: one encoding, one kind of line end, no line that could swallow its neighbours.

In: a CSV, TSV or JSON-lines file as it was delivered, perhaps gzipped. Out: a `Prepared` file: the original where it is
already clean (one pass over its bytes tells), else a rewritten copy in a scratch folder that the caller removes.

What is put right: byte order marks, latin-1 and other encodings, NUL bytes, mixed line ends, blank lines, and quotes
that never close. Such a quote would make a CSV reader take every following line for one field. A record that spans
lines is therefore believed only when it closes within `RECORD_LIMIT` bytes with exactly the header's number of fields;
otherwise its first line alone is put aside (`bad`) and reading goes on at the next one. A stand-in with too many fields
keeps its place, so that record numbers stay those of the delivered file.

>>> well_formed_line(b",").fullmatch(b'1,"two, 2",3') is None, well_formed_line(b",").fullmatch(b'1,"two,3') is None
(False, True)
"""

from __future__ import annotations

import codecs
import csv
import functools
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from floorwalker.errors import SourceError

CHUNK = 8 << 20
RECORD_LIMIT = 1 << 20
"""Bytes a record may span over several lines."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"


@dataclass
class Prepared:
    """A file DuckDB can read. `bad`: lines put aside, by record number (the header is 0)."""

    path: Path
    header: tuple[str, ...] = ()
    delimiter: str = ","
    bad: dict[int, str] = field(default_factory=dict)


@dataclass
class _Findings:
    """What one pass over a file's bytes saw."""

    codec: str
    rewrite: bool = False
    ends: Counter[bytes] = field(default_factory=Counter)

    @property
    def any_newline(self) -> bool:
        return self.ends[b"\n"] > 0


def prepare(path: Path, form: str, encoding: str, delimiter: str, scratch: Path) -> Prepared:
    """Look at a text file and, if need be, rewrite it into `scratch`.

    `form` is csv, tsv or jsonl. An empty CSV has the header (). Raises `SourceError` when the file cannot be opened,
    unpacked or decoded.
    """
    try:
        codec = _codec(path, encoding)
        header, mark = (), delimiter or ("\t" if form == "tsv" else "")
        if form != "jsonl":
            header, mark = _header(path, codec, mark)
        findings = _inspect(path, codec, encoding == "auto", mark if form != "jsonl" else "")
        if form != "jsonl" and findings.codec != codec:
            header, mark = _header(path, findings.codec, mark)
        prepared = Prepared(path, header, mark or ",")
        if findings.rewrite:
            prepared.path = scratch / f"{len(list(scratch.iterdir()))}.txt"
            _rewrite(path, findings, prepared, form != "jsonl")
    except UnicodeError as error:
        why = f"byte {getattr(error, 'start', 0)} is not {encoding}"
        raise SourceError(f"{path.name} cannot be decoded", why=why, fix='encoding = "auto" or "latin-1"') from error
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path.name} cannot be read", why=str(error)) from error
    return prepared


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


def _chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes, unpacked by the ending of its name (.gz, .zst)."""
    packed = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    with pa.input_stream(str(path), compression=packed) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _codec(path: Path, encoding: str) -> str:
    """The codec a file's mark names, else the mapping's; "auto" starts as utf-8."""
    start = next(_chunks(path), b"")[:4]
    for mark, codec in _BOMS:
        if start.startswith(mark):
            return codec
    return "utf-8" if encoding == "auto" else codecs.lookup(encoding).name


def _header(path: Path, codec: str, delimiter: str) -> tuple[tuple[str, ...], str]:
    """Names of the columns (trimmed, as they stand) and the delimiter that divides most of the first line."""
    start = codecs.getincrementaldecoder(codec)("replace").decode(next(_chunks(path), b"")[:RECORD_LIMIT])
    start = start.lstrip("\ufeff").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    if not start:
        return (), delimiter or ","
    if not delimiter:
        first = re.sub(r'"[^"]*"', "", start.split("\n", 1)[0])
        delimiter = max(_DELIMITERS, key=first.count)
    row = next(csv.reader(io.StringIO(start), delimiter=delimiter, skipinitialspace=True), [])
    return tuple(name.strip() for name in row), delimiter


def _inspect(path: Path, codec: str, guess: bool, delimiter: str) -> _Findings:
    """Decide whether the file must be rewritten. A file meant to be guessed that is no UTF-8 is latin-1."""
    findings = _Findings(codec, rewrite=codec != "utf-8")
    decoder = codecs.getincrementaldecoder("utf-8")()
    carry = b""
    first = True
    for chunk in _chunks(path):
        if findings.codec == "utf-8" and guess:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                findings.codec, findings.rewrite = "latin-1", True
        if first and chunk.startswith((codecs.BOM_UTF8, b"\n", b"\r")):
            findings.rewrite = True
        first = False
        block = carry + chunk
        end = block.rfind(b"\n") + 1
        # Everything but the last, unfinished line; a file without line ends is looked at as it comes.
        block, carry = (block[:end], block[end:]) if end else (block, b"")
        for mark in (b"\r", b"\n", b"\r\n"):
            findings.ends[mark] += block.count(mark)
        findings.rewrite = findings.rewrite or _needs_rewrite(block, delimiter.encode())
    if findings.codec == "utf-8" and guess:
        try:
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            findings.codec, findings.rewrite = "latin-1", True
    findings.rewrite = findings.rewrite or _needs_rewrite(carry, delimiter.encode())
    findings.ends[b"\r"] += carry.count(b"\r")
    if findings.ends[b"\r"]:
        # DuckDB gives up on a file whose line ends are not all of one kind.
        findings.rewrite |= not findings.ends[b"\r"] == findings.ends[b"\n"] == findings.ends[b"\r\n"]
    if findings.codec not in ("utf-8", "latin-1"):
        # Line ends of other encodings show only after decoding.
        findings.ends = Counter({b"\n": sum(block.count(b"\n") for block in _utf8(path, findings.codec))})
    return findings


def _needs_rewrite(block: bytes, delimiter: bytes) -> bool:
    if b"\0" in block:
        return True
    if not delimiter:
        return False
    if b"\n\n" in block or b"\n\r\n" in block or block.startswith((b"\n", b"\r\n")):
        return True
    return _first_odd_line(block, 0, len(block), delimiter) >= 0


def _first_odd_line(block: bytes, start: int, end: int, delimiter: bytes) -> int:
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


def _utf8(path: Path, codec: str) -> Iterator[bytes]:
    """The file's text as UTF-8, without its byte order mark. UTF-8 passes unchecked: DuckDB refuses single lines."""
    decoder = codecs.getincrementaldecoder(codec)()
    first = True
    for chunk in _chunks(path):
        text = chunk if codec == "utf-8" else decoder.decode(chunk).encode()
        yield text.removeprefix(codecs.BOM_UTF8) if first else text
        first = False
    if codec != "utf-8":
        yield decoder.decode(b"", True).encode()


def _plain(path: Path, findings: _Findings) -> Iterator[bytes]:
    """The same without NUL bytes and with \\n for line ends. A lone \\r ends lines only in a file that has no \\n."""
    carry = b""
    lone = b" " if findings.any_newline else b"\n"
    for chunk in _utf8(path, findings.codec):
        block = carry + chunk.replace(b"\0", b"")
        carry = b"\r" if block.endswith(b"\r") else b""
        yield block[: len(block) - len(carry)].replace(b"\r\n", b"\n").replace(b"\r", lone)
    if carry:
        yield b"\n"


def _rewrite(path: Path, findings: _Findings, prepared: Prepared, is_csv: bool) -> None:
    with prepared.path.open("wb") as out:
        if not is_csv:
            for block in _plain(path, findings):
                out.write(block)
            return
        writer = _RecordWriter(out, prepared)
        for block in _plain(path, findings):
            writer.feed(block)
        writer.feed(b"", last=True)


class _RecordWriter:
    """Copies records, leaves blank lines out and puts lines aside that are no record."""

    def __init__(self, out: io.BufferedWriter, prepared: Prepared) -> None:
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
            odd = _first_odd_line(buffer, at, end, self.delimiter)
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

    def copy(self, span: bytes) -> None:
        span = re.sub(rb"(?m)^\n", b"", span)
        self.records += span.count(b"\n")
        self.out.write(span)

    def judge(self, buffer: bytes, start: int) -> int:
        """Copy the record that starts here if it is one, else put its first line aside; where to go on."""
        found = self.record.match(buffer, start, min(len(buffer), start + RECORD_LIMIT))
        if found is not None and found.group().endswith(b"\n"):
            self.out.write(found.group())
            self.records += 1
            return found.end()
        stop = buffer.index(b"\n", start)
        self.prepared.bad[self.records] = buffer[start:stop].decode("utf-8", "replace")
        self.records += 1
        self.out.write(self.stand_in)
        return stop + 1
