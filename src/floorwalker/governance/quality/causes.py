"""One sentence per cause: what follows from an oddity further up is told with it, not beside it.

In: anomalies of one run and the lineage. Out: those that stand for themselves, each with where else it shows (`also`)
and what it may reach (`touches`), the worst first.

A delivery that is half empty makes a column of bronze odd, then four of silver and two of gold: that is one cause.
"""

from __future__ import annotations

from collections.abc import Iterable

from floorwalker.engines.lineage import Lineage, table_of
from floorwalker.engines.relations import ROWS
from floorwalker.governance.quality.anomalies import Anomaly

_LAYERS = ("", "bronze", "silver", "gold", "custom")
_KINDS = ("schema", "freshness", "volume", "quarantine", "empty", "category", "drift", "rows", "skew")
_SEVERITIES = ("high", "medium", "low")
MOST = 12
"""Names of what may be reached that are kept."""


def settle(found: Iterable[Anomaly], lineage: Lineage | None) -> list[Anomaly]:
    """One anomaly per cause, the worst first."""
    roots: list[Anomaly] = []
    for one in sorted(found, key=_place):
        root = next((root for root in roots if _explains(root, one, lineage)), None)
        if root is None:
            roots.append(one)
            continue
        root.also.append(one.text)
        if _SEVERITIES.index(one.severity) < _SEVERITIES.index(root.severity) and one.table == root.table:
            root.severity = one.severity
    for root in roots:
        root.touches = reached(root, lineage) if lineage else []
    return sorted(roots, key=lambda one: (_SEVERITIES.index(one.severity), *_place(one)))


def reached(one: Anomaly, lineage: Lineage) -> list[str]:
    """What an oddity may reach: audiences and segments first, then tables, the last one in the flow first."""
    below = {below for node in _nodes(one, lineage) for below in lineage.below(node)}
    tables = {table_of(node) for node in below} - {one.table}
    order = ("audience", "segment", "bundle", "custom", "gold", "silver")

    def place(name: str) -> tuple[int, str]:
        kind = name.partition(":")[0].partition(".")[0]
        return order.index(kind) if kind in order else len(order), name

    return sorted(tables, key=place)[:MOST]


def _place(one: Anomaly) -> tuple[int, int, float, str, str]:
    """Further up first: an oddity there explains those below."""
    layer = one.table.partition(".")[0]
    return (
        _LAYERS.index(layer) if layer in _LAYERS else len(_LAYERS),
        _KINDS.index(one.kind) if one.kind in _KINDS else len(_KINDS),
        -one.size,
        one.table,
        one.column,
    )


def _explains(root: Anomaly, one: Anomaly, lineage: Lineage | None) -> bool:
    if "skew" in (root.kind, one.kind):
        # Whatever the data are, batch and live must make the same of them: it is a fault of its own.
        return False
    if root.source and root.source == one.source:
        # A source that is late, thin or unreadable is so in all its tables.
        if {root.kind, one.kind} <= {"volume", "freshness", "quarantine"}:
            return True
        if root.table == one.table and root.kind != "schema":
            return True
    elif root.table == one.table and root.source == one.source == "" and root.kind != "schema":
        return True
    if root.kind == "schema" and root.table == one.table:
        return one.column == root.column
    if lineage is None or root.table == one.table or not root.table:
        return False
    nodes = _nodes(root, lineage)
    below = {below for node in nodes for below in lineage.below(node)}
    if root.column and one.column:
        return f"{one.table}.{one.column}" in below or _filters(nodes, one, lineage)
    return one.table in {table_of(node) for node in below}


def _filters(nodes: list[str], one: Anomaly, lineage: Lineage) -> bool:
    """Whether what is odd decides which rows the other column counts."""
    mine = f"{one.table}.{one.column}"
    inputs = {
        name for node in (mine, *lineage.above(mine)) for it in lineage.influences.get(node, ()) for name in it.inputs
    }
    return any(node in inputs or lineage.below(node) & inputs for node in nodes)


def _nodes(one: Anomaly, lineage: Lineage) -> list[str]:
    """The nodes an oddity stands for: a column, or a table with all its columns."""
    if one.column:
        return [f"{one.table}.{one.column}"]
    return [f"{one.table}.{name}" for name in (ROWS, *lineage.columns.get(one.table, ()))]
