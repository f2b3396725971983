"""Column lineage of one query: which columns of which tables each of its columns is made of, and what filters its rows.

In: a SELECT and the columns of the tables it reads. Out: a `Relation` (`engines.relations`): per column its inputs, how
each is used, and the filters, joins and groups that decide which rows count.

Whatever cannot be followed (a pivot, a function that reads files) ends in `table.*` instead of in an error: then the
table is known, its column is not.

>>> found = columns_of("SELECT SUM(l.price) AS money FROM silver.lines AS l WHERE l.sold", {"silver.lines": None})
>>> found.columns["money"].inputs, [one.text for one in found.columns["money"].influences]
({'silver.lines.price': 'value'}, ['l.sold'])
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import sqlglot
from sqlglot import exp

from floorwalker.engines.expressions import Expressions, Scope
from floorwalker.engines.relations import (
    ColumnLineage,
    Influence,
    Known,
    Relation,
    distinct,
    influenced,
    join_inputs,
    rows_of,
)

_NOT_NULL = re.compile(r"\bNOT ([\w.\"]+) IS NULL\b")


def columns_of(sql: str | exp.Query, tables: Known) -> Relation:
    """The lineage of a query in DuckDB's dialect. Raises sqlglot's errors for text that does not parse."""
    tree = sqlglot.parse_one(sql, dialect="duckdb") if isinstance(sql, str) else sql
    query = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(query, exp.Query):
        raise sqlglot.ParseError(f"a query is expected, not {type(tree).__name__}")
    return _Reader(tables).query(query, {}, None)


class _Reader:
    """Reads queries, innermost first."""

    def __init__(self, tables: Known) -> None:
        self.tables = tables
        expressions = Expressions(self.query)
        self.inputs, self.column = expressions.inputs, expressions.column

    # -- relations -----------------------------------------------------------------------------------------------

    def query(self, node: exp.Expr, ctes: Mapping[str, Relation], outer: Scope | None) -> Relation:
        if isinstance(node, exp.Subquery):
            inner = self.query(node.this, self.with_ctes(node, ctes, outer), outer)
            return _renamed(inner, node)
        ctes = self.with_ctes(node, ctes, outer)
        if isinstance(node, exp.SetOperation):
            return self.set_operation(node, ctes, outer)
        if isinstance(node, exp.Select):
            return self.select(node, ctes, outer)
        return self.opaque(node)

    def with_ctes(self, node: exp.Expr, ctes: Mapping[str, Relation], outer: Scope | None) -> Mapping[str, Relation]:
        clause = node.args.get("with_")
        if not clause:
            return ctes
        seen = dict(ctes)
        for cte in clause.expressions:
            body, name = cte.this, cte.alias.lower()
            if clause.args.get("recursive") and isinstance(body, exp.SetOperation):
                seen[name] = _renamed(self.query(body.left, seen, outer), cte)
            seen[name] = _renamed(self.query(body, seen, outer), cte)
        return seen

    def set_operation(self, node: exp.SetOperation, ctes: Mapping[str, Relation], outer: Scope | None) -> Relation:
        left, right = self.query(node.left, ctes, outer), self.query(node.right, ctes, outer)
        tables = tuple(dict.fromkeys((*left.tables, *right.tables)))
        if not isinstance(node, exp.Union):
            reason = Influence("filter", type(node).__name__.upper(), tuple(rows_of(right.tables)))
            columns = {name: influenced(one, (reason,)) for name, one in left.columns.items()}
            return Relation(columns, tables, (*left.influences, reason), left.known)
        others = list(right.columns.values())
        columns = {}
        for place, (name, one) in enumerate(left.columns.items()):
            other = right.column(name) if node.args.get("by_name") else others[place] if place < len(others) else None
            columns[name] = one if other is None else ColumnLineage(
                name, join_inputs(one.inputs, other.inputs), distinct(one.influences + other.influences),
                one.copied and other.copied,
            )  # fmt: skip
        if node.args.get("by_name"):
            columns |= {name: one for name, one in right.columns.items() if left.column(name) is None}
        return Relation(columns, tables, distinct(left.influences + right.influences), left.known and right.known)

    def opaque(self, node: exp.Expr) -> Relation:
        """Something that cannot be followed: of its stored tables nothing but the rows is known."""
        named = {_name(table) for table in node.find_all(exp.Table)}
        return Relation({}, tuple(sorted(name for name in named if name in self.tables)), known=False)

    def source(self, node: exp.Expr, ctes: Mapping[str, Relation], scope: Scope) -> tuple[str, Relation]:
        alias = node.alias_or_name.lower()
        if node.args.get("pivots") or isinstance(node, exp.Pivot):
            return alias or "pivot", self.opaque(node)
        if isinstance(node, exp.Subquery):
            return alias or f"subquery{len(scope.sources)}", self.query(node, ctes, scope.outer)
        if isinstance(node, exp.Lateral):
            inner = node.this
            relation = (
                self.query(inner, ctes, scope) if isinstance(inner, exp.Query) else self.table_function(node, scope)
            )
            return alias, _renamed(relation, node)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            if not node.db and node.name.lower() in ctes:
                return alias, _renamed(ctes[node.name.lower()], node)
            return alias, _renamed(self.stored(_name(node)), node)
        return alias or f"source{len(scope.sources)}", _renamed(self.table_function(node, scope), node)

    def stored(self, name: str) -> Relation:
        known = self.tables.get(name)
        if known is None:
            return Relation({}, (name,), known=False)
        return Relation({one: ColumnLineage(one, {f"{name}.{one}": "value"}, copied=True) for one in known}, (name,))

    def table_function(self, node: exp.Expr, scope: Scope) -> Relation:
        """VALUES, UNNEST and functions: whatever columns they are given are their only inputs."""
        inputs = self.inputs(node, scope, skip_alias=True)
        tables = tuple(dict.fromkeys(name.rpartition(".")[0] for name in inputs))
        alias = node.args.get("alias")
        names = [one.name for one in alias.columns] if isinstance(alias, exp.TableAlias) else []
        return Relation({name: ColumnLineage(name, inputs) for name in names}, tables, known=bool(names) or not tables)

    # -- one SELECT ----------------------------------------------------------------------------------------------

    def select(self, node: exp.Select, ctes: Mapping[str, Relation], outer: Scope | None) -> Relation:
        scope = Scope({}, outer, ctes)
        joins: list[tuple[Influence, str]] = []
        start = node.args.get("from_")
        if start:
            alias, relation = self.source(start.this, ctes, scope)
            scope.sources[alias] = relation
        for join in (*(node.args.get("joins") or ()), *(node.args.get("laterals") or ())):
            inner = join.this if isinstance(join, exp.Join) else join
            alias, relation = self.source(inner, ctes, scope)
            scope.sources[alias] = relation
            if isinstance(join, exp.Join) and (found := self.join(join, alias, relation, scope)):
                joins.append(found)
        rows = self.row_influences(node, scope)
        grouped = bool(node.args.get("group") or node.args.get("distinct"))
        columns: dict[str, ColumnLineage] = {}
        known = all(relation.known for relation in scope.sources.values()) or not any(
            isinstance(part, exp.Star) or (isinstance(part, exp.Column) and isinstance(part.this, exp.Star))
            for part in node.expressions
        )
        always = [found for found, alias in joins if not alias]
        for part in node.expressions:
            for one in self.projection(part, scope, len(columns)):
                touched = {found for found, alias in joins if alias and (grouped or self.uses(part, alias, scope))}
                own = [found for found, alias in joins if found in touched]
                columns[one.name] = influenced(one, (*rows, *always, *own))
                scope.own[one.name.lower()] = columns[one.name]
        tables = tuple(dict.fromkeys(table for relation in scope.sources.values() for table in relation.tables))
        below = tuple(one for relation in scope.sources.values() for one in relation.influences)
        return Relation(columns, tables, distinct((*below, *rows, *always)), known)

    def join(self, join: exp.Join, alias: str, relation: Relation, scope: Scope) -> tuple[Influence, str] | None:
        """The join as an influence; with the alias when it can only add to that side's columns (LEFT JOIN)."""
        if using := join.args.get("using"):
            names = [one.name for one in using]
            found = [scope.find(name, "") for name in names]
            inputs = join_inputs(*(one.inputs for one in found if one))
            text = f"USING ({', '.join(names)})"
        elif on := join.args.get("on"):
            inputs, text = self.inputs(on, scope), _text(on)
        else:
            return None
        outer = join.side.upper() if join.side else ""
        return Influence("join", text, tuple(sorted(inputs))), alias if outer == "LEFT" else ""

    def uses(self, part: exp.Expr, alias: str, scope: Scope) -> bool:
        """Whether an expression looks at a source: by its name, or because a bare name is only there."""
        for column in part.find_all(exp.Column):
            if column.table.lower() == alias:
                return True
            if not column.table and scope.sources[alias].column(column.name) is not None:
                return True
        return isinstance(part, exp.Star)

    def row_influences(self, node: exp.Select, scope: Scope) -> tuple[Influence, ...]:
        found = []
        for key, reason in (("where", "filter"), ("group", "group"), ("having", "filter"), ("qualify", "filter")):
            clause = node.args.get(key)
            if not clause:
                continue
            if key != "group":
                self.own_names(node, scope)
            inputs = self.inputs(clause, scope, places=node.expressions if key == "group" else ())
            parts = clause.expressions if key == "group" else [clause.this]
            text = ", ".join(_text(part) for part in parts) or "ALL"
            found.append(Influence(reason, text, tuple(sorted(inputs))))
        return tuple(found)

    def own_names(self, node: exp.Select, scope: Scope) -> None:
        """QUALIFY and HAVING, and WHERE on DuckDB, may use names that the SELECT itself gives."""
        for part in node.expressions:
            if isinstance(part, exp.Alias) and part.alias.lower() not in scope.own:
                scope.own[part.alias.lower()] = ColumnLineage(part.alias, self.inputs(part.this, scope))

    def projection(self, part: exp.Expr, scope: Scope, place: int) -> Iterable[ColumnLineage]:
        if isinstance(part, exp.Star):
            yield from self.star(part, scope.sources, scope)
            return
        if isinstance(part, exp.Column) and isinstance(part.this, exp.Star):
            source = scope.sources.get(part.table.lower())
            yield from self.star(part.this, {part.table.lower(): source} if source else {}, scope)
            return
        value = part.this if isinstance(part, exp.Alias) else part
        name = part.alias_or_name or f"column{place}"
        if isinstance(value, exp.Column) and (found := self.column(value, scope)):
            yield replace(found, name=name)
            return
        influences = tuple(
            one
            for column in value.find_all(exp.Column)
            if (seen := self.column(column, scope))
            for one in seen.influences
        )
        if value.find(exp.Count) and value.find(exp.Star):
            influences += tuple(one for relation in scope.sources.values() for one in relation.influences)
        yield ColumnLineage(name, self.inputs(value, scope), distinct(influences))

    def star(self, star: exp.Star, sources: Mapping[str, Relation], scope: Scope) -> Iterable[ColumnLineage]:
        left_out = {one.name.lower() for one in star.args.get("except_") or ()}
        replaced = {one.alias.lower(): one for one in star.args.get("replace") or ()}
        renamed = {one.this.name.lower(): one.alias for one in star.args.get("rename") or ()}
        seen: set[str] = set()
        for relation in sources.values():
            for name, one in relation.columns.items():
                lower = name.lower()
                if lower in left_out or lower in seen:
                    continue
                seen.add(lower)
                if lower in replaced:
                    one = ColumnLineage(name, self.inputs(replaced[lower].this, scope), one.influences)
                yield replace(one, name=renamed.get(lower, name))


def _renamed(relation: Relation, node: exp.Expr) -> Relation:
    """The relation under `AS t(a, b)`."""
    alias = node.args.get("alias")
    names = [one.name for one in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if not names:
        return relation
    pairs = list(relation.columns.items())
    columns = {
        names[place] if place < len(names) else name: replace(one, name=names[place] if place < len(names) else name)
        for place, (name, one) in enumerate(pairs)
    }
    return Relation(columns, relation.tables, relation.influences, relation.known)


def _name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}" if table.db else table.name


def _text(node: exp.Expr) -> str:
    """SQL on one line, with `x IS NOT NULL` as people write it."""
    return _NOT_NULL.sub(r"\1 IS NOT NULL", node.sql(dialect="duckdb", comments=False))
