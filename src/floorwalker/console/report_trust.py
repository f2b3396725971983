"""The report's numbers about how far to trust it: the funnel, tests, quarantine, and what recommendations are worth.

In: `Tables` and the facts of the run. Out: dictionaries of plain numbers, each with `missing`: why it is empty, or "".
"""

from __future__ import annotations

from typing import Any

from floorwalker.console.facts import Facts
from floorwalker.console.tables import Row, Tables

BASELINE = "popular"
"""Models whose name begins so show everybody the same best sellers; every other must beat the best of them."""
HEADLINE_METRICS = ("ndcg@10", "ndcg@20", "recall@20", "recall@10", "hit_rate@10", "hit@10", "precision@10", "map@10")
"""Which metric stands for the recommender on the first line, in order of preference."""


STATUS = {"pass": "passed", "fail": "failed", "warn": "warned", "skip": "skipped"}


def quality(tables: Tables, facts: Facts) -> dict[str, Any]:
    """What was dropped and why, what the tests beside the models say, what waits in quarantine."""
    missing = tables.missing("gold.funnel", "funnel", "position", "step", "rows")
    funnel = (
        []
        if missing
        else tables.rows('SELECT position, step, "rows", customers FROM gold.funnel ORDER BY position, step')
    )
    tests = [
        {
            "model": test.get("model", ""),
            "test": test.get("test", ""),
            "status": STATUS.get(test.get("status", ""), test.get("status", "")),
            "failures": test.get("failures", 0),
            "detail": test.get("detail", ""),
        }
        for test in facts.get("data_tests", [])
    ]
    order = {"failed": 0, "warned": 1, "skipped": 2}
    tests.sort(key=lambda test: (order.get(test["status"], 3), test["model"], test["test"]))
    quarantine: list[Row] = sorted(
        (
            {"source": row.get("source", ""), "reason": row.get("reason", ""), "rows": row.get("rows", 0)}
            for row in facts.get("quarantine", [])
        ),
        key=lambda row: (-row["rows"], row["source"], row["reason"]),
    )
    return {
        "anomalies": {
            "missing": "" if "anomalies" in facts else "This run was not compared with earlier ones.",
            "rows": [
                {
                    "severity": one.get("severity", ""),
                    "text": one.get("text", ""),
                    "also": len(one.get("also", [])),
                    "touches": list(one.get("touches", [])),
                }
                for one in facts.get("anomalies", [])
            ],
        },
        "skew": facts.get("skew", ""),
        "freshness": [
            {
                "source": one.get("source", ""),
                "table": one.get("table", ""),
                "newest": str(one.get("newest", "")),
                "rows": one.get("rows_that_day", 0),
                "age": one.get("age_days", 0),
                "gap": one.get("usual_gap_days"),
            }
            for one in sorted(
                facts.get("freshness", []),
                key=lambda one: (-one.get("age_days", 0), one.get("source", ""), one.get("table", "")),
            )
        ],
        "funnel": {"missing": missing, "rows": funnel},
        "tests": {
            "missing": "" if tests else "No data tests were run, so nothing vouches for these tables.",
            "rows": tests,
            "passed": sum(test["status"] == "passed" for test in tests),
            "failed": sum(test["status"] == "failed" for test in tests),
        },
        "quarantine": {
            "missing": ""
            if quarantine
            else ""
            if "quarantine" in facts
            else "No account of quarantined rows was given.",
            "rows": quarantine,
            "total": sum(row["rows"] for row in quarantine),
        },
    }


def recommender(tables: Tables) -> dict[str, Any]:
    """Accuracy per protocol, metric and model, with intervals where the table has them; lift over the baseline."""
    missing = tables.missing(
        "gold.recommender_quality", "accuracy of recommendations", "model", "protocol", "metric", "value", "users"
    )
    if missing:
        return {"missing": missing, "rows": [], "lift": None}
    ends = tables.has("gold.recommender_quality", "low") and tables.has("gold.recommender_quality", "high")
    rows = _with_intervals(
        tables.rows(
            "SELECT protocol, metric, model, value::DOUBLE AS value, users, "
            f"{'low' if ends else 'NULL'}::DOUBLE AS low, "
            f"{'high' if ends else 'NULL'}::DOUBLE AS high FROM gold.recommender_quality "
            "WHERE value IS NOT NULL AND NOT isnan(value) "
            f"ORDER BY protocol, metric, starts_with(model, '{BASELINE}'), model"
        )
    )
    return {"missing": "", "rows": rows, "lift": _lift(rows)}


