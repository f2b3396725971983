"""Recommendation on public data: quality under fixed protocols, cost, and popularity beside it as the control.

In: `seq_amazon/beauty.parquet` (user, pos, item) and `online_retail/online_retail_2010_2011.parquet`.
Out: a table and `benchmarks/results/recommend.json`. Run: `make bench-recommend` (`python -m benchmarks.recommend`).

Settings of the neighbours are chosen on validation only, then the test part is looked at once per protocol.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import duckdb
import numpy as np
from benchmarks.report import Report, data

from floorwalker.models.recommend.evaluator import choose, evaluate
from floorwalker.models.recommend.interactions import Interactions
from floorwalker.models.recommend.item_knn import ItemKNN
from floorwalker.models.recommend.popularity import DAY, Popularity
from floorwalker.models.recommend.protocols import Task, leave_one_out, time_split

WEIGHTS = ((500, 1.2, 0.2), (500, 1.2, 0.75), (500, 100.0, 0.2), (100, 1.2, 0.75))
DECAYS = (1.0, 0.8, 0.7, 0.6, 0.5)
REQUESTS = 2000


def main() -> int:
    """Measure, print, write; 1 when a goal is missed."""
    report = Report("recommend")
    beauty(report)
    online_retail(report)
    return report.finish()


def beauty(report: Report) -> None:
    """Amazon Beauty, the S3Rec preparation: 22,363 customers, 12,101 items, in order but without times."""
    path = data("seq_amazon", "beauty.parquet")
    interactions = Interactions.from_table(
        duckdb.sql(f"SELECT \"user\"::VARCHAR AS user, item::VARCHAR AS item, pos FROM '{path}'").to_arrow_table(),
        moment="pos",
    )
    model = chosen("beauty", leave_one_out(interactions, "B", "validation"), report)
    for protocol, goal in (("A", 0.0430), ("B", 0.0500)):
        task = leave_one_out(interactions, protocol, "test")
        rows(report, f"beauty.{protocol}", model, task, goal)
        control(report, f"beauty.{protocol}.popular", Popularity(), task)
    model.fit(interactions)
    online(report, model, interactions)


def online_retail(report: Report) -> None:
    """UCI Online Retail: a shop's own order lines, with times and repeats; next 28 days, and leave-one-out B."""
    path = data("online_retail", "online_retail_2010_2011.parquet")
    interactions = Interactions.from_table(
        duckdb.sql(
            f"""
            SELECT DISTINCT "CustomerID"::VARCHAR AS user, "StockCode"::VARCHAR AS item, "InvoiceDate" AS moment
            FROM '{path}'
            WHERE "CustomerID" IS NOT NULL AND "Quantity" > 0 AND "UnitPrice" > 0
              AND NOT starts_with("InvoiceNo"::VARCHAR, 'C')
            """
        ).to_arrow_table()
    )
    test = int(interactions.moments.max()) - 28 * DAY
    validation = time_split(interactions, test - 28 * DAY, test, part="validation")
    tasks = {"time": time_split(interactions, test), "B": leave_one_out(interactions, "B", "test")}
    for words, adapt in (("new", without_seen), ("repeats", lambda task: task)):
        model = chosen(f"online_retail.{words}", adapt(validation), report)
        for protocol, task in tasks.items():
            name = f"online_retail.{protocol}.{words}"
            asked = adapt(task)
            rows(report, name, model, asked, None)
            control(report, f"{name}.popular", Popularity(), asked)
            control(report, f"{name}.popular_recent", Popularity(28), asked)


def without_seen(task: Task) -> Task:
    """The task with only those targets that the customer had not touched before; what was touched is masked."""
    items = task.train.item_count
    seen = np.unique(task.queries.rows * items + task.queries.items)
    fresh = ~np.isin(task.target_rows * items + task.targets, seen)
    asked, rows_ = np.unique(task.target_rows[fresh], return_inverse=True)
    return replace(
        task,
        queries=task.queries.pick(asked),
        users=task.users[asked],
        target_rows=rows_,
        targets=task.targets[fresh],
        repeats=False,
    )


