"""Pages of decisions: what recommendations are worth, one decision with its reasons, one audience."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from floorwalker.console import charts, curves, numbers
from floorwalker.console.charts import Bar
from floorwalker.console.curves import Estimate
from floorwalker.console.page_customers import MOST, counts, words
from floorwalker.console.parts import Column, Figure, Listing, Missing, Part, Section, draw, table
from floorwalker.console.report_trust import HEADLINE_METRICS, is_baseline
from floorwalker.console.tables import Row

MODELS = {
    "knn": "personal lists (kNN)",
    "popular": "best sellers for all",
    "popular_recent": "recent best sellers for all",
}
REACH = {
    "coverage": "share of catalogue shown",
    "coverage@10": "share of catalogue shown",
    "served": "share of customers served",
}
"""Metrics of reach, not of accuracy, in plain words."""


def recommender(data: Mapping[str, Any]) -> Section:
    """Accuracy against the baseline, and how far the lists reach."""
    found, reach = data["recommender"], data["recommended"]
    title = "What recommendations are worth"
    lead = []
    if found["lift"]:
        lift = found["lift"]
        verdict = {True: "The intervals do not overlap.", False: "The intervals overlap, so this may be chance."}
        lead.append(
            f"For {numbers.plural(lift['users'], 'customer')} whose later purchases were held back, "
            f"{_model(lift['model'])} reach "
            f"{lift['metric']} {numbers.ratio(lift['value'])}; {_model(lift['baseline_model'])} reach "
            f"{numbers.ratio(lift['baseline'])} ({numbers.change(lift['lift'])}). "
            f"{verdict.get(lift['apart'], '')}".strip()
        )
    parts: list[Part] = []
    if found["missing"]:
        parts.append(Missing("Accuracy", found["missing"]))
    protocols: dict[str, list[Row]] = {}
    for row in found["rows"]:
        protocols.setdefault(row["protocol"], []).append(row)
    parts += [
        _accuracy(position, protocol, rows)
        for position, (protocol, rows) in enumerate(
            sorted(protocols.items(), key=lambda pair: ("time" not in pair[0], pair[0]))
        )
    ]
    parts.append(_reach(reach))
    return Section("Recommendations", "recommendations", title, lead, parts)


def _order(metric: str) -> tuple[int, str]:
    """Accuracy as in the headline first, what is no accuracy last."""
    if metric.lower() in HEADLINE_METRICS:
        return HEADLINE_METRICS.index(metric.lower()), metric
    return len(HEADLINE_METRICS) + (metric in REACH), metric


def _model(name: str) -> str:
    return MODELS.get(name, f"“{name}”")


def _accuracy(position: int, protocol: str, rows: list[Row]) -> Figure:
    models = list(dict.fromkeys(row["model"] for row in rows))
    plain = [model for model in models if is_baseline(model)]
    # Baselines in orange and then grey, models in blue, green, violet, …: the eye compares colours, not names.
    tones = dict(zip(plain, itertools.chain("b", itertools.repeat("quiet")), strict=False))
    tones |= dict(zip((model for model in models if model not in plain), itertools.cycle("acd"), strict=False))
    metrics = sorted({row["metric"] for row in rows}, key=_order)
    panels = [
        (
            REACH.get(metric, metric),
            [
                Estimate(_model(row["model"]), row["value"], row["low"], row["high"], tones[row["model"]])
                for row in rows
                if row["metric"] == metric
            ],
        )
        for metric in metrics
    ]
    users = max(row["users"] or 0 for row in rows)
    intervals = any(row["low"] is not None for row in rows)
    return draw(
        f"accuracy-{position}",
        f"Accuracy, {protocol.replace('_', ' ')}",
        lambda frame: curves.dots(frame, panels),
        desc="Each metric of each model; further right is better.",
        note=f"{numbers.plural(users, 'customer')} asked. "
        + ("Lines are intervals." if intervals else "Higher is better."),
        table=table(
            f"Accuracy, {protocol}",
            {
                "metric": words("Metric"),
                "model": words("Model"),
                "value": Column("Value", numbers.ratio),
                "low": Column("Low", numbers.ratio),
                "high": Column("High", numbers.ratio),
                "users": counts("Customers"),
            },
            rows,
        ),
        span=2,
    )


def _reach(found: Mapping[str, Any]) -> Listing | Missing:
    title = "How far the lists reach"
    if found["missing"]:
        return Missing(title, found["missing"])
    tiles = [
        {
            "name": "Customers with a list",
            "value": numbers.count(found["customers"]),
            "note": f"{numbers.count(found['personal'])} of them a personal one",
        },
        {
            "name": "Products recommended",
            "value": numbers.count(found["products"]),
            "note": f"{numbers.share(found['products'] / found['catalogue'])} of the catalogue"
            if found["catalogue"]
            else "",
        },
    ]
    return Listing("tiles", tiles, title=title)


def decision(data: Mapping[str, Any]) -> Section:
    """One decision with its reasons, and the audience that was sent out."""
    found, audience, currency = data["decision"], data["audience"], data["run"]["currency"]
    title = "One decision, and one audience"
    parts: list[Part] = []
    if found["missing"]:
        parts.append(Missing("A decision", found["missing"]))
    else:
        items = [
            {
                "name": item["name"],
                "product_id": item["product_id"],
                "reason": item["reason"] or "no reason was given",
                "price": "" if item["price"] is None else numbers.price(item["price"], currency),
            }
            for item in found["items"]
        ]
        place = f" on “{found['surface']}”" if found["surface"] else ""
        policy = f" Policy: {found['policy']}." if found["policy"] else ""
        consent = " Not personalised: the customer has not agreed to it." if found["personalised"] is False else ""
        parts.append(
            Listing(
                "decision",
                items,
                f"What {found['customer_id']} is shown{place}",
                f"In this order.{policy}{consent}",
                span=1,
            )
        )
    parts.append(_audience(audience))
    return Section("Decision", "decision", title, [], parts)


def _audience(found: Mapping[str, Any]) -> Figure | Missing:
    title = "An audience"
    if found["missing"]:
        return Missing(title, found["missing"])
    drawn = [Bar("exported", found["exported"] or 0)]
    drawn += [Bar(f"left out: {row['reason']}", row["customers"], tone="b") for row in found["excluded"][:MOST]]
    rows = [{"name": bar.label, "customers": bar.value} for bar in drawn]
    if found["candidates"] is not None:
        rows.insert(0, {"name": "candidates", "customers": found["candidates"]})
    return draw(
        "audience",
        f"Audience “{found['name']}”",
        lambda frame: charts.bars(frame, drawn),
        desc="Customers exported, and customers left out by reason.",
        note=f"{numbers.plural(found['candidates'], 'candidate')}; consent and hold-outs are checked at export."
        if found["candidates"] is not None
        else "",
        table=table(title, {"name": words("What"), "customers": counts("Customers")}, rows),
    )
