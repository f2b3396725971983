"""The report's numbers about money: over time, over customers, by country and by channel.

In: `Tables`. Out: dictionaries of plain numbers in the reporting currency, each with `missing`: why it is empty, or "".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from floorwalker.console.tables import Row, Tables

DAYS, WEEKS = 62, 800
"""Up to this many days the curve is daily; up to this many, weekly; above, monthly."""


def revenue(tables: Tables) -> dict[str, Any]:
    """The four views of revenue."""
    return {
        "over_time": over_time(tables),
        "concentration": concentration(tables),
        "countries": _countries(tables),
        "channels": _channels(tables),
    }


def over_time(tables: Tables) -> dict[str, Any]:
    """Revenue and orders per day, week or month; `whole` is False for a first or last period that the data cuts."""
    missing = tables.missing("gold.daily_revenue", "revenue over time", "occurred_on", "orders", "revenue")
    if not missing and tables.one("SELECT max(occurred_on) AS day FROM gold.daily_revenue")["day"] is None:
        missing = "No revenue over time: no day in gold.daily_revenue is known."
    if missing:
        return {"missing": missing, "period": "", "rows": []}
    span = tables.one(
        "SELECT min(occurred_on)::DATE AS first, max(occurred_on)::DATE AS last, "
        "date_diff('day', min(occurred_on)::DATE, max(occurred_on)::DATE) + 1 AS days FROM gold.daily_revenue"
    )
    period = "day" if span["days"] <= DAYS else "week" if span["days"] <= WEEKS else "month"
    rows = tables.rows(
        f"""
        WITH spans AS (
            SELECT date_trunc('{period}', occurred_on)::DATE AS start, sum(orders)::BIGINT AS orders,
                sum(revenue) AS revenue
            FROM gold.daily_revenue WHERE occurred_on IS NOT NULL GROUP BY 1
        ),
        every AS (
            SELECT unnest(generate_series(
                date_trunc('{period}', DATE '{span["first"]}'), date_trunc('{period}', DATE '{span["last"]}'),
                INTERVAL 1 {period}))::DATE AS start
        )
        SELECT every.start AS start, (every.start + INTERVAL 1 {period} - INTERVAL 1 DAY)::DATE AS until,
            coalesce(spans.orders, 0) AS orders, coalesce(spans.revenue, 0) AS revenue
        FROM every LEFT JOIN spans ON spans.start = every.start ORDER BY every.start
        """
    )
    for row in rows:
        row["whole"] = row["start"] >= span["first"] and row["until"] <= span["last"]
    known = totals(tables)["revenue"]
    total = sum(row["revenue"] for row in rows)
    return {
        "missing": "",
        "period": period,
        "first": span["first"],
        "last": span["last"],
        "total": total,
        # Days also count what nobody known has bought; a cent of rounding is no stranger.
        "strangers": None if known is None or total - known < 0.01 * len(rows) else total - known,
        "rows": rows,
    }


def concentration(tables: Tables) -> dict[str, Any]:
    """The curve of cumulative revenue over buying customers, largest first; the shares of the top 1, 10 and 20 %; Gini.

    The top p % are the first round(p · n / 100) customers, at least one.
    """
    missing = tables.missing("gold.customers", "revenue by customer", "customer_id", "revenue")
    if not missing and not tables.one("SELECT count(*) FILTER (revenue > 0) AS n FROM gold.customers")["n"]:
        missing = "No revenue by customer: nobody in gold.customers has bought anything."
    if missing:
        return {"missing": missing, "curve": [], "top": []}
    # Sorted once, 8 bytes a customer: 0.1 s for a million of them, where five windows in SQL took 9 s.
    found = tables.connection.execute("SELECT revenue::DOUBLE AS revenue FROM gold.customers WHERE revenue > 0")
    spent = np.sort(np.asarray(found.fetchnumpy()["revenue"], dtype=np.float64))[::-1]
    n, running = len(spent), np.cumsum(spent)
    # A hundred points draw the curve as well as all: the first customer, then the end of each hundredth of them.
    places = np.unique(np.clip(np.ceil(np.arange(101) * n / 100), 1, n).astype(int))
    curve = [{"customers": place / n, "revenue": float(running[place - 1] / running[-1])} for place in map(int, places)]
    top = []
    for percent in (1, 10, 20):
        first = max(1, round(n * percent / 100))
        share = float(running[first - 1] / running[-1])
        top.append({"top": percent / 100, "customers": first, "revenue_share": share})
    # With i the rank from the poorest: G = 2 Σ i·x / (n Σ x) - (n + 1) / n.
    gini = float(2 * (np.arange(n, 0, -1) * spent).sum() / (n * running[-1]) - (n + 1) / n)
    return {"missing": "", "curve": curve, "top": top, "gini": gini, "customers": n}


def _countries(tables: Tables) -> dict[str, Any]:
    missing = tables.missing("gold.country_revenue", "revenue by country", "country", "customers", "revenue", "share")
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            "SELECT coalesce(nullif(country, ''), '(not known)') AS name, orders, customers, revenue, "
            "share::DOUBLE AS share "
            "FROM gold.country_revenue ORDER BY revenue DESC, name"
        ),
    }


def _channels(tables: Tables) -> dict[str, Any]:
    missing = tables.missing("gold.daily_revenue", "revenue by channel", "channel", "orders", "revenue")
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            "SELECT coalesce(nullif(channel, ''), '(not known)') AS name, sum(orders)::BIGINT AS orders, "
            "sum(revenue) AS revenue, (sum(revenue) / nullif(sum(sum(revenue)) OVER (), 0))::DOUBLE AS share "
            "FROM gold.daily_revenue GROUP BY 1 ORDER BY revenue DESC, name"
        ),
    }


def totals(tables: Tables) -> Row:
    """Customers, buyers, orders and revenue over all customers; None where the table is missing."""
    if tables.missing("gold.customers", "customers", "orders", "revenue"):
        return {"customers": None, "visitors": None, "buyers": None, "orders": None, "revenue": None, "repeat": None}
    known = "TRUE" if tables.missing("gold.customers", "known customers", "is_known") else "is_known"
    return tables.one(
        f"SELECT count(*) FILTER ({known}) AS customers, count(*) FILTER (NOT {known}) AS visitors, "
        "count(*) FILTER (orders > 0) AS buyers, count(*) FILTER (orders > 1) AS repeat, "
        "coalesce(sum(orders), 0)::BIGINT AS orders, coalesce(sum(revenue), 0) AS revenue FROM gold.customers"
    )
