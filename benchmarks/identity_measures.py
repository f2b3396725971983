"""What a benchmark says of a result beside `floorwalker.identity.quality`: blocking, calibration, labelled pairs.

In: a `Found` and the truth. Out: plain figures by name, as rows of the report are called.

>>> found = Found(pa.table({"record_id": ["a", "b", "c"], "customer_id": ["1", "1", "2"]}))
>>> truth = pa.table({"record_id": ["a", "b", "c"], "person_id": ["p", "p", "p"]})
>>> judge(found, truth)["pair_precision"], round(judge(found, truth)["pair_recall"], 3)
(1.0, 0.333)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from floorwalker.identity.quality import calibration_error, measure

ROWS = {
    "precision": "pair_precision", "recall": "pair_recall", "f1": "pair_f1", "bcubed_precision": "b_cubed_precision",
    "bcubed_recall": "b_cubed_recall", "bcubed_f1": "b_cubed_f1", "largest": "largest_cluster", "records": "records",
    "customers": "customers", "people": "people",
}  # fmt: skip
"""Field of `Quality` -> what its row is called."""


@dataclass(frozen=True)
class Found:
    """What an engine made of records. `customers`: record_id, customer_id. `certain`: the same by its rules alone.
    `pairs`: record_a, record_b, probability of every pair it weighed. `levels`: name -> (the precision it is
    believed to have, record_id and customer_id at that level)."""

    customers: pa.Table
    certain: pa.Table | None = None
    pairs: pa.Table | None = None
    levels: dict[str, tuple[float, pa.Table]] = field(default_factory=dict)


def judge(found: Found, truth: pa.Table) -> dict[str, float]:
    """Every figure of a result whose truth is known: record_id, person_id."""
    quality = asdict(measure(found.customers, truth))
    said: dict[str, float] = {row: quality[name] for name, row in ROWS.items()}
    with duckdb.connect() as connection:
        connection.register("truth", truth)
        said["largest_person"] = connection.sql(
            "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM truth GROUP BY person_id)"
        ).fetchall()[0][0]
    if found.pairs is not None:
        said |= of_pairs(found.pairs, found.certain, truth)
    for level, (believed, customers) in found.levels.items():
        at_level = measure(customers, truth)
        said[f"{level}.pair_precision"] = at_level.precision
        said[f"{level}.pair_recall"] = at_level.recall
        said[f"{level}.precision_error"] = abs(believed - at_level.precision)
    return said


def of_pairs(pairs: pa.Table, certain: pa.Table | None, truth: pa.Table) -> dict[str, float]:
    """Blocking recall: the share of true pairs that were weighed, or joined without being weighed. Calibration error:
    of the probabilities of all pairs weighed, and of those that `certain` leaves apart."""
    with duckdb.connect() as connection:
        connection.register("pairs", pairs)
        connection.register("truth", truth)
        connection.register(
            "certain",
            certain
            if certain is not None
            else pa.table({"record_id": truth["record_id"], "customer_id": truth["record_id"]}),
        )
        connection.execute("""
            CREATE TEMP TABLE weighed AS
            SELECT least(p.record_a, p.record_b) AS a, greatest(p.record_a, p.record_b) AS b,
                   max(p.probability) AS probability, any_value(l.person_id = r.person_id) AS same,
                   any_value(coalesce(c.customer_id = d.customer_id, FALSE)) AS joined
            FROM pairs p
            JOIN truth l ON l.record_id = p.record_a JOIN truth r ON r.record_id = p.record_b
            LEFT JOIN certain c ON c.record_id = p.record_a LEFT JOIN certain d ON d.record_id = p.record_b
            GROUP BY 1, 2
        """)
        all_true, joined, weighed, count = connection.execute("""
            SELECT (SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM truth GROUP BY person_id)),
                   (SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (
                       SELECT count(*) AS n FROM certain JOIN truth USING (record_id) GROUP BY customer_id, person_id)),
                   count(*) FILTER (same AND NOT joined), count(*)
            FROM weighed
        """).fetchall()[0]
        columns = connection.sql("SELECT probability, same, joined FROM weighed").to_arrow_table()
    probability, same, joined_before = (columns[name].to_numpy() for name in ("probability", "same", "joined"))
    apart = ~joined_before.astype(bool)
    same = same.astype(bool)
    return {
        "pairs_weighed": count,
        "blocking_recall": (joined + weighed) / all_true if all_true else 1.0,
        "calibration_error": calibration_error(probability, same),
        "calibration_error_uncertain": calibration_error(probability[apart], same[apart]),
    }


def labelled(found: Found, labels: pa.Table) -> dict[str, float]:
    """Precision, recall and F1 over labelled pairs (record_a, record_b, same, split): of all, and of the test split.
    A pair is found when both its records are one customer."""
    with duckdb.connect() as connection:
        connection.register("found", found.customers)
        connection.register("labels", labels)
        rows = connection.execute("""
            SELECT split = 'test', same, coalesce(a.customer_id = b.customer_id, FALSE), count(*)
            FROM labels LEFT JOIN found a ON a.record_id = record_a LEFT JOIN found b ON b.record_id = record_b
            GROUP BY ALL
        """).fetchall()
    said = {}
    for prefix, chosen in (("", rows), ("test_", [row for row in rows if row[0]])):
        right, wrong, lost = (
            sum(n for _, same, joined, n in chosen if (same, joined) == case)
            for case in ((True, True), (False, True), (True, False))
        )
        said |= _score(right, wrong, lost, prefix)
    return said


def _score(right: int, wrong: int, lost: int, prefix: str) -> dict[str, float]:
    return {
        f"{prefix}pair_precision": right / (right + wrong) if right + wrong else 1.0,
        f"{prefix}pair_recall": right / (right + lost) if right + lost else 1.0,
        f"{prefix}pair_f1": 2 * right / (2 * right + wrong + lost) if right + wrong + lost else 1.0,
    }


COSTS = ("largest_cluster", "largest_person", "seconds", "cpu", "peak_mb", "error", "error_uncertain")
"""Figures of which less is better, by the end of their names."""


def worst(name: str, values: list[float]) -> float:
    """Of several seeds: the largest where less is better.

    >>> worst("seconds", [1.0, 2.0]), worst("pair_recall", [0.7, 0.8])
    (2.0, 0.7)
    """
    return max(values) if name.endswith(COSTS) else min(values)


def same_partition(one: pa.Table, other: pa.Table) -> bool:
    """Do two maps (record_id, customer_id) put the same records together, whatever the ids?"""
    labels = []
    for table in (one, other):
        ordered = table.sort_by("record_id")
        codes = ordered["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        labels.append((ordered["record_id"], codes))
    if labels[0][0] != labels[1][0]:
        return False
    a, b = labels[0][1], labels[1][1]
    both = np.unique(np.stack([a, b]), axis=1).shape[1]
    return both == len(np.unique(a)) == len(np.unique(b))
