"""Conditions: one true-or-false SQL expression over the columns of gold.customers, checked before it ever runs.

In: text a marketer wrote, and the names that are known. Out: a parsed condition made only of comparisons, AND, OR, NOT,
arithmetic and a few plain functions. Whatever is not on the list is refused: nothing can read a file or another table.

>>> condition = parse("orders > 0 AND recency_days > 180", {"orders": "BIGINT", "recency_days": "INTEGER"})
>>> [part.sql for part in condition.parts]
['orders > 0', 'recency_days > 180']
>>> condition.names
('orders', 'recency_days')
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from floorwalker.errors import ConfigError, did_you_mean

_CONNECTIVES = (exp.And, exp.Or, exp.Not, exp.Paren)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike)
_VALUES = (exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Interval, exp.Var)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg)
_FUNCTIONS = {
    "abs": exp.Abs,
    "coalesce": exp.Coalesce,
    "greatest": exp.Greatest,
    "least": exp.Least,
    "length": exp.Length,
    "lower": exp.Lower,
    "month": exp.Month,
    "nullif": exp.Nullif,
    "round": exp.Round,
    "trim": exp.Trim,
    "upper": exp.Upper,
    "year": exp.Year,
}
_CASTS = (exp.Cast, exp.DataType)
_CAST_TYPES = {"DATE", "INT", "BIGINT", "DOUBLE", "VARCHAR", "TEXT", "DECIMAL", "BOOLEAN"}
_ALLOWED = (*_CONNECTIVES, *_COMPARISONS, *_VALUES, *_ARITHMETIC, *_FUNCTIONS.values(), *_CASTS, exp.DataTypeParam)


@dataclass(frozen=True)
class Part:
    """One of the conditions joined by AND, as SQL, and the columns and quantities it looks at."""

    sql: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """A checked condition. `sql` is what was understood, written anew; `tree` is for `resolve`."""

    sql: str
    parts: tuple[Part, ...]
    names: tuple[str, ...]
    tree: exp.Expr


def parse(text: str, known: Mapping[str, str], where: str = "condition", *, longest: int = 4000) -> Condition:
    """Check `text` against `known` names (name → DuckDB type); `where` begins the error, e.g. "segment 'lapsed'".

    ConfigError for anything but one true-or-false expression over known names and allowed operations.
    """
    tree = _parsed(text, where, longest)
    for node in tree.walk():
        _check_node(node, known, where)
    _check_type(tree, known, where)
    parts = tuple(Part(_sql(part), _names(part)) for part in _flat(tree))
    return Condition(_sql(tree), parts, _names(tree), tree)


def resolve(tree: exp.Expr, values: Mapping[str, object]) -> str:
    """The condition with quantities and `as_of` put in as literals: what an engine, or the live path, evaluates.

    >>> known = {"revenue": "DECIMAL(28,4)", "high_revenue": "DECIMAL(28,4)"}
    >>> resolve(parse("revenue >= high_revenue", known).tree, {"high_revenue": Decimal("120.5000")})
    'revenue >= 120.5000'
    """

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name.lower() in values:
            return _literal(values[node.name.lower()])
        return node

    return _sql(tree.transform(replace))


def _parsed(text: str, where: str, longest: int) -> exp.Expr:
    if len(text) > longest:
        raise ConfigError(f"{where}: {len(text):,} characters", why=f"a condition may have {longest:,}")
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except (SqlglotError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise ConfigError(
            f"{where}: not a condition: {text.strip()[:120]!r}",
            why=reason,
            fix="write one SQL condition, e.g. orders > 0 AND recency_days > 180",
        ) from error
    if len(trees) != 1:
        raise ConfigError(f"{where}: {len(trees)} statements", why="a segment is one condition", fix="remove the ';'")
    if trees[0] is None:
        raise ConfigError(f"{where}: the condition is empty", fix="write e.g. orders > 0 AND recency_days > 180")
    return trees[0]


def _check_node(node: exp.Expr, known: Mapping[str, str], where: str) -> None:
    if type(node) not in _ALLOWED:
        shown = _sql(node)[:80]
        raise ConfigError(
            f"{where}: {shown!r} is not allowed in a condition",
            why="only comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, + - * /, dates and a few functions are",
            fix="functions: " + ", ".join(sorted(_FUNCTIONS)),
        )
    if isinstance(node, exp.Column):
        if node.table:
            raise ConfigError(
                f"{where}: '{_sql(node)}' names a table", why="conditions see gold.customers only", fix=node.name
            )
        if node.name.lower() not in known:
            raise ConfigError(
                f"{where}: unknown column or quantity '{node.name}'",
                why="gold.customers has no such column and the policy no such quantity",
                fix=did_you_mean(node.name.lower(), known),
            )
    if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest") or node.args.get("field")):
        raise ConfigError(f"{where}: IN takes a list of values", why="a segment looks at one customer's row only")
    if isinstance(node, exp.Cast):
        if node.to.this.name not in _CAST_TYPES:
            raise ConfigError(f"{where}: cannot cast to {_sql(node.to)}", fix=", ".join(sorted(_CAST_TYPES)))
        if not isinstance(node.this, exp.Literal):
            raise ConfigError(
                f"{where}: '{_sql(node)}' casts a column",
                why="one customer's odd value would stop the run",
                fix="compare the column as it is",
            )


def _check_type(tree: exp.Expr, known: Mapping[str, str], where: str) -> None:
    """Let DuckDB answer it for one customer of whom nothing is known: it knows every type rule, and a literal that is
    no date or number fails here and not in the night's run."""
    names = _names(tree)
    columns = ", ".join(f'"{name}" {known[name]}' for name in names) or '"nothing" INTEGER'
    with _judge().cursor() as connection:
        connection.execute(f"CREATE TEMP TABLE customers ({columns})").fetchall()
        connection.execute(f"INSERT INTO customers VALUES ({', '.join(['NULL'] * max(len(names), 1))})").fetchall()
        try:
            rows = connection.execute(f"DESCRIBE SELECT ({_sql(tree)}) AS answer FROM customers").fetchall()
            connection.execute(f"SELECT ({_sql(tree)}) AS answer FROM customers").fetchall()
        except duckdb.Error as error:
            raise ConfigError(f"{where}: {_sql(tree)[:120]!r}", why=str(error).splitlines()[0]) from error
    if rows[0][1] != "BOOLEAN":
        raise ConfigError(
            f"{where}: {_sql(tree)[:120]!r} is a {rows[0][1]}, not true or false",
            why="a customer is in a segment or is not",
            fix="compare it with something, e.g. revenue > 100",
        )


