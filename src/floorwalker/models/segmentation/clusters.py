"""Cohorts: customers who buy alike, found by k-means on recency, frequency and money.

In: gold.rfm. Out: gold.clusters (everybody's cohort), gold.cluster_profiles (name, sentence, medians) and
gold.clustering_quality (every k tried, on logarithms and on the raw figures, and which was chosen).

The three figures are taken as log1p and standardised: on the raw ones k-means finds a handful of wholesalers and
everybody else. k is the most stable under resampling among those whose smallest cohort is worth a campaign; the larger
k wins a tie. Everything is seeded, so the same customers give the same cohorts; cohort 1 spends most.

>>> model = ClusterModel(mean=[0.0] * 3, scale=[1.0] * 3, centroids=[[0, 3, 3], [3, 0, 0]], names=["A", "B"])
>>> model.assign(np.array([[1.0, 20.0, 30.0], [300.0, 1.0, 2.0]])).tolist()
[1, 2]
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from floorwalker.engines.steps import Step, StepContext
from floorwalker.errors import StateError
from floorwalker.models.segmentation.naming import Medians, describe, unique_names
from floorwalker.models.segmentation.quality import assign, distinct_up_to, fit_centroids, silhouettes, stability
from floorwalker.models.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    import duckdb

Method = Literal["log", "raw"]

MODEL_FILE = "clusters.json"
RUN_NAME = "segmentation.clusters"
_LEAST_PER_COHORT = 10
"""With fewer customers than this for each cohort, a cohort is a list of people."""

CLUSTERS = pa.schema([("customer_id", pa.string()), ("cluster", pa.int32()), ("name", pa.string())])
PROFILES = pa.schema(
    [
        ("cluster", pa.int32()),
        ("name", pa.string()),
        ("description", pa.string()),
        ("customers", pa.int64()),
        ("revenue", pa.decimal128(28, 4)),
        ("recency_days", pa.float64()),
        ("frequency", pa.float64()),
        ("monetary", pa.decimal128(28, 4)),
    ]
)
QUALITY = pa.schema(
    [
        ("method", pa.string()),
        ("k", pa.int32()),
        ("silhouette", pa.float64()),
        ("stability_mean", pa.float64()),
        ("stability_min", pa.float64()),
        ("smallest", pa.int64()),
        ("chosen", pa.bool_()),
    ]
)


class ClusterModel(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All that is needed to place a customer in a cohort: numbers and names, no customer's data."""

    mean: list[float]
    scale: list[float]
    centroids: list[list[float]]
    names: list[str]
    method: Method = "log"
    features: tuple[str, ...] = ("recency_days", "frequency", "monetary")
    version: int = 1

    def scaled(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, 3] days, orders, money → [n, 3] as the k-means sees them."""
        return (_transformed(figures, self.method) - np.array(self.mean)) / np.array(self.scale)

    def assign(self, figures: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cohort 1 … k of each customer; `figures` [n, 3]: days since the last order, orders, money."""
        return assign(self.scaled(figures), np.array(self.centroids, dtype=np.float64)) + 1

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def from_json(cls, content: bytes) -> ClusterModel:
        """StateError when `content` is no cluster model of this version."""
        try:
            model = msgspec.json.decode(content, type=cls)
        except msgspec.MsgspecError as error:
            raise StateError("not a cluster model", why=str(error), fix="train again: floorwalker run") from error
        if model.version != 1:
            raise StateError(f"cluster model of version {model.version}", why="this release reads 1", fix="train again")
        return model


class Candidate(NamedTuple):
    """One clustering tried, and how it did on the fitted customers."""

    method: Method
    k: int
    centroids: NDArray[np.float64]
    silhouette: float
    stability_mean: float
    stability_min: float
    smallest: int


def figures_of(connection: duckdb.DuckDBPyConnection) -> tuple[pa.ChunkedArray, NDArray[np.float64]]:
    """(customer ids, [n, 3] figures) of gold.rfm, ordered by id, never below zero."""
    table = connection.sql(
        "SELECT customer_id, CAST(recency_days AS DOUBLE) AS recency_days, CAST(frequency AS DOUBLE) AS frequency, "
        "CAST(monetary AS DOUBLE) AS monetary FROM gold.rfm ORDER BY customer_id"
    ).to_arrow_table()
    columns = [table.column(name).to_numpy() for name in ("recency_days", "frequency", "monetary")]
    return table.column("customer_id"), np.maximum(np.column_stack(columns), 0.0)


