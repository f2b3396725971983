"""Workbooks for tests, written cell by cell, so that each may be as odd as real ones are.

In: sheets of rows of XML cells. Out: the bytes of an .xlsx file.

    book({"Sales": [[text("no"), text("qty")], [number(1), '<c r="{at}" t="e"><v>#REF!</v></c>']]})
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DAY, TIME, BOTH, ELAPSED, MONEY, WRITTEN = 1, 2, 3, 4, 5, 6
"""Styles of the workbooks: WRITTEN is a day by a format of its own."""
_STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="dd/mm/yyyy;@"/>'
    '<numFmt numFmtId="165" formatCode="#,##0.00\\ &quot;days&quot;"/></numFmts>'
    '<cellStyleXfs count="1"><xf numFmtId="14"/></cellStyleXfs><cellXfs count="7">'
    + "".join(f'<xf numFmtId="{one}"/>' for one in (0, 14, 21, 22, 46, 165, 164))
    + "</cellXfs></styleSheet>"
)


def text(value: str) -> str:
    """A cell with a text of its own."""
    return f'<c r="{{at}}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def number(value: object, style: int = 0) -> str:
    return f'<c r="{{at}}" s="{style}"><v>{value}</v></c>'


def shared(index: int) -> str:
    """A cell with one of the workbook's shared texts."""
    return f'<c r="{{at}}" t="s"><v>{index}</v></c>'


def book(
    sheets: Mapping[str, Sequence[Sequence[str]]],
    *,
    hidden: Sequence[str] = (),
    strings: Sequence[str] = (),
    from_1904: bool = False,
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """A workbook; a row that is empty has no element at all."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        listed = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="rId{at}" '
            f'state="{"hidden" if name in hidden else "visible"}"/>'
            for at, name in enumerate(sheets, 1)
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{LINK}"><workbookPr date1904="{int(from_1904)}"/>'
            f"<sheets>{listed}</sheets></workbook>",
        )
        links = "".join(
            f'<Relationship Id="rId{at}" Target="worksheets/sheet{at}.xml"/>' for at in range(1, len(sheets) + 1)
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{links}</Relationships>")
        archive.writestr("xl/styles.xml", _STYLES)
        if strings:
            items = "".join(f"<si><t>{escape(one)}</t></si>" for one in strings)
            archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{items}</sst>')
        for at, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{at}.xml", _sheet(rows))
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def table(*rows: str) -> list[list[str]]:
    """Lines of comma-separated words as rows of texts."""
    return [[text(word) for word in row.split(",")] if row else [] for row in rows]


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    lines = []
    for number_, cells in enumerate(rows, 1):
        if cells:
            made = "".join(cell.replace("{at}", f"{_letters(at)}{number_}") for at, cell in enumerate(cells))
            lines.append(f'<row r="{number_}">{made}</row>')
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _letters(index: int) -> str:
    return ("" if index < 26 else _letters(index // 26 - 1)) + chr(65 + index % 26)
