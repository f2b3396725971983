"""Workbooks as offices send them: what a cell is worth, whatever it looks like, and which sheets are meant."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.memory import peak_mb
from tests.sources.desk import HEADER, Desk, sales
from tests.sources.packed.workbooks import BOTH, DAY, ELAPSED, MONEY, TIME, WRITTEN, book, number, shared, table, text

from floorwalker.errors import SourceError
from floorwalker.sources.packed.workbook import Workbook

LINE = "1001,2011-07-01 12:00,A1,Mug,2,2.55,17850"


def cells(tmp_path: Path, *row: str, **options: object) -> list[str]:
    path = tmp_path / "a.xlsx"
    path.write_bytes(book({"A": [list(row)]}, **options))  # type: ignore[arg-type]
    with Workbook(path) as found:
        return next(found.rows(found.sheets[0]))[1]


def test_what_cells_are_worth(tmp_path: Path) -> None:
    assert cells(
        tmp_path,
        number("2.5499999999999998"),
        number("0.30000000000000004", MONEY),
        number("17850"),
        number("994000000000123"),
        number("9.9400000000012E+14"),
        number("1234567890123456"),
        number("46023", DAY),
        number("46023", WRITTEN),
        number("46023.416666666664", BOTH),
        number("0.41666666666666669", TIME),
        number("1.25", ELAPSED),
        '<c r="{at}" t="b"><v>1</v></c>',
        '<c r="{at}" t="e"><v>#DIV/0!</v></c>',
        '<c r="{at}"><f>A1*2</f><v>5.0999999999999996</v></c>',
        '<c r="{at}"><f>A1*2</f></c>',
        '<c r="{at}" t="str"><f>"x"&amp;"y"</f><v>xy</v></c>',
        '<c r="{at}" t="str"><f>""</f><v></v></c>',
        text(" 00123 "),
    ) == [
        *("2.55", "0.3", "17850", "994000000000123", "994000000000120", "1.23456789012346E+15"),
        *("2026-01-01", "2026-01-01", "2026-01-01 10:00:00", "10:00:00", "30:00:00"),
        *("true", "#DIV/0!", "5.1", "#NO VALUE!", "xy", "", " 00123 "),
    ]


def test_calendars_shared_texts_and_gaps(tmp_path: Path) -> None:
    assert cells(tmp_path, number("44561.5", BOTH), from_1904=True) == ["2026-01-01 12:00:00"]
    assert cells(tmp_path, number("59", DAY), number("61", DAY)) == ["1900-02-28", "1900-03-01"]
    assert cells(tmp_path, shared(1), '<c r="D1"><v>4</v></c>', strings=["a", "b & c"]) == ["b & c", "", "", "4"]
    unplaced = ["<c><v>1</v></c>", '<c t="inlineStr"><is><r><t>ri</t></r><r><t>ch</t></r><rPh><t>no</t></rPh></is></c>']
    assert cells(tmp_path, *unplaced) == ["1", "rich"]


def test_a_workbook_gives_the_rows_of_a_csv(desk: Desk) -> None:
    line = [text("1001"), number("40725.5", BOTH), text("A1"), text("Mug"), number(2), number("2.55"), number("17850")]
    note = [[text("a note")]]
    rows = [[], [text("Sales of July")], [], *table(HEADER + ","), line, [], [text("")] * 9, [text("Total")]]
    desk.put("a.csv", f"{HEADER}\n{LINE}\n")
    desk.put("sales.xlsx", book({"July": rows, "Notes": note, "Old": rows}, hidden=["Old"]))
    result = desk.read(sales())
    assert result.kinds["order_lines"].accepted == 2 and result.kinds["order_lines"].repeated == 1
    assert desk.quarantine() == [(2, "a row of totals, not a record")]
    assert desk.rows("file", "incoming_quarantine") == [("sales.xlsx [July]",)]
    (facts,) = [one for one in result.files if one.format == "xlsx"]
    assert (facts.name, facts.header_row, facts.passed) == ("sales.xlsx [July]", 4, ("sales.xlsx [Notes]",))


def test_which_sheets_are_read(desk: Desk) -> None:
    def numbers(options: str = "") -> list[str]:
        desk.connection.execute("DROP TABLE IF EXISTS order_lines")
        result = desk.read(sales(options))
        return [str(error) for _, error in result.refused] or [row[0] for row in desk.rows("order_id")]

    second = LINE.replace("1001", "1002")
    sheets = {"A": table(HEADER, LINE), "B": table(HEADER, second), "C": table("x", "1")}
    desk.put("a.xlsx", book(sheets, hidden=["B"]))
    assert numbers() == ["1001"]
    assert numbers('sheet = "B"') == ["1002"]
    assert numbers('sheet = ["A", "B"]') == ["1001", "1002"]
    assert numbers('sheet = "*"')[0].startswith("a.xlsx [C]: the file has no column")
    assert "there is no sheet 'b'" in numbers('sheet = "b"')[0] and "known: A, B, C" in numbers('sheet = "b"')[0]
    # Most of the columns: it is meant, and not left out.
    desk.put("a.xlsx", book({"A": table(HEADER, LINE), "B": table(HEADER.replace("qty", "pieces"), second)}))
    assert "a.xlsx [B]: the file has no column 'qty'" in numbers()[0]
    desk.put("a.xlsx", book({"A": table("x", "1")}))
    assert "no sheet has the columns" in numbers()[0]


def test_errors_of_a_sheet_reach_quarantine(desk: Desk) -> None:
    bad = [text(word) for word in LINE.split(",")]
    bad[5] = '<c r="{at}" t="e"><v>#REF!</v></c>'
    lost = [text(word) for word in LINE.split(",")]
    lost[6] = number("4.00638123456789E+15")
    unsaved = [text(word) for word in LINE.split(",")]
    unsaved[4] = '<c r="{at}"><f>1+1</f></c>'
    gone = [text(word) for word in LINE.split(",")]
    gone[2] = '<c r="{at}" t="e"><v>#NAME?</v></c>'
    desk.put("a.xlsx", book({"A": [*table(HEADER), bad, lost, unsaved, gone]}))
    desk.read(sales())
    assert desk.quarantine() == [
        (1, "unit_price: cannot be read as a number"),
        (2, "customer_ref: id destroyed by a spreadsheet"),
        (3, "quantity: cannot be read as a number"),
        (4, "product_id: id destroyed by a spreadsheet"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "Excel 97-2003"),
        (b"PK\x03\x04 torn", "cannot be unpacked"),
        (book({"A": [['<c r="{at}"><v>1</w></c>']]}), "damaged"),
        (book({"A": [['<c r="A0A1"><v>1</v></c>']]}), "damaged"),
        (book({"A": table("x")}, more={"xl/../evil": b""})[:-40], "cannot be unpacked"),
        (b"<html><table><tr><td>no</td></tr></table></html>", "web page"),
    ],
)
def test_files_that_are_no_workbooks(desk: Desk, content: bytes, told: str) -> None:
    desk.put("a.xlsx", content)
    ((_, error),) = desk.read(sales()).refused
    assert told in str(error) and "a.xlsx" in str(error)


def test_declarations_of_entities_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/_rels/workbook.xml.rels", "<Relationships/>")
        archive.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><workbook>&a;</workbook>')
    with pytest.raises(SourceError, match="no workbook"):
        Workbook(path)


def test_a_lonely_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "far.xlsx"
    path.write_bytes(book({"A": [[text("no")], ['<c r="XFD1048576"><v>7</v></c>']]}))
    rows, peak = peak_mb(
        "import sys, pathlib; from floorwalker.sources.packed.workbook import Workbook\n"
        "with Workbook(pathlib.Path(sys.argv[1])) as found: print([row[-1] for _, row in found.rows(found.sheets[0])])",
        str(path),
    )
    assert rows == "['no', '7']" and peak < 100
