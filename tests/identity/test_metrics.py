"""Figures of a run, and the memory of earlier ones."""

from __future__ import annotations

import sqlite3

from tests.identity.conftest import Identify
from tests.identity.population import population, record

from floorwalker.identity import metrics


def state() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(metrics.MIGRATIONS[0])
    return connection


def test_figures_are_those_of_the_tables(identify: Identify) -> None:
    found = identify(population(2000, seed=4)[0])
    figures = metrics.measure(found.context.connection)
    assert (figures.records, figures.customers) == (2000, len(found.groups))
    assert figures.largest == max(len(group) for group in found.groups)
    counted = dict(found.rows("SELECT rule, count(*) FILTER (accepted) FROM silver.identity_evidence GROUP BY rule"))
    assert {one.rule: one.accepted for one in figures.rules} == counted
    refused = found.rows("SELECT count(*) FROM silver.identity_evidence WHERE NOT accepted")[0][0]
    assert sum(figures.refusals.values()) == refused == sum(one.refused for one in figures.rules) > 0
    assert figures.ids["stability"] == 1.0
    assert {level for step in figures.levels for level in (step["levels"] or "").split(",")} >= {"crm", "ads"}
    assert figures.review is None


def test_visits_that_found_their_customer(identify: Identify) -> None:
    found = identify(
        [
            record("a", email="ann@example.com", cookie_id="k1"),
            record("b", cookie_id="k1"),
            record("c", cookie_id="k2"),
            record("d", cookie_id="k2"),
        ]
    )
    assert metrics.stitched(found.context.connection) == metrics.Stitched(3, 1, 1 / 3)
    assert metrics.stitched(identify([]).context.connection) == metrics.Stitched(0, 0, None)


def test_the_queue_where_there_is_one(identify: Identify) -> None:
    connection = identify([record("a")]).context.connection
    connection.execute("CREATE TABLE silver.identity_review AS SELECT 1 AS review_id")
    assert metrics.measure(connection).review == 1


def test_history_is_kept_newest_first_and_bounded() -> None:
    database = state()
    for run in range(metrics.KEPT + 5):
        metrics.remember(database, run_id=f"r{run:04}", as_of="2026-01-01", at=f"2026-01-01T{run:06}",
                         figures={"records": float(run), "customers": 1.0})  # fmt: skip
    metrics.remember(database, run_id="r0404", as_of="2026-01-02", at="2026-01-01T000404", figures={"records": 7.0})
    newest, before = metrics.history(database, 2)
    assert (newest.run_id, newest.as_of, newest.figures) == ("r0404", "2026-01-02", {"records": 7.0})
    assert before.figures == {"records": 403.0, "customers": 1.0}
    assert len(metrics.history(database, 1000)) == metrics.KEPT
