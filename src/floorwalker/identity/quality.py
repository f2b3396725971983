"""How good a customer map is, against a truth, what raw matching would have made of the same records, and how honest
the probabilities of pairs are.

In: Arrow tables. Out: `Quality` with pair precision, recall and F1, B-cubed and the largest customer, exact, counted
from group sizes and never from pairs.

>>> truth = pa.table({"record_id": ["a", "b", "c"], "person_id": ["1", "1", "2"]})
>>> found = pa.table({"record_id": ["a", "b", "c"], "customer_id": ["x", "x", "x"]})
>>> measure(found, truth).precision, measure(found, truth).recall
(0.3333333333333333, 1.0)

B-cubed alone hides a merge storm (a few thousand records in one customer hardly move it): always read it beside pair
precision and the largest customer.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.identity.resolver import components


@dataclass(frozen=True)
class Quality:
    """Figures over the records that truth and map share. Precision is 1 when no pair was joined, recall when none
    exists."""

    records: int
    people: int
    customers: int
    true_pairs: int
    found_pairs: int
    right_pairs: int
    precision: float
    recall: float
    f1: float
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    largest: int


def _harmonic(one: float, two: float) -> float:
    return 2 * one * two / (one + two) if one + two else 0.0


def measure(found: pa.Table, truth: pa.Table) -> Quality:
    """`found`: record_id, customer_id. `truth`: record_id, person_id. Records missing on either side do not count."""
    with duckdb.connect() as connection:
        connection.register("found", found)
        connection.register("truth", truth)
        (row,) = connection.execute("""
            WITH cells AS MATERIALIZED (
                SELECT customer_id, person_id, count(*) AS n FROM found JOIN truth USING (record_id)
                GROUP BY customer_id, person_id
            ), customers AS (SELECT customer_id, sum(n) AS n FROM cells GROUP BY customer_id),
            people AS (SELECT person_id, sum(n) AS n FROM cells GROUP BY person_id)
            SELECT (SELECT coalesce(sum(n), 0)::BIGINT FROM cells),
                   (SELECT count(*) FROM people), (SELECT count(*) FROM customers),
                   (SELECT coalesce(sum(n * (n - 1)) // 2, 0)::BIGINT FROM people),
                   (SELECT coalesce(sum(n * (n - 1)) // 2, 0)::BIGINT FROM customers),
                   (SELECT coalesce(sum(n * (n - 1)) // 2, 0)::BIGINT FROM cells),
                   (SELECT coalesce(sum(a.n * a.n / b.n), 0) FROM cells a JOIN customers b USING (customer_id)),
                   (SELECT coalesce(sum(a.n * a.n / b.n), 0) FROM cells a JOIN people b USING (person_id)),
                   (SELECT coalesce(max(n), 0)::BIGINT FROM customers)
        """).fetchall()
    records, people, customers, true_pairs, found_pairs, right_pairs, by_customer, by_person, largest = row
    precision = right_pairs / found_pairs if found_pairs else 1.0
    recall = right_pairs / true_pairs if true_pairs else 1.0
    bcubed_precision = by_customer / records if records else 1.0
    bcubed_recall = by_person / records if records else 1.0
    return Quality(
        records, people, customers, true_pairs, found_pairs, right_pairs,
        precision, recall, _harmonic(precision, recall),
        bcubed_precision, bcubed_recall, _harmonic(bcubed_precision, bcubed_recall), largest,
    )  # fmt: skip


def calibration_error(probability: NDArray[np.floating], true: NDArray[np.bool_], bins: int = 10) -> float:
    """How far probabilities are from what is true: the expected calibration error, 0 for perfectly honest ones.

    Pairs are put into `bins` of equal mass by probability, equal ones into one bin whatever their order; the mean
    distance of a bin's mean probability from its share of true pairs, weighted by its pairs (Naeini et al. 2015, there
    with bins of equal width). NaN without pairs.

    >>> calibration_error(np.array([0.8, 0.8, 0.8, 0.8, 0.8]), np.array([True, True, True, True, False]))
    0.0
    >>> calibration_error(np.array([0.9, 0.1]), np.array([False, True]), bins=2)
    0.9
    """
    if not len(probability):
        return float("nan")
    _, row, count = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    of_value = np.minimum((middle * bins / len(probability)).astype(np.int64), bins - 1)
    place = of_value[row]
    said = np.bincount(place, weights=probability, minlength=bins)
    is_true = np.bincount(place, weights=true, minlength=bins)
    return float(np.abs(said - is_true).sum() / len(probability))


def naive_map(records: pa.Table) -> pa.Table:
    """The negative control: records joined on equal e-mail, phone or loyalty id as written, without any guard.

    In: record_id, email, phone, loyalty_id. Out: record_id, customer_id."""
    ids = records["record_id"].combine_chunks()
    left, right, offset = [np.empty(0, np.int64)], [np.empty(0, np.int64)], len(ids)
    for column in ("email", "phone", "loyalty_id"):
        codes = records[column].combine_chunks().dictionary_encode()
        present = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
        left.append(present)
        right.append(codes.indices.drop_null().to_numpy().astype(np.int64) + offset)
        offset += len(codes.dictionary)
    labels = components(np.concatenate(left), np.concatenate(right), offset)[: len(ids)]
    return pa.table({"record_id": ids, "customer_id": pa.array(labels).cast(pa.string())})
