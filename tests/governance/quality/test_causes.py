"""One sentence per cause: oddities further down, beside, and in the same delivery are told with their root."""

from __future__ import annotations

from floorwalker.engines.lineage import Lineage, lineage_of
from floorwalker.engines.models import parse_model
from floorwalker.engines.runner import plan
from floorwalker.governance.quality.anomalies import Anomaly
from floorwalker.governance.quality.causes import settle


def lineage() -> Lineage:
    models = [
        parse_model("silver.lines", "SELECT l.amount, l.email, l.country FROM bronze.lines AS l"),
        parse_model(
            "gold.sales", "SELECT CAST(SUM(s.amount) AS DECIMAL(28,4)) AS revenue, s.country FROM silver.lines AS s"
        ),
        parse_model("gold.shops", "SELECT b.name FROM bronze.shops AS b"),
    ]
    known = {"bronze.lines": ("amount", "email", "country"), "bronze.shops": ("name",)}
    found = lineage_of(plan(models, [], list(known)), known)
    found.add("segment:big", {"gold.sales.revenue": "condition"})
    return found


def odd(kind: str, table: str, column: str = "", source: str = "", severity: str = "medium") -> Anomaly:
    return Anomaly(severity, kind, table, f"{kind} {table} {column} {source}".strip(), column, source)  # type: ignore[arg-type]


def told(*anomalies: Anomaly) -> list[tuple[str, int]]:
    return [(one.text, len(one.also)) for one in settle(anomalies, lineage())]


def test_what_follows_further_down_is_told_with_its_root():
    root = odd("empty", "bronze.lines", "amount", "web")
    assert told(odd("drift", "gold.sales", "revenue"), odd("drift", "silver.lines", "amount"), root) == [(root.text, 2)]


def test_what_has_another_root_stands_for_itself():
    root, other = odd("empty", "bronze.lines", "email", "web"), odd("drift", "gold.shops", "name")
    assert told(root, odd("drift", "gold.sales", "revenue"), other) == [
        (root.text, 0), ("drift gold.sales revenue", 0), (other.text, 0),
    ]  # fmt: skip


def test_a_thin_delivery_explains_every_column_below():
    root = odd("volume", "bronze.lines", source="web")
    others = (odd("drift", "gold.sales", "country"), odd("drift", "gold.shops", "name"))
    assert told(root, odd("rows", "gold.sales"), *others) == [
        (root.text, 2), ("drift gold.shops name", 0),
    ]  # fmt: skip


def test_columns_of_one_delivery_and_tables_of_one_source_are_one_cause():
    assert told(*(odd("empty", "bronze.lines", name, "web") for name in ("amount", "email", "country")))[0][1] == 2
    assert len(told(odd("empty", "bronze.lines", "email", "web"), odd("empty", "bronze.lines", "email", "till"))) == 2
    assert len(told(odd("freshness", "bronze.lines", source="web"), odd("volume", "bronze.shops", source="web"))) == 1


def test_the_worst_comes_first_and_says_what_it_may_touch():
    low, high = (
        odd("schema", "bronze.shops", "name", severity="low"),
        odd("empty", "bronze.lines", "amount", "web", "high"),
    )
    first, second = settle([low, high], lineage())
    assert (first.text, second.text) == (high.text, low.text)
    assert first.touches == ["segment:big", "gold.sales", "silver.lines"] and second.touches == ["gold.shops"]
    assert settle([high], None)[0].touches == []
