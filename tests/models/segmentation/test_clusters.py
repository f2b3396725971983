"""Cohorts: recovered when they are there, the same every time, the same from the logged model, and sane on odd data."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score
from tests.models.segmentation import online_retail
from tests.steps import MemoryContext

from floorwalker.errors import ConfigError, StateError
from floorwalker.models.segmentation.clusters import (
    MODEL_FILE,
    RUN_NAME,
    Candidate,
    ClusterModel,
    choose,
    cluster_steps,
    score,
    search,
    train,
)
from floorwalker.models.segmentation.naming import Medians, describe, unique_names
from floorwalker.models.segmentation.quality import assign, silhouettes
from floorwalker.models.segmentation.rfm import rfm_steps
from floorwalker.models.segmentation.settings import SegmentationSettings
from floorwalker.models.tracking import Tracker

QUIET = SegmentationSettings(track=False, k_max=6, seeds=2, bootstraps=4)
TABLES = ("clusters", "cluster_profiles", "clustering_quality")


def context_of(folder: Path, figures: np.ndarray) -> MemoryContext:
    """A context with gold.rfm of these [n, 3] figures."""
    context = MemoryContext(folder, dt.date(2026, 1, 31))
    context.connection.execute(
        "CREATE TABLE gold.rfm (customer_id VARCHAR, recency_days INTEGER, frequency BIGINT, monetary DECIMAL(28,4))"
    )
    rows = [(f"c{i:05}", int(r), int(f), round(float(m), 2)) for i, (r, f, m) in enumerate(figures)]
    if rows:
        context.connection.executemany("INSERT INTO gold.rfm VALUES (?, ?, ?, ?)", rows)
    return context


def run(context: MemoryContext, settings: SegmentationSettings = QUIET) -> dict[str, list[dict]]:
    (step,) = cluster_steps(settings)
    step.run(context)
    assert tuple(context.written) == step.writes
    context.written.clear()
    return {t: context.connection.sql(f"SELECT * FROM gold.{t}").to_arrow_table().to_pylist() for t in TABLES}


def four_kinds(per_kind: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """People of four kinds, far apart on the log scale, and which kind each is."""
    random = np.random.default_rng(7)
    centres = np.log1p([[5, 40, 9000], [20, 8, 700], [200, 6, 900], [300, 1, 40]])
    kinds = np.repeat(np.arange(4), per_kind)
    return np.round(np.expm1(centres[kinds] + random.normal(0, 0.12, (len(kinds), 3)))), kinds


def test_four_kinds_of_people_are_found_named_and_ordered_by_spend(tmp_path: Path) -> None:
    figures, kinds = four_kinds()
    tables = run(context_of(tmp_path, figures))
    assert adjusted_rand_score(kinds, [row["cluster"] for row in tables["clusters"]]) == 1.0
    (chosen,) = [row for row in tables["clustering_quality"] if row["chosen"]]
    assert (chosen["method"], chosen["k"], chosen["smallest"]) == ("log", 4, 60)
    assert chosen["stability_mean"] == pytest.approx(1.0)
    profiles = tables["cluster_profiles"]
    assert [row["cluster"] for row in profiles] == [1, 2, 3, 4]
    spends = [row["monetary"] for row in profiles]
    assert spends == sorted(spends, reverse=True)
    assert len({row["name"] for row in profiles}) == 4
    assert {row["cluster"]: row["name"] for row in tables["clusters"]} == {
        row["cluster"]: row["name"] for row in profiles
    }
    assert sum(row["customers"] for row in profiles) == len(figures)


def test_the_same_customers_give_the_same_tables_in_any_order(tmp_path: Path) -> None:
    context = context_of(tmp_path, four_kinds()[0])
    first = run(context)
    context.connection.execute("CREATE OR REPLACE TABLE gold.rfm AS SELECT * FROM gold.rfm ORDER BY hash(customer_id)")
    assert run(context) == first


def test_a_large_table_is_fitted_on_a_sample_and_everybody_is_assigned(tmp_path: Path) -> None:
    figures, kinds = four_kinds(100)
    settings = SegmentationSettings(
        track=False, k_max=5, bootstraps=3, fit_rows=200, bootstrap_rows=100, silhouette_rows=90
    )
    tables = run(context_of(tmp_path, figures), settings)
    assert adjusted_rand_score(kinds, [row["cluster"] for row in tables["clusters"]]) == 1.0


@pytest.mark.parametrize(
    ("figures", "cohorts"),
    [
        (np.empty((0, 3)), 0),
        (np.array([[3, 1, 20]]), 1),
        (np.array([[3, 1, 20], [90, 4, 300], [400, 1, 5]]), 1),
        (np.tile([[30, 2, 50]], (200, 1)), 1),
        (np.repeat([[30, 2, 50], [300, 1, 5]], 100, axis=0), 1),
        (np.zeros((50, 3)), 1),
    ],
    ids=["nobody", "one", "fewer than k", "all equal", "two kinds only", "all zero"],
)
def test_odd_data_give_full_tables_and_no_warning(tmp_path: Path, figures: np.ndarray, cohorts: int, recwarn) -> None:
    context = context_of(tmp_path, figures)
    tables = run(context)
    assert not [str(one.message) for one in recwarn]
    assert len(tables["clusters"]) == len(figures)
    assert len(tables["cluster_profiles"]) == cohorts
    assert sum(row["chosen"] for row in tables["clustering_quality"]) == cohorts
    if cohorts:
        assert tables["cluster_profiles"][0]["name"] == "Everyone"
    types = {
        t: dict(context.connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE gold.{t})").fetchall())
        for t in TABLES
    }
    assert types["clusters"] == {"customer_id": "VARCHAR", "cluster": "INTEGER", "name": "VARCHAR"}
    assert types["cluster_profiles"]["revenue"] == types["cluster_profiles"]["monetary"] == "DECIMAL(28,4)"
    assert types["clustering_quality"]["smallest"] == "BIGINT"


def candidate(k: int, stable: float, smallest: int = 100) -> Candidate:
    return Candidate("log", k, np.zeros((k, 3)), 0.5, stable, stable, smallest)


def test_choice_stability_first_then_detail_never_a_tiny_cohort_never_the_silhouette() -> None:
    pick = lambda *ones: choose(list(ones), 1000, QUIET).k  # noqa: E731
    assert pick(candidate(4, 0.80), candidate(5, 0.95), candidate(6, 0.85)) == 5
    assert pick(candidate(4, 0.95), candidate(5, 0.94), candidate(6, 0.85)) == 5
    assert pick(candidate(4, 0.80), candidate(5, 0.99, smallest=2)) == 4
    assert pick(candidate(2, 0.99), candidate(4, 0.50)) == 4
    assert pick(candidate(4, 0.80, smallest=3), candidate(5, 0.99, smallest=2)) == 4
    assert pick(candidate(4, 0.95)._replace(silhouette=0.1), candidate(5, 0.8)._replace(silhouette=0.9)) == 4
    assert choose([candidate(2, 0.99)], 1000, QUIET) is None


def test_silhouettes_equal_scikit_learns() -> None:
    random = np.random.default_rng(3)
    points = random.normal(size=(400, 3))
    labelings = [random.integers(0, k, 400) for k in (2, 3, 7)]
    labelings.append(np.r_[0, np.ones(399, dtype=int)])  # a group of one
    ours = silhouettes(points, [*labelings, np.zeros(400, dtype=int)])
    assert ours[:-1] == pytest.approx([silhouette_score(points, labels) for labels in labelings])
    assert np.isnan(ours[-1])


def test_assign_takes_the_nearest_and_the_first_of_equals() -> None:
    assert assign(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [2.0]])).tolist() == [0, 0, 1]


def test_namesakes_are_told_apart_by_what_differs_most() -> None:
    typical = Medians(50, 2, 600)
    names = unique_names([Medians(10, 6, 2000), Medians(12, 5, 1200), Medians(200, 1, 100)], typical)
    assert names == [
        "Loyal big spenders, spending about 2,000",
        "Loyal big spenders, spending about 1,200",
        "Lapsed one-timers",
    ]
    assert unique_names([Medians(10, 6, 2000)] * 2, typical) == [
        "Loyal big spenders, group 1",
        "Loyal big spenders, group 2",
    ]
    assert "no usual spend" in describe(Medians(1, 1, 0), Medians(1, 1, 0), 1, 0)


def test_settings_refuse_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="k_min"):
        SegmentationSettings(k_min=5, k_max=4)


def test_a_model_is_plain_json_and_refuses_other_json() -> None:
    model, _, _ = train(four_kinds()[0], QUIET)
    again = ClusterModel.from_json(model.to_json())
    assert again == model
    for content in (b"{}", b"not json", model.to_json().replace(b'"version": 1', b'"version": 2')):
        with pytest.raises(StateError):
            ClusterModel.from_json(content)


def test_the_run_is_in_mlflow_and_the_logged_model_scores_alike(tmp_path: Path) -> None:
    context = context_of(tmp_path, four_kinds()[0])
    settings = SegmentationSettings(k_max=6, seeds=2, bootstraps=3)
    tables = run(context, settings)
    tracker = Tracker(context.project)
    logged = tracker.latest(RUN_NAME)
    assert logged.params["bootstraps"] == "3"
    assert logged.metrics["k"] == 4
    assert logged.metrics["smallest"] == 60
    assert "log.k4.silhouette" in logged.metrics
    assert "raw.k2.stability_min" in logged.metrics
    assert (logged.tags["run_id"], logged.tags["as_of"]) == ("run-test", "2026-01-31")
    assert logged.tags["data.gold.rfm"].startswith("240 rows, ")
    model = ClusterModel.from_json(tracker.read_model(logged.id, MODEL_FILE))
    assert score(context.connection, model).to_pylist() == tables["clusters"]


def test_without_fitting_everybody_is_placed_by_the_model_that_stands(tmp_path: Path) -> None:
    kinds = [np.full((30, 3), figures) for figures in ([2.0, 30.0, 900.0], [300.0, 1.0, 9.0])]
    noise = np.random.default_rng(1).uniform(0.9, 1.1, (60, 3))
    context = context_of(tmp_path, np.concatenate(kinds) * noise)
    (step,) = cluster_steps(QUIET)
    assert step.score is not None and not step.score(context), "nothing has been fitted yet"
    before = {row["customer_id"]: row["cluster"] for row in run(context)["clusters"]}
    first, last = min(before), max(before)
    context.connection.execute(f"""
        CREATE OR REPLACE TABLE gold.rfm AS
        SELECT * REPLACE ('{first}' AS customer_id) FROM gold.rfm WHERE customer_id = '{last}'
        UNION ALL FROM gold.rfm WHERE customer_id <> '{first}'
    """)
    context.written.clear()
    assert step.score(context)
    assert context.written == ["gold.clusters"]
    after = dict(context.connection.sql("SELECT customer_id, cluster FROM gold.clusters").fetchall())
    assert before[first] != before[last]
    assert after == {**before, first: before[last]}


def test_online_retail_gives_the_published_figures(tmp_path: Path) -> None:
    context = MemoryContext(tmp_path, online_retail.AS_OF)
    online_retail.load(context)
    rfm_steps()[0].run(context)
    context.written.clear()
    tables = run(context, SegmentationSettings(track=False, k_max=6))
    quality = {(row["method"], row["k"]): row for row in tables["clustering_quality"]}
    for k, silhouette, smallest in (
        (2, 0.433, 1668),
        (3, 0.337, 760),
        (4, 0.332, 725),
        (5, 0.319, 344),
        (6, 0.315, 279),
    ):
        assert quality["log", k]["silhouette"] == pytest.approx(silhouette, abs=0.004)
        assert quality["log", k]["smallest"] == pytest.approx(smallest, rel=0.25)
    for k, silhouette in ((2, 0.896), (3, 0.594), (4, 0.616)):
        assert quality["raw", k]["silhouette"] == pytest.approx(silhouette, abs=0.003)
    # The best silhouette of all is the worst segmentation: 26 wholesalers against the rest, gone on the next sample.
    best = max(quality.values(), key=lambda row: row["silhouette"])
    assert (best["method"], best["k"], best["smallest"]) == ("raw", 2, 26)
    assert best["stability_mean"] < 0.5
    (chosen,) = [row for row in quality.values() if row["chosen"]]
    assert (chosen["method"], chosen["k"]) == ("log", 5)
    assert chosen["stability_mean"] > 0.85
    assert len({row["name"] for row in tables["cluster_profiles"]}) == 5
    assert len(search(np.array([[1.0, 2.0, 3.0]]), "log", QUIET)) == 0