def chosen(name: str, task: Task, report: Report) -> ItemKNN:
    """The best of the grid on the validation task; a decay costs no fit."""
    start = time.process_time()
    candidates = []
    for neighbours, k1, b in WEIGHTS:
        fitted = ItemKNN(neighbours, k1, b).fit(task.train)
        candidates += [fitted.with_query(decay) for decay in DECAYS]
    best, values = choose(candidates, task)
    for key in ("neighbours", "k1", "b", "decay"):
        report.add(f"{name}.chosen.{key}", best.params[key], "setting, by validation")
    report.add(f"{name}.validation.ndcg10", max(values), "NDCG@10")
    report.add(f"{name}.choice", time.process_time() - start, f"CPU s, {len(values)} settings")
    return ItemKNN(**best.params)


def rows(report: Report, name: str, model: ItemKNN, task: Task, goal: float | None) -> None:
    """Quality of the neighbours, with the interval of the headline figure, and what they cost."""
    found = evaluate(model, task)
    low, high = found.intervals["ndcg@10"]
    report.add(f"{name}.knn.ndcg10", found.metrics["ndcg@10"], "NDCG@10", at_least=goal)
    report.add(f"{name}.knn.ndcg10.low", low, "NDCG@10, 95 % interval")
    report.add(f"{name}.knn.ndcg10.high", high, "NDCG@10, 95 % interval")
    for metric, words in (("recall@10", "recall10"), ("ndcg@20", "ndcg20"), ("recall@20", "recall20")):
        report.add(f"{name}.knn.{words}", found.metrics[metric], metric.replace("ndcg", "NDCG"))
    report.add(f"{name}.knn.coverage10", found.metrics["coverage@10"], "share of items in any top ten")
    report.add(f"{name}.knn.served", found.metrics["served"], f"share of {found.users} customers")
    report.add(f"{name}.knn.fit", found.fit_cpu_s, "CPU s")
    report.add(f"{name}.knn.answers", found.answer_cpu_s, f"CPU s, ranks and top tens of {found.users} customers")


def control(report: Report, name: str, model: Popularity, task: Task) -> None:
    """The same figures for popularity."""
    found = evaluate(model, task)
    report.add(f"{name}.ndcg10", found.metrics["ndcg@10"], "NDCG@10, control")
    report.add(f"{name}.recall10", found.metrics["recall@10"], "recall@10, control")
    report.add(f"{name}.coverage10", found.metrics["coverage@10"], "share of items in any top ten")


def online(report: Report, model: ItemKNN, interactions: Interactions) -> None:
    """CPU per request: the newest 20 items of customers drawn at random, top 10, seen items masked."""
    histories = interactions.histories().newest(20)
    users = np.random.default_rng(1).integers(0, len(histories), REQUESTS)
    queries = [histories.items[histories.starts[user] : histories.starts[user + 1]] for user in users]
    for query in queries[:50]:
        model.answer(query, 10, exclude=query)
    taken = np.zeros(REQUESTS)
    for number, query in enumerate(queries):
        start = time.perf_counter_ns()
        model.answer(query, 10, exclude=query)
        taken[number] = time.perf_counter_ns() - start
    cpu = time.process_time_ns()
    for query in queries:
        model.answer(query, 10, exclude=query)
    report.add("beauty.online.cpu", (time.process_time_ns() - cpu) / REQUESTS / 1000, "us CPU a request", at_most=200)
    report.add("beauty.online.p99", float(np.quantile(taken, 0.99)) / 1000, "us a request, wall")
    report.add("beauty.model", len(model.similar.data) * 12 / 1e6, "MB in memory")


if __name__ == "__main__":
    sys.exit(main())
