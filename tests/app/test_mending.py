"""Rows in quarantine are put right by the command line, and come in once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run

from floorwalker.app.erasing import erase
from floorwalker.engines.project import Project

MAPPING = """
source = "till"
files = "data/*.csv"
currency = "GBP"
[[maps]]
kind = "order_lines"
[maps.columns]
order_id = "no"
occurred_at = "at"
product_id = "sku"
quantity = "qty"
unit_price = "price"
email = "mail"
channel = { value = "store" }
"""
TILL = """no,at,sku,qty,price,mail
R1,2026-01-02,A,1,5,
R2,2026-01-02,A,two,5,ann@example.com
R3,2026-01-02,A,"1,5",5,
R4,2026-01-02,A,"2,5",5,
R4,2026-01-02,A,"2,5",5,
R5,2026-01-02,B
R6,2026-01-02,A,many,5,=1+1
"""


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("till") / "shop"
    assert call(folder, "init", str(folder), "--template", "blank").code == 0
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "mappings" / "till.toml").write_text(MAPPING)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "a.csv").write_text(TILL)
    assert read(folder) == (1, 6)
    return folder


def read(folder: Path) -> tuple[int, int]:
    """A run: rows that are new, rows that went to quarantine."""
    (source,) = run(folder)["sources"]
    return source["rows_new"], source["rows_quarantined"]


def waiting(folder: Path) -> dict[int, int]:
    """Number in quarantine by row number."""
    listed = call(folder, "quarantine", "list", "--limit", "100", "--json").json
    return {row["row_number"]: row["id"] for row in listed}


def test_rows_are_put_right_in_every_way_and_come_in_once(till: Path, tmp_path: Path) -> None:
    ids = waiting(till)
    assert sorted(ids) == [2, 3, 4, 5, 6, 7]
    counted = call(till, "quarantine", "count", "--json").json
    assert [(one["rows"], one["reason"]) for one in counted] == [
        (5, "quantity: cannot be read as a number"), (1, "malformed line: too few fields"),
    ]  # fmt: skip
    over = call(till, "quarantine", "count", "--more-than", "5", "--older-than", "0")
    assert over.code == 1 and "6 rows wait, more than 5" in over.err and "longer than 0" in over.err
    assert call(till, "quarantine", "count", "--more-than", "6", "--older-than", "7").code == 0

    # What would be refused again stays, and says why.
    worse = call(till, "quarantine", "fix", str(ids[2]), "--set", "qty=zwei")
    assert worse.code == 1 and "cannot be read as a number" in worse.err
    tried = call(till, "quarantine", "fix", str(ids[2]), "--set", "qty=2", "--dry-run")
    assert "1 rows would be taken in" in tried.out and waiting(till) == ids
    assert call(till, "quarantine", "fix", str(ids[2]), "--set", "qty=2").code == 0
    rule = ("--source", "till", "--reason", "quantity", "--sql", "qty=replace(qty, ',', '.')", "--json")
    ruled = call(till, "quarantine", "fix", *rule).json
    assert sorted(map(int, ruled["fit"])) == sorted((ids[3], ids[4], ids[5])) and list(ruled["refused"]) == [
        str(ids[7])
    ]

    # A sheet for whoever knows: what a spreadsheet would run as a formula is text there.
    sheet = tmp_path / "refused.csv"
    assert "2 rows" in call(till, "quarantine", "export", str(sheet), "--source", "till").out
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    by_id = {int(row["floorwalker_row"]): row for row in table}
    assert by_id[ids[7]]["mail"] == "'=1+1" and "too few" in by_id[ids[6]]["floorwalker_error"]
    by_id[ids[6]] |= {"no": "R5", "at": "2026-01-03", "sku": "B", "qty": "4", "price": "9"}
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(by_id.values())
    back = call(till, "quarantine", "import", str(sheet), "--json").json
    assert list(back["fit"]) == [str(ids[6])] and list(back["refused"]) == [str(ids[7])]

    assert run(till)["rows_new"] == 5
    taken = "SELECT order_id, CAST(quantity AS VARCHAR) FROM bronze.order_lines ORDER BY order_id"
    assert [(no, float(qty)) for no, qty in rows(till, taken)] == [
        ("R1", 1), ("R2", 2), ("R3", 1.5), ("R4", 2.5), ("R4", 2.5), ("R5", 4),
    ]  # fmt: skip
    # Read again from the start, nothing comes twice and nothing that was put right waits again.
    assert run(till, "--reload")["rows_new"] == 0
    assert waiting(till) == {7: ids[7]}


def test_a_mended_mapping_takes_in_what_waits_without_reading_the_file_again(till: Path) -> None:
    bad = "no,at,sku,qty,price,mail\nS1,2026-01-02,A,3 pcs,5,\n"
    (till / "data" / "b.csv").write_text(bad)
    assert read(till) == (0, 1)
    listed = call(till, "quarantine", "list", "--json").json
    (row,) = [one for one in listed if one["file"] == "data/b.csv"]
    again = call(till, "quarantine", "replay", str(row["id"]))
    assert again.code == 1 and "0 rows fit" in again.out
    mended = MAPPING.replace('quantity = "qty"', "quantity = { expression = \"replace(qty, ' pcs', '')\" }")
    (till / "mappings" / "till.toml").write_text(mended)
    assert "1 rows fit" in call(till, "quarantine", "replay", str(row["id"])).out
    (till / "data" / "b.csv").unlink()
    assert run(till)["rows_new"] == 1
    assert rows(till, "SELECT count(*) FROM bronze.order_lines WHERE order_id = 'S1'") == [(1,)]


def test_what_is_asked_wrongly_says_so(till: Path, tmp_path: Path) -> None:
    number = next(iter(waiting(till).values()))
    assert "which rows?" in call(till, "quarantine", "fix", "--set", "a=1").err
    assert "nothing is to be changed" in call(till, "quarantine", "fix", str(number)).err
    assert "no COLUMN=VALUE" in call(till, "quarantine", "fix", str(number), "--set", "qty").err
    assert "does not run" in call(till, "quarantine", "fix", str(number), "--sql", "qty=nothing(qty)").err
    assert "no JSON object" in call(till, "quarantine", "fix", str(number), "--row", "[1]").err
    assert call(
        till, "quarantine", "fix", str(number), "--sql", "qty=(SELECT content FROM read_text('/etc/hostname'))"
    ).code
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert "no column floorwalker_row" in call(till, "quarantine", "import", str(tmp_path / "x.csv")).err
    assert call(till, "quarantine", "discard", str(number)).code != 0, "nobody said yes"
    assert "1 rows are gone" in call(till, "quarantine", "discard", str(number), "--yes").out


def test_an_erased_person_is_not_among_what_was_put_right(till: Path) -> None:
    project = Project(till)
    ((customer,),) = rows(till, "SELECT customer_id FROM gold.customers WHERE email = 'ann@example.com'")
    assert "ann@example.com" in "".join(_mended(project))
    assert erase(project, customer).findings == ()
    assert "ann@example.com" not in "".join(_mended(project))


def _mended(project: Project) -> list[str]:
    from floorwalker.app.state import open_state

    with open_state(project) as state:
        return [raw for (raw,) in state.execute("SELECT raw FROM mended")]
