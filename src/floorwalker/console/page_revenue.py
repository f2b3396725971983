"""Pages of money: over time, over customers, by country and channel. Numbers in, a section out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from floorwalker.console import charts, curves, numbers
from floorwalker.console.charts import Bar
from floorwalker.console.curves import Point
from floorwalker.console.page_customers import counts, rest, shares, words
from floorwalker.console.parts import Column, Figure, Missing, Section, draw, table
from floorwalker.console.tables import Row

COUNTRIES = 12


def revenue(data: Mapping[str, Any]) -> Section:
    """The four views of revenue."""
    found, currency = data["revenue"], data["run"]["currency"]
    lead = []
    top = {row["top"]: row for row in found["concentration"]["top"]}
    if top:
        lead.append(
            f"The best 20% of buying customers bring {numbers.share(top[0.2]['revenue_share'])} of revenue, "
            f"the best 1% alone {numbers.share(top[0.01]['revenue_share'])}."
        )
    if found["countries"]["rows"]:
        first = found["countries"]["rows"][0]
        lead.append(f"{first['name']} stands for {numbers.share(first['share'])} of it.")
    return Section(
        "Revenue",
        "revenue",
        "Revenue",
        lead,
        [
            _over_time(found["over_time"], currency),
            _concentration(found["concentration"]),
            _by("channel-revenue", "Revenue by channel", "channels", found["channels"], currency),
            _by("countries", "Revenue by country", "countries", found["countries"], currency),
        ],
    )


def _named(row: Row, period: str) -> str:
    day = dt.date.fromisoformat(row["start"])
    written = f"{day.day} {day:%b %Y}"
    return f"{day:%b %Y}" if period == "month" else f"week of {written}" if period == "week" else written


def _tick(rows: list[Row], position: int, period: str) -> str:
    """A tick where a month (monthly: a year) begins, with the year on the first and in January; daily: on Mondays."""
    day = dt.date.fromisoformat(rows[position]["start"])
    before = dt.date.fromisoformat(rows[position - 1]["start"]) if position else None
    if period == "day":
        return f"{day.day} {day:%b}" if before is None or day.weekday() == 0 else ""
    if before is None and period == "week" and day.day > 14 and len(rows) > 8:
        # A series that begins late in a month would crowd out the name of the first whole one.
        return ""
    if before is not None and (before.year, before.month) == (day.year, day.month):
        return ""
    first = before is None or before.year != day.year or (position < 3 and not _tick(rows, 0, period))
    return f"{day:%b %Y}" if first else f"{day:%b}"


def _over_time(found: Mapping[str, Any], currency: str) -> Figure | Missing:
    title = "Revenue over time"
    if found["missing"]:
        return Missing(title, found["missing"], span=2)
    rows, period = found["rows"], found["period"]
    points = [
        Point(_named(row, period), row["revenue"], _tick(rows, position, period), row["whole"])
        for position, row in enumerate(rows)
    ]
    notes = []
    if found["strangers"]:
        notes.append(
            f"{numbers.compact_money(found['total'], currency)} in all, "
            f"{numbers.compact_money(found['strangers'], currency)} of it from people who are not known."
        )
    if not all(row["whole"] for row in rows):
        notes.append("A dashed end is a period that the data covers only in part.")
    return draw(
        "over-time",
        f"Revenue per {period}",
        lambda frame: curves.line(frame, points, show=lambda value: numbers.compact_money(value, currency)),
        desc=f"Revenue per {period} from {found['first']} to {found['last']}.",
        note=" ".join(notes),
        span=2,
        table=table(
            f"Orders and revenue per {period}",
            {
                "start": words("From"),
                "until": words("To"),
                "orders": counts("Orders"),
                "revenue": Column("Revenue", lambda value: numbers.money(value, currency)),
                "complete": words("Covered"),
            },
            [{**row, "complete": "whole" if row["whole"] else "in part"} for row in rows],
        ),
    )


def _concentration(found: Mapping[str, Any]) -> Figure | Missing:
    title = "How concentrated revenue is"
    if found["missing"]:
        return Missing(title, found["missing"])
    curve = [(0.0, 0.0), *((row["customers"], row["revenue"]) for row in found["curve"])]
    n = found["customers"]
    marks = [
        (row["customers"] / n, row["revenue_share"], f"top {row['top']:.0%}: {numbers.share(row['revenue_share'])}")
        for row in found["top"]
    ]
    rows = [{**row, "name": f"top {row['top']:.0%}"} for row in found["top"]]
    return draw(
        "concentration",
        title,
        lambda frame: curves.lorenz(
            frame, curve, marks, axes=("share of buying customers, best first", "share of revenue")
        ),
        desc="Cumulative share of revenue over customers, best first; the dashed diagonal would be everybody equal.",
        note=f"{numbers.plural(n, 'buying customer')}; Gini coefficient {numbers.ratio(found['gini'])} "
        "(0: all equal, 1: one has it all).",
        table=table(
            title,
            {"name": words("Customers"), "customers": counts("How many"), "revenue_share": shares("Share of revenue")},
            rows,
        ),
    )


def _by(key: str, title: str, what: str, found: Mapping[str, Any], currency: str) -> Figure | Missing:
    if found["missing"]:
        return Missing(title, found["missing"])
    rows = found["rows"]
    drawn = [
        Bar(
            str(row["name"]),
            row["revenue"],
            f"{numbers.share(row['share'])} of revenue, {numbers.count(row['orders'])} orders",
        )
        for row in rows[:COUNTRIES]
    ]
    columns = {"name": words(what.capitalize()), "orders": counts("Orders")}
    if "customers" in rows[0]:
        columns["customers"] = counts("Customers")
    columns["revenue"] = Column("Revenue", lambda value: numbers.money(value, currency))
    columns["share"] = shares("Share")
    return draw(
        key,
        title,
        lambda frame: charts.bars(frame, drawn, show=lambda value: numbers.compact_money(value, currency)),
        desc=f"Revenue of each of the {what}, largest first.",
        note=rest(COUNTRIES, len(rows), what),
        table=table(title, columns, rows),
    )
