"""Pages of trust: the first line, data quality, and how the report was computed. Numbers in, sections out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from floorwalker.console import charts, numbers
from floorwalker.console.charts import Bar
from floorwalker.console.page_customers import MOST, counts, rest, words
from floorwalker.console.parts import Column, Figure, Listing, Missing, Part, Section, Table, draw, table
from floorwalker.console.tables import Row

LIMITS = (
    "Segments and clusters describe what customers did, not what they will do.",
    "Recommendation accuracy is measured offline, on purchases held back; only an experiment shows what a shop gains.",
    "Customers are what the records allow: people who left nothing in common stay two, and what was bought without any "
    "identifier belongs to nobody.",
)


def headline(data: Mapping[str, Any]) -> Section:
    """The few numbers that stand first."""
    head, currency, audience = data["headline"], data["run"]["currency"], data["audience"]
    tiles: list[dict[str, str]] = []

    def tile(name: str, value: str, note: str = "") -> None:
        tiles.append({"name": name, "value": value, "note": note})

    if head["records"] is not None:
        tile(
            "Records in",
            numbers.compact(head["records"]),
            f"from {numbers.plural(head['sources'], 'source')}" if head["sources"] else "",
        )
    if head["customers"] is not None:
        repeat = f"{numbers.share(head['repeat'] / head['buyers'])} of buyers came back" if head["buyers"] else ""
        visitors = f"and {numbers.count(head['visitors'])} visitors without a name" if head["visitors"] else ""
        tile("Customers", numbers.count(head["customers"]), visitors or repeat)
        tile(
            "Revenue",
            numbers.compact_money(head["revenue"], currency),
            f"from {numbers.plural(head['buyers'], 'buyer')}" + (f"; {repeat}" if visitors and repeat else ""),
        )
        mean = f"{numbers.price(head['revenue'] / head['orders'], currency)} each" if head["orders"] else ""
        tile("Orders", numbers.count(head["orders"]), mean)
    if head["segments"] is not None:
        more = [
            numbers.plural(head[key], word)
            for key, word in (("clusters", "cluster"), ("rule_segments", "rule"))
            if head[key]
        ]
        tile("Segments", numbers.count(head["segments"]), "and " + ", ".join(more) if more else "")
    if head["lift"]:
        lift = head["lift"]
        tile("Recommendations", numbers.change(lift["lift"]), f"{lift['metric']} against best sellers")
    if head["audience"] is not None:
        tile(
            "Audience",
            numbers.count(head["audience"]),
            f"of {numbers.count(audience['candidates'])} in “{audience['name']}”",
        )
    if not tiles:
        return Section(
            "Overview",
            "headline",
            "At a glance",
            [],
            [Missing("", "This run has published no numbers yet.")],
        )
    return Section("Overview", "headline", "At a glance", [], [Listing("tiles", tiles)])


def quality(data: Mapping[str, Any]) -> Section:
    """Funnel, tests, quarantine."""
    found = data["quality"]
    tests, quarantine = found["tests"], found["quarantine"]
    lead = []
    if tests["rows"]:
        verdict = "all passed" if not tests["failed"] else f"{numbers.count(tests['failed'])} failed"
        lead.append(f"{numbers.plural(len(tests['rows']), 'test')} ran against the tables: {verdict}.")
    if quarantine["total"]:
        lead.append(
            f"{numbers.plural(quarantine['total'], 'row')} in quarantine with the reason; nothing was thrown away."
        )
    elif not quarantine["missing"]:
        lead.append("No row had to be put in quarantine.")
    odd = found["anomalies"]
    if odd["rows"]:
        lead.append(
            f"{numbers.plural(len(odd['rows']), 'thing')} about this run"
            f" {'is' if len(odd['rows']) == 1 else 'are'} odd."
        )
    elif not odd["missing"]:
        lead.append("Nothing about this run is odd compared with earlier ones.")
    if found["skew"]:
        lead.append(f"Features computed by batch and by the live path: {found['skew']}.")
    parts: list[Part] = [_odd(odd["rows"])] if odd["rows"] else []
    parts += [_funnel(found["funnel"]), _quarantine(quarantine)]
    if found["freshness"]:
        parts.append(_freshness(found["freshness"]))
    sources = data["run"]["sources"]
    if sources:
        columns = {
            "name": words("Source"),
            "kind": words("Kind"),
            "rows": counts("Rows"),
            "quarantined": counts("Quarantined"),
        }
        used = {key: column for key, column in columns.items() if any(key in source for source in sources)}
        parts.append(table("Sources of this run", used, sources, title="Sources of this run"))
    parts.append(_tests(tests))
    return Section("Quality", "quality", "Data quality", lead, parts)


def _odd(rows: list[Row]) -> Table:
    """What is unusual, the worst first, with what it may reach."""
    shown = []
    for row in rows[:MOST]:
        also = f" The same shows in {numbers.plural(row['also'], 'more place')}." if row["also"] else ""
        reach = ", ".join(row["touches"][:6]) + (" …" if len(row["touches"]) > 6 else "")
        shown.append((row["severity"], row["text"] + "." + also, reach))
    return Table(
        "What is odd about this run, the worst first",
        [("Severity", False), ("What", False), ("May touch", False)],
        shown,
        marked={place: "" for place, row in enumerate(rows[:MOST]) if row["severity"] == "high"},
        title="Odd in this run",
        note=rest(MOST, len(rows), "oddities"),
        span=2,
    )


def _freshness(rows: list[Row]) -> Table:
    """How old each source's newest row is, the oldest first."""
    shown = [
        (
            row["source"],
            row["table"].removeprefix("bronze."),
            row["newest"],
            numbers.count(row["rows"]),
            numbers.plural(row["age"], "day"),
            "" if row["gap"] is None else numbers.plural(row["gap"], "day"),
        )
        for row in rows
    ]
    return Table(
        "Newest row of each source, the oldest first",
        [
            ("Source", False),
            ("Table", False),
            ("Newest day", False),
            ("Rows", True),
            ("Age", True),
            ("Usual gap", True),
        ],
        shown,
        title="Freshness by source",
        span=2,
    )


