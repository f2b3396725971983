"""The rows of one sheet of an XLSX workbook, streamed.

In: the sheet's XML as a stream, the workbook's shared texts and which styles are dates. Out: each row that holds
anything, as texts: what a cell's value is, not how it is shown.

    2.5499999999999998       2.55: spreadsheets count fifteen digits, the rest is noise of the binary float
    994000000000123456       9.94000000000123E+17: more digits than it keeps; as an id it is refused
    46023.5, shown as a day  2026-01-01 12:00:00
    =A1/0                    #DIV/0!
    a formula never worked out   #NO VALUE!

>>> import io
>>> xml = b'<worksheet><row r="2"><c r="B2"><v>0.30000000000000004</v></c></row></worksheet>'
>>> list(read_rows(io.BytesIO(xml), Styles(), []))
[(2, ['', '0.3'])]
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat

CHUNK = 1 << 18
NO_VALUE = "#NO VALUE!"
_COLUMNS = 16_384


@dataclass(frozen=True)
class Styles:
    """How numbers are to be read: by style, "d" a day, "t" a time of day, "dt" both, "e" a duration."""

    times: dict[str, str] = field(default_factory=dict)
    from_1904: bool = False


def read_rows(stream: IO[bytes], styles: Styles, strings: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows in their order with their numbers, without blank cells at their ends.

    Raises `ExpatError`, `ValueError` or `IndexError` where the XML is damaged.
    """
    reader = _Reader(styles, strings)
    while chunk := stream.read(CHUNK):
        reader.parser.Parse(chunk, False)
        yield from reader.rows
        reader.rows.clear()
    reader.parser.Parse(b"", True)
    yield from reader.rows


def make_parser() -> expat.XMLParserType:
    """A parser that refuses what no workbook has: declarations of entities."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: Any) -> None:
        raise ValueError("it declares a document type")

    parser.StartDoctypeDeclHandler = refuse
    return parser


class Number(str):
    """A number's text: its decimal mark is a point, whatever the texts of the sheet use."""


class _Reader:
    """Gathers rows from the parser's calls."""

    def __init__(self, styles: Styles, strings: Sequence[str]) -> None:
        self.styles, self.strings = styles, strings
        self.rows: list[tuple[int, list[str]]] = []
        self.number = 0
        self.row: list[str] = []
        self.kind = self.style = ""
        self.column = -1
        self.formula = self.spoken = False
        self.text: list[str] = []
        self.local: dict[str, str] = {}
        self.columns: dict[str, int] = {}
        self.parser = make_parser()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def start(self, name: str, given: dict[str, str]) -> None:
        if (local := self.local.get(name)) is None:
            local = self.local[name] = name.rpartition(":")[2]
        if local == "c":
            self.kind, self.style = given.get("t", "n"), given.get("s", "")
            place = given.get("r")
            self.column = self.column + 1 if place is None else self.place(place)
            self.formula = False
            self.text = []
        elif local == "v" or (local == "t" and not self.spoken):
            self.parser.CharacterDataHandler = self.text.append
        elif local == "f":
            self.formula = True
        elif local == "rPh":
            # How the text is pronounced is not part of it.
            self.spoken = True
        elif local == "row":
            self.row, self.column = [], -1
            self.number = int(given.get("r", self.number + 1))

    def end(self, name: str) -> None:
        local = self.local[name]
        if local == "v" or local == "t":
            self.parser.CharacterDataHandler = None
        elif local == "rPh":
            self.spoken = False
        elif local == "c":
            value = self.value("".join(self.text))
            if value:
                row = self.row
                if len(row) <= self.column:
                    row.extend([""] * (self.column - len(row)))
                    row.append(value)
                else:
                    row[self.column] = value
        elif local == "row" and self.row:
            self.rows.append((self.number, self.row))
            self.row = []

    def place(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        column = self.columns.get(letters)
        if column is None:
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - 64
            if not 0 < column <= _COLUMNS or not letters.isalpha():
                raise ValueError(f"there is no cell {reference[:20]}")
            column = self.columns[letters] = column - 1
        return column

    def value(self, text: str) -> str:
        kind = self.kind
        if kind == "s":
            return self.strings[int(text)] if text else ""
        if kind == "n":
            if not text:
                return NO_VALUE if self.formula else ""
            times = self.styles.times.get(self.style)
            return Number(number(text)) if times is None else moment(float(text), times, self.styles.from_1904)
        if kind == "b":
            return "true" if text == "1" else "false"
        return text


def number(text: str) -> str:
    """A number's fifteen digits; with more before the point, in the notation that tells of the loss.

    >>> number("17850"), number("2.5499999999999998"), number("1234567890123456"), number("1E3")
    ('17850', '2.55', '1.23456789012346E+15', '1000')
    """
    if len(text) <= 15 and text.isdigit():
        return text
    return f"{float(text):.15G}"


def moment(serial: float, times: str, from_1904: bool) -> str:
    """A date, time or duration out of the days since the workbook's beginning.

    >>> moment(46023.5, "dt", False), moment(46023, "d", False), moment(0.25, "t", False), moment(1.25, "e", False)
    ('2026-01-01 12:00:00', '2026-01-01', '06:00:00', '30:00:00')
    """
    thousandths = round(serial * 86_400_000)
    if times == "e":
        minutes, rest = divmod(thousandths // 1000, 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    start = dt.datetime(1904, 1, 1) if from_1904 else dt.datetime(1899, 12, 30 if serial >= 60 else 31)
    try:
        at = start + dt.timedelta(milliseconds=thousandths)
    except OverflowError:
        return "#VALUE!"
    if serial < 1 and times == "t":
        return at.time().isoformat("milliseconds" if at.microsecond else "seconds")
    if thousandths % 86_400_000 == 0:
        return at.date().isoformat()
    return at.isoformat(" ", "milliseconds" if at.microsecond else "seconds")
