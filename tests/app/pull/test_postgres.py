"""Tables of a real PostgreSQL server, by the command line: types, increments, rows marked as deleted, faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.driving import call
from tests.app.pull.taking_in import bronze, new_project, pulled, take_in
from tests.postgres_server import PASSWORD, Postgres, postgres_server

psycopg = pytest.importorskip("psycopg", reason="needs the extra: pip install -e '.[connectors]'")
pytest.importorskip("dlt", reason="needs the extra: pip install -e '.[connectors]'")
TABLES = """
DROP SCHEMA IF EXISTS sales CASCADE;
CREATE SCHEMA sales;
CREATE TABLE sales.lines (
  id bigint PRIMARY KEY, order_no text, sku text, quantity numeric, price numeric(20, 6), currency char(3),
  sold_at timestamptz, info jsonb, deleted boolean NOT NULL DEFAULT false, updated_at timestamptz);
INSERT INTO sales.lines VALUES
  (1, 'A1', 'CUP', 2, 1234567890.123400, 'GBP', '2026-01-05 10:00:00+01', '{"buyer": {"email": "ann@example.com"}}',
   false, '2026-01-05 12:00:00+00'),
  (2, 'A1', 'COAT', 0.5, 0.1, 'EUR', '2026-01-05 10:00:00.25+00', NULL, false, '2026-01-05 12:00:00.000001+00'),
  (3, 'A2', 'CUP', 1, 5.10, NULL, '2026-01-06 23:30:00-05', '{"buyer": {"email": "bob@example.com"}}', false, NULL);
"""
MAPPING = """
source = "erp"
files = "state/pulled/erp/lines/*.jsonl"
channel = "web"
[[maps]]
kind = "order_lines"
[maps.columns]
order_id = "order_no"
line_no = "id"
product_id = "sku"
quantity = { expression = "CASE WHEN deleted = 'true' THEN '0' ELSE quantity END" }
unit_price = "price"
currency = "currency"
occurred_at = "sold_at"
email = "info.buyer.email"
"""
ROWS = (
    "SELECT line_no, quantity, unit_price, currency, epoch_ms(occurred_at), email FROM bronze.order_lines"
    " ORDER BY line_no, quantity DESC"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Path:
    with psycopg.connect(server.dsn) as connection:
        connection.execute(TABLES)
    monkeypatch.setenv("ERP_PASSWORD", PASSWORD)
    folder = new_project(
        tmp_path / "project",
        f'\n[pulls.erp]\nconnector = "sql"\nurl = "{server.url}"\npassword_env = "ERP_PASSWORD"\n'
        '[[pulls.erp.tables]]\nname = "lines"\nschema = "sales"\nkey = "id"\n'
        'cursor = { field = "updated_at", overlap_minutes = 10 }\n',
    )
    (folder / "mappings" / "erp.toml").write_text(MAPPING)
    return folder


def test_types_arrive_as_they_are(folder: Path) -> None:
    found = pulled(folder)["lines"]
    assert (found["records"], found["new"], found["cursor"]) == (3, 3, "2026-01-05T12:00:00Z")
    (file,) = (folder / "state" / "pulled" / "erp" / "lines").glob("*.jsonl")
    # Every digit of a numeric, which a float would lose.
    assert '"price":1234567890.123400,' in file.read_text()
    assert take_in(folder)["erp"].rows_quarantined == 0
    assert bronze(folder, ROWS) == [
        ("1", "2.000", "1234567890.1234", "GBP", "1767603600000", "ann@example.com"),
        ("2", "0.500", "0.1000", "EUR", "1767607200250", None),
        ("3", "1.000", "5.1000", "GBP", "1767760200000", "bob@example.com"),
    ]


def test_only_what_changed_comes_again(folder: Path, server: Postgres) -> None:
    pulled(folder)
    take_in(folder)
    # Rows without a time come each time, and are known by their content.
    again = pulled(folder)["lines"]
    assert (again["records"], again["new"]) == (3, 1)
    with psycopg.connect(server.dsn) as connection:
        connection.execute("UPDATE sales.lines SET deleted = true, updated_at = '2026-02-01 00:00:00+00' WHERE id = 2")
        connection.execute("UPDATE sales.lines SET updated_at = '2026-02-01 00:00:00+00' WHERE id = 3")
        connection.execute("DELETE FROM sales.lines WHERE id = 1")
    changed = pulled(folder)["lines"]
    assert (changed["records"], changed["new"], changed["cursor"]) == (2, 2, "2026-02-01T00:00:00Z")
    assert take_in(folder)["erp"].rows_new == 1
    assert [row[:2] for row in bronze(folder, ROWS)] == [
        ("1", "2.000"), ("2", "0.500"), ("2", "0.000"), ("3", "1.000")
    ]  # fmt: skip
    assert pulled(folder)["lines"]["files"] == 0


def test_what_cannot_be_read_says_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = folder / "floorwalker.toml"
    text = settings.read_text()
    for wrong, told in (
        (text.replace('name = "lines"', 'name = "lime"'), "lime cannot be read"),
        (text.replace('"updated_at"', '"changed_at"'), "no column 'changed_at'"),
        (text.replace("tester@", "tester:secret1@"), "holds a password in the address"),
        (text.replace("+psycopg:", "+nodriver:"), "the url cannot be used"),
    ):
        settings.write_text(wrong)
        done = call(folder, "pull")
        assert done.code == 1 and told in done.err, done.err
        assert PASSWORD not in done.err and "secret1" not in done.err
    settings.write_text(text)
    monkeypatch.setenv("ERP_PASSWORD", "wrong-password")
    done = call(folder, "pull")
    assert "lines cannot be read" in done.err and "wrong-password" not in done.err