def _with_intervals(rows: list[Row]) -> list[Row]:
    """Rows whose metric is 'x low' or 'x high' become the ends of the interval of x; columns of that name stay."""
    ends = {(row["protocol"], row["model"], row["metric"]): row["value"] for row in rows}
    kept = []
    for row in rows:
        metric, _, end = row["metric"].rpartition(" ")
        if end in ("low", "high") and (row["protocol"], row["model"], metric) in ends:
            continue
        for name in ("low", "high"):
            found = ends.get((row["protocol"], row["model"], f"{row['metric']} {name}"))
            row[name] = row[name] if found is None else found
        kept.append(row)
    return kept


def is_baseline(model: str) -> bool:
    """Whether a model shows everybody the same.

    >>> is_baseline("popular_recent"), is_baseline("knn")
    (True, False)
    """
    return model.startswith(BASELINE)


def _lift(rows: list[Row]) -> Row | None:
    """The best model against the best baseline, on the first of HEADLINE_METRICS that both have.

    Of several protocols a split by time counts first: a shop knows the past and is asked for the future.
    """
    for metric in HEADLINE_METRICS:
        same = [row for row in rows if row["metric"].lower() == metric]
        for protocol in sorted({row["protocol"] for row in same}, key=lambda name: ("time" not in name, name)):
            asked = [row for row in same if row["protocol"] == protocol]
            plain = [row for row in asked if is_baseline(row["model"])]
            found = [row for row in asked if not is_baseline(row["model"])]
            if plain and found and max(row["value"] for row in plain) > 0:
                best, base = (max(some, key=lambda row: row["value"]) for some in (found, plain))
                return {
                    "metric": best["metric"],
                    "protocol": protocol,
                    "model": best["model"],
                    "value": best["value"],
                    "baseline_model": base["model"],
                    "baseline": base["value"],
                    "users": best["users"],
                    "lift": best["value"] / base["value"] - 1,
                    "apart": apart(best, base),
                }
    return None


def apart(one: Row, other: Row) -> bool | None:
    """Whether two intervals do not touch; None where one is not known."""
    if None in (one["low"], one["high"], other["low"], other["high"]):
        return None
    return one["low"] > other["high"] or other["low"] > one["high"]


def recommended(tables: Tables) -> dict[str, Any]:
    """How many customers have a list, how many products are ever recommended, and how many lists fell back."""
    missing = tables.missing("gold.recommendations", "lists of recommendations", "customer_id", "product_id", "model")
    if missing:
        return {"missing": missing}
    found = tables.one(
        "SELECT count(DISTINCT customer_id) AS customers, count(DISTINCT product_id) AS products, "
        f"count(DISTINCT customer_id) FILTER (NOT starts_with(model, '{BASELINE}')) AS personal "
        "FROM gold.recommendations"
    )
    known = tables.missing("gold.products", "products", "product_id") == ""
    found["catalogue"] = tables.one("SELECT count(*) AS n FROM gold.products")["n"] if known else None
    return {"missing": "", **found}


def run(tables: Tables, facts: Facts) -> dict[str, Any]:
    """Which run this is, and what it took."""
    missing = tables.missing("meta.run", "description of the run", "run_id", "as_of", "reporting_currency")
    row = {} if missing else tables.one("SELECT run_id, as_of, reporting_currency FROM meta.run LIMIT 1")
    return {
        "missing": missing,
        "run_id": facts.get("run_id") or row.get("run_id") or "",
        "as_of": row.get("as_of") or "",
        "currency": row.get("reporting_currency") or "",
        "started": facts.get("started", ""),
        "seconds": [{"stage": stage, "seconds": taken} for stage, taken in facts.get("seconds", {}).items()],
        "tables": [{"table": name, "version": version} for name, version in sorted(facts.get("tables", {}).items())],
        "version": facts.get("version", ""),
        "next": list(facts.get("next", [])),
        "limits": list(facts.get("limits", [])),
        "sources": [dict(source) for source in facts.get("sources", [])],
    }
