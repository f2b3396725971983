"""An XLSX workbook: its sheets, and the rows of each.

In: a file. Out: names of sheets, which are hidden, and their rows, streamed: what lies in memory are the workbook's
shared texts. Dates come out as ISO 8601 by the workbook's calendar of 1900 or 1904.

    with Workbook(path) as book:
        [(sheet.name, sheet.hidden) for sheet in book.sheets]
        for number, row in book.rows(book.sheets[0]): ...
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.parsers import expat

from floorwalker.errors import SourceError
from floorwalker.sources.packed.cells import CHUNK, Styles, make_parser, read_rows

_BUILT_IN = {
    **dict.fromkeys((*range(14, 18), *range(27, 32), *range(34, 37), *range(50, 59)), "d"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 45, 47), "t"),
    22: "dt",
    46: "e",
}
"""Numbers of formats that every workbook has."""
_RELATED = "officeDocument/2006/relationships"


@dataclass(frozen=True)
class Sheet:
    """`part`: where its cells are within the file."""

    name: str
    part: str
    hidden: bool


class Workbook:
    """Opened by `with`. Raises `SourceError` where the file is no workbook."""

    def __init__(self, path: Path) -> None:
        try:
            self.archive = zipfile.ZipFile(path)
            self.parts = {one.filename.lstrip("/").lower(): one for one in self.archive.infolist()}
            self.sheets, self.styles = self._book()
            self._strings: list[str] | None = None
        except (zipfile.BadZipFile, KeyError, expat.ExpatError, ValueError) as error:
            raise SourceError(
                f"{path.name} is no workbook that can be read", why=str(error), fix="save it as .xlsx again"
            ) from error

    def __enter__(self) -> Workbook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archive.close()

    def rows(self, sheet: Sheet, called: str = "") -> Iterator[tuple[int, list[str]]]:
        """The sheet's rows that hold anything, with their numbers; `called`: what errors name it."""
        if self._strings is None:
            self._strings = self._shared()
        try:
            with self.archive.open(self.parts[sheet.part]) as stream:
                yield from read_rows(stream, self.styles, self._strings)
        except (zipfile.BadZipFile, expat.ExpatError, ValueError, IndexError) as error:
            raise SourceError(
                f"{called or sheet.name} is damaged", why=str(error), fix="open it and save it again"
            ) from error

    def _book(self) -> tuple[list[Sheet], Styles]:
        targets = {}
        for name, given in self._elements("xl/_rels/workbook.xml.rels"):
            if name == "Relationship":
                target = given["Target"]
                targets[given["Id"]] = (target[1:] if target.startswith("/") else f"xl/{target}").lower()
        sheets, from_1904 = [], False
        for name, given in self._elements("xl/workbook.xml"):
            if name == "workbookPr":
                from_1904 = given.get("date1904", "0") in ("1", "true")
            elif name == "sheet":
                link = next(value for key, value in given.items() if key.rpartition(":")[2] == "id" and ":" in key)
                part = targets[link]
                # Sheets of charts and of dialogues have no cells.
                if part.startswith("xl/worksheets/") or "worksheet" in part:
                    sheets.append(Sheet(given["name"], part, given.get("state", "visible") != "visible"))
        return sheets, Styles(self._times(), from_1904)

    def _times(self) -> dict[str, str]:
        """By style, which of them are dates or times."""
        if "xl/styles.xml" not in self.parts:
            return {}
        formats: dict[int, str] = dict(_BUILT_IN)
        times: dict[str, str] = {}
        inside, number = False, 0
        for name, given in self._elements("xl/styles.xml"):
            if name == "numFmt":
                formats[int(given["numFmtId"])] = _kind(given.get("formatCode", ""))
            elif name in ("cellXfs", "cellStyles", "dxfs", "cellStyleXfs"):
                inside = name == "cellXfs"
            elif name == "xf" and inside:
                kind = formats.get(int(given.get("numFmtId", 0)))
                if kind:
                    times[str(number)] = kind
                number += 1
        if "0" in times:
            times[""] = times["0"]
        return times

    def _shared(self) -> list[str]:
        """The texts that cells share, by number."""
        if "xl/sharedstrings.xml" not in self.parts:
            return []
        found: list[str] = []
        texts: list[str] = []
        spoken = False
        parser = make_parser()

        def start(name: str, _: dict[str, str]) -> None:
            nonlocal spoken
            local = name.rpartition(":")[2]
            if local == "rPh":
                spoken = True
            elif local == "t" and not spoken:
                parser.CharacterDataHandler = texts.append

        def end(name: str) -> None:
            nonlocal spoken
            local = name.rpartition(":")[2]
            if local == "t":
                parser.CharacterDataHandler = None
            elif local == "rPh":
                spoken = False
            elif local == "si":
                found.append("".join(texts))
                texts.clear()

        parser.StartElementHandler, parser.EndElementHandler = start, end
        self._feed(parser, "xl/sharedstrings.xml")
        return found

    def _elements(self, part: str) -> list[tuple[str, dict[str, str]]]:
        """Every element of a small part, with its attributes."""
        found: list[tuple[str, dict[str, str]]] = []
        parser = make_parser()
        parser.StartElementHandler = lambda name, given: found.append((name.rpartition(":")[2], given))
        self._feed(parser, part)
        return found

    def _feed(self, parser: Any, part: str) -> None:
        with self.archive.open(self.parts[part]) as stream:
            while chunk := stream.read(CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)


def _kind(code: str) -> str:
    """What a format of one's own shows: "d", "t", "dt", "e", or "" for a number.

    >>> _kind("dd/mm/yyyy"), _kind("h:mm"), _kind("[h]:mm:ss"), _kind('#,##0.00 "days"'), _kind("[Red]0.0")
    ('d', 't', 'e', '', '')
    """
    first = code.split(";")[0].lower()
    if re.search(r"\[(h+|m+|s+)\]", first):
        return "e"
    bare = re.sub(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]', "", first).replace("general", "").replace("am/pm", "h")
    day, time = bool(re.search("[yd]", bare)), bool(re.search("[hs]", bare))
    return "dt" if day and time else "d" if day or ("m" in bare and not time) else "t" if time else ""
