"""A workbook or an archive is described as its largest sheet or member would be."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from tests.sources.guide.trying import try_text
from tests.sources.packed.workbooks import book, table

ROWS = [
    "order_id,order_date,sku,quantity,unit_price,email",
    *(f"{1000 + n},2026-01-{n:02d},A{n},{n % 3 + 1},{n}.50,p{n}@example.com" for n in range(1, 20)),
]


def zipped(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("out/orders.csv", text)
        archive.writestr("out/stores.csv", "store,city\n1,Rome\n")
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sales.xlsx", book({"Notes": table("x"), "Sales": [*table("Sales of January", ""), *table(*ROWS)]})),
        ("sales.zip", zipped("\n".join(ROWS) + "\n")),
    ],
)
def test_a_mapping_of_a_packed_file(tmp_path: Path, name: str, content: bytes) -> None:
    tried = try_text(tmp_path, name, content)
    columns = tried.columns()
    assert columns["order_id"] == "order_id" and columns["unit_price"] == "unit_price" and columns["email"] == "email"
    assert tried.previews