def score(connection: duckdb.DuckDBPyConnection, model: ClusterModel) -> pa.Table:
    """gold.clusters by this model: used when it is trained and whenever it is loaded again, so both give the same."""
    ids, figures = figures_of(connection)
    labels = model.assign(figures) if len(figures) else np.empty(0, dtype=np.int64)
    names = pa.array(model.names, pa.string()).take(pa.array(labels - 1))
    return pa.table([ids.cast(pa.string()), pa.array(labels, pa.int32()), names], schema=CLUSTERS)


def search(figures: NDArray[np.float64], method: Method, settings: SegmentationSettings) -> list[Candidate]:
    """Every k worth trying on these customers, fitted and judged; none when they are too few or too alike."""
    points = _standardised(figures, method)[0]
    distinct = distinct_up_to(settings.k_max, points)
    ks = [k for k in settings.candidates if k * _LEAST_PER_COHORT <= len(points) and k <= distinct]
    fitted = {k: fit_centroids(points, k, starts=settings.seeds, seed=settings.seed) for k in ks}
    labels = {k: assign(points, centroids) for k, centroids in fitted.items()}
    shown = _sample(len(points), settings.silhouette_rows, settings.seed)
    silhouette = dict(zip(ks, silhouettes(points[shown], [labels[k][shown] for k in ks]) if ks else [], strict=True))
    found = []
    for k in ks:
        agreement = stability(
            points,
            labels[k],
            k,
            bootstraps=settings.bootstraps,
            rows=settings.bootstrap_rows,
            seed=settings.seed,
        )
        smallest = int(np.bincount(labels[k], minlength=k).min())
        found.append(Candidate(method, k, fitted[k], silhouette[k], agreement.mean, agreement.minimum, smallest))
    return found


def choose(candidates: list[Candidate], customers: int, settings: SegmentationSettings) -> Candidate | None:
    """The most stable k with no tiny cohort, the larger of equals; if all have one, the k whose smallest is largest."""
    allowed = [one for one in candidates if settings.k_min <= one.k <= settings.k_max]
    if not allowed:
        return None
    large = [one for one in allowed if one.smallest >= settings.minimum_share * customers]
    if not large:
        return max(allowed, key=lambda one: (one.smallest, -one.k))
    best = max(one.stability_mean for one in large)
    return max((one for one in large if one.stability_mean >= best - settings.tolerance), key=lambda one: one.k)


def train(
    figures: NDArray[np.float64], settings: SegmentationSettings
) -> tuple[ClusterModel, list[Candidate], Candidate | None]:
    """The model, everything tried and the choice (None: one cohort of everybody). `figures` [n, 3], n >= 1."""
    figures = figures[_sample(len(figures), settings.fit_rows, settings.seed)]
    # The limit below holds for libraries that are loaded by then; on top of the module, every run would wait for this.
    import sklearn.cluster  # noqa: F401

    # One thread: BLAS and OpenMP gain nothing on three columns, and sums keep their order.
    with threadpool_limits(1):
        tried = [one for method in ("log", "raw") for one in search(figures, method, settings)]
        chosen = choose([one for one in tried if one.method == "log"], len(figures), settings)
        points, mean, scale = _standardised(figures, "log")
        centroids = points.mean(axis=0, keepdims=True) if chosen is None else chosen.centroids
        # Cohort 1 spends most; orders, then recency, settle equals.
        centroids = centroids[np.lexsort((centroids[:, 0], -centroids[:, 1], -centroids[:, 2]))]
        labels = assign(points, centroids)
    typical = _medians(figures)
    groups = [_medians(figures[labels == number]) for number in range(len(centroids))]
    names = ["Everyone"] if chosen is None else unique_names(groups, typical)
    return ClusterModel(mean.tolist(), scale.tolist(), centroids.tolist(), names), tried, chosen


def cluster_steps(settings: SegmentationSettings | None = None) -> list[Step]:
    """The step that writes gold.clusters, gold.cluster_profiles, gold.clustering_quality and logs the run in MLflow."""
    settings = settings or SegmentationSettings()
    return [
        Step(
            "clusters",
            reads=("gold.rfm",),
            writes=("gold.clusters", "gold.cluster_profiles", "gold.clustering_quality"),
            run=partial(_write_clusters, settings=settings),
            score=_score_again,
            version="1",
            settings=msgspec.json.encode(settings).decode(),
            lineage=_lineage(),
        )
    ]


def _lineage() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every column follows from the three figures; a person's cohort also names the person."""
    figures = tuple(f"gold.rfm.{name}" for name in ("recency_days", "frequency", "monetary"))
    made = {"gold.clusters": CLUSTERS, "gold.cluster_profiles": PROFILES, "gold.clustering_quality": QUALITY}
    found = {table: dict.fromkeys(schema.names, figures) for table, schema in made.items()}
    found["gold.clusters"]["customer_id"] = ("gold.rfm.customer_id",)
    return found


