"""What is told again in other words: within one source the last delivery of a line, a return or a ticket counts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run

HEADS = {
    "lines": "order,line,at,sku,qty,price,mail",
    "returns": "rma,at,sku,qty,refund,mail",
    "tickets": "ticket,at,status,mail",
}
DAYS = {
    "lines_1": ["A,1,2026-01-05 10:00,P,2,5,ann@x.org", "A,2,2026-01-05 10:00,Q,1,20,ann@x.org",
                "B,1,2026-01-05 11:00,P,1,5,bob@x.org"],
    # line 2 of A costs less, line 1 is told as before; B was entered twice with the same number in one delivery
    "lines_2": ["A,1,2026-01-05 10:00,P,2,5,ann@x.org", "A,2,2026-01-05 10:00,Q,1,15,ann@x.org",
                "C,1,2026-01-06 09:00,P,1,5,bob@x.org", "C,1,2026-01-06 09:00,Q,1,7,bob@x.org"],
    "lines_3": ["A,2,2026-01-05 10:00,Q,3,15,ann@x.org", "D,,2026-01-07 09:00,P,1,1,bob@x.org"],
    "lines_4": ["D,,2026-01-07 09:00,P,2,1,bob@x.org"],
    "returns_1": ["R1,2026-01-08 10:00,Q,1,15,ann@x.org", "R1,2026-01-08 10:00,P,1,5,ann@x.org",
                  "R2,2026-01-08 10:00,P,1,5,bob@x.org", "R2,2026-01-08 10:00,P,1,4,bob@x.org"],
    "returns_2": ["R1,2026-01-08 10:00,Q,1,12,ann@x.org"],
    "tickets_1": ["T1,2026-01-09 10:00,open,ann@x.org", "T2,2026-01-09 10:00,open,bob@x.org"],
    "tickets_2": ["T1,2026-01-09 10:00,closed,ann@x.org"],
}  # fmt: skip
MAPPINGS = {
    "lines": ('order_lines', 'order_id = "order"\nline_no = "line"\nproduct_id = "sku"\nquantity = "qty"\n'
              'unit_price = "price"\n'),
    "returns": ('returns', 'return_id = "rma"\nproduct_id = "sku"\nquantity = "qty"\namount = "refund"\n'),
    "tickets": ('tickets', 'ticket_id = "ticket"\nstatus = "status"\n'),
}  # fmt: skip
STATE = (
    "SELECT order_key, line_no, product_id, quantity, amount FROM silver.order_lines ORDER BY ALL",
    "SELECT return_id, product_id, amount FROM silver.returns ORDER BY ALL",
    "SELECT ticket_id, status FROM silver.tickets ORDER BY ALL",
    "SELECT order_key, amount, lines FROM silver.orders ORDER BY ALL",
)


def project(folder: Path) -> Path:
    assert call(folder.parent, "init", str(folder), "--template", "blank").code == 0
    for name, (kind, columns) in MAPPINGS.items():
        (folder / "mappings" / f"{name}.toml").write_text(
            f'source = "shop"\nfiles = "data/{name}_*.csv"\nchannel = "web"\n[[maps]]\nkind = "{kind}"\n'
            f'[maps.columns]\noccurred_at = "at"\nemail = "mail"\n{columns}'
        )
    (folder / "data").mkdir()
    return folder


def deliver(folder: Path, name: str) -> None:
    head = HEADS[name.partition("_")[0]]
    (folder / "data" / f"{name}.csv").write_text("\n".join([head, *DAYS[name]]) + "\n")


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("at_once") / "shop")
    for name in DAYS:
        deliver(folder, name)
    run(folder)
    return folder


def test_the_last_word_on_a_line_counts(at_once: Path) -> None:
    lines, returns, tickets, orders = (rows(at_once, query) for query in STATE)
    assert [(row[0], row[1], row[2], str(row[4])) for row in lines] == [
        ("shop:A", "1", "P", "10.0000"),
        ("shop:A", "2", "Q", "45.0000"),
        ("shop:B", "1", "P", "5.0000"),
        # two rows of one delivery with one number are two rows: neither is later
        ("shop:C", "1", "P", "5.0000"),
        ("shop:C", "1", "Q", "7.0000"),
        # without a number nothing says that the second is the first in other words
        ("shop:D", None, "P", "1.0000"),
        ("shop:D", None, "P", "2.0000"),
    ]
    assert [(row[0], row[1], str(row[2])) for row in returns] == [
        ("R1", "P", "5.0000"), ("R1", "Q", "12.0000"), ("R2", "P", "4.0000"), ("R2", "P", "5.0000")
    ]  # fmt: skip
    assert tickets == [("T1", "closed"), ("T2", "open")]
    assert orders[0] == ("shop:A", Decimal("55.0000"), 2)
    # Bronze keeps every word.
    assert rows(at_once, "SELECT COUNT(*) FROM bronze.order_lines") == [(9,)]
    assert rows(at_once, "SELECT order_key, line_no FROM silver.order_corrections") == [("shop:A", "2")]


@pytest.mark.slow
def test_day_by_day_comes_to_the_same(at_once: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "shop")
    for day in "1234":
        for name in DAYS:
            if name.endswith(day):
                deliver(folder, name)
        run(folder)
    assert [rows(folder, query) for query in STATE] == [rows(at_once, query) for query in STATE]
