"""Column lineage of a whole run: from every column of every table up to what it is made of, and down to what uses it.

In: the run's graph and the columns of the tables it starts from. Out: a `Lineage` whose nodes are names:

    gold.customers.revenue      a column            file:shop_orders.total     a column of a source's files
    gold.customers.*            a table's rows      segment:vip  audience:…    what people work with

The rooms above add their nodes with `add`. SQL is followed column by column (`engines.columns`); a step in Python is
followed as far as it declares (`Step.lineage`), else each of its columns depends on every table it reads.

>>> from floorwalker.engines.models import parse_model
>>> from floorwalker.engines.runner import plan
>>> model = parse_model("gold.totals", "SELECT CAST(SUM(o.amount) AS DECIMAL(28,4)) AS amount FROM silver.orders AS o")
>>> found = lineage_of(plan([model], [], ["silver.orders"]), {"silver.orders": ("amount",)})
>>> found.up["gold.totals.amount"], found.down["silver.orders.amount"]
({'silver.orders.amount': 'value'}, {'gold.totals.amount': 'value'})
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from floorwalker.engines.lineage_cache import Relations
from floorwalker.engines.models import SqlModel
from floorwalker.engines.relations import ROWS, ColumnLineage, Influence, Inputs, Known, Relation, rows_of
from floorwalker.engines.runner import PREVIOUS, Graph, reads_of, writes_of
from floorwalker.engines.steps import Step
from floorwalker.errors import NotFoundError, did_you_mean

GIVEN: dict[str, tuple[str, ...]] = {
    "meta.run": ("run_id", "as_of", "reporting_currency"),
    "meta.sources": ("source", "precedence"),
}
"""Tables every model may read that no node makes: the facts of the run."""


@dataclass
class Lineage:
    """All nodes and edges. `up[node]`: input → how it is used; `down` is its mirror."""

    up: dict[str, Inputs] = field(default_factory=dict)
    down: dict[str, Inputs] = field(default_factory=dict)
    influences: dict[str, tuple[Influence, ...]] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of each table, as far as known."""
    made_by: dict[str, str] = field(default_factory=dict)
    """Table → 'SQL', 'step rfm', 'files', …"""
    copied: set[str] = field(default_factory=set)
    """Columns that are another column as it stands."""
    rows: dict[str, tuple[Influence, ...]] = field(default_factory=dict)
    """Table → what decides which rows it has."""
    unknown: set[str] = field(default_factory=set)
    """Tables of whose columns nobody says enough: a step that declares none, SQL that cannot be followed."""

    def add(self, node: str, inputs: Mapping[str, str], influences: Iterable[Influence] = ()) -> None:
        """Add a node with its inputs; adding it again joins them."""
        up = self.up.setdefault(node, {})
        for name, how in inputs.items():
            up.setdefault(name, how)
            self.down.setdefault(name, {}).setdefault(node, how)
        if found := tuple(influences):
            self.influences[node] = tuple(dict.fromkeys((*self.influences.get(node, ()), *found)))

    def add_table(self, table: str, relation: Relation, made_by: str, reads: Iterable[str]) -> None:
        """Add a table with all its columns."""
        self.columns[table], self.made_by[table] = tuple(relation.columns), made_by
        for name, one in relation.columns.items():
            self.add(f"{table}.{name}", one.inputs, one.influences)
            if one.copied:
                self.copied.add(f"{table}.{name}")
        self.rows[table] = relation.influences
        self.add(f"{table}.{ROWS}", rows_of(reads), relation.influences)

    # -- questions -----------------------------------------------------------------------------------------------

    def inputs(self, node: str) -> Inputs:
        """What a node is made of. Columns of which a step says nothing depend on all it reads."""
        if node in self.up:
            return self.up[node]
        table, _, column = node.rpartition(".")
        return self.up.get(f"{table}.{ROWS}", {}) if table in self.unknown and column != ROWS else {}

    def outputs(self, node: str) -> Inputs:
        """What uses a node. Counting a table's rows uses none of its columns."""
        return self.down.get(node, {})

    def above(self, node: str) -> set[str]:
        """Everything a node is made of, itself left out."""
        return self._reached(node, self.inputs)

    def below(self, node: str) -> set[str]:
        """Everything that is made of a node, itself left out."""
        return self._reached(node, self.outputs)

    def roots(self, node: str) -> set[str]:
        """Where a node begins: what it is made of that is made of nothing."""
        return {one for one in self.above(node) if not self.inputs(one)}

    @staticmethod
    def _reached(node: str, step: Callable[[str], Iterable[str]]) -> set[str]:
        seen: set[str] = set()
        waiting = [node]
        while waiting:
            for one in step(waiting.pop()):
                if one not in seen:
                    seen.add(one)
                    waiting.append(one)
        return seen - {node}

    def tables_below(self, table: str) -> set[str]:
        """Tables, segments and audiences that read a table directly or indirectly."""
        return {table_of(node) for node in self.below(f"{table}.{ROWS}")} - {table}

    def influenced(self, node: str) -> dict[str, list[str]]:
        """Tables whose rows a column filters, joins or groups → the columns of theirs that are touched."""
        found: dict[str, list[str]] = {}
        for other, influences in self.influences.items():
            if any(node in one.inputs for one in influences):
                found.setdefault(table_of(other), []).append(other)
        return found

    def resolve(self, name: str) -> str:
        """The node a person means: a column, `table` (its rows), or a name with its kind. NotFoundError with a hint."""
        if name in self.up or name in self.down:
            return name
        if f"{name}.{ROWS}" in self.up or f"{name}.{ROWS}" in self.down:
            return f"{name}.{ROWS}"
        known = [node.removesuffix(f".{ROWS}") for node in self.up]
        table, _, column = name.rpartition(".")
        if column and table in self.columns:
            hint = did_you_mean(column, self.columns[table])
            raise NotFoundError(f"{table} has no column '{column}'", fix=hint)
        raise NotFoundError(f"nothing is called '{name}'", fix=_meant(name, known))


