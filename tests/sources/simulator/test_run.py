"""The files of a small retailer: complete, consistent with each other and with the truth, and the same every time."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from pathlib import Path

import duckdb
import pytest

import floorwalker.app
from floorwalker.errors import ConfigError
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.simulator import SimulationSummary, simulate

MAPPINGS = sorted((Path(floorwalker.app.__file__).parent / "templates" / "demo" / "mappings").glob("*.toml"))
CUSTOMERS = 1_500


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(tmp_path_factory.mktemp("demo") / "data", customers=CUSTOMERS, seed=5)


@pytest.fixture(scope="module")
def sql(made: SimulationSummary) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    out = made.out
    views = {
        "receipts": f"read_csv('{out}/till/receipts_*.csv', delim=';', encoding='latin-1', all_varchar=true)",
        "till_customers": f"read_csv('{out}/till/customers.csv', delim=';', encoding='latin-1', all_varchar=true)",
        "shop_orders": f"read_json('{out}/shop/orders_*.jsonl')",
        "shop_customers": f"read_json('{out}/shop/customers.jsonl')",
        "clicks": f"read_parquet('{out}/web/clicks_*.parquet')",
        "app_events": f"read_parquet('{out}/app/events_*.parquet')",
        "app_orders": f"read_parquet('{out}/app/orders_*.parquet')",
        "emails": f"read_csv('{out}/email/events_*.csv', all_varchar=true)",
        "products": f"read_csv('{out}/catalogue/products.csv')",
        "stock": f"read_csv('{out}/catalogue/stock.csv')",
        "record_truth": f"read_parquet('{out}/truth/person_of_record.parquet')",
        "order_truth": f"read_parquet('{out}/truth/person_of_order.parquet')",
        "people": f"read_parquet('{out}/truth/people.parquet')",
    }
    for name, source in views.items():
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {source}")
    return connection


def one(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    row = connection.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def test_volumes_are_those_promised(made: SimulationSummary) -> None:
    rows = made.rows
    lines = rows["till/receipts_*.csv"] + rows["shop/orders_*.jsonl"] + rows["app/orders_*.parquet"]
    clicks = rows["web/clicks_*.parquet"] + rows["app/events_*.parquet"]
    assert 5.0 < lines / CUSTOMERS < 8.5
    assert 17 < clicks / CUSTOMERS < 27
    assert 6.5 < rows["email/events_*.csv"] / CUSTOMERS < 10
    assert rows["truth/people.parquet"] == CUSTOMERS
    assert made.total == sum(n for path, n in rows.items() if not path.startswith("truth/"))


def test_every_customer_record_has_one_truth(sql: duckdb.DuckDBPyConnection) -> None:
    assert one(sql, "SELECT count(*) - count(DISTINCT (source, customer_ref)) FROM record_truth") == 0
    assert one(sql, "SELECT count(*) FROM till_customers ANTI JOIN record_truth ON customer_ref = customer_no") == 0
    assert one(sql, "SELECT count(*) FROM record_truth ANTI JOIN people USING (person_id)") == 0


def test_orders_refer_to_records_of_the_person_who_ordered(sql: duckdb.DuckDBPyConnection) -> None:
    wrong = """SELECT count(*) FROM {orders} o JOIN order_truth t ON t.order_id = o.{key} AND t.source = '{source}'
        JOIN record_truth r ON r.source = '{source}' AND r.customer_ref = o.{ref} WHERE r.person_id <> t.person_id"""
    known = wrong.replace("WHERE r.person_id <> t.person_id", "")
    for orders, key, ref, source in (
        ("receipts", "receipt_no", "customer_no", "till"),
        ("shop_orders", "order_id", "customer.id", "shop"),
        ("app_orders", "order_id", "user_id", "app"),
    ):
        assert one(sql, wrong.format(orders=orders, key=key, ref=ref, source=source)) == 0
        assert one(sql, known.format(orders=orders, key=key, ref=ref, source=source)) > 0
    cards = """SELECT count(*) FROM receipts r JOIN order_truth t ON t.order_id = r.receipt_no
        JOIN people p USING (person_id) WHERE r.card_no <> p.loyalty_id"""
    assert one(sql, cards) == 0


def test_anonymous_shares(sql: duckdb.DuckDBPyConnection) -> None:
    receipts = one(
        sql,
        "SELECT avg((coalesce(card_no, receipt_email, customer_no) IS NULL)::INT) FROM receipts WHERE kind = 'sale'",
    )
    assert 0.30 < receipts < 0.47
    clicks = one(
        sql,
        "SELECT avg((who IS NULL)::INT) FROM"
        " (SELECT account AS who FROM clicks UNION ALL SELECT user_id FROM app_events)",
    )
    assert 0.32 < clicks < 0.48


def test_money_adds_up(sql: duckdb.DuckDBPyConnection) -> None:
    assert one(sql, "SELECT count(*) FROM receipts WHERE kind = 'sale' AND total::DECIMAL(18,2) <> "
                    "qty::DECIMAL(18,2) * price::DECIMAL(18,2) - discount::DECIMAL(18,2)") == 0  # fmt: skip
    assert one(sql, "SELECT count(*) FROM receipts WHERE kind = 'return' AND total::DECIMAL(18,2) > 0") == 0
    assert one(sql, "SELECT count(*) FROM receipts WHERE (currency = 'EUR') <> (country = 'IE')") == 0
    assert one(sql, "SELECT count(*) FROM receipts r ANTI JOIN products p ON p.sku = r.sku") == 0


def test_refunds_name_a_receipt_and_come_later(sql: duckdb.DuckDBPyConnection) -> None:
    bad = """SELECT count(*) FROM receipts b
        LEFT JOIN receipts s ON s.receipt_no = b.original_receipt AND s.line = b.line
        WHERE b.kind = 'return' AND (s.receipt_no IS NULL
            OR strptime(b.sold_at, '%d/%m/%Y %H:%M') < strptime(s.sold_at, '%d/%m/%Y %H:%M'))"""
    assert one(sql, bad) == 0
    assert one(sql, "SELECT count(*) FROM receipts WHERE kind = 'return'") > 50


def test_online_orders_end_a_visit(sql: duckdb.DuckDBPyConnection) -> None:
    web = one(sql, "SELECT count(DISTINCT order_id) FROM shop_orders")
    done = one(sql, "SELECT count(DISTINCT order_id) FROM clicks WHERE event = 'Order Completed'")
    assert done > 0.99 * web
    assert (
        one(sql, "SELECT count(*) FROM clicks c ANTI JOIN shop_orders o USING (order_id) WHERE c.order_id IS NOT NULL")
        == 0
    )
    assert (
        one(
            sql,
            "SELECT count(*) FROM shop_orders JOIN clicks USING (order_id) WHERE happened_at <> placed_at::TIMESTAMP",
        )
        == 0
    )


def test_nobody_is_mailed_after_unsubscribing(sql: duckdb.DuckDBPyConnection) -> None:
    after = """SELECT count(*) FROM emails a JOIN emails b USING (recipient)
        WHERE a.event = 'unsubscribe' AND b.event = 'send' AND b.campaign_id > a.campaign_id"""
    assert one(sql, after) == 0
    assert one(sql, "SELECT count(*) FROM emails WHERE event = 'unsubscribe'") > 0


def test_purchases_have_structure(sql: duckdb.DuckDBPyConnection) -> None:
    """Products of one basket belong together more often than chance; a fifth of the people brings most revenue."""
    sql.execute("CREATE TEMP TABLE basket AS SELECT DISTINCT receipt_no, sku FROM receipts WHERE kind = 'sale'")
    lift = """WITH k AS (SELECT sku, count(*) AS n FROM basket GROUP BY 1),
        o AS (SELECT count(DISTINCT receipt_no) AS n FROM basket),
        pairs AS (SELECT a.sku AS x, b.sku AS y, count(*) AS n FROM basket a JOIN basket b USING (receipt_no)
            WHERE a.sku < b.sku GROUP BY 1, 2)
        SELECT sum(p.n) / sum(kx.n * ky.n / o.n) FROM pairs p JOIN k kx ON kx.sku = x JOIN k ky ON ky.sku = y, o"""
    assert one(sql, lift) > 2
    top = """WITH spent AS (SELECT person_id, sum(total::DOUBLE) AS v
            FROM receipts JOIN order_truth ON order_id = receipt_no GROUP BY 1),
        ranked AS (SELECT v, percent_rank() OVER (ORDER BY v DESC) AS r FROM spent)
        SELECT sum(v) FILTER (WHERE r <= 0.2) / sum(v) FROM ranked"""
    assert 0.5 < one(sql, top) < 0.8


def test_stock_has_some_zeroes(sql: duckdb.DuckDBPyConnection) -> None:
    assert 0.05 < one(sql, "SELECT avg((on_hand = 0)::INT) FROM stock") < 0.2
    assert one(sql, "SELECT count(*) FROM stock WHERE place IS NULL") > 1000


def _digests(out: Path) -> dict[str, str]:
    return {
        str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(out.rglob("*"))
        if p.is_file()
    }


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    small = {"customers": 120, "days": 40, "products": 150, "stores": 6}
    for name, seed in (("a", 9), ("b", 9), ("c", 10)):
        simulate(tmp_path / name, seed=seed, **small)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    assert _digests(tmp_path / "a") != _digests(tmp_path / "c")


def test_events_per_customer_scales(tmp_path: Path) -> None:
    few = simulate(tmp_path / "few", customers=400, products=200, stores=6, events_per_customer=10)
    many = simulate(tmp_path / "many", customers=400, products=200, stores=6, events_per_customer=60)
    for path in ("web/clicks_*.parquet", "email/events_*.csv", "till/receipts_*.csv"):
        assert 3 < many.rows[path] / few.rows[path] < 12
    assert few.rows["till/customers.csv"] == many.rows["till/customers.csv"]


def test_tiny_retailers_and_progress(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    simulate(
        tmp_path / "x",
        customers=1,
        days=7,
        end=date(2026, 3, 30),
        products=100,
        stores=2,
        progress=lambda d, t: told.append((d, t)),
    )
    assert told == [(1.0, "1 of 1 customers")]


def test_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="not empty"):
        simulate(tmp_path, customers=10)
    with pytest.raises(ConfigError):
        simulate(tmp_path / "new", customers=0)


def _column(spec: object) -> str | None:
    return spec if isinstance(spec, str) else spec.get("column") if isinstance(spec, dict) else None


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_mappings_fit_files_and_vocabulary(path: Path, made: SimulationSummary) -> None:
    mapping = tomllib.loads(path.read_text(encoding="utf-8"))
    files = sorted(made.out.parent.glob(mapping["files"]))
    assert files and not any("truth" in str(file) for file in files)
    connection = duckdb.connect()
    name = str(made.out.parent / mapping["files"])
    if name.endswith(".csv"):
        encoding = mapping.get("encoding", "utf-8")
        source = f"read_csv('{name}', delim='{mapping.get('delimiter', ',')}', encoding='{encoding}', all_varchar=true)"
    else:
        source = f"read_parquet('{name}')" if name.endswith(".parquet") else f"read_json('{name}')"
    for part in mapping["maps"]:
        kind = KINDS[part["kind"]]
        assert set(part["columns"]) <= set(kind.names)
        assert {c.name for c in kind.columns if c.required} <= set(part["columns"])
        for spec in part["columns"].values():
            column = _column(spec)
            if column:
                connection.execute(f"SELECT {column} FROM {source} LIMIT 1")
        if "where" in part:
            connection.execute(f"SELECT count(*) FROM {source} WHERE {part['where']}")


def test_every_file_but_the_truth_is_mapped(made: SimulationSummary) -> None:
    mapped = {
        file
        for path in MAPPINGS
        for file in made.out.parent.glob(tomllib.loads(path.read_text(encoding="utf-8"))["files"])
    }
    written = {file for file in made.out.rglob("*") if file.is_file() and "truth" not in file.parts}
    assert written == mapped
