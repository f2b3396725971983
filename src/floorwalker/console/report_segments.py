"""The report's numbers about groups of customers: the RFM map, named segments, lifecycle, clusters and their quality.

In: `Tables`. Out: dictionaries of plain numbers, each with `missing`: why it is empty, or "".
"""

from __future__ import annotations

from typing import Any

from floorwalker.console.tables import Row, Tables


def rfm(tables: Tables) -> dict[str, Any]:
    """The 5 × 5 map of recency by frequency, and customers and revenue by segment and by lifecycle class."""
    missing = tables.missing("gold.rfm", "RFM scores", "r", "f", "monetary", "segment")
    if missing:
        return {"missing": missing, "grid": [], "segments": [], "lifecycle": []}
    grid = tables.rows(
        "SELECT r::INTEGER AS r, f::INTEGER AS f, count(*) AS customers, sum(monetary) AS revenue, "
        "median(monetary)::DOUBLE AS median, sum(monetary) / nullif(sum(sum(monetary)) OVER (), 0) AS revenue_share "
        "FROM gold.rfm WHERE r IS NOT NULL AND f IS NOT NULL GROUP BY r, f ORDER BY r DESC, f"
    )
    has_lifecycle = tables.has("gold.rfm", "lifecycle")
    return {
        "missing": "",
        "grid": grid,
        "segments": _groups(tables, "segment"),
        "lifecycle": _groups(tables, "lifecycle") if has_lifecycle else [],
    }


def _groups(tables: Tables, column: str) -> list[Row]:
    return tables.rows(
        f"""
        SELECT coalesce({column}, '(none)') AS name, count(*) AS customers, sum(monetary) AS revenue,
            count(*) / sum(count(*)) OVER () AS customer_share,
            sum(monetary) / nullif(sum(sum(monetary)) OVER (), 0) AS revenue_share,
            median(recency_days)::DOUBLE AS recency_days, median(frequency)::DOUBLE AS frequency,
            median(monetary)::DOUBLE AS monetary
        FROM gold.rfm GROUP BY 1 ORDER BY revenue DESC, name
        """
    )


def rule_segments(tables: Tables) -> dict[str, Any]:
    """Customers per segment that somebody defined by rule; one customer may be in several."""
    missing = tables.missing("gold.segments", "segments by rule", "segment", "customer_id")
    if missing:
        return {"missing": missing, "rows": []}
    return {
        "missing": "",
        "rows": tables.rows(
            "SELECT segment AS name, count(DISTINCT customer_id) AS customers FROM gold.segments "
            "GROUP BY segment ORDER BY customers DESC, name"
        ),
    }


def clusters(tables: Tables) -> dict[str, Any]:
    """Cluster profiles (medians) and the table of methods tried, with the best silhouette beside the one chosen."""
    missing = tables.missing("gold.cluster_profiles", "clusters", "cluster", "name", "customers", "revenue")
    profiles = (
        []
        if missing
        else tables.rows(
            "SELECT cluster, name, description, customers, revenue, recency_days, frequency, monetary, "
            "customers / sum(customers) OVER () AS customer_share, "
            "revenue / nullif(sum(revenue) OVER (), 0) AS revenue_share "
            "FROM gold.cluster_profiles ORDER BY monetary DESC, cluster"
        )
    )
    return {"missing": missing, "profiles": profiles, "quality": _quality(tables)}


def _quality(tables: Tables) -> dict[str, Any]:
    missing = tables.missing(
        "gold.clustering_quality", "comparison of clusterings", "method", "k", "silhouette", "chosen"
    )
    if missing:
        return {"missing": missing, "rows": [], "best": None, "chosen": None}
    rows = tables.rows(
        "SELECT method, k, silhouette, stability_mean, stability_min, smallest, chosen "
        "FROM gold.clustering_quality ORDER BY method, k"
    )
    scored = [row for row in rows if row["silhouette"] is not None]
    return {
        "missing": "",
        "rows": rows,
        "best": max(scored, key=lambda row: row["silhouette"], default=None),
        "chosen": next((row for row in rows if row["chosen"]), None),
    }
