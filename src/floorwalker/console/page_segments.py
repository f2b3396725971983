"""Pages of groups: the RFM map, named segments and lifecycle, clusters and why these. Numbers in, sections out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from floorwalker.console import charts, numbers
from floorwalker.console.charts import Bar, Pair
from floorwalker.console.page_customers import MOST, counts, rest, shares, words
from floorwalker.console.parts import Column, Figure, Missing, Part, Section, Table, draw, table
from floorwalker.console.tables import Row

SCORES = ("5", "4", "3", "2", "1")


def rfm(data: Mapping[str, Any]) -> Section:
    """The heat map, and who is in which segment with what share of revenue."""
    found, currency = data["rfm"], data["run"]["currency"]
    title = "Recency, frequency and money"
    if found["missing"]:
        return Section("RFM", "rfm", title, [], [Missing("", found["missing"])])
    first = found["segments"][0]
    lead = [
        f"“{first['name']}” are {numbers.share(first['customer_share'])} of customers and "
        f"{numbers.share(first['revenue_share'])} of revenue."
    ]
    parts: list[Part] = [
        _map(found["grid"], currency),
        _groups("segments", "Named segments", found["segments"], currency),
    ]
    if found["lifecycle"]:
        parts.append(_groups("lifecycle", "Lifecycle", found["lifecycle"], currency))
    rules = data["rule_segments"]
    if not rules["missing"]:
        drawn = [Bar(row["name"], row["customers"]) for row in rules["rows"][:MOST]]
        note = "Defined by rule; one customer may be in several. " + rest(MOST, len(rules["rows"]), "segments")
        parts.append(
            draw(
                "rule-segments",
                "Segments by rule",
                lambda frame: charts.bars(frame, drawn),
                desc="Customers in each segment that is defined by a rule.",
                note=note.strip(),
                table=table(
                    "Segments by rule", {"name": words("Segment"), "customers": counts("Customers")}, rules["rows"]
                ),
            )
        )
    return Section("RFM", "rfm", title, lead, parts)


def _map(grid: list[Row], currency: str) -> Figure:
    def note(row: Row) -> str:
        return (
            f"{numbers.count(row['customers'])} customers, {numbers.compact_money(row['revenue'], currency)} in all, "
            f"median {numbers.money(row['median'], currency)}"
        )

    keys = {(str(row["r"]), str(row["f"])): row for row in grid}
    return draw(
        "rfm-map",
        "Customers by recency and frequency",
        lambda frame: charts.heat_grid(
            frame,
            {key: row["customers"] for key, row in keys.items()},
            rows=SCORES,
            columns=SCORES[::-1],
            row_axis="recency",
            column_axis="frequency",
            notes={key: note(row) for key, row in keys.items()},
        ),
        desc="Customers in each cell of recency score (rows) by frequency score (columns); darker is more.",
        note="Scores run from 1 to 5, a fifth of customers each: recency 5 bought last, frequency 5 bought most often.",
        table=table(
            "Customers, revenue and median spend by recency and frequency score",
            {
                "r": counts("Recency"),
                "f": counts("Frequency"),
                "customers": counts("Customers"),
                "revenue": Column("Revenue", lambda value: numbers.money(value, currency)),
                "revenue_share": shares("Share of revenue"),
                "median": Column("Median spend", lambda value: numbers.money(value, currency)),
            },
            grid,
        ),
    )


def _groups(key: str, title: str, rows: list[Row], currency: str) -> Figure:
    drawn = [Pair(row["name"], row["customer_share"], row["revenue_share"] or 0) for row in rows[:MOST]]
    return draw(
        key,
        title,
        lambda frame: charts.paired_bars(
            frame, drawn, names=("share of customers", "share of revenue"), show=numbers.share
        ),
        desc="Share of customers and share of revenue of each group, by revenue.",
        note=rest(MOST, len(rows), "groups"),
        table=table(
            title,
            {
                "name": words("Group"),
                "customers": counts("Customers"),
                "customer_share": shares("Share of customers"),
                "revenue": Column("Revenue", lambda value: numbers.money(value, currency)),
                "revenue_share": shares("Share of revenue"),
                "recency_days": Column("Days since last order (median)", numbers.decimal),
                "frequency": Column("Orders (median)", numbers.decimal),
                "monetary": Column("Spend (median)", lambda value: numbers.money(value, currency)),
            },
            rows,
        ),
    )


def clusters(data: Mapping[str, Any]) -> Section:
    """Sizes and medians of the clusters, and the comparison that chose them."""
    found, currency = data["clusters"], data["run"]["currency"]
    title = "Clusters"
    parts: list[Part] = []
    lead = []
    if found["missing"]:
        parts.append(Missing(title, found["missing"]))
    else:
        profiles = found["profiles"]
        biggest = max(profiles, key=lambda row: row["revenue_share"] or 0)
        lead.append(
            f"Grouped by what they do, without a rule, customers fall into {numbers.plural(len(profiles), 'cluster')}. "
            f"“{biggest['name']}” are {numbers.share(biggest['customer_share'])} of customers and "
            f"{numbers.share(biggest['revenue_share'])} of revenue."
        )
        parts += [_profiles(profiles, currency), _descriptions(profiles)]
    quality = found["quality"]
    if quality["missing"]:
        parts.append(Missing("Which clustering, and why", quality["missing"]))
    else:
        parts += [_quality_chart(quality), _quality_table(quality)]
    return Section("Clusters", "clusters", title, lead, parts)


def _profiles(profiles: list[Row], currency: str) -> Figure:
    def money(value: float) -> str:
        return numbers.compact_money(value, currency)

    measures = [
        ("Customers", [row["customers"] for row in profiles], numbers.count),
        ("Share of revenue", [row["revenue_share"] or 0 for row in profiles], numbers.share),
        ("Days since last order", [row["recency_days"] or 0 for row in profiles], numbers.decimal),
        ("Orders", [row["frequency"] or 0 for row in profiles], numbers.decimal),
        ("Spend", [row["monetary"] or 0 for row in profiles], money),
    ]
    return draw(
        "clusters",
        "Size and medians of each cluster",
        lambda frame: charts.multiples(frame, [str(row["name"]) for row in profiles], measures),
        desc="For each cluster: customers, share of revenue, medians of days since the last order, orders and spend.",
        note="Days, orders and spend are medians: half of the cluster lies below.",
        span=2,
        table=table(
            "Clusters",
            {
                "name": words("Cluster"),
                "customers": counts("Customers"),
                "customer_share": shares("Share of customers"),
                "revenue": Column("Revenue", lambda value: numbers.money(value, currency)),
                "revenue_share": shares("Share of revenue"),
                "recency_days": Column("Days since last order", numbers.decimal),
                "frequency": Column("Orders", numbers.decimal),
                "monetary": Column("Spend", lambda value: numbers.money(value, currency)),
            },
            profiles,
        ),
    )


def _descriptions(profiles: list[Row]) -> Table:
    rows = [(str(row["name"]), str(row["description"] or "")) for row in profiles]
    return Table(
        "What each cluster is", [("Cluster", False), ("In words", False)], rows, span=2, title="Clusters in words"
    )


def trial(row: Row) -> str:
    """What a row of the comparison is called.

    >>> trial({"method": "raw", "k": 2})
    'raw, k = 2'
    """
    return f"{row['method']}, k = {row['k']}"


def explain(quality: Mapping[str, Any], customers: int | None = None) -> str:
    """Why the clustering used is, or is not, the one with the best silhouette."""
    best, chosen = quality["best"], quality["chosen"]
    if best is None or chosen is None:
        return "No clustering was chosen in this comparison."
    if best is chosen or (best["method"], best["k"]) == (chosen["method"], chosen["k"]):
        return f"The clustering used ({trial(chosen)}) also has the best silhouette of those tried."
    parts = [
        f"The best silhouette ({trial(best)}: {numbers.ratio(best['silhouette'])}) is not the best segmentation, "
        f"and {trial(chosen)} ({numbers.ratio(chosen['silhouette'])}) is used instead."
    ]
    outliers = None not in (best["smallest"], chosen["smallest"]) and 4 * best["smallest"] < chosen["smallest"]
    if outliers:
        of = f" of {numbers.count(customers)}" if customers else ""
        parts.append(
            f"The former sets {numbers.plural(best['smallest'], 'outlier')}{of} apart from everybody else; "
            f"the smallest group of the latter has {numbers.plural(chosen['smallest'], 'customer')}."
        )
    if (
        None not in (best["stability_mean"], chosen["stability_mean"])
        and best["stability_mean"] < chosen["stability_mean"] - 0.05
    ):
        parts.append(
            "Repeated on resampled customers it finds other groups: agreement "
            f"{numbers.ratio(best['stability_mean'])}, against {numbers.ratio(chosen['stability_mean'])} "
            "(1 = always the same)."
        )
    if outliers:
        parts.append(
            "Silhouette rewards distance, and a few very large buyers are far from all others: "
            "true, but no segment to act on."
        )
    else:
        parts.append(
            "Silhouette rewards few groups that lie far apart; how many are useful is decided by whether the same "
            "groups come back when customers are drawn anew, and by their size."
        )
    return " ".join(parts)


def _quality_chart(quality: Mapping[str, Any]) -> Figure:
    rows = quality["rows"][:MOST]
    drawn = [
        Pair(trial(row) + (" ✓" if row["chosen"] else ""), row["silhouette"] or 0, row["stability_mean"] or 0)
        for row in rows
    ]
    return draw(
        "silhouette",
        "A good silhouette is not a good segmentation",
        lambda frame: charts.paired_bars(
            frame, drawn, names=("silhouette", "stability (mean agreement)"), show=numbers.ratio, top=1
        ),
        desc="Silhouette and stability of every clustering tried, on log-scaled and on raw values.",
        note=explain(quality),
    )


def _quality_table(quality: Mapping[str, Any]) -> Table:
    rows, best = quality["rows"], quality["best"]
    marked = {}
    for position, row in enumerate(rows):
        if row["chosen"]:
            marked[position] = "used"
        elif best is not None and (row["method"], row["k"]) == (best["method"], best["k"]):
            marked[position] = "best silhouette"
    return table(
        "Silhouette, stability over resampled customers and smallest cluster, for every clustering tried",
        {
            "method": words("Values"),
            "k": counts("k"),
            "silhouette": Column("Silhouette", numbers.ratio),
            "stability_mean": Column("Stability, mean", numbers.ratio),
            "stability_min": Column("Stability, least", numbers.ratio),
            "smallest": counts("Smallest"),
        },
        rows,
        marked=marked,
        title="Every clustering tried",
        note="Stability: agreement (adjusted Rand index) between clusterings of resampled customers; "
        "1 is always the same, 0 is chance.",
    )
