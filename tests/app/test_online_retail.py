"""Online Retail by the command line: exactly the numbers of plain arithmetic on the file, however it arrives."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.app.driving import call, rows, run
from tests.data import bench_data

FIGURES = """SELECT COUNT(*), COUNT(DISTINCT customer_id), COUNT(DISTINCT order_key), COUNT(DISTINCT product_id),
    SUM(amount) FROM silver.order_lines WHERE is_sale AND customer_id IS NOT NULL"""
WHOLE = [(397_884, 4_338, 18_532, 3_665, Decimal("8911407.9040"))]
TWO_MONTHS = "InvoiceDate < TIMESTAMP '2011-02-01'"
STATE = """SELECT country, orders, customers, revenue FROM gold.country_revenue ORDER BY country"""
RFM = "SELECT cell, segment, lifecycle, COUNT(*), SUM(monetary) FROM gold.rfm GROUP BY ALL ORDER BY ALL"


def source() -> Path:
    return bench_data("online_retail", "online_retail_2010_2011.parquet")


def plain(file: Path, where: str = "TRUE") -> list[tuple[object, ...]]:
    """The same figures by arithmetic on the file itself."""
    return duckdb.execute(
        f"""SELECT COUNT(*), COUNT(DISTINCT CustomerID), COUNT(DISTINCT InvoiceNo), COUNT(DISTINCT StockCode),
        CAST(SUM(CAST(Quantity AS DECIMAL(18,3)) * CAST(UnitPrice AS DECIMAL(18,4))) AS DECIMAL(28,4))
        FROM read_parquet('{file}') WHERE CustomerID IS NOT NULL AND InvoiceNo NOT LIKE 'C%' AND Quantity > 0
        AND UnitPrice > 0 AND {where}"""
    ).fetchall()


def project(folder: Path, *data: Path | str) -> Path:
    given = [word for path in data for word in ("--data", str(path))]
    assert call(folder.parent, "init", str(folder), "--template", "online-retail", *given).code == 0
    # Ties in RFM are broken by customer id, and the ids follow from the secret.
    (folder / "state").mkdir()
    (folder / "state" / "secret.key").write_text("of the tests")
    return folder


def as_csv(file: Path, target: Path, where: str = "TRUE") -> Path:
    """The rows as an older spreadsheet would have saved them: latin-1, customer ids as floats, American dates."""
    text = target.with_suffix(".utf8")
    duckdb.execute(
        f"""COPY (SELECT InvoiceNo, StockCode, Description, Quantity, strftime(InvoiceDate, '%m/%d/%Y %H:%M') AS
        InvoiceDate, UnitPrice, CAST(CAST(CustomerID AS DOUBLE) AS VARCHAR) AS CustomerID, Country
        FROM read_parquet('{file}') WHERE {where}) TO '{text}' (FORMAT csv, HEADER)"""
    )
    target.write_bytes(text.read_text(encoding="utf-8").encode("latin-1"))
    text.unlink()
    return target


def subset(file: Path, target: Path, where: str) -> Path:
    duckdb.execute(f"COPY (SELECT * FROM read_parquet('{file}') WHERE {where}) TO '{target}' (FORMAT parquet)")
    return target


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """December 2010 and January 2011 from the Parquet file, after a run."""
    folder = tmp_path_factory.mktemp("retail")
    shop = project(folder / "shop", subset(source(), folder / "two.parquet", TWO_MONTHS))
    run(shop)
    return shop


def test_two_months_to_the_last_digit(two_months: Path) -> None:
    assert rows(two_months, FIGURES) == plain(source(), TWO_MONTHS)
    (read,) = duckdb.execute(f"SELECT COUNT(*) FROM read_parquet('{source()}') WHERE {TWO_MONTHS}").fetchall()[0]
    kept = rows(two_months, "SELECT SUM(n) FROM (SELECT COUNT(*) AS n FROM bronze.order_lines UNION ALL SELECT COUNT(*)"
                " FROM bronze.returns UNION ALL SELECT COUNT(*) FROM bronze.stock_adjustments)")  # fmt: skip
    assert kept == [(read,)]
    again = run(two_months)
    assert (again["status"], again["rows_new"], again["tables_built"]) == ("unchanged", 0, 0)


@pytest.mark.slow
def test_two_months_as_overlapping_files_of_an_old_spreadsheet(two_months: Path, tmp_path: Path) -> None:
    shop = project(tmp_path / "shop")
    data = shop / "data"
    data.mkdir()
    spans = [("2010-12-01", "2010-12-20"), ("2010-12-10", "2011-01-15"), ("2011-01-15", "2011-02-01")]
    for number, (first, last) in enumerate(spans):
        where = f"InvoiceDate >= TIMESTAMP '{first}' AND InvoiceDate < TIMESTAMP '{last}'"
        as_csv(source(), data / f"{9 - number}.csv", where)
    run(shop)
    for query in (FIGURES, STATE, RFM):
        assert rows(shop, query) == rows(two_months, query)


@pytest.mark.slow
def test_the_whole_year(tmp_path: Path) -> None:
    file = source()
    shop = project(tmp_path / "shop", file)
    result = run(shop)
    assert result["rows_new"] == sum(one["rows_read"] for one in result["sources"]) == 541_909
    assert rows(shop, FIGURES) == WHOLE == plain(file)
    assert rows(shop, "SELECT COUNT(*) FROM silver.returns WHERE is_cancellation") == [(9_288,)]
    assert rows(shop, "SELECT COUNT(*), SUM(orders), SUM(revenue) FROM gold.customers WHERE orders > 0") == [
        (4_338, 18_532, Decimal("8911407.9040"))
    ]
    assert rows(shop, "SELECT country, customers, CAST(revenue AS DECIMAL(18,2)) FROM gold.country_revenue"
                " ORDER BY revenue DESC LIMIT 2") == duckdb.execute(
        f"""SELECT Country, COUNT(DISTINCT CustomerID), CAST(SUM(CAST(Quantity AS DECIMAL(18,3)) *
        CAST(UnitPrice AS DECIMAL(18,4))) AS DECIMAL(18,2)) AS revenue FROM read_parquet('{file}')
        WHERE CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0 GROUP BY Country ORDER BY 3 DESC LIMIT 2"""
    ).fetchall()  # fmt: skip
    assert rows(shop, "SELECT ROUND(SUM(share), 9) FROM gold.country_revenue") == [(1.0,)]
    assert rows(shop, "SELECT COUNT(*), MIN(r), MAX(f) FROM gold.rfm") == [(4_338, 1, 5)]
    before = (shop / "state" / "published.json").read_text()
    again = run(shop)
    assert (again["status"], again["rows_new"], again["tables_built"]) == ("unchanged", 0, 0)
    assert (shop / "state" / "published.json").read_text() == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_whole_year_in_overlapping_daily_files_in_any_order(tmp_path: Path, seed: int) -> None:
    file = source()
    shop = project(tmp_path / "shop")
    data = shop / "data"
    data.mkdir()
    days = [day for (day,) in duckdb.execute(
        f"SELECT DISTINCT CAST(InvoiceDate AS DATE) FROM read_parquet('{file}') ORDER BY 1").fetchall()]  # fmt: skip
    shuffled = random.Random(seed).sample(days, len(days))
    # Each file holds its day and the one before; half of the files come with a later run.
    for late in (0, 1):
        for number, day in enumerate(shuffled[late::2]):
            where = f"CAST(InvoiceDate AS DATE) BETWEEN DATE '{day - dt.timedelta(days=1)}' AND DATE '{day}'"
            as_csv(file, data / f"{late}-{number:03}.csv", where)
        run(shop)
    assert rows(shop, FIGURES) == WHOLE
    assert rows(shop, "SELECT COUNT(*) FROM silver.returns WHERE is_cancellation") == [(9_288,)]
