"""Text files made safe to read in bulk: one encoding, one kind of line end, no line that could swallow its neighbours.

In: a CSV, TSV or JSON-lines file as it was delivered, perhaps gzipped. Out: a `Prepared` file: the original where it is
already clean (one pass over its bytes tells), else a rewritten copy in a scratch folder that the caller removes.

What is put right: byte order marks, latin-1 and other encodings, NUL bytes, mixed line ends, blank lines, title lines
above the header, lines that are too long for any record, and quotes that never close. Such a quote would make a CSV
reader take every following line for one field. A record that spans lines is therefore believed only when it closes
within `RECORD_LIMIT` bytes with exactly the header's number of fields; otherwise its first line alone is put aside
(`bad`) and reading goes on at the next one. A line of more than `LINE_LIMIT` bytes is put aside too, without ever lying
in memory. A stand-in with too many fields keeps the place of either, so that record numbers stay those of the delivered
file; the header's is 0.

    prepare(Path("receipts.csv"), "csv", "auto", "", scratch).encoding
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from floorwalker.errors import SourceError
from floorwalker.sources.encodings import SINGLE_BYTE, Guess, declared
from floorwalker.sources.plain_quotes import first_other_line
from floorwalker.sources.records import (
    LINE_LIMIT,
    RECORD_LIMIT,
    LineWriter,
    RecordWriter,
    any_too_long,
    clipped,
    first_odd_line,
)

CHUNK = 8 << 20
TITLE_LINES = 50
"""Among so many first lines the header is looked for."""
_DELIMITERS = ",;\t|"


@dataclass
class Prepared:
    """A file DuckDB can read, and what was found out. `bad`: lines put aside, by record number (the header is 0)."""

    path: Path
    header: tuple[str, ...] = ()
    delimiter: str = ","
    bad: dict[int, str] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)
    """Reasons of bad lines, where they are other than a quote that never closes."""
    encoding: str = "utf-8"
    line_ends: str = ""
    """LF, CRLF, CR or mixed; "": the file has one line at most."""
    titles: int = 0
    """Lines above the header."""


@dataclass
class _Findings:
    """What one pass over a file's bytes saw."""

    codec: str
    rewrite: bool = False
    too_long: bool = False
    ends: Counter[bytes] = field(default_factory=Counter)

    @property
    def any_newline(self) -> bool:
        return self.ends[b"\n"] > 0

    @property
    def line_ends(self) -> str:
        cr, lf, both = (self.ends[mark] for mark in (b"\r", b"\n", b"\r\n"))
        kinds = [name for name, count in (("CRLF", both), ("LF", lf - both), ("CR", cr - both)) if count > 0]
        return "" if not kinds else kinds[0] if len(kinds) == 1 else "mixed"