def _meant(name: str, known: list[str]) -> str:
    """A hint for a name that nothing has: perhaps a column's without its table, perhaps with a slip in it."""
    if "." in name or ":" in name:
        return did_you_mean(name, known)
    columns: dict[str, list[str]] = {}
    for one in known:
        columns.setdefault(one.rpartition(".")[2], []).append(one)
    close = [name] if name in columns else get_close_matches(name, columns, n=1, cutoff=0.7)
    if not close:
        return did_you_mean(name, known)
    # Most people mean one of gold, and of those the customers'.
    found = sorted(
        columns[close[0]], key=lambda one: (not one.startswith("gold.customer"), not one.startswith("gold."), one)
    )
    found.sort(key=lambda one: not one.startswith("gold.customers."))
    return f"did you mean '{found[0]}'?"


def table_of(node: str) -> str:
    """`gold.customers.revenue` → gold.customers; `file:orders.line.sku` → file:orders; names without a column stay.

    >>> table_of("gold.customers.revenue"), table_of("file:orders.line.sku"), table_of("segment:vip")
    ('gold.customers', 'file:orders', 'segment:vip')
    """
    if ":" in node:
        return node.partition(".")[0]
    return ".".join(node.split(".")[:2])


def column_of(node: str) -> str:
    """The column's name within its table; '' where the node has none.

    >>> column_of("gold.customers.revenue"), column_of("file:orders.line.sku"), column_of("segment:vip")
    ('revenue', 'line.sku', '')
    """
    return node[len(table_of(node)) + 1 :]


def lineage_of(graph: Graph, sources: Known, steps: Known | None = None, relations: Relations | None = None) -> Lineage:
    """The lineage of a graph. `sources`: columns of the tables it starts from; `steps`: columns of tables that steps
    write, as far as somebody knows them (the lake, after a run); `relations`: those of queries, found before."""
    found, relations = Lineage(), relations or Relations()
    known: dict[str, Collection[str] | None] = {**GIVEN, **sources}
    for table, columns in known.items():
        found.columns[table] = tuple(columns or ())
        found.made_by[table] = "the run" if table in GIVEN else "files"
        for column in columns or ():
            found.add(f"{table}.{column}", {})
        found.add(f"{table}.{ROWS}", {})
    for name in graph.order:
        node = graph.nodes[name]
        reads = [table for table in reads_of(node) if not table.endswith(PREVIOUS)]
        if isinstance(node, SqlModel):
            relation = _relation(node.sql, known, reads, relations)
            found.add_table(name, relation, "SQL", reads)
            if not relation.known:
                found.unknown.add(name)
            known[name] = tuple(relation.columns) if relation.known else None
            continue
        for table in writes_of(node):
            relation = _step_relation(node, table, known, reads, (steps or {}).get(table), relations)
            found.add_table(table, relation, f"step {node.name}", reads)
            if not relation.known:
                found.unknown.add(table)
            known[table] = tuple(relation.columns) if relation.known else None
    return found


def _relation(sql: str, known: Known, reads: Iterable[str], relations: Relations) -> Relation:
    return relations.of(sql, {table: known.get(table) for table in reads})


def _step_relation(
    step: Step,
    table: str,
    known: Known,
    reads: list[str],
    columns: Collection[str] | None,
    relations: Relations,
) -> Relation:
    """What a step says of a table of its own: a query, inputs per column, or nothing."""
    said = step.lineage.get(table)
    if isinstance(said, str):
        visible = {**known, **{one: None for one in step.writes if one not in known}}
        return _relation(
            said, visible, dict.fromkeys([*reads, *(one for one in step.writes if one != table)]), relations
        )
    everything = rows_of(reads)
    named = said or {}
    listed = tuple(dict.fromkeys([*named, *(columns or ())]))
    made = {
        name: ColumnLineage(name, dict.fromkeys(named[name], "value") if name in named else everything)
        for name in listed
    }
    return Relation(made, tuple(reads), known=bool(columns) or said is not None)