def _write_clusters(context: StepContext, settings: SegmentationSettings) -> None:
    _, figures = figures_of(context.connection)
    if not len(figures):
        for table, schema in (
            ("gold.clusters", CLUSTERS),
            ("gold.cluster_profiles", PROFILES),
            ("gold.clustering_quality", QUALITY),
        ):
            context.write(table, schema.empty_table())
        return
    model, tried, chosen = train(figures, settings)
    context.progress(0.8, f"{len(model.centroids)} cohorts")
    assigned = score(context.connection, model)
    context.write("gold.clusters", assigned)
    context.write("gold.cluster_profiles", _profiles(context.connection, assigned, model))
    context.write("gold.clustering_quality", _quality(tried, chosen, len(figures)))
    folder = _folder(context, context.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(model.to_json())
    if settings.track:
        _log(context, settings, model, tried, chosen)


def _folder(context: StepContext, run_id: str) -> Path:
    return context.project.state / "models" / "segmentation" / run_id


def _score_again(context: StepContext) -> bool:
    """Everybody's cohort by the model that stands; what is said of the cohorts as such stays."""
    file = _folder(context, context.made_by("gold.cluster_profiles")) / MODEL_FILE
    if not file.exists():
        return False
    context.write("gold.clusters", score(context.connection, ClusterModel.from_json(file.read_bytes())))
    return True


def _profiles(connection: duckdb.DuckDBPyConnection, assigned: pa.Table, model: ClusterModel) -> pa.Table:
    connection.register("assigned_cohorts", assigned)
    rows = connection.execute(
        """SELECT c.cluster, count(*), CAST(sum(r.monetary) AS DECIMAL(28, 4)),
          CAST(median(r.recency_days) AS DOUBLE), CAST(median(r.frequency) AS DOUBLE),
          CAST(median(r.monetary) AS DECIMAL(28, 4))
        FROM gold.rfm AS r JOIN assigned_cohorts AS c ON c.customer_id = r.customer_id
        GROUP BY GROUPING SETS ((c.cluster), ()) ORDER BY c.cluster NULLS FIRST"""
    ).fetchall()
    connection.unregister("assigned_cohorts")
    (_, customers, revenue, *medians), *groups = rows
    typical = Medians(*map(float, medians))
    records = []
    for number, size, money, recency, frequency, monetary in groups:
        group = Medians(recency, frequency, float(monetary))
        text = describe(group, typical, size / customers, float(money / revenue) if revenue > 0 else 0.0)
        records.append((number, model.names[number - 1], text, size, money, recency, frequency, monetary))
    return pa.table([list(column) for column in zip(*records, strict=True)], schema=PROFILES)


def _quality(tried: list[Candidate], chosen: Candidate | None, customers: int) -> pa.Table:
    rows: list[tuple[object, ...]] = [("log", 1, None, None, None, customers, True)] if chosen is None else []
    for one in tried:
        silhouette = None if np.isnan(one.silhouette) else one.silhouette
        rows.append((one.method, one.k, silhouette, one.stability_mean, one.stability_min, one.smallest, one is chosen))
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=QUALITY)


def _log(
    context: StepContext,
    settings: SegmentationSettings,
    model: ClusterModel,
    tried: list[Candidate],
    chosen: Candidate | None,
) -> None:
    from floorwalker.models.tracking import Tracker, fingerprint

    data = {"gold.rfm": fingerprint(context.connection, "gold.rfm")}
    with Tracker(context.project).run(
        RUN_NAME,
        params=msgspec.to_builtins(settings),
        tags={"run_id": context.run_id, "as_of": context.as_of},
        data=data,
    ) as run:
        run.metrics({"k": len(model.centroids)})
        for one in tried:
            figures = {
                name: getattr(one, name) for name in ("silhouette", "stability_mean", "stability_min", "smallest")
            }
            run.metrics({f"{one.method}.k{one.k}.{name}": value for name, value in figures.items()})
            if one is chosen:
                run.metrics(figures)
        run.model_file(MODEL_FILE, model.to_json())


def _transformed(figures: NDArray[np.float64], method: Method) -> NDArray[np.float64]:
    return np.log1p(figures) if method == "log" else figures


def _standardised(
    figures: NDArray[np.float64], method: Method
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    values = _transformed(figures, method)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    # A figure in which all are equal says nothing: dividing by its rounding error would invent differences.
    scale = np.where(scale > 1e-9 * np.maximum(np.abs(mean), 1.0), scale, 1.0)
    return (values - mean) / scale, mean, scale


def _medians(figures: NDArray[np.float64]) -> Medians:
    return Medians(*(float(value) for value in np.median(figures, axis=0)))


def _sample(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """Positions of all rows, or of a seeded sample of `most`, in order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))
