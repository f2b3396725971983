"""The template for UCI's Online Retail on its real rows: golden figures, and the same rows however delivered."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.data import bench_data
from tests.sources.desk import RECEIVED

import floorwalker.app
from floorwalker.sources.files import Delivery, make_delivery
from floorwalker.sources.ingest import BatchResult, read_deliveries
from floorwalker.sources.mapping import Mapping, load_mapping

TEMPLATE = Path(floorwalker.app.__file__).parent / "templates" / "online-retail" / "mappings" / "online_retail.toml"
ROWS = 541_909


class Retail:
    """The data set, its mapping, and the keys of a first reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parquet = bench_data("online_retail", "online_retail_2010_2011.parquet")
        self.mapping: Mapping = load_mapping(TEMPLATE)
        self.connection = duckdb.connect()

    def read(self, paths: list[Path]) -> BatchResult:
        deliveries: list[Delivery] = [make_delivery(self.mapping, [path], path.parent) for path in paths]
        result = read_deliveries(self.connection, self.mapping, deliveries, RECEIVED)
        assert not result.refused
        return result

    def keys(self) -> tuple[int, int, str]:
        """Rows, distinct keys, and an order-free fingerprint of kind and key."""
        parts = " UNION ALL ".join(
            f"SELECT '{kind}' AS kind, event_id FROM incoming_{kind}" for kind in self.mapping.kinds
        )
        found = self.connection.execute(
            "SELECT count(*), count(DISTINCT event_id), CAST(sum(md5_number(kind || event_id) % 1000003) AS VARCHAR) "
            f"FROM ({parts})"
        ).fetchone()
        assert found is not None
        return found

    def copy(self, sql: str, target: str) -> Path:
        self.connection.execute(f"COPY ({sql}) TO '{self.folder / target}'")
        return self.folder / target


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Retail:
    return Retail(tmp_path_factory.mktemp("retail"))


@pytest.fixture(scope="module")
def whole(retail: Retail) -> tuple[int, int, str]:
    retail.read([retail.parquet])
    return retail.keys()


def test_golden_figures(retail: Retail) -> None:
    result = retail.read([retail.parquet])
    assert result.deliveries[0].read == result.deliveries[0].accepted == ROWS
    assert {kind: counts.accepted for kind, counts in result.kinds.items()} == {
        "returns": 9_288,
        "order_lines": 531_283,
        "stock_adjustments": 1_338,
    }
    assert retail.keys()[:2] == (ROWS, ROWS)
    sales = retail.connection.execute(
        "SELECT count(*), count(DISTINCT customer_ref), count(DISTINCT order_id), count(DISTINCT product_id), "
        "sum(amount) "
        "FROM incoming_order_lines WHERE customer_ref IS NOT NULL AND unit_price > 0"
    ).fetchone()
    assert sales == (397_884, 4_338, 18_532, 3_665, Decimal("8911407.9040"))
    returns = retail.connection.execute(
        "SELECT count(DISTINCT return_id), min(quantity) > 0, bool_and(is_cancellation) FROM incoming_returns"
    ).fetchone()
    assert returns == (3_836, True, True)
    columns = "* EXCLUDE (event_id)"
    distinct = sum(
        retail.connection.execute(f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM incoming_{kind})").fetchall()[
            0
        ][0]
        for kind in retail.mapping.kinds
    )
    assert distinct <= ROWS - 5_268, "exact duplicates of the source are kept"


@pytest.mark.slow
def test_latin1_csv_with_ids_like_floats_has_the_same_keys(retail: Retail, whole: tuple[int, int, str]) -> None:
    path = retail.copy(
        "SELECT * REPLACE (CAST(CustomerID AS DOUBLE) AS CustomerID, "
        "strftime(InvoiceDate, '%-m/%-d/%Y %H:%M') AS InvoiceDate) "
        f"FROM '{retail.parquet}' ORDER BY md5(StockCode), InvoiceNo",
        "shuffled.csv",
    )
    assert b",17850.0," in path.read_bytes()
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    retail.read([path])
    assert retail.keys() == whole


@pytest.mark.slow
def test_overlapping_days_in_any_order_and_mixed_formats(retail: Retail, whole: tuple[int, int, str]) -> None:
    days = [
        row[0]
        for row in retail.connection.execute(
            f"SELECT DISTINCT CAST(InvoiceDate AS DATE) FROM '{retail.parquet}' ORDER BY 1"
        ).fetchall()
    ]
    assert len(days) == 305
    retail.connection.execute(
        f"CREATE OR REPLACE TABLE daily AS SELECT *, CAST(InvoiceDate AS DATE) AS day FROM '{retail.parquet}'"
    )
    paths = []
    for index, day in enumerate(days):
        # Every file repeats the day before: the way of a shop that sends a sliding window.
        since = days[max(index - 1, 0)]
        ending = ("csv", "parquet", "csv.gz")[index % 3]
        sql = f"SELECT * EXCLUDE (day) FROM daily WHERE day BETWEEN '{since}' AND '{day}' ORDER BY StockCode, InvoiceNo"
        paths.append(retail.copy(sql, f"{day}.{ending}"))
    paths.sort(key=lambda path: path.name[::-1])
    result = retail.read(paths)
    assert len(result.deliveries) == 305
    assert retail.keys() == whole
    assert sum(counts.accepted - counts.repeated for counts in result.kinds.values()) == ROWS
