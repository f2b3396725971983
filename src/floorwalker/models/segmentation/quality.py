"""How good a clustering is: does it come back on other samples, how small is its smallest group, how well is it parted.

In: points as float64 [n, d] (scaled) and centroids or labels. Out: plain numbers.

Stability is the adjusted Rand index (Hubert and Arabie 1985) between the clustering of all points and the clusterings
fitted on bootstrap samples (Hennig 2007: a cluster that resampling dissolves is no finding). The silhouette (Rousseeuw
1987) is reported only: on skewed spending its best value parts 26 outliers from everybody else.

>>> import numpy as np
>>> points = np.array([[0.0], [0.1], [5.0], [5.1]])
>>> assign(points, np.array([[0.0], [5.0]])).tolist()
[0, 0, 1, 1]
>>> round(silhouettes(points, [np.array([0, 0, 1, 1])])[0], 3)
0.98
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1_000_000
"""Distances held at a time while a silhouette is computed or points are assigned."""


class Stability(NamedTuple):
    """Agreement with bootstrap clusterings: adjusted Rand index, 1 the same partition, 0 as chance would have it."""

    mean: float
    minimum: float


def assign(points: NDArray[np.float64], centroids: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nearest centroid of every point, the first of equals; [n] of 0 … k-1."""
    labels = np.empty(len(points), dtype=np.int64)
    step = max(_CHUNK // len(centroids), 1)
    for start in range(0, len(points), step):
        part = points[start : start + step]
        distances = ((part[:, None, :] - centroids[None, :, :]) ** 2).sum(axis=2)
        labels[start : start + step] = distances.argmin(axis=1)
    return labels


def fit_centroids(points: NDArray[np.float64], k: int, *, starts: int, seed: int) -> NDArray[np.float64]:
    """Lloyd's k-means with k-means++ starts; the best of `starts` by inertia. Returns [k, d]."""
    # scikit-learn takes a second to load: only a run that fits clusters waits for it.
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=starts, random_state=seed, algorithm="lloyd").fit(points).cluster_centers_


def distinct_up_to(k: int, points: NDArray[np.float64]) -> int:
    """Number of distinct points, counted only as far as needed to know whether there are `k`."""
    few = len(np.unique(points[: 20 * k], axis=0))
    return few if few >= k else len(np.unique(points, axis=0))


def stability(
    points: NDArray[np.float64], labels: NDArray[np.int64], k: int, *, bootstraps: int, rows: int, seed: int
) -> Stability:
    """Refit on `bootstraps` resamples (with replacement, `rows` at most), assign all points, compare with `labels`."""
    from sklearn.metrics import adjusted_rand_score

    scores = []
    for number in range(bootstraps):
        generator = np.random.default_rng((seed, k, number))
        drawn = points[generator.integers(0, len(points), size=min(rows, len(points)))]
        centroids = fit_centroids(drawn, min(k, distinct_up_to(k, drawn)), starts=2, seed=seed + number)
        scores.append(adjusted_rand_score(labels, assign(points, centroids)))
    return Stability(float(np.mean(scores)), float(np.min(scores)))


def silhouettes(points: NDArray[np.float64], labelings: Sequence[NDArray[np.int64]]) -> list[float]:
    """Mean silhouette of each labeling, all from one pass over the distances; nan for a labeling of one group.

    Equals scikit-learn's `silhouette_score`; the pass is shared because the distances cost more than the sums.
    """
    n = len(points)
    labelings = [np.unique(labels, return_inverse=True)[1] for labels in labelings]
    sizes = [np.bincount(labels) for labels in labelings]
    member = np.concatenate([np.eye(len(s))[labels] for s, labels in zip(sizes, labelings, strict=True)], axis=1)
    totals = np.zeros(len(labelings))
    square = (points**2).sum(axis=1)
    step = max(_CHUNK // n, 1)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        squared = square[rows, None] + square[None, :] - 2.0 * (points[rows] @ points.T)
        np.maximum(squared, 0.0, out=squared)
        squared[np.arange(len(rows)), rows] = 0.0
        sums = np.sqrt(squared) @ member
        offset = 0
        for number, (size, labels) in enumerate(zip(sizes, labelings, strict=True)):
            own_sums = sums[:, offset : offset + len(size)]
            offset += len(size)
            if len(size) > 1:
                totals[number] += _silhouette_sum(own_sums, labels[rows], size)
    return [float(total) / n if len(size) > 1 else float("nan") for total, size in zip(totals, sizes, strict=True)]


def _silhouette_sum(sums: NDArray[np.float64], own: NDArray[np.int64], size: NDArray[np.int64]) -> float:
    """Sum over some points of (b - a) / max(a, b); 0 for a point alone in its group. `sums`: distance to each group."""
    at = np.arange(len(own))
    alone = size[own] == 1
    within = sums[at, own] / np.maximum(size[own] - 1, 1)
    others = sums / size[None, :]
    others[at, own] = np.inf
    between = others.min(axis=1)
    widest = np.maximum(within, between)
    score = np.divide(between - within, widest, out=np.zeros_like(widest), where=widest > 0)
    score[alone] = 0.0
    return float(score.sum())
