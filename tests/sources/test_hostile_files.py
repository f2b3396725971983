"""Text files as exports leave them: titles, totals, odd headers, dates two ways, printed amounts, lines without end."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest
from tests.memory import peak_mb
from tests.sources.desk import HEADER, Desk, sales

from floorwalker.errors import ConfigError
from floorwalker.sources import lines, records
from floorwalker.sources.lines import prepare
from floorwalker.sources.records import LINE_LIMIT

LINE = "1001,2011-07-01 12:00,A1,Mug,2,2.55,17850"
SECOND = LINE.replace("1001", "1002")


@pytest.mark.parametrize(
    ("above", "row"),
    [
        ("", 1),
        ("Sales of July\n", 2),
        ('"Sales, ""July""",,\nprinted;2026;x\n,,,,,,\n', 4),
        ("\n\nno,qty\n", 4),
        ("no,at,sku,name,qty,price\n", 2),
    ],
)
def test_title_lines_above_the_header(desk: Desk, above: str, row: int) -> None:
    bad = SECOND.replace("2.55", "cheap")
    desk.put("a.csv", f"{above}{HEADER}\n{LINE}\n{bad}\n")
    result = desk.read(sales())
    assert [one[0] for one in desk.rows("order_id")] == ["1001"]
    assert desk.quarantine() == [(2, "unit_price: cannot be read as a number")]
    assert result.files[0].header_row == row


def test_a_header_that_is_named(desk: Desk) -> None:
    # Both lines fit: only the mapping can tell.
    desk.put("a.csv", f"{HEADER}\n{HEADER},x\n{LINE},1\n{SECOND},2\n")
    for options in ("header_row = 2", "skip_lines = 1"):
        assert desk.read(sales(options)).deliveries[0].accepted == 2
    ((_, error),) = desk.read(sales("header_row = 9")).refused
    assert "a.csv has no header in line 9" in str(error)


def test_totals_are_put_aside(desk: Desk) -> None:
    total = "Grand Total:,2011-07-01,x,,4,5.10,"
    desk.put("a.csv", "\n".join([HEADER, total.replace("Grand Total:", "Total"), *[LINE] * 5, SECOND, total]) + "\n")
    desk.put("b.csv", "\n".join([HEADER, LINE, " ,Summe,x,,4,5.10,"]) + "\n")
    result = desk.read(sales())
    # One that stands at the top is a row as any other: only the last ones sum up.
    assert sorted(desk.rows("order_id")) == [("1001",)] * 5 + [("1002",), ("Total",)]
    assert desk.quarantine() == [(2, "a row of totals, not a record"), (8, "a row of totals, not a record")]
    assert all(one.read == one.accepted + one.quarantined for one in result.deliveries)
    assert desk.read(sales('totals = "keep"')).kinds["order_lines"].accepted == 9


def test_amounts_as_they_are_printed(desk: Desk) -> None:
    amounts = ["1'234.50", '"1,234.50"', "£1 234.50", "1234.50 GBP", "(1234.50)", "1234.50-", "€5", "nan", "1.234,50"]
    desk.put("a.csv", "\n".join([HEADER, *(LINE.replace("2.55", one) for one in amounts)]) + "\n")
    desk.read(sales())
    assert [row[0] for row in desk.rows("unit_price", order="1")] == [D("-1234.5")] * 2 + [D("1234.5")] * 4
    assert desk.quarantine() == [
        (7, "unit_price: cannot be read as a number"),
        (8, "unit_price: missing"),
        (9, "malformed line: too many fields"),
    ]


def test_dates_in_mixed_forms(desk: Desk) -> None:
    dates = ["2011-07-01 12:00", "01/07/2011 12:00", "1.7.2011 12:00", "07/13/2011 12:00"]
    desk.put("a.csv", "\n".join([HEADER, *(LINE.replace("2011-07-01 12:00", one) for one in dates)]) + "\n")
    at = '{ column = "at", formats = ["iso", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M"] }'
    desk.read(sales(occurred_at=at))
    assert len(desk.rows("DISTINCT occurred_at")) == 1 and len(desk.rows("1")) == 3
    assert desk.quarantine() == [(4, "occurred_at: cannot be read as a time")]
    with pytest.raises(ConfigError, match="two ways"):
        sales(occurred_at='{ column = "at", formats = ["%d/%m/%Y", "%m/%d/%Y"] }')


def test_ids_and_phones_that_a_spreadsheet_destroyed(desk: Desk) -> None:
    lost = LINE.replace("A1", '"4,00638E+12"')
    desk.put("a.csv", f"{HEADER},tel\n{LINE},+44 20 7946 0018\n{LINE},4.47911E+11\n{lost},1\n")
    desk.read(sales(phone='"tel"'))
    assert desk.rows("phone") == [("+44 20 7946 0018",)]
    assert desk.quarantine() == [
        (2, "phone: id destroyed by a spreadsheet"),
        (3, "product_id: id destroyed by a spreadsheet"),
    ]


def test_repeated_columns_are_told(desk: Desk) -> None:
    desk.put("a.csv", f"{HEADER},qty,\n{LINE},9,x\n")
    result = desk.read(sales())
    assert desk.rows("quantity") == [(D(2),)] and result.files[0].repeated == ("qty",)
    desk.read(sales(quantity='"qty_1"'))
    assert desk.rows("quantity") == [(D(2),), (D(9),)]


