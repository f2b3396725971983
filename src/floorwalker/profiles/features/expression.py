"""Expressions: one small text, answered in SQL by every engine and in Python by the live path, with the same result.

In: an expression over named columns, such as `revenue / orders` or `channel = 'store' AND coupon_lines > 0`. Out: its
SQL, the names it reads, and a function from a row (a dict) to a value.

The language is a subset of SQL in which all engines and Python agree to the last bit: comparisons, AND, OR, NOT, IN,
BETWEEN, IS NULL, CASE, COALESCE, NULLIF, LEAST, GREATEST, + - * / %, SQRT, FLOOR, ABS, SUBSTRING, LENGTH, LOWER, YEAR,
MONTH, CAST and DAYS(a, b), whole days from date a to date b. `/` is a division of doubles; it and `%` give NULL where
the divisor is 0. Functions that round differently from machine to machine (LN, EXP, POWER) are left out on purpose.

>>> half = parse("revenue / (2 * orders)")
>>> half.names
('orders', 'revenue')
>>> half.sql
'CAST(revenue AS DOUBLE) / NULLIF(CAST((2 * orders) AS DOUBLE), 0)'
>>> half.value({"revenue": Decimal("10.0000"), "orders": 2}), half.value({"revenue": Decimal("10.0000"), "orders": 0})
(2.5, None)
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from floorwalker.errors import ModelError

Value = Any
Row = Mapping[str, Value]
Evaluate = Callable[[Row], Value]


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its SQL in the models' dialect, the columns it reads, and its value for a row."""

    text: str
    sql: str
    names: tuple[str, ...]
    value: Evaluate


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse an expression. Raises ModelError for what is not in the language."""
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as error:
        raise ModelError(f"'{text}' is not an expression", why=str(error).splitlines()[0]) from None
    names = tuple(sorted({column.name for column in tree.find_all(exp.Column)}))
    evaluate = _compiled(tree, text)
    return Expression(text, _portable(tree), names, evaluate)


def _portable(tree: exp.Expr) -> str:
    """SQL in which `/` divides doubles and never by zero, and DAYS is DATE_DIFF."""
    root = exp.Paren(this=tree.copy())
    # Innermost first: a division may stand in a division.
    for node in reversed(list(root.find_all(exp.Div, exp.Mod, exp.Anonymous))):
        if isinstance(node, exp.Div):
            left, right = exp.cast(node.this, "DOUBLE"), exp.cast(node.expression, "DOUBLE")
            safe = exp.Nullif(this=right, expression=exp.Literal.number(0))
            node.replace(exp.Div(this=left, expression=safe, typed=True))
        elif isinstance(node, exp.Mod):
            # A remainder by 0 is an error on some engines, NULL on others.
            if not isinstance(node.expression, exp.Literal):
                node.set("expression", exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))
        elif node.name.upper() == "DAYS":
            start, end = node.expressions
            days = exp.DateDiff(this=end, expression=start, unit=exp.Var(this="DAY"))
            node.replace(exp.cast(days, "BIGINT"))
    return root.this.sql("duckdb")


# -- Python -----------------------------------------------------------------------------------------------------------


def _number(value: Value) -> Value:
    return int(value) if isinstance(value, bool) else value


def _together(left: Value, right: Value) -> tuple[Value, Value]:
    """Both as doubles when one is: a decimal beside a double is a double in SQL."""
    if isinstance(left, float) or isinstance(right, float):
        return float(left), float(right)
    return left, right


def _arithmetic(apply: Callable[[Value, Value], Value]) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def build(left: Evaluate, right: Evaluate) -> Evaluate:
        def evaluate(row: Row) -> Value:
            a, b = left(row), right(row)
            return None if a is None or b is None else apply(*_together(a, b))

        return evaluate

    return build


def _divide(a: Value, b: Value) -> float | None:
    return None if b == 0 else float(a) / float(b)


def _remainder(a: Value, b: Value) -> Value:
    # SQL's remainder has the sign of the dividend, Python's that of the divisor.
    return None if b == 0 else (math.fmod(a, b) if isinstance(a, float) else abs(a) % abs(b) * (-1 if a < 0 else 1))


_BINARY: dict[type[exp.Expr], Callable[[Evaluate, Evaluate], Evaluate]] = {
    exp.Add: _arithmetic(operator.add),
    exp.Sub: _arithmetic(operator.sub),
    exp.Mul: _arithmetic(operator.mul),
    exp.Div: _arithmetic(_divide),
    exp.Mod: _arithmetic(_remainder),
    exp.EQ: _arithmetic(operator.eq),
    exp.NEQ: _arithmetic(operator.ne),
    exp.GT: _arithmetic(operator.gt),
    exp.GTE: _arithmetic(operator.ge),
    exp.LT: _arithmetic(operator.lt),
    exp.LTE: _arithmetic(operator.le),
    exp.DPipe: _arithmetic(operator.add),
}


def _and(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(row: Row) -> Value:
        a = left(row)
        if a is False:
            return False
        b = right(row)
        return False if b is False else (None if a is None or b is None else True)

    return evaluate


def _or(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(row: Row) -> Value:
        a = left(row)
        if a is True:
            return True
        b = right(row)
        return True if b is True else (None if a is None or b is None else False)

    return evaluate


def _strict(apply: Callable[..., Value], *parts: Evaluate) -> Evaluate:
    """A function that is NULL when an argument is."""

    def evaluate(row: Row) -> Value:
        values = [part(row) for part in parts]
        return None if any(value is None for value in values) else apply(*values)

    return evaluate


def _extreme(choose: Callable[..., Value], parts: list[Evaluate]) -> Evaluate:
    def evaluate(row: Row) -> Value:
        values = [value for part in parts if (value := part(row)) is not None]
        return choose(values) if values else None

    return evaluate


def _substring(text: str, start: int, length: int | None = None) -> str:
    return text[start - 1 :] if length is None else text[start - 1 : start - 1 + length]


def _sqrt(value: Value) -> float | None:
    return math.sqrt(value) if value >= 0 else None


def _days(start: dt.date, end: dt.date) -> int:
    return (end - start).days


def _case(node: exp.Case, text: str) -> Evaluate:
    subject = _compiled(node.this, text) if node.this else None
    branches = [(_compiled(one.this, text), _compiled(one.args["true"], text)) for one in node.args["ifs"]]
    default = node.args.get("default")
    otherwise = _compiled(default, text) if default else (lambda row: None)

    def evaluate(row: Row) -> Value:
        for condition, result in branches:
            met = condition(row) if subject is None else condition(row) == subject(row)
            if met is True:
                return result(row)
        return otherwise(row)

    return evaluate


def _in(node: exp.In, text: str) -> Evaluate:
    subject = _compiled(node.this, text)
    for one in node.expressions:
        if not isinstance(one.this if isinstance(one, exp.Neg) else one, exp.Literal):
            raise ModelError(
                f"'{text}': IN lists {one.sql('duckdb')[:60]}, which is no number and no quoted text",
                why="a list is of values that are known beforehand",
                fix="compare with = and OR",
            )
    values = {_compiled(one, text)({}) for one in node.expressions}

    def evaluate(row: Row) -> Value:
        value = subject(row)
        return None if value is None else value in values

    return evaluate


_CASTS: dict[str, Callable[[Value], Value]] = {
    "DOUBLE": float,
    "BIGINT": lambda value: int(_number(value)),
    "VARCHAR": str,
    "TEXT": str,
    "DATE": lambda value: dt.date.fromisoformat(value) if isinstance(value, str) else value,
}


def _cast(node: exp.Cast, text: str) -> Evaluate:
    kind = node.to.this.name
    inner = _compiled(node.this, text)
    if kind == "DECIMAL":
        if len(node.to.expressions) != 2:
            raise ModelError(
                f"'{text}' casts to a DECIMAL of unknown size",
                why="engines differ in what they take",
                fix="DECIMAL(28, 4)",
            )
        scale = int(node.to.expressions[1].name)
        return _strict(lambda value: Decimal(str(value)).quantize(Decimal(1).scaleb(-scale), "ROUND_HALF_UP"), inner)
    if kind not in _CASTS:
        raise ModelError(f"'{text}' casts to {kind}", fix="casts: " + ", ".join([*_CASTS, "DECIMAL"]))
    return _strict(_CASTS[kind], inner)


def _literal(node: exp.Expr) -> Value:
    if node.args.get("is_string"):
        return node.name
    if "e" in node.name.lower():
        raise ModelError(
            f"'{node.name}' is a number with an exponent",
            why="SQL takes it for an inexact one",
            fix="write it out: 1500",
        )
    return Decimal(node.name) if "." in node.name else int(node.name)


def _compiled(node: exp.Expr, text: str) -> Evaluate:
    """A function that computes the node for a row."""
    if isinstance(node, exp.Column):
        name = node.name
        if node.table:
            raise ModelError(
                f"'{text}' names a table", why="an expression sees the rows of one source", fix=f"write {name}"
            )
        return lambda row: row[name]
    if isinstance(node, exp.Literal):
        value = _literal(node)
        return lambda row: value
    if isinstance(node, exp.Boolean):
        truth = bool(node.this)
        return lambda row: truth
    if isinstance(node, exp.Null):
        return lambda row: None
    if isinstance(node, exp.Paren):
        return _compiled(node.this, text)
    if type(node) in _BINARY:
        return _BINARY[type(node)](_compiled(node.this, text), _compiled(node.expression, text))
    if isinstance(node, exp.And):
        return _and(_compiled(node.this, text), _compiled(node.expression, text))
    if isinstance(node, exp.Or):
        return _or(_compiled(node.this, text), _compiled(node.expression, text))
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        inner = _compiled(node.this, text)
        return lambda row: inner(row) is None
    if isinstance(node, exp.Case):
        return _case(node, text)
    if isinstance(node, exp.In) and node.expressions:
        return _in(node, text)
    if isinstance(node, exp.Cast):
        return _cast(node, text)
    if isinstance(node, exp.Between):
        low, high = _compiled(node.args["low"], text), _compiled(node.args["high"], text)
        inner = _compiled(node.this, text)
        return _strict(lambda value, a, b: a <= value <= b, inner, low, high)
    if isinstance(node, exp.Coalesce):
        parts = [_compiled(one, text) for one in (node.this, *node.expressions)]
        return lambda row: next((value for part in parts if (value := part(row)) is not None), None)
    if isinstance(node, (exp.Greatest, exp.Least)):
        parts = [_compiled(one, text) for one in (node.this, *node.expressions)]
        return _extreme(max if isinstance(node, exp.Greatest) else min, parts)
    return _function(node, text)


def _function(node: exp.Expr, text: str) -> Evaluate:
    def part(key: str = "this") -> Evaluate:
        return _compiled(node.args[key], text)

    if isinstance(node, exp.Not):
        return _strict(operator.not_, part())
    if isinstance(node, exp.Neg):
        return _strict(operator.neg, part())
    if isinstance(node, exp.Abs):
        return _strict(abs, part())
    if isinstance(node, exp.Sqrt):
        return _strict(_sqrt, part())
    if isinstance(node, exp.Floor):
        return _strict(math.floor, part())
    if isinstance(node, exp.Length):
        return _strict(len, part())
    if isinstance(node, exp.Lower):
        return _strict(str.lower, part())
    if isinstance(node, (exp.Year, exp.Month)):
        name = type(node).__name__.lower()
        return _strict(lambda day: getattr(day, name), part())
    if isinstance(node, exp.Nullif):
        left, right = part(), part("expression")
        return lambda row: None if (value := left(row)) == right(row) else value
    if isinstance(node, exp.Substring):
        rest = [part("length")] if node.args.get("length") else []
        return _strict(_substring, part(), part("start"), *rest)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "DAYS" and len(node.expressions) == 2:
        return _strict(_days, *(_compiled(one, text) for one in node.expressions))
    raise ModelError(
        f"'{text}' uses {node.sql('duckdb')[:60]}, which features cannot",
        why="it would not give the same value in SQL and in Python",
        fix="see the language in floorwalker/profiles/features/expression.py",
    )
