"""Every file a retailer's export can be, by the command line: what is said, what comes in, and what it costs."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from decimal import Decimal as D
from pathlib import Path

import pytest
from tests.app.driving import call, command, rows
from tests.memory import peak_mb
from tests.sources.packed.workbooks import DAY, book, number, table, text

from floorwalker.app.scaffold import make_project

HEAD = "sku,name,category,price,launched"
MAPPING = """source = "catalogue"
files = "data/*"
format = "auto"
currency = "EUR"
[[maps]]
kind = "products"
[maps.columns]
product_id = "sku"
name = "name"
category = "category"
price = { column = "price", decimal = "," }
launched_on = { column = "launched", formats = ["iso", "%d.%m.%Y"] }
"""
RUN = """
import sys
from floorwalker.app import cli
sys.argv = ["floorwalker", "-p", sys.argv[1], "run", "--no-report", "--json"]
try:
    cli.main()
except SystemExit as end:
    assert not end.code
"""


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    make_project(made)
    for path in (made / "mappings").glob("*.toml"):
        path.unlink()
    (made / "mappings" / "catalogue.toml").write_text(MAPPING)
    (made / "data").mkdir(exist_ok=True)
    return made


@pytest.mark.slow
def test_hostile_files_in_one_run(shop: Path) -> None:
    data = shop / "data"
    sheet = [
        [text("Catalogue of 2026")],
        [],
        *table(HEAD),
        [text("X1"), text("Mug"), text("Kitchen"), number("2.5499999999999998"), number("46023", DAY)],
        [text("X2"), text("Cup"), text("Kitchen"), '<c r="{at}" t="e"><v>#REF!</v></c>', number("46023", DAY)],
        [text("Total"), text(""), text(""), number(12)],
    ]
    given = {
        "01.xlsx": book({"Products": sheet, "Notes": table("remember")}),
        "02.zip": zipped({"a/1.csv": f"{HEAD}\nZ1,Vase,Home,\"1.234,50 €\",01.02.2026\n".encode(), "__MACOSX/x": b"-"}),
        "03.csv": f"{HEAD}\nC1,“Café” cup,Kitchen,\"5,00\",2026-01-01\n".encode("cp1252"),
        "04.csv": f"{HEAD}\rM1,Lamp,Home,(3),2026-01-01\r".encode(),
        "05.csv": gzip.compress(f"{HEAD}\nG1,Pot,Home,3,2026-01-01\n".encode()),
        "06.csv": f"Report\n\n{HEAD}\n9.94E+14,Pot,Home,3,2026-01-01\nT1,Pot,Home,3,2026-01-01\n".encode(),
        "07.jsonl": json.dumps({"sku": "J1", "name": "Jug", "price": "3", "launched": "2026-01-01"}).encode(),
        "11.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        "12.zip": zipped({"../../evil.csv": b"x"}),
        "13.csv": b"<html><body>Session expired</body></html>",
        "14.zip": zipped({"a.csv": b"0" * (260 << 20)}),
        "15.csv": b"sku;title\n1;x\n",
        "21.csv.part": b"half",
    }  # fmt: skip
    for name, content in given.items():
        (data / name).write_bytes(content)
    with (data / "08.csv").open("wb") as file:
        file.write(f"{HEAD}\nL1,Lid,Home,3,2026-01-01\n".encode())
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b"\nL2,Lid,Home,3,2026-01-01\n")

    out, peak = peak_mb(RUN, str(shop))
    (told,) = json.loads(out)["sources"]
    assert peak < 700
    assert not (shop.parent / "evil.csv").exists() and not list((shop / "state" / "tmp").iterdir())
    assert rows(shop, "SELECT product_id, name, price, launched_on::VARCHAR FROM gold.products ORDER BY 1") == [
        *[("C1", "“Café” cup", 5, "2026-01-01"), ("G1", "Pot", 3, "2026-01-01"), ("J1", "Jug", 3, "2026-01-01")],
        *[("L1", "Lid", 3, "2026-01-01"), ("L2", "Lid", 3, "2026-01-01"), ("M1", "Lamp", -3, "2026-01-01")],
        *[("T1", "Pot", 3, "2026-01-01"), ("X1", "Mug", D("2.55"), "2026-01-01")],
        ("Z1", "Vase", D("1234.5"), "2026-02-01"),
    ]
    waiting = call(shop, "quarantine", "list", "--json").json
    assert sorted((one["file"], one["row_number"], one["reason"]) for one in waiting) == [
        ("data/01.xlsx [Products]", 2, "price: cannot be read as a number"),
        ("data/01.xlsx [Products]", 3, "a row of totals, not a record"),
        ("data/06.csv", 1, "product_id: id destroyed by a spreadsheet"),
        ("data/08.csv", 2, "malformed line: too long"),
    ]
    for name, words in {
        "data/11.xlsx": "protected by a password",
        "data/12.zip": "leads out of it",
        "data/13.csv": "web page",
        "data/14.zip": "unpacks to too much",
        "data/15.csv": "the file has no column",
    }.items():
        assert words in told["refused"].pop(name)
    assert told["refused"] == {} and told["waiting"] == ["data/21.csv.part"]
    files = {one.pop("name"): one for one in told["files"]}
    assert files["data/01.xlsx [Products]"] == {
        "format": "xlsx",
        "header_row": 3,
        "passed": ["data/01.xlsx [Notes]"],
    }
    assert files["data/03.csv"] == {
        "format": "csv",
        "encoding": "cp1252",
        "line_ends": "LF",
        "delimiter": ",",
        "header_row": 1,
    }
    assert files["data/04.csv"]["line_ends"] == "CR" and files["data/06.csv"]["header_row"] == 3
    assert "data/02.zip/a/1.csv" in files

    # Nothing is read twice; what was refused is told again, until it is mended or taken away.
    (data / "21.csv.part").rename(data / "21.csv")
    (data / "21.csv").write_text(f"{HEAD}\nP1,Pan,Home,3,2026-01-01\n")
    (again,) = command(shop, "run", "--no-report", "--json").json["sources"]
    assert again["rows_read"] == again["rows_new"] == 1 and len(again["refused"]) == 5 and not again["waiting"]


def test_what_cannot_be_meant_is_said_before_anything_is_read(shop: Path) -> None:
    file = shop / "mappings" / "catalogue.toml"
    for wrong, told in (
        (MAPPING.replace('"iso", "%d.%m.%Y"', '"%m.%d.%Y", "%d.%m.%Y"'), "could be read two ways"),
        (MAPPING.replace('"auto"', '"fixed"'), "fixed and fields come together"),
        (MAPPING.replace('"auto"', '"csv"\nhedder_row = 2'), "did you mean 'header_row'"),
    ):
        file.write_text(wrong)
        done = call(shop, "run")
        assert done.code == 1 and told in done.err and "catalogue.toml line" in done.err and "Traceback" not in done.err