def _funnel(found: Mapping[str, Any]) -> Figure | Missing:
    title = "From delivered rows to sales"
    if found["missing"]:
        return Missing(title, found["missing"])
    drawn = [
        Bar(str(row["step"]), row["rows"], numbers.plural(row["customers"], "customer") if row["customers"] else "")
        for row in found["rows"]
    ]
    return draw(
        "funnel",
        title,
        lambda frame: charts.funnel(frame, drawn),
        desc="Rows left after each step of cleaning, and what each step removed.",
        table=table(
            title, {"step": words("Step"), "rows": counts("Rows"), "customers": counts("Customers")}, found["rows"]
        ),
    )


def _quarantine(found: Mapping[str, Any]) -> Figure | Missing:
    title = "In quarantine, by reason"
    if not found["rows"]:
        return Missing(title, found["missing"] or "Nothing: every row could be read.")
    by_reason: dict[str, int] = {}
    for row in found["rows"]:
        by_reason[row["reason"]] = by_reason.get(row["reason"], 0) + row["rows"]
    drawn = [Bar(reason, rows) for reason, rows in sorted(by_reason.items(), key=lambda pair: (-pair[1], pair[0]))]
    return draw(
        "quarantine",
        title,
        lambda frame: charts.bars(frame, drawn[:MOST]),
        desc="Rows in quarantine by reason.",
        note=rest(MOST, len(drawn), "reasons"),
        table=table(
            title, {"source": words("Source"), "reason": words("Reason"), "rows": counts("Rows")}, found["rows"]
        ),
    )


def _tests(found: Mapping[str, Any]) -> Table | Missing:
    title = "Data tests"
    if found["missing"]:
        return Missing(title, found["missing"], span=2)
    by_model: dict[str, list[Row]] = {}
    for row in found["rows"]:
        by_model.setdefault(row["model"], []).append(row)
    # What passed is one line per table; what did not is listed test by test, first.
    bad = [row for row in found["rows"] if row["status"] != "passed"]
    rows = [(row["model"], row["test"], row["status"], numbers.count(row["failures"]), row["detail"]) for row in bad]
    for model, tests in sorted(by_model.items()):
        passed = [row["test"] for row in tests if row["status"] == "passed"]
        if passed:
            shown = ", ".join(passed[:6]) + (f" and {len(passed) - 6} more" if len(passed) > 6 else "")
            rows.append((model, shown, "passed", "0", numbers.plural(len(passed), "test")))
    return Table(
        "Data tests by table, what did not pass first",
        [("Table", False), ("Test", False), ("Status", False), ("Rows at fault", True), ("Detail", False)],
        rows,
        marked=dict.fromkeys(range(len(bad)), ""),
        title=title,
        span=2,
    )


def how(data: Mapping[str, Any]) -> Section:
    """Which run, from what, how long, how to repeat it, and what not to conclude."""
    run = data["run"]
    facts = [
        ("Run", run["run_id"]),
        ("Knows the world up to", run["as_of"]),
        ("Started", run["started"]),
        ("Reporting currency", run["currency"]),
        ("Floorwalker", run["version"]),
    ]
    parts: list[Part] = [
        Table("The run", [("What", False), ("Value", False)], [pair for pair in facts if pair[1]], title="The run")
    ]
    if run["seconds"]:
        drawn = [Bar(row["stage"], row["seconds"]) for row in run["seconds"]]
        total = sum(row["seconds"] for row in run["seconds"])
        parts.append(
            draw(
                "seconds",
                "Time per stage",
                lambda frame: charts.bars(frame, drawn, show=numbers.seconds),
                desc="Seconds each stage of the run took.",
                note=f"{numbers.seconds(total)} in all.",
                table=table(
                    "Time per stage",
                    {"stage": words("Stage"), "seconds": Column("Time", numbers.seconds)},
                    run["seconds"],
                ),
            )
        )
    if run["tables"]:
        parts.append(
            table(
                "Tables read, with the version of each",
                {"table": words("Table"), "version": counts("Version")},
                run["tables"],
                title="Tables and versions",
            )
        )
    if run["next"]:
        parts.append(Listing("commands", [{"text": command} for command in run["next"]], "What to run next", span=2))
    limits = [{"text": text} for text in (*run["limits"], *LIMITS)]
    parts.append(Listing("limits", limits, "What not to conclude", span=2))
    lead = ["Same data, same settings, same numbers: every figure here is also in report.json beside this page."]
    return Section("Method", "how", "How this was computed", lead, parts)
