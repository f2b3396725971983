"""The lineage of a project: from columns of files, through every table, to segments, audiences and what is served.

In: a project and its settings. Out: a `Lineage` (`engines.lineage`) with these nodes besides the tables' columns:

    file:shop_orders.line.total     a column of the files that mappings/shop_orders.toml reads
    segment:vip                     a rule segment; audience:winback_email, an audience that is exported
    bundle:profiles.revenue         what the serving bundle holds, hence what decisions and the HTTP service see

Everything is read from the mappings, the graph, the policies and the bundle's own queries; there is no list to keep.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from floorwalker.app.graph import build_graph
from floorwalker.app.intake import load_mappings
from floorwalker.channels.audiences import load_audiences
from floorwalker.engines.lake import Lake
from floorwalker.engines.lineage import Lineage, lineage_of
from floorwalker.engines.lineage_cache import Relations
from floorwalker.engines.relations import ROWS, ColumnLineage, Influence, Inputs, Known, Relation, join_inputs
from floorwalker.engines.steps import Step
from floorwalker.events.vocabulary import KINDS, Kind
from floorwalker.profiles.bundle import queries
from floorwalker.profiles.segments import CUSTOMER_COLUMNS, load_policy
from floorwalker.sources.compile import IDENTIFIERS
from floorwalker.sources.mapping import KindMap, Mapping

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project
    from floorwalker.engines.runner import Graph

CUSTOMERS = "gold.customers"
_AMOUNT = ("quantity", "unit_price", "discount")


def project_lineage(
    project: Project, settings: Settings, graph: Graph | None = None, written: Known | None = None
) -> Lineage:
    """The whole lineage of a project, whether it has run or not. What its queries are made of is kept with the events
    of runs, so that only those that changed since are parsed. `written`: columns of the tables that steps write."""
    graph = graph or build_graph(project, settings)
    relations = Relations(project.state / "lineage" / "columns.json" if project.state.exists() else None)
    bronze = {f"bronze.{kind.name}": kind.names for kind in KINDS.values()}
    found = lineage_of(graph, bronze, _written(project, graph) if written is None else written, relations)
    for mapping in load_mappings(project, settings):
        add_mapping(found, mapping)
    _add_segments(found, project)
    _add_audiences(found, project)
    _add_bundle(found, relations)
    relations.save()
    return found


def _written(project: Project, graph: Graph) -> dict[str, tuple[str, ...]]:
    """Columns of the tables that steps have written so far: only the lake knows them."""
    lake = Lake(project)
    stepped = [table for table, node in graph.writers.items() if isinstance(graph.nodes[node], Step)]
    return {
        table: tuple(field.name for field in lake.open(table).schema().fields)
        for table in stepped
        if lake.exists(table)
    }


def add_mapping(found: Lineage, mapping: Mapping) -> None:
    """Add a mapping: files' columns, and what of the bronze tables they fill."""
    files = f"file:{mapping.name}"
    found.columns[files] = mapping.names
    found.made_by[files] = "source " + mapping.source
    found.add(f"{files}.{ROWS}", {})
    for name in mapping.names:
        found.add(f"{files}.{name}", {})
    for item in mapping.maps:
        kind = KINDS[item.kind]
        why = [Influence("filter", item.where, tuple(f"{files}.{name}" for name in item.names))] if item.where else []
        for column, inputs in _filled(item, kind, files).items():
            found.add(f"bronze.{kind.name}.{column}", inputs, why)
        found.add(f"bronze.{kind.name}.{ROWS}", {f"{files}.{ROWS}": "rows"}, why)


def _filled(item: KindMap, kind: Kind, files: str) -> dict[str, Inputs]:
    """Bronze column → the files' columns in it: as mapped, and as Floorwalker derives the rest."""

    def of(*targets: str) -> Inputs:
        return {f"{files}.{name}": "value" for one in targets if one in item.mapped for name in item.mapped[one].names}

    filled = {target: of(target) for target in item.mapped}
    filled["event_id"] = of(*item.mapped)
    filled["occurred_on"] = of("occurred_at")
    if "order_key" in kind.names and "order_key" not in item.mapped:
        filled["order_key"] = of("order_id")
    if set(_AMOUNT[:2]) <= set(item.mapped) and "amount" in kind.names:
        filled["amount"] = of("amount", *_AMOUNT)
    if kind.person:
        described = (column.name for column in kind.own) if kind.name == "customers" else ()
        filled["record_id"] = of(*(column.name for column in IDENTIFIERS), *described)
    return {name: inputs for name, inputs in filled.items() if inputs}