@pytest.mark.parametrize(
    ("content", "encoding", "ends", "name"),
    [
        (LINE.replace("Mug", "Café"), "utf-8", "LF", "Café"),
        (LINE.replace("Mug", "Café").encode("latin-1"), "latin-1", "LF", "Café"),
        (LINE.replace("Mug", "“Café” 3 €").encode("cp1252"), "cp1252", "LF", "“Café” 3 €"),
        (LINE.replace("Mug", "“Café”").encode("mac-roman"), "mac-roman", "CR", "“Café”"),
        (LINE.replace("Mug", "Café").encode("utf-16-le"), "utf-16-le", "CRLF", "Café"),
        (LINE.replace("Mug", "Café"), "utf-8", "mixed", "Café"),
    ],
)
def test_what_was_found_out(desk: Desk, content: str | bytes, encoding: str, ends: str, name: str) -> None:
    content = content if isinstance(content, bytes) else content.encode()
    head = HEADER.encode("utf-16-le" if encoding == "utf-16-le" else "ascii")
    mark = {"LF": "\n", "CR": "\r", "CRLF": "\r\n", "mixed": "\n"}[ends].encode(
        "utf-16-le" if "16" in encoding else "ascii"
    )
    desk.put("a.csv", head + mark + content + (b"\r\n" if ends == "mixed" else mark))
    (facts,) = desk.read(sales()).files
    assert (facts.format, facts.encoding, facts.line_ends, facts.delimiter) == ("csv", encoding, ends, ",")
    assert desk.rows("product_name") == [(name,)]


def test_lines_of_fixed_width(desk: Desk) -> None:
    fields = "\n".join(
        f'[[fields]]\nname = "{name}"\nstart = {start}\nwidth = {width}'
        for name, start, width in (
            *(("no", 1, 6), ("at", 7, 16), ("sku", 23, 4), ("name", 27, 10)),
            *(("qty", 37, 3), ("price", 40, 8), ("customer", 48, 9)),
        )
    )
    row = "001001" + "2011-07-01 12:00" + "A1  " + "Mug „é“   " + "  2" + "    2.55" + "17850.0"
    bad = row.replace("  2 ", " two"[:3] + " ")
    desk.put(
        "a.dat", "\n".join(["HEADER", row, "", row[:20], bad.replace("001001", "001002"), "Total" + " " * 40]) + "\n"
    )
    result = desk.read(sales('format = "fixed"\nskip_lines = 1\n' + fields))
    assert desk.rows("order_id, product_name, quantity, unit_price, customer_ref") == [
        ("001001", "Mug „é“", D(2), D("2.55"), "17850")
    ]
    assert [number for number, _ in desk.quarantine()] == [3, 4, 5]
    assert desk.quarantine()[2][1] == "a row of totals, not a record"
    assert result.files[0].format == "fixed" and result.deliveries[0].read == 4


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_without_end_goes_alone(desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    rows = [LINE, LINE.replace("Mug", "x" * 3_000_000), SECOND]
    if name == "a.jsonl":
        rows = [json.dumps(dict(zip(HEADER.split(","), row.split(","), strict=True))) for row in rows]
    content = "\n".join([HEADER, *rows] if name == "a.csv" else rows) + "\n"
    for size in (8 << 20, 100_003):
        monkeypatch.setattr(lines, "CHUNK", size)
        desk.put(name, content)
        desk.read(sales())
        assert [row[0] for row in desk.rows("order_id")] == ["1001", "1002"]
        assert desk.quarantine() == [(2, "malformed line: too long")]
        ((raw,),) = desk.rows("raw", "incoming_quarantine")
        assert raw.endswith(f' ... ({len(rows[1])} bytes)"') and len(raw) < 500


def test_long_lines_in_odd_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LINE_LIMIT", 250)
    monkeypatch.setattr(lines, "LINE_LIMIT", 250)
    monkeypatch.setattr(records, "RECORD_LIMIT", 400)
    long = "x" * 300
    content = f'a,b\n1,2\n{long}\n"3\n{long}\n",4\n5,6\n7,{long}'
    for size in (8 << 20, 64, 7):
        monkeypatch.setattr(lines, "CHUNK", size)
        scratch = tmp_path / str(size)
        scratch.mkdir()
        path = scratch / "in.csv"
        path.write_text(content)
        found = prepare(path, "csv", "auto", ",", scratch)
        assert [line for line in found.path.read_text().split("\n") if line != "x,x,x,x"] == ["a,b", "1,2", "5,6", ""]
        assert [number for number, why in found.why.items() if why == records.TOO_LONG] == [2, 4, 7]
        assert found.bad[2] == "x" * 200 + " ... (300 bytes)" and found.bad[3] == '"3' and found.bad[5] == '",4'


def test_a_gigantic_line_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(f"{HEADER}\n{LINE}\n".encode())
        for _ in range(300):
            file.write(b"x" * (1 << 20))
        file.write(f"\n{SECOND}\n".encode())
    code = (
        "import sys, pathlib; from floorwalker.sources.lines import prepare\n"
        "path = pathlib.Path(sys.argv[1]); found = prepare(path, 'csv', 'auto', '', path.parent)\n"
        "print(found.path.stat().st_size, found.why, len(found.bad[2]))"
    )
    out, peak = peak_mb(code, str(path))
    assert f"{{2: '{records.TOO_LONG}'}}" in out and int(out.split()[0]) < 1000
    assert peak < 200 and LINE_LIMIT < 200 << 20