def prepare(
    path: Path,
    form: str,
    encoding: str,
    delimiter: str,
    scratch: Path,
    *,
    header_row: int = 0,
    fits: Callable[[tuple[str, ...]], bool] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Look at a text file and, if need be, rewrite it into `scratch`.

    `form` is csv, tsv, jsonl or fixed. The header is the line `header_row` (from 1), or the first that `fits`, or the
    first; in a file without one (fixed) `header_row` is the first line that is read. `progress` is told of bytes. An
    empty CSV has the header (). Raises `SourceError` when the file cannot be opened, unpacked or decoded.
    """
    is_csv = form in ("csv", "tsv")
    try:
        codec = declared(next(_chunks(path), b"")[:4096], encoding)
        header, mark, skip = (), delimiter or ("\t" if form == "tsv" else ""), max(header_row - 1, 0)
        if is_csv:
            header, mark, skip = _header(path, codec, mark, header_row, fits)
        findings = _inspect(path, codec, encoding == "auto", mark if is_csv else "", progress)
        prepared = Prepared(path, header, mark or ",", encoding=findings.codec, line_ends=findings.line_ends)
        prepared.titles = skip
        if is_csv and findings.codec != codec:
            # The header was read as UTF-8, before all of the file had been seen.
            prepared.header, prepared.delimiter, prepared.titles = _header(path, findings.codec, mark, header_row, fits)
        if findings.rewrite or prepared.titles:
            prepared.path = scratch / f"{len(list(scratch.iterdir()))}.txt"
            _rewrite(path, findings, prepared, is_csv)
    except UnicodeError as error:
        why = f"byte {getattr(error, 'start', 0)} is not {encoding}"
        raise SourceError(f"{path.name} cannot be decoded", why=why, fix='encoding = "auto" or "latin-1"') from error
    except (OSError, EOFError, pa.ArrowException) as error:
        raise SourceError(f"{path.name} cannot be read", why=str(error)) from error
    return prepared


def _chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes, unpacked by the ending of its name (.gz, .zst)."""
    packed = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    with pa.input_stream(str(path), compression=packed) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _header(
    path: Path, codec: str, delimiter: str, row: int, fits: Callable[[tuple[str, ...]], bool] | None
) -> tuple[tuple[str, ...], str, int]:
    """Names of the columns (trimmed, as they stand), the delimiter, and how many lines stand above."""
    start = codecs.getincrementaldecoder(codec)("replace").decode(next(_chunks(path), b"")[:RECORD_LIMIT])
    start = start.lstrip("\ufeff").replace("\0", "").replace("\r\n", "\n")
    start = start.replace("\r", " " if "\n" in start else "\n")
    rest = start.lstrip("\n")
    if not rest:
        return (), delimiter or ",", 0
    above = len(start) - len(rest)
    if row:
        lines = start.split("\n", row - 1)
        if len(lines) < row or not lines[-1].strip():
            raise SourceError(f"{path.name} has no header in line {row}", fix="mend header_row or skip_lines")
        return (*_names(lines[-1], delimiter), row - 1)
    first = _names(rest, delimiter)
    if fits is None or fits(first[0]):
        return *first, 0
    for number in range(1, TITLE_LINES):
        _, _, rest = rest.partition("\n")
        if not rest:
            break
        names, mark = _names(rest, delimiter)
        if fits(names):
            return names, mark, above + number
    return *first, 0


def _names(text: str, delimiter: str) -> tuple[tuple[str, ...], str]:
    """The first record's fields, divided by what divides most of the first line."""
    if not delimiter:
        first = re.sub(r'"[^"]*"', "", text.split("\n", 1)[0])
        delimiter = max(_DELIMITERS, key=first.count)
    try:
        row = next(csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        # A field of more than 128 KB names no column.
        return (), delimiter
    return tuple(name.strip() for name in row), delimiter


def _inspect(path: Path, codec: str, guess: bool, delimiter: str, progress: Callable[[int], None]) -> _Findings:
    """Decide whether the file must be rewritten, and which encoding it has where that is to be guessed."""
    findings = _Findings(codec, rewrite=codec != "utf-8")
    guessing = Guess() if codec == "utf-8" and guess else None
    carry = b""
    first = True
    for chunk in _chunks(path):
        progress(len(chunk))
        if guessing is not None:
            guessing.feed(chunk)
        if first and chunk.startswith((codecs.BOM_UTF8, b"\n", b"\r")):
            findings.rewrite = True
        first = False
        block = carry + chunk
        end = block.rfind(b"\n") + 1
        # Everything but the last, unfinished line.
        block, carry = block[:end], block[end:]
        if len(carry) > LINE_LIMIT:
            # A line that no record has, or a file without line ends of this kind: looked at as it comes.
            findings.too_long = True
            block, carry = block + carry, b""
        _count_ends(findings, block)
        findings.too_long = findings.too_long or any_too_long(block)
        findings.rewrite = findings.rewrite or _needs_rewrite(block, delimiter.encode())
    _count_ends(findings, carry)
    findings.rewrite |= findings.too_long or _needs_rewrite(carry, delimiter.encode())
    if findings.ends[b"\r"]:
        # DuckDB gives up on a file whose line ends are not all of one kind.
        findings.rewrite |= not findings.ends[b"\r"] == findings.ends[b"\n"] == findings.ends[b"\r\n"]
    if guessing is not None:
        findings.codec = guessing.codec(bare_cr=findings.line_ends == "CR")
        findings.rewrite |= findings.codec != "utf-8"
    if findings.codec not in ("utf-8", *SINGLE_BYTE):
        # Line ends of other encodings show only after decoding.
        findings.ends.clear()
        for block in _utf8(path, findings.codec):
            _count_ends(findings, block)
    return findings


def _count_ends(findings: _Findings, block: bytes) -> None:
    for mark in (b"\r", b"\n", b"\r\n"):
        findings.ends[mark] += block.count(mark)


def _needs_rewrite(block: bytes, delimiter: bytes) -> bool:
    if b"\0" in block:
        return True
    if not delimiter:
        return False
    if b"\n\n" in block or b"\n\r\n" in block or block.startswith((b"\n", b"\r\n")):
        return True
    other = first_other_line(block, delimiter)
    return other >= 0 and first_odd_line(block, other, len(block), delimiter) >= 0


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
        writer = RecordWriter(out, prepared) if is_csv else LineWriter(out, prepared)
        for block in clipped(_plain(path, findings), prepared.titles):
            writer.feed(block)
        writer.feed(b"", last=True)