def _add_segments(found: Lineage, project: Project) -> None:
    known = {name: CUSTOMER_COLUMNS.get(name, "VARCHAR") for name in found.columns.get(CUSTOMERS, ())}
    policy = load_policy(project.policies / "segments.toml", {**known, **CUSTOMER_COLUMNS})
    figures = {one.name: {one.rule.column, *one.among.names} for one in policy.quantities}
    for segment in policy.segments:
        node = f"segment:{segment.name}"
        inputs: Inputs = {}
        for name in segment.condition.names:
            for column in sorted(figures.get(name, {name})):
                inputs[f"meta.run.{column}" if column == "as_of" else f"{CUSTOMERS}.{column}"] = "condition"
        found.add(node, inputs, [Influence("filter", segment.condition.sql, tuple(inputs))])
        found.made_by[node] = "policies/segments.toml"
        found.add("gold.segments.segment", {node: "value"})
        for column in ("segment", "condition", "resolved", "customers"):
            found.add(f"gold.segment_definitions.{column}", {node: "value"})


def _add_audiences(found: Lineage, project: Project) -> None:
    for name, audience in load_audiences(project.policies / "audiences.toml").items():
        node = f"audience:{name}"
        columns = dict.fromkeys(("customer_id", *audience.addresses, *audience.columns))
        inputs: Inputs = {f"segment:{audience.segment}": "condition"}
        inputs |= {f"{CUSTOMERS}.{column}": "value" for column in columns}
        inputs |= {"gold.consents.status": "condition", "gold.consents.purpose": "condition"}
        consent = Influence(
            "filter", f"consent to {audience.purpose}", ("gold.consents.status", "gold.consents.purpose")
        )
        found.add(node, inputs, [consent])
        found.made_by[node] = "policies/audiences.toml"


def _add_bundle(found: Lineage, relations: Relations) -> None:
    """What is served, by the queries that the bundle is made with."""
    known = {table: columns for table, columns in found.columns.items() if ":" not in table}
    tables = set(known)
    customers = [(name, CUSTOMER_COLUMNS.get(name, "VARCHAR")) for name in known.get(CUSTOMERS, ())]
    made = {
        "profiles": queries.profiles(customers, tables)[1],
        "people": queries.people(tables),
        "identifiers": queries.IDENTIFIERS,
        "aliases": queries.ALIASES,
        "products": queries.products(tables),
        "similar_products": queries.SIMILAR_PRODUCTS,
        "popular_products": queries.POPULAR_PRODUCTS,
        "stock": queries.STOCK,
    }
    visible = {table: columns or None for table, columns in known.items()}
    numbers = relations.of(
        queries.NUMBERS, {table: columns for table, columns in visible.items() if table in queries.NUMBERS}
    )
    visible["bundle_numbers"] = tuple(numbers.columns)
    for name, sql in made.items():
        # Only of tables that it names: another table must not have it parsed anew.
        read = relations.of(sql, {table: columns for table, columns in visible.items() if table in sql})
        relation = Relation(
            {key: _through(one, numbers) for key, one in read.columns.items()},
            tuple(table for table in read.tables if table != "bundle_numbers"),
            read.influences,
            read.known,
        )
        if any(key.startswith("column") for key in relation.columns):
            # Packed values without names: the whole part is one node.
            part = f"bundle:{name}"
            found.add(part, join_inputs(*(one.inputs for one in relation.columns.values())), relation.influences)
            found.made_by[part] = "the serving bundle"
            continue
        found.add_table(f"bundle:{name}", relation, "the serving bundle", relation.tables)


def _through(one: ColumnLineage, numbers: Relation) -> ColumnLineage:
    """A column with the bundle's own numbering of products replaced by what the numbering is made of."""
    inputs: Inputs = {}
    for name, how in one.inputs.items():
        table, _, column = name.partition(".")
        inner = numbers.columns.get(column) if table == "bundle_numbers" else None
        inputs |= dict.fromkeys(inner.inputs, how) if inner else {name: how}
    return replace(one, inputs=inputs)
