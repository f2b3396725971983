"""Pages of people: records in and customers out per channel, and what identity did. Numbers in, sections out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from floorwalker.console import charts, numbers
from floorwalker.console.charts import Bar, Pair
from floorwalker.console.parts import Column, Figure, Listing, Missing, Part, Section, draw, table
from floorwalker.console.tables import Row

COUNT, SHARE, RATIO = Column("", numbers.count), Column("", numbers.share), Column("", numbers.ratio)
MOST = 16
"""Rows drawn in one chart; the table behind it has all of them."""


def words(name: str) -> Column:
    """A column of text."""
    return Column(name, str, numeric=False)


def counts(name: str) -> Column:
    """A column of whole numbers."""
    return Column(name, numbers.count)


def shares(name: str) -> Column:
    """A column of percentages."""
    return Column(name, numbers.share)


def rest(shown: int, all_of_them: int, what: str) -> str:
    """What a chart leaves out, said aloud."""
    return (
        f"The chart shows the largest {shown} of {all_of_them} {what}; the table has all."
        if all_of_them > shown
        else ""
    )


def _feed(row: Row) -> str:
    """
    >>> _feed({"channel": "store", "source": "tills"}), _feed({"channel": "app", "source": "app"})
    ('store · tills', 'app')
    """
    return row["channel"] if row["channel"] == row["source"] else f"{row['channel']} · {row['source']}"


def channels(data: Mapping[str, Any]) -> Section:
    """Records in and customers out, per channel and source."""
    found = data["channels"]
    title = "Records in, customers out"
    if found["missing"]:
        return Section("Records", "channels", title, [], [Missing("", found["missing"])])
    rows: list[Row] = found["rows"]
    head = data["headline"]
    total, customers = sum(row["rows"] for row in rows), (head["customers"] or 0) + (head["visitors"] or 0)
    summed = sum(row["customers"] for row in rows)
    lead = [f"{numbers.count(total)} records came in from {numbers.plural(len(rows), 'feed')}."]
    if customers:
        lead.append(
            f"They describe {numbers.plural(customers, 'customer')}"
            + (f" ({numbers.count(head['visitors'])} of them visitors without a name)" if head["visitors"] else "")
            + "; counted feed by feed there would be "
            f"{numbers.count(summed)}, because the same person shows up in more than one."
            if summed > customers
            else f"They describe {numbers.plural(customers, 'customer')}."
        )
    shown = rows[:MOST]
    measures = [
        ("Rows delivered", [row["rows"] for row in shown], numbers.count),
        ("→ records of a person", [row["records"] for row in shown], numbers.count),
        ("→ customers", [row["customers"] for row in shown], numbers.count),
    ]
    feeds = table(
        "Rows, distinct records of a person, and customers, by channel and source",
        {
            "channel": words("Channel"),
            "source": words("Source"),
            "rows": counts("Rows"),
            "records": counts("Distinct records"),
            "customers": counts("Customers"),
        },
        rows,
    )
    return Section(
        "Records",
        "channels",
        title,
        lead,
        [
            draw(
                "channels",
                "From rows delivered to customers, feed by feed",
                lambda frame: charts.multiples(frame, [_feed(row) for row in shown], measures),
                desc="For each feed: rows delivered, distinct records of a person in them, the customers behind them.",
                note=("Each column has its own scale. " + rest(MOST, len(rows), "feeds")).strip(),
                table=feeds,
                span=2,
            )
        ],
    )


def identity(data: Mapping[str, Any]) -> Section:
    """Records per customer, channels per customer, rules, and accuracy where the truth is known."""
    found = data["customers"]
    records = found["records"]
    lead = []
    if not records["missing"] and records["customers"]:
        mean = records["records"] / records["customers"]
        lead.append(
            f"{numbers.count(records['records'])} records of people became "
            f"{numbers.plural(records['customers'], 'customer')}: "
            f"{numbers.decimal(mean)} records each on average, {numbers.count(records['largest'])} at most."
        )
    several = [row for row in found["channels"]["rows"] if row["places"] > 1]
    if several:
        people = sum(row["customer_share"] for row in several)
        bought = sum(row["revenue_share"] or 0 for row in several)
        lead.append(
            f"{numbers.share(people)} of them are known in more than one channel and bring {numbers.share(bought)} of "
            "revenue; before, each of these was several strangers."
        )
    parts: list[Part] = [
        _records(records),
        _places(found["channels"], "channel"),
        _rules(found["rules"], found["refused"]),
        _truth(found["truth"]),
    ]
    if not found["sources"]["missing"] and found["sources"]["rows"] != found["channels"]["rows"]:
        parts.insert(2, _places(found["sources"], "source"))
    if not found["summary"]["missing"]:
        tiles = [
            {"name": _summary_name(row["name"]), "value": _value(row["value"]), "note": ""}
            for row in sorted(found["summary"]["rows"], key=_summary_order)
        ]
        parts.append(Listing("tiles", tiles, "Identity in numbers"))
    return Section("Identity", "identity", "One customer from many records", lead, parts)


SUMMARY = {
    "records": "records of people",
    "records.anonymous": "records without a name",
    "records.without_identifier": "records without any identifier",
    "customers": "customers",
    "customers.one_record": "customers of one record",
    "customers.at_record_limit": "customers at the size limit",
    "largest_customer": "records of the largest customer",
    "largest_customer.word_sets": "wordings of the largest customer",
    "ids.kept": "customer ids kept",
    "ids.created": "customer ids new",
    "ids.merged": "customer ids merged",
    "ids.split": "customer ids split",
    "ids.revived": "customer ids revived",
    "ids.stability": "share of ids that stayed",
}
"""What silver.identity_summary counts, in plain words and in the order shown; other names come after."""


def _summary_name(name: str) -> str:
    """
    >>> _summary_name("hubs.phone"), _summary_name("customers.one_record")
    ('hubs: phone', 'customers of one record')
    """
    return SUMMARY.get(name, name.replace(".", ": ").replace("_", " "))


def _summary_order(row: Row) -> tuple[int, str]:
    return (list(SUMMARY).index(row["name"]) if row["name"] in SUMMARY else len(SUMMARY)), row["name"]


def _value(value: object) -> str:
    """A value of the summary as it came: whole numbers with separators, scores with three decimals, words as such."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            numbers.count(value)
            if value == int(value)
            else numbers.decimal(value)
            if value > 1
            else numbers.ratio(value)
        )
    try:
        return _value(float(str(value)))
    except ValueError:
        return str(value)


