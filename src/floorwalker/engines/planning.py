"""The order of a run: which model or step must come before which, found in what they read and write.

In: models, steps and the names of tables that exist already. Out: a `Graph`. Raises ModelError for what does not fit.

>>> from floorwalker.engines.models import parse_model
>>> top = parse_model("gold.top", "SELECT t.who FROM gold.totals AS t")
>>> totals = parse_model("gold.totals", "SELECT s.who, COUNT(*) AS n FROM bronze.sales AS s GROUP BY s.who")
>>> graph = plan([top, totals], [], ["bronze.sales"])
>>> graph.order, graph.downstream("gold.totals")
(['gold.totals', 'gold.top'], ['gold.top'])
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from floorwalker.engines.checks import read_tests, tables_of
from floorwalker.engines.models import SqlModel, lint
from floorwalker.engines.steps import Step
from floorwalker.errors import ModelError, did_you_mean

PREVIOUS = "_previous"


@dataclass
class Graph:
    """Models and steps by name, with the order to build them in."""

    nodes: dict[str, SqlModel | Step]
    order: list[str]
    writers: dict[str, str]

    def downstream(self, name: str) -> list[str]:
        """Nodes that directly or indirectly read what `name` writes."""
        found: list[str] = []
        for candidate in self.order:
            sources = {self.writers.get(table) for table in reads_of(self.nodes[candidate])}
            if name in sources or sources & set(found):
                found.append(candidate)
        return found


def reads_of(node: SqlModel | Step) -> tuple[str, ...]:
    return node.reads


def writes_of(node: SqlModel | Step) -> tuple[str, ...]:
    return node.writes if isinstance(node, Step) else (node.name,)


def plan(
    models: Iterable[SqlModel], steps: Iterable[Step], sources: Iterable[str], *, trusted: Collection[str] = ()
) -> Graph:
    """Order the nodes. `sources` are tables that exist already (bronze); `trusted` models are known to travel.

    Raises ModelError for unknown tables, two writers of one table, cycles, and models that do not travel (unless their
    TOML says `portable = false`).
    """
    nodes: dict[str, SqlModel | Step] = {}
    writers: dict[str, str] = {}
    for node in (*models, *steps):
        if isinstance(node, SqlModel) and node.name not in trusted and node.document.get("portable", True):
            findings = lint(node)
            if findings:
                raise ModelError(
                    "\n".join(f"{node.where}:{finding.line}: {finding.message}" for finding in findings),
                    fix="or set portable = false in the TOML beside the model",
                )
        nodes[node.name] = node
        for table in writes_of(node):
            if table in writers:
                raise ModelError(f"{table} is written by both {writers[table]} and {node.name}")
            writers[table] = node.name
    known = {*sources, *writers}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, node in nodes.items():
        sorter.add(name)
        tested = tables_of(read_tests(name, node.document)) - {name} if isinstance(node, SqlModel) else set()
        # Sorted, so that the order is one from process to process.
        for table in sorted({*reads_of(node), *tested}):
            if table not in known and not is_given(table):
                where = node.where if isinstance(node, SqlModel) else node.name
                raise ModelError(f"{where} reads {table}, which nothing makes", fix=did_you_mean(table, known))
            if table in writers:
                sorter.add(name, writers[table])
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        raise ModelError("models read each other in a circle", why=" → ".join(error.args[1])) from None
    return Graph(nodes, order, writers)


def is_given(table: str) -> bool:
    """Tables that no node makes: the run's own facts, and what the last published run knew."""
    return table.startswith("meta.") or table.endswith(PREVIOUS)
