"""The second control of `benchmarks.lake`: the features of `lake_script` in lazy Polars, run by its streaming engine.

In: a lake's folder, a file to write, the day to look back from. Out: one Parquet file with a row per customer, and a
line of JSON: {seconds, cpu, peak_mb}. Needs `pip install "polars>=2,<3"`, which the product does not.

    POLARS_MAX_THREADS=2 python -m benchmarks.lake_polars /tmp/shop/state/lake /tmp/features.parquet 2026-07-01

Polars has no memory limit: its peak is told beside its time. Of equal moments the greater text is the later, as in the
product, so a latest value is the greatest of moment and value packed into one text.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from functools import reduce
from pathlib import Path

import polars as pl
from benchmarks.measuring import told
from deltalake import DeltaTable

ID = "customer_id"
_STAMP = 16
"""Digits of a moment in microseconds, from 2001 to 2286."""
_DAY_FIRST, _DAY_LAST = pl.col("occurred_on").min(), pl.col("occurred_on").max()


def run(lake: Path, out: Path, as_of: dt.date) -> None:
    """Write the features of every customer, as of a day."""

    def rows(table: str) -> pl.LazyFrame:
        files = DeltaTable(lake / "silver" / table).file_uris()
        frame = pl.scan_parquet(files).filter(pl.col(ID).is_not_null(), pl.col("occurred_on") < as_of)
        return frame.with_columns(age=(pl.lit(as_of) - pl.col("occurred_on")).dt.total_days())

    def whole(table: str) -> pl.LazyFrame:
        return pl.scan_parquet(DeltaTable(lake / "silver" / table).file_uris())

    orders, purchases, views = rows("orders"), rows("purchases"), rows("views").filter(pl.col("age") <= 90)
    mail, returned = rows("email_events"), rows("returns").filter(~pl.col("is_cancellation"))
    parts = [
        _orders(orders),
        _gaps(orders),
        _top(orders, "channel", "preferred_channel", "preferred_channel_share", "order_channels"),
        _top(orders.filter(pl.col("channel") == "store"), "store_id", "favourite_store", count="stores_visited"),
        _purchases(purchases),
        _categories(purchases),
        _top(purchases.filter(pl.col("garment") == "top"), "size", "size_top"),
        returned.group_by(ID).agg(
            returns=pl.len(), returns_365d=_within(365).sum(), returned_amount=pl.col("amount_reporting").sum()
        ),
        _top(returned, "reason", "top_return_reason"),
        _browsing(rows("browse_events")),
        rows("sessions").filter(_within(90)).group_by(ID).agg(
            sessions_90d=pl.len(), bounces_90d=(pl.col("events") == 1).sum()
        ),
        views.group_by(ID).agg(
            views_90d=pl.len(), views_7d=_within(7).sum(), products_viewed_90d=pl.col("product_id").n_unique()
        ),
        _top(views, "category", "viewed_category_90d"),
        _mail(mail),
        _top(_opened_hours(mail), "hour", "favourite_open_hour"),
        _loyalty(rows("loyalty_events")),
        rows("exposures").group_by(ID).agg(
            campaigns_received=pl.col("campaign_id").n_unique(),
            campaigns_received_365d=pl.col("campaign_id").filter(_within(365)).n_unique(),
            latest_campaign_type=_latest("campaign_type"),
        ),
        rows("redemptions").group_by(ID).agg(coupon_campaigns=pl.col("campaign_id").n_unique()),
        rows("tickets").group_by(ID).agg(
            tickets=pl.col("ticket_id").n_unique(), worst_mark=pl.col("satisfaction").min(),
            latest_topic=_latest("topic"),
        ),
        rows("customer_records").group_by(ID).agg(
            gender=_latest("gender"), birth_date=_latest("birth_date").str.to_date("%Y-%m-%d"),
            registered_on=_DAY_FIRST, addresses=pl.col("postcode").drop_nulls().n_unique(),
        ),
        whole("households").select(ID, household_customers=pl.col("members")),
    ]  # fmt: skip
    people = whole("customer_people").select(ID)
    joined = reduce(lambda left, right: left.join(right, on=ID, how="left"), parts, people)
    result = _derived(joined.with_columns(_defaults(joined)), as_of)
    result.sink_parquet(out, compression="zstd", compression_level=1, engine="streaming")


# -- sources ----------------------------------------------------------------------------------------------------------


def _orders(orders: pl.LazyFrame) -> pl.LazyFrame:
    amount, day, age = pl.col("amount"), pl.col("occurred_on"), pl.col("age")
    return orders.group_by(ID).agg(
        first_order_on=_DAY_FIRST,
        last_order_on=_DAY_LAST,
        orders=pl.len(),
        orders_30d=_within(30).sum(),
        orders_90d=_within(90).sum(),
        orders_365d=_within(365).sum(),
        orders_90d_to_90d=((age > 90) & (age <= 180)).sum(),
        orders_season_last_year=((age > 335) & (age <= 395)).sum(),
        order_days=day.n_unique(),
        order_days_365d=day.filter(_within(365)).n_unique(),
        order_months_365d=day.dt.truncate("1mo").filter(_within(365)).n_unique(),
        revenue=amount.sum(),
        revenue_30d=amount.filter(_within(30)).sum(),
        revenue_365d=amount.filter(_within(365)).sum(),
        revenue_web=amount.filter(pl.col("channel") == "web").sum(),
        revenue_holidays=amount.filter(day.dt.month() >= 11).sum(),
        discount=pl.col("discount").sum(),
        largest_order=amount.max(),
        smallest_order=amount.min(),
        first_order_amount=_earliest("amount").cast(pl.Decimal(28, 4)),
        latest_order_amount=_latest("amount").cast(pl.Decimal(28, 4)),
        latest_order_channel=_latest("channel"),
        orders_store_365d=((pl.col("channel") == "store") & _within(365)).sum(),
        weekend_orders=(day.dt.weekday() >= 6).sum(),
        coupon_orders=(pl.col("coupon_lines") > 0).sum(),
    )


def _gaps(orders: pl.LazyFrame) -> pl.LazyFrame:
    gap = pl.col("day").sort().diff().dt.total_days()
    return (
        orders.select(ID, day=pl.col("occurred_on"))
        .unique()
        .group_by(ID)
        .agg(
            longest_days_between_orders=gap.max(),
            latest_days_between_orders=gap.last(),
            deviation_days_between_orders=gap.std(),
        )
    )


def _purchases(purchases: pl.LazyFrame) -> pl.LazyFrame:
    return purchases.group_by(ID).agg(
        lines_bought=pl.len(),
        products_bought=pl.col("product_id").n_unique(),
        latest_category=_latest("category"),
        price_rank_sum=pl.col("price_rank").sum(),
        priced_lines=pl.col("price_rank").count(),
        dearest_line=pl.col("amount").max(),
    )


def _categories(purchases: pl.LazyFrame) -> pl.LazyFrame:
    n, recent = pl.col("n"), pl.col("n_365d")
    return (
        purchases.filter(pl.col("category").is_not_null())
        .group_by(ID, "category")
        .agg(n=pl.len().cast(pl.Int64), n_365d=_within(365).sum().cast(pl.Int64), seen=_DAY_LAST)
        .group_by(ID)
        .agg(
            categories_bought_365d=(recent > 0).sum(),
            favourite_category=_most("n", "category"),
            favourite_category_365d=_most("n_365d", "category", recent > 0),
            favourite_category_share=n.max() / n.sum(),
            category_concentration=(n * n).sum() / (n.sum() * n.sum()),
        )
    )


def _browsing(rows: pl.LazyFrame) -> pl.LazyFrame:
    added = pl.col("event_name") == "Product Added"
    return rows.group_by(ID).agg(
        browse_days_30d=pl.col("occurred_on").filter(_within(30)).n_unique(),
        browse_events_30d=_within(30).sum(),
        latest_browse_channel=_latest("channel"),
        cart_adds_90d=(added & _within(90)).sum(),
        last_cart_on=pl.col("occurred_on").filter(added).max(),
        cart_value_30d=pl.col("price").filter(added & _within(30)).sum(),
    )


def _mail(rows: pl.LazyFrame) -> pl.LazyFrame:
    name, message = pl.col("event_name"), pl.coalesce("message_id", "event_id")
    opened = name == "Email Opened"
    return rows.group_by(ID).agg(
        emails_received_90d=message.filter(name.is_in(["Email Sent", "Email Delivered"]) & _within(90)).n_unique(),
        emails_opened_90d=message.filter(opened & _within(90)).n_unique(),
        last_open_on=pl.col("occurred_on").filter(opened).max(),
        clicks_7d=((name == "Email Link Clicked") & _within(7)).sum(),
    )


def _opened_hours(mail: pl.LazyFrame) -> pl.LazyFrame:
    return mail.filter(pl.col("event_name") == "Email Opened").with_columns(
        hour=pl.col("occurred_hour").cast(pl.String)
    )


def _loyalty(rows: pl.LazyFrame) -> pl.LazyFrame:
    points, name = pl.col("points"), pl.col("event_name")
    return rows.group_by(ID).agg(
        points_earned=points.filter(name == "Points Earned").sum(),
        points_spent=points.abs().filter(name == "Points Redeemed").sum(),
        points_other=points.filter(~name.is_in(["Points Earned", "Points Redeemed"])).sum(),
        loyalty_tier=_latest("tier"),
        loyalty_joined_on=_DAY_FIRST,
    )


# -- pieces -----------------------------------------------------------------------------------------------------------


def _within(days: int) -> pl.Expr:
    return pl.col("age") <= days


def _packed(column: str) -> pl.Expr:
    moment = pl.col("occurred_at").dt.epoch("us").cast(pl.String)
    return pl.concat_str(moment, pl.col(column).cast(pl.String))


def _latest(column: str) -> pl.Expr:
    """The value of the newest row that has one; at the same moment the greatest text."""
    return _packed(column).max().str.slice(_STAMP)


def _earliest(column: str) -> pl.Expr:
    return _packed(column).min().str.slice(_STAMP)


def _most(n: str, word: str, where: pl.Expr | None = None) -> pl.Expr:
    """The word with most rows; of equals the one seen last, then the last in the alphabet."""
    packed = pl.concat_str(pl.col(n).cast(pl.String).str.zfill(9), pl.col("seen").cast(pl.String), pl.col(word))
    return (packed if where is None else packed.filter(where)).max().str.slice(19)


def _top(rows: pl.LazyFrame, word: str, name: str, share: str = "", count: str = "") -> pl.LazyFrame:
    """A favourite, where asked also its share of the rows, and how many words there are."""
    asked = {name: _most("n", word)}
    asked |= {share: pl.col("n").max() / pl.col("n").sum()} if share else {}
    asked |= {count: pl.len()} if count else {}
    words = rows.filter(pl.col(word).is_not_null()).group_by(ID, word).agg(n=pl.len(), seen=_DAY_LAST)
    return words.group_by(ID).agg(**asked)


_NULL = ("_on", "birth_date", "_channel", "_category", "_order", "_amount", "_share", "_between_orders")
_SUMS = ("returned_amount",)


def _defaults(joined: pl.LazyFrame) -> list[pl.Expr]:
    """Counts and sums are 0 where there are no rows; days, words, extremes and shares stay unknown."""
    unknown = {"dearest_line", "worst_mark", "category_concentration"}
    filled = []
    for name, kind in joined.collect_schema().items():
        if name in _SUMS or (kind.is_numeric() and name not in unknown and not name.endswith(_NULL)):
            filled.append(pl.col(name).fill_null(1 if name == "household_customers" else 0).cast(_signed(kind)))
    return filled


def _signed(kind: pl.DataType) -> pl.DataType:
    return pl.Int64() if kind.is_integer() else kind


def _share(above: str | pl.Expr, below: str | pl.Expr) -> pl.Expr:
    above, below = (pl.col(one) if isinstance(one, str) else one for one in (above, below))
    return pl.when(below != 0).then(above.cast(pl.Float64) / below.cast(pl.Float64))


def _derived(joined: pl.LazyFrame, as_of: dt.date) -> pl.LazyFrame:
    def since(day: str) -> pl.Expr:
        return (pl.lit(as_of) - pl.col(day)).dt.total_days()

    between = (pl.col("last_order_on") - pl.col("first_order_on")).dt.total_days()
    return joined.with_columns(
        days_since_order=since("last_order_on"),
        is_one_time_buyer=pl.col("orders") == 1,
        mean_days_between_orders=_share(between, pl.col("order_days") - 1),
        average_order=_share("revenue", "orders"),
        revenue_share_web=_share("revenue_web", "revenue"),
        weekend_order_share=_share("weekend_orders", "orders"),
        holiday_share=_share("revenue_holidays", "revenue"),
        discount_rate=_share("discount", pl.col("revenue") + pl.col("discount")),
        coupon_order_share=_share("coupon_orders", "orders"),
        changed_category=pl.col("favourite_category_365d") != pl.col("favourite_category"),
        repeat_purchase_share=_share(pl.col("lines_bought") - pl.col("products_bought"), "lines_bought"),
        price_level=_share("price_rank_sum", "priced_lines"),
        return_rate=_share("returns", "lines_bought"),
        kept_revenue=pl.col("revenue") - pl.col("returned_amount"),
        has_open_cart=(
            pl.col("last_cart_on") > pl.col("last_order_on").fill_null(dt.date(1900, 1, 1))
        ).fill_null(False),
        bounce_share_90d=_share("bounces_90d", "sessions_90d"),
        view_to_cart_90d=_share("cart_adds_90d", "views_90d"),
        open_rate_90d=_share("emails_opened_90d", "emails_received_90d"),
        days_since_open=since("last_open_on"),
        points_balance=pl.col("points_earned") + pl.col("points_other") - pl.col("points_spent"),
        loyalty_days=since("loyalty_joined_on"),
        campaign_response=_share("coupon_campaigns", "campaigns_received"),
        age=(since("birth_date") / 365.25).floor().cast(pl.Int64),
    )  # fmt: skip


if __name__ == "__main__":
    begun = time.perf_counter()
    run(Path(sys.argv[1]), Path(sys.argv[2]), dt.date.fromisoformat(sys.argv[3]))
    told(begun)
