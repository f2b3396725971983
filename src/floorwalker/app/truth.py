"""How well identity did on simulated data, whose truth is known.

In: the published tables and the simulator's truth folder. Out: precision and recall over pairs of customer records, for
the product and for raw equality of e-mail, phone or card as a control.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker.identity.quality import Quality, measure, naive_map

if TYPE_CHECKING:
    import duckdb


def identity_quality(connection: duckdb.DuckDBPyConnection, truth: Path) -> tuple[Quality, Quality]:
    """(ours, raw equality) over the customer records of all systems. `truth`: the simulator's truth folder."""
    file = str(truth / "person_of_record.parquet").replace("'", "''")
    people = connection.sql(
        "SELECT b.record_id, CAST(MIN(t.person_id) AS VARCHAR) AS person_id FROM bronze.customers AS b"
        f" JOIN read_parquet('{file}') AS t ON t.source = b.source AND t.customer_ref = b.customer_ref"
        " GROUP BY b.record_id"
    ).to_arrow_table()
    found = connection.sql("SELECT record_id, customer_id FROM silver.customer_map").to_arrow_table()
    records = connection.sql(
        "SELECT record_id, email, phone, loyalty_id FROM silver.identity_records ORDER BY record_id"
    ).to_arrow_table()
    return measure(found, people), measure(naive_map(records), people)


def as_fact(ours: Quality, control: Quality) -> dict[str, Any]:
    """The same for the report."""
    return {**_figures(ours), "naive": {"name": "raw equality", **_figures(control)}}


def _figures(quality: Quality) -> dict[str, Any]:
    return {
        "precision": quality.precision,
        "recall": quality.recall,
        "f1": quality.f1,
        "largest_cluster": quality.largest,
    }
