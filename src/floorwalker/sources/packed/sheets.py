"""The sheets of a workbook that a mapping reads, each written as a CSV file.

In: an XLSX file, the sheets the mapping names, and which header fits it. Out: a CSV file in scratch per sheet, its
header first, with the number of rows above it.

A sheet that is named is read, hidden or not. Where none is named, every visible sheet is read whose header fits; one
that has some of the columns is refused rather than left out, for it is most likely meant; others are passed by.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from floorwalker.errors import SourceError, did_you_mean
from floorwalker.sources.lines import TITLE_LINES
from floorwalker.sources.packed.cells import Number
from floorwalker.sources.packed.workbook import Sheet, Workbook

Lacks = Callable[[tuple[str, ...]], float]
"""The share of the mapping's columns that a header lacks: 0 fits."""
_Row = tuple[int, list[str]]


@dataclass(frozen=True)
class SheetFile:
    """One sheet as CSV. `above`: rows above its header."""

    name: str
    path: Path
    above: int


def write_sheets(
    path: Path,
    name: str,
    wanted: tuple[str, ...],
    header_row: int,
    lacks: Lacks,
    scratch: Path,
    commas: frozenset[str] = frozenset(),
) -> tuple[list[SheetFile], list[str]]:
    """The sheets that are read, and the names of those passed by. Raises `SourceError`.

    `commas`: columns in which the mapping expects a decimal comma; numbers of cells are written so, too.
    """
    written, passed = [], []
    with Workbook(path) as book:
        for sheet in _chosen(book, name, wanted):
            rows = book.rows(sheet, f"{name} [{sheet.name}]")
            first = list(islice(rows, TITLE_LINES))
            at = _header(first, header_row, lacks)
            missing = lacks(_names(first[at][1])) if first else 1.0
            if not wanted and (missing > 0.5 or not first):
                passed.append(sheet.name)
                continue
            target = scratch / f"{len(list(scratch.iterdir()))}.csv"
            _write(chain(first[at:], rows), target, commas)
            written.append(SheetFile(sheet.name, target, first[at][0] - 1 if first else 0))
    if not written:
        listed = ", ".join(passed)
        raise SourceError(
            f"{name}: no sheet has the columns the mapping reads",
            why=f"its sheets: {listed}" if listed else "it has no visible sheet",
            fix='sheet = "NAME", header_row = N, or mend the mapping',
        )
    return written, passed


def _chosen(book: Workbook, name: str, wanted: tuple[str, ...]) -> list[Sheet]:
    visible = [sheet for sheet in book.sheets if not sheet.hidden]
    if not wanted or wanted == ("*",):
        return visible
    known = {sheet.name: sheet for sheet in book.sheets}
    for one in wanted:
        if one not in known:
            raise SourceError(f"{name}: there is no sheet '{one}'", fix=did_you_mean(one, known))
    return [known[one] for one in wanted]


def _header(rows: list[_Row], header_row: int, lacks: Lacks) -> int:
    """Which of the first rows is the header: the one that is named, that fits, or the one that lacks least."""
    if header_row:
        return next((at for at, (number, _) in enumerate(rows) if number >= header_row), 0)
    missing = [lacks(_names(row)) for _, row in rows]
    return missing.index(min(missing)) if missing else 0


def _names(row: list[str]) -> tuple[str, ...]:
    return tuple(" ".join(cell.split()) for cell in row)


def _write(rows: Iterator[_Row], target: Path, commas: frozenset[str]) -> None:
    """As many fields in each row as in the header; what stands to the right of it belongs to no column."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        width, places = 0, []
        for _, row in rows:
            if not width:
                width = len(row)
                row = list(_names(row))
                places = [at for at, column in enumerate(row) if column in commas]
            cells = row[:width] + [""] * (width - len(row))
            for at in places:
                if type(cells[at]) is Number:
                    cells[at] = cells[at].replace(".", ",")
            if any(cells):
                # A lone empty field would be a blank line, which is no record.
                writer.writerow([cell.replace("\r\n", "\n").replace("\r", "\n") for cell in cells])
