"""Expressions: which columns are in one, each with how it is used.

In: an expression and its `Scope`, what its SELECT sees. Out: inputs, as `engines.relations` has them. Queries within an
expression are read by whoever reads the query around it.

>>> lines = Relation({"price": ColumnLineage("price", {"silver.lines.price": "value"}, copied=True)}, ("silver.lines",))
>>> from sqlglot import parse_one
>>> seen = Scope({"l": lines}, None, {})
>>> Expressions(lambda query, ctes, scope: Relation()).inputs(parse_one("l.price * 2"), seen)
{'silver.lines.price': 'value'}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from floorwalker.engines.relations import ColumnLineage, Inputs, Relation, join_inputs, rows_of, weakened


@dataclass
class Scope:
    """One SELECT: its sources by alias, what it may see outside, and its own aliases that later columns may use."""

    sources: dict[str, Relation]
    outer: Scope | None
    ctes: Mapping[str, Relation]
    own: dict[str, ColumnLineage] = field(default_factory=dict)

    def find(self, name: str, table: str) -> ColumnLineage | None:
        if table:
            source = self.sources.get(table.lower())
            found = source.column(name) if source else None
            return found or (self.outer.find(name, table) if self.outer else None)
        sure = [one for one in (r.column(name) for r in self.sources.values() if r.known) if one]
        if sure:
            # Merged by USING, or a name that the engine itself would call ambiguous.
            return sure[0] if len(sure) == 1 else replace(sure[0], inputs=join_inputs(*(one.inputs for one in sure)))
        if name.lower() in self.own:
            return self.own[name.lower()]
        open_ones = [relation for relation in self.sources.values() if not relation.known]
        if len(open_ones) == 1:
            return open_ones[0].column(name)
        if self.outer and (found := self.outer.find(name, table)):
            return found
        if open_ones:
            return ColumnLineage(name, rows_of(table for one in open_ones for table in one.tables))
        return None


Read = Callable[[exp.Expr, Mapping[str, Relation], Scope | None], Relation]
"""Reads a query with what CTEs it sees and what lies outside of it."""


class Expressions:
    """Reads expressions; `query` reads the queries in them."""

    def __init__(self, query: Read) -> None:
        self.query = query

    def column(self, node: exp.Column, scope: Scope) -> ColumnLineage | None:
        parts = [part.name for part in node.parts]
        if len(parts) > 2:
            # layer.table.column, or alias.column.field of a struct
            if found := scope.find(parts[2], parts[1]):
                return found
            return scope.find(parts[1], parts[0])
        found = scope.find(node.name, node.table)
        if found is None and node.table:
            # column.field of a struct
            return scope.find(node.table, "")
        return found

    def inputs(
        self,
        node: exp.Expr | None,
        scope: Scope,
        *,
        skip_alias: bool = False,
        places: Sequence[exp.Expr] = (),
        bound: frozenset[str] = frozenset(),
    ) -> Inputs:
        """The inputs of an expression. `places`: what GROUP BY 1 means; `bound`: names of lambda arguments."""

        def of(one: exp.Expr | None, kind: str = "") -> Inputs:
            found = self.inputs(one, scope, bound=bound)
            return weakened(found, kind) if kind else found

        if node is None:
            return {}
        if isinstance(node, exp.Column):
            if not node.table and node.name.lower() in bound:
                return {}
            found = self.column(node, scope)
            return dict(found.inputs) if found else {}
        if isinstance(node, exp.Query):
            inner = self.query(node, scope.ctes, scope)
            first = next(iter(inner.columns.values()), None)
            value = dict(first.inputs) if first else rows_of(inner.tables)
            seen = first.influences if first else inner.influences
            return join_inputs(value, {name: "condition" for one in seen for name in one.inputs})
        if isinstance(node, exp.Exists):
            inner = self.query(node.this, scope.ctes, scope)
            used = {name: "condition" for one in inner.influences for name in one.inputs}
            return used or weakened(rows_of(inner.tables), "condition")
        if isinstance(node, exp.Case):
            arms = [of(arm.this, "condition") for arm in node.args["ifs"]]
            values = [of(arm.args.get("true")) for arm in node.args["ifs"]]
            return join_inputs(of(node.this, "condition"), *arms, *values, of(node.args.get("default")))
        if isinstance(node, exp.If):
            return join_inputs(of(node.this, "condition"), of(node.args.get("true")), of(node.args.get("false")))
        if isinstance(node, exp.Filter):
            return join_inputs(of(node.this), of(node.expression, "condition"))
        if isinstance(node, exp.Window):
            around = [*(node.args.get("partition_by") or ()), node.args.get("order")]
            return join_inputs(of(node.this), *(of(one, "order") for one in around))
        if isinstance(node, exp.WithinGroup):
            return join_inputs(of(node.this), of(node.expression))
        if isinstance(node, exp.Order) and node.this is not None:
            return join_inputs(of(node.this), *(of(one, "order") for one in node.expressions))
        if isinstance(node, exp.Star):
            return rows_of(table for relation in scope.sources.values() for table in relation.tables)
        if isinstance(node, exp.Lambda):
            names = bound | {one.name.lower() for one in node.expressions}
            return self.inputs(node.this, scope, bound=names)
        if isinstance(node, exp.Group) and places:
            chosen = [
                places[int(one.name) - 1]
                if isinstance(one, exp.Literal) and one.is_int and int(one.name) <= len(places)
                else one
                for one in node.expressions
            ]
            return join_inputs(*(of(one.this if isinstance(one, exp.Alias) else one) for one in chosen))
        children = [
            one for key, value in node.args.items() if not (skip_alias and key == "alias")
            for one in (value if isinstance(value, list) else [value]) if isinstance(one, exp.Expr)
        ]  # fmt: skip
        return join_inputs(*(of(one) for one in children))