@cache
def _judge() -> duckdb.DuckDBPyConnection:
    """The engine that is asked: to start one takes longer than all conditions of a policy. Each question has its own
    cursor, whose temporary table nobody else sees."""
    return duckdb.connect(config={"threads": "1"})


def _flat(tree: exp.Expr) -> list[exp.Expr]:
    """The conditions that AND joins at the top, brackets around them opened, left to right."""
    parts, waiting = [], [tree]
    while waiting:
        inner = waiting.pop().unnest()
        if isinstance(inner, exp.And):
            waiting += [inner.right, inner.left]
        else:
            parts.append(inner)
    return parts


def _sql(tree: exp.Expr) -> str:
    return tree.sql("duckdb", comments=False)


def _names(tree: exp.Expr) -> tuple[str, ...]:
    return tuple(sorted({column.name.lower() for column in tree.find_all(exp.Column)}))


def _literal(value: object) -> exp.Expr:
    if value is None:
        return exp.Null()
    if isinstance(value, dt.date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    if isinstance(value, (int, float, Decimal)):
        number = exp.Literal.number(format(abs(value), "f") if isinstance(value, Decimal) else repr(abs(value)))
        return exp.Paren(this=exp.Neg(this=number)) if value < 0 else number
    raise ConfigError(
        f"a quantity of type {type(value).__name__} cannot stand in a condition", fix="use a number or a date"
    )