def _records(found: Mapping[str, Any]) -> Figure | Missing:
    title = "Records per customer"
    if found["missing"]:
        return Missing(title, found["missing"])
    drawn = [Bar(row["label"], row["customers"], f"{numbers.count(row['records'])} records") for row in found["rows"]]
    return draw(
        "records",
        title,
        lambda frame: charts.histogram(frame, drawn, axis="records joined into one customer"),
        desc="Number of customers by how many records were joined into each.",
        table=table(
            title,
            {"label": words("Records"), "customers": counts("Customers"), "records": counts("Records in all")},
            found["rows"],
        ),
    )


def _places(found: Mapping[str, Any], what: str) -> Figure | Missing:
    title = f"Known in how many {what}s"
    if found["missing"]:
        return Missing(title, found["missing"])
    drawn = [
        Pair(numbers.plural(row["places"], what), row["customer_share"], row["revenue_share"] or 0)
        for row in found["rows"]
    ]
    return draw(
        f"known-{what}",
        title,
        lambda frame: charts.paired_bars(
            frame, drawn, names=("share of customers", "share of revenue"), show=numbers.share
        ),
        desc=f"Share of customers and of revenue by the number of {what}s a customer is known in.",
        table=table(
            title,
            {
                "places": counts(f"{what.capitalize()}s"),
                "customers": counts("Customers"),
                "customer_share": shares("Share of customers"),
                "revenue_share": shares("Share of revenue"),
            },
            found["rows"],
        ),
    )


def _rules(found: Mapping[str, Any], refused: Mapping[str, Any]) -> Figure | Missing:
    title = "Evidence that joined records, by rule"
    if found["missing"]:
        return Missing(title, found["missing"])
    rows = found["rows"]
    drawn = [Pair(str(row["rule"]).replace("_", " "), row["accepted"], row["refused"]) for row in rows[:MOST]]
    note = rest(MOST, len(rows), "rules")
    if refused["rows"]:
        named = "; ".join(f"{row['reason']} ({numbers.count(row['pieces'])})" for row in refused["rows"][:4])
        note = f"Most often refused for: {named}. {note}".strip()
    return draw(
        "rules",
        title,
        lambda frame: charts.paired_bars(frame, drawn, names=("accepted", "refused")),
        desc="Pieces of evidence accepted and refused, by rule.",
        note=note,
        table=table(
            "Evidence by rule",
            {
                "rule": words("Rule"),
                "tier": counts("Tier"),
                "accepted": counts("Accepted"),
                "refused": counts("Refused"),
                "records": counts("Records touched"),
            },
            rows,
        ),
    )


def _truth(found: Mapping[str, Any]) -> Figure | Missing:
    title = "How right the joins are"
    if found["missing"]:
        return Missing(title, found["missing"])
    naive = any(row["naive"] is not None for row in found["rows"])
    name = found["naive_name"]
    titles = {"f1": "F1, both in one"}
    note = (
        "Precision: of the pairs joined, how many are one person. "
        "Recall: of the pairs that are one person, how many were joined."
    )
    if found["largest_cluster"]:
        note += f" The largest customer has {numbers.plural(found['largest_cluster'], 'record')}"
        if found["naive_largest_cluster"]:
            note += f"; by the {name} it would have {numbers.count(found['naive_largest_cluster'])}"
        note += "."

    def chart(frame: charts.Frame) -> str:
        rows = [(titles.get(row["measure"], row["measure"].capitalize()), row) for row in found["rows"]]
        if not naive:
            return charts.bars(frame, [Bar(label, row["ours"]) for label, row in rows], show=numbers.ratio, top=1)
        pairs = [Pair(label, row["ours"], row["naive"] or 0) for label, row in rows]
        return charts.paired_bars(frame, pairs, names=("Floorwalker", name), show=numbers.ratio, top=1)

    columns = {"measure": words("Measure"), "ours": Column("Floorwalker", numbers.ratio)}
    if naive:
        columns["naive"] = Column(name.capitalize(), numbers.ratio)
    return draw(
        "truth",
        title,
        chart,
        desc="Precision, recall and F1 of the joins against the known truth.",
        note=note,
        table=table(title, columns, found["rows"]),
    )
