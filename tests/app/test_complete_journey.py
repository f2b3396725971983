"""Complete Journey by the command line: every table of the set, held to plain arithmetic on the files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.app.driving import call, rows, run
from tests.data import bench_data

FILES = (
    *("transactions_sample", "products", "demographics", "campaigns", "campaign_descriptions"),
    *("coupons", "coupon_redemptions", "promotions_sample"),
)


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set as a project after its first run; the catalogue and promotions of the bought products only, for speed."""
    data = tmp_path_factory.mktemp("files")
    for name in FILES:
        file = bench_data("complete_journey", f"{name}.parquet")
        only = "WHERE product_id IN (SELECT product_id FROM sold)" if name in ("promotions_sample", "products") else ""
        sold = f"SELECT product_id FROM '{bench_data('complete_journey', 'transactions_sample.parquet')}'"
        duckdb.execute(
            f"COPY (WITH sold AS ({sold}) SELECT * FROM read_parquet('{file}') {only}) TO '{data / name}.parquet'"
        )
    folder = tmp_path_factory.mktemp("journey") / "shop"
    assert call(folder.parent, "init", str(folder), "--template", "complete-journey", "--data", str(data)).code == 0
    result = run(folder)
    assert result["status"] == "published"
    (folder / "files").symlink_to(data)
    return folder


def plain(journey: Path, query: str) -> list[tuple[object, ...]]:
    """The same by DuckDB over the files: {name} is a file."""
    named = {name: f"read_parquet('{journey / 'files' / name}.parquet')" for name in FILES}
    return duckdb.execute(query.format(**named)).fetchall()


def test_every_row_is_accounted_for(journey: Path) -> None:
    kinds = {
        "transactions_sample": "order_lines", "products": "products", "demographics": "customers",
        "campaigns": "exposures", "campaign_descriptions": "campaigns", "coupons": "coupons",
        "coupon_redemptions": "redemptions", "promotions_sample": "promotions",
    }  # fmt: skip
    waiting = call(journey, "quarantine", "list", "--json").json
    # The set itself holds ids that a spreadsheet or R wrote as 3.4e+10.
    assert {one["reason"].partition(": ")[2] for one in waiting} == {"id destroyed by a spreadsheet"}
    for file, kind in kinds.items():
        ((given,),) = plain(journey, f"SELECT COUNT(*) FROM {{{file}}}")
        aside = sum(Path(one["file"]).stem == file for one in waiting)
        assert rows(journey, f"SELECT COUNT(*) FROM bronze.{kind}") == [(given - aside,)], file


def test_sales_are_what_the_store_received(journey: Path) -> None:
    sold = plain(
        journey,
        """SELECT COUNT(*), COUNT(DISTINCT household_id), COUNT(DISTINCT basket_id), COUNT(DISTINCT store_id),
        CAST(SUM(CAST(sales_value AS DECIMAL(18,4))) AS DECIMAL(28,4)),
        CAST(SUM(CAST(retail_disc + coupon_match_disc AS DECIMAL(18,4))) AS DECIMAL(28,4)),
        COUNT(CASE WHEN coupon_disc > 0 OR coupon_match_disc > 0 THEN 1 END)
        FROM {transactions_sample} WHERE quantity > 0 AND sales_value + retail_disc + coupon_match_disc > 0""",
    )
    assert sold == rows(
        journey,
        """SELECT CAST(SUM(lines) AS BIGINT), COUNT(DISTINCT customer_id), COUNT(*), COUNT(DISTINCT store_id),
        SUM(amount), SUM(discount), CAST(SUM(coupon_lines) AS BIGINT) FROM silver.orders""",
    )
    assert sold == [(74_575, 2_373, 47_027, 293, Decimal("233935.2400"), Decimal("40422.1500"), 994)]
    # Nothing that cost anything was left out.
    ((everything,),) = plain(
        journey, "SELECT CAST(SUM(CAST(sales_value AS DECIMAL(18,4))) AS DECIMAL(28,4)) FROM {transactions_sample}"
    )
    assert everything == sold[0][4]


def test_petrol_is_counted_in_gallons(journey: Path) -> None:
    ((most,),) = rows(journey, "SELECT MAX(quantity) FROM silver.order_lines")
    assert most == Decimal("90.000")
    petrol = rows(
        journey,
        """SELECT MIN(unit_price) > 1.5, MAX(unit_price) < 4 FROM silver.order_lines
        WHERE product_id = '6534178' AND is_sale""",
    )
    assert petrol == [(True, True)]


def test_days_and_hours_are_new_york_s(journey: Path) -> None:
    assert rows(journey, "SELECT MIN(occurred_on), MAX(occurred_on) FROM silver.order_lines") == plain(
        journey, "SELECT DATE '2017-01-01', DATE '2017-12-31'"
    )
    busiest = "SELECT occurred_hour FROM silver.order_lines GROUP BY occurred_hour ORDER BY COUNT(*) DESC LIMIT 1"
    assert rows(journey, busiest) == [(17,)]


