"""What is in a delivered file: one piece for a plain file, several for an archive or a workbook.

In: a file as it lies in the project. Out: `Piece`s, each a file that is read by itself, with the name by which people
find it again (`orders.zip/2026/jan.csv`, `sales.xlsx [March]`). What a file is, its content says; its ending tells the
formats of text apart.

    look_inside(mapping, path, "data/sales.xlsx", lacks, scratch).pieces[0].name
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path

from floorwalker.errors import SourceError
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.files import MENDED, file_format
from floorwalker.sources.mapping import Mapping
from floorwalker.sources.packed.archives import check_size, copy_into, members
from floorwalker.sources.packed.compressed import READ_AS_THEY_ARE, packing, unpacked
from floorwalker.sources.packed.sheets import Lacks, write_sheets

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NUMBERS = ("money", "quantity", "integer", "number")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True)
class Piece:
    """A file to read. `encoding`, `delimiter`: where they are known. `above`: rows above its header."""

    path: Path
    name: str
    form: str
    encoding: str = ""
    delimiter: str = ""
    above: int = 0
    sheet: bool = False


@dataclass
class Inside:
    """`passed`: names of what is not read (sheets that do not fit)."""

    pieces: list[Piece] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


def look_inside(
    mapping: Mapping, path: Path, name: str, lacks: Lacks, scratch: Path, *, nested: bool = False
) -> Inside:
    """The pieces of a file. Raises `SourceError` where it, or anything in it, cannot be read."""
    if path.name.endswith(MENDED):
        return Inside([Piece(path, name, "jsonl", "utf-8")])
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            if _is_workbook(path, name):
                return _workbook(mapping, path, name, lacks, scratch)
            return _archive(mapping, path, name, lacks, scratch, nested)
        if head.startswith(_OLE):
            raise _old_workbook(path, name)
        packed_by = packing(head)
        if head[257:262] == b"ustar" or (packed_by and ".tar" in path.suffixes) or path.suffix.lower() == ".tgz":
            return _archive(mapping, path, name, lacks, scratch, nested)
        if packed_by and _inside_head(path, packed_by).startswith((b"PK\x03\x04", b"PAR1")):
            return _unpack(mapping, path, name, packed_by, lacks, scratch)
        if packed_by != READ_AS_THEY_ARE.get(path.suffix.lower(), ""):
            if packed_by:
                return _unpack(mapping, path, name, packed_by, lacks, scratch)
            # A server has unpacked it on the way and kept the name.
            return _as_it_is(mapping, path, name, scratch)
    except (EOFError, zlib.error, LZMAError, OSError) as error:
        raise SourceError(f"{name} cannot be read", why=str(error) or "it ends too early") from error
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<html", b"<!doctype", b"<table", b"<?xml")):
        raise SourceError(f"{name} is a web page or XML, not a table", fix="export it as CSV or .xlsx")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        raise SourceError(f"{name} is no workbook", why="its content is something else", fix="save it as .xlsx again")
    return Inside([Piece(path, name, file_format(mapping, path, name))])


def _workbook(mapping: Mapping, path: Path, name: str, lacks: Lacks, scratch: Path) -> Inside:
    with zipfile.ZipFile(path) as archive:
        check_size(name, path.stat().st_size, sum(one.file_size for one in archive.infolist()), scratch)
    shape = mapping.shape
    commas = frozenset(
        column.column
        for item in mapping.maps
        for column in item.columns
        if column.column and column.decimal == "," and KINDS[item.kind].column(column.target).type in _NUMBERS
    )
    written, passed = write_sheets(path, name, shape.sheets, shape.header_row, lacks, scratch, commas)
    pieces = [Piece(one.path, f"{name} [{one.name}]", "csv", "utf-8", ",", one.above, True) for one in written]
    return Inside(pieces, [f"{name} [{one}]" for one in passed])


def _archive(mapping: Mapping, path: Path, name: str, lacks: Lacks, scratch: Path, nested: bool) -> Inside:
    if nested:
        raise SourceError(f"{name} is an archive within an archive", fix="deliver it by itself")
    inside = Inside()
    for member, target in members(path, name, mapping.shape.members, scratch):
        within = look_inside(mapping, target, f"{name}/{member}", lacks, scratch, nested=True)
        inside.pieces += within.pieces
        inside.passed += within.passed
    return inside


def _unpack(mapping: Mapping, path: Path, name: str, packed_by: str, lacks: Lacks, scratch: Path) -> Inside:
    """Whatever DuckDB would not unpack by itself."""
    packed = {".gz", ".zst", ".bz2", ".xz"} & {path.suffix.lower()}
    inner = Path(path.stem).suffix if packed else path.suffix
    target = scratch / f"{len(list(scratch.iterdir()))}{inner if inner[1:].isalnum() else ''}"
    with unpacked(path, packed_by) as stream:
        copy_into(stream, target, name, path.stat().st_size)
    return look_inside(mapping, target, name, lacks, scratch, nested=True)


def _as_it_is(mapping: Mapping, path: Path, name: str, scratch: Path) -> Inside:
    target = scratch / f"{len(list(scratch.iterdir()))}{Path(path.stem).suffix or '.csv'}"
    target.symlink_to(path.resolve())
    return Inside([Piece(target, name, file_format(mapping, target, name))])


def _inside_head(path: Path, packed_by: str) -> bytes:
    with unpacked(path, packed_by) as stream:
        return stream.read(8)


def _is_workbook(path: Path, name: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {one.lstrip("/").lower() for one in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise SourceError(f"{name} cannot be unpacked", why=str(error), fix="send it again") from error
    if "xl/workbook.bin" in parts:
        raise SourceError(f"{name} is a binary workbook", fix="save it as .xlsx")
    if "content.xml" in parts and "mimetype" in parts:
        raise SourceError(f"{name} is an OpenDocument file", fix="save it as .xlsx or CSV")
    return "xl/workbook.xml" in parts


def _old_workbook(path: Path, name: str) -> SourceError:
    with path.open("rb") as file:
        found, tail = False, b""
        while not found and (chunk := file.read(1 << 20)):
            found, tail = _ENCRYPTED in tail + chunk, chunk[-64:]
    if found:
        return SourceError(
            f"{name} is protected by a password", why="its sheets cannot be read without", fix="save it without one"
        )
    return SourceError(f"{name} is a workbook of Excel 97-2003", fix="save it as .xlsx")