def test_campaigns_coupons_and_redemptions(journey: Path) -> None:
    counted = plain(
        journey,
        """SELECT d.campaign_id, d.campaign_type, d.start_date, d.end_date,
        (SELECT COUNT(DISTINCT household_id) FROM {campaigns} AS c WHERE c.campaign_id = d.campaign_id),
        (SELECT COUNT(*) FROM {coupon_redemptions} AS r WHERE r.campaign_id = d.campaign_id),
        (SELECT COUNT(DISTINCT household_id) FROM {coupon_redemptions} AS r WHERE r.campaign_id = d.campaign_id),
        (SELECT COUNT(DISTINCT coupon_upc) FROM {coupons} AS o WHERE o.campaign_id = d.campaign_id)
        FROM {campaign_descriptions} AS d ORDER BY d.campaign_id""",
    )
    assert len(counted) == 27 and sum(int(str(row[4])) for row in counted) == 6_589
    assert counted == rows(
        journey,
        """SELECT campaign_id, campaign_type, starts_on, ends_on, exposed, redemptions, redeemers, coupons
        FROM gold.campaigns ORDER BY campaign_id""",
    )
    # What the reached bought while the campaign ran; days are those of New York.
    bought = plain(
        journey,
        """SELECT d.campaign_id, COUNT(DISTINCT t.household_id),
        CAST(SUM(CAST(t.sales_value AS DECIMAL(18,4))) AS DECIMAL(28,4))
        FROM {campaign_descriptions} AS d JOIN {campaigns} AS c USING (campaign_id)
        JOIN {transactions_sample} AS t USING (household_id)
        WHERE CAST(timezone('America/New_York', t.transaction_timestamp) AS DATE) BETWEEN d.start_date AND d.end_date
        AND t.quantity > 0 AND t.sales_value + t.retail_disc + t.coupon_match_disc > 0
        GROUP BY d.campaign_id ORDER BY d.campaign_id""",
    )
    assert bought == rows(
        journey, "SELECT campaign_id, buyers, revenue FROM gold.campaigns WHERE buyers > 0 ORDER BY campaign_id"
    )


def test_households_and_what_is_known_of_them(journey: Path) -> None:
    assert rows(journey, "SELECT COUNT(*) FROM gold.customers") == plain(
        journey,
        """SELECT COUNT(*) FROM (SELECT household_id FROM {transactions_sample} UNION SELECT household_id FROM
        {campaigns} UNION SELECT household_id FROM {demographics}
        UNION SELECT household_id FROM {coupon_redemptions})""",
    )
    columns = "age_band, income_band, home_ownership, marital_status, household_size, children, household_type"
    ours = f"SELECT {columns}, COUNT(*) FROM silver.customer_records GROUP BY ALL ORDER BY ALL"
    assert rows(journey, ours) == plain(
        journey,
        """SELECT age, income, home_ownership, marital_status, CAST(replace(household_size, '+', '') AS BIGINT),
        CAST(replace(kids_count, '+', '') AS BIGINT), household_comp, COUNT(*) FROM {demographics}
        GROUP BY ALL ORDER BY ALL""",
    )
    # A household's survey and its purchases are one customer's.
    assert rows(
        journey,
        """SELECT COUNT(DISTINCT r.customer_id) FROM silver.customer_records AS r
        JOIN silver.orders AS o ON o.customer_id = r.customer_id""",
    ) == plain(
        journey,
        """SELECT COUNT(DISTINCT household_id) FROM {demographics} AS d
        JOIN {transactions_sample} AS t USING (household_id)
        WHERE quantity > 0 AND sales_value + retail_disc + coupon_match_disc > 0""",
    )


def test_promotions_run_by_the_week(journey: Path) -> None:
    assert rows(journey, "SELECT COUNT(*), MIN(starts_on), MAX(ends_on) FROM silver.promotions") == plain(
        journey, "SELECT COUNT(*), DATE '2016-12-26', DATE '2017-12-31' FROM {promotions_sample}"
    )
    promoted = plain(
        journey,
        """SELECT COUNT(DISTINCT (t.product_id, t.store_id, CAST(timezone('America/New_York', t.transaction_timestamp)
        AS DATE))) FROM {transactions_sample} AS t JOIN {promotions_sample} AS p
        ON p.product_id = t.product_id AND p.store_id = t.store_id AND p.week = t.week
        WHERE t.quantity > 0 AND t.sales_value + t.retail_disc + t.coupon_match_disc > 0""",
    )
    assert promoted == rows(journey, "SELECT COUNT(*) FROM gold.sku_store_days WHERE on_promotion")


def test_delivered_again_nothing_is_new(journey: Path) -> None:
    again = run(journey, "--reload")
    assert (again["rows_new"], again["status"]) == (0, "unchanged")
