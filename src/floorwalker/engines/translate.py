"""SQL in DuckDB's dialect → SQL of another engine that gives the same values.

In: a SELECT as models write it, and a dialect. Out: its text there.

sqlglot turns the words; the rules below turn the meaning, where Spark counts, rounds or names things differently. What
no rule can settle, `engines.models.lint` refuses. Both lists are held to the engines by tests/engines/test_dialects.py
and explained in docs/engines.md.

>>> translate("SELECT DATE_DIFF('month', a, b) AS n FROM gold.x", "spark")
'SELECT (YEAR(b) - YEAR(a)) * 12 + (MONTH(b) - MONTH(a)) AS n FROM gold.x'
>>> translate("SELECT a / 2 AS half FROM gold.x", "spark")
'SELECT CAST(a AS DOUBLE) / CAST(2 AS DOUBLE) AS half FROM gold.x'
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from floorwalker.errors import ModelError

DIALECTS = ("duckdb", "spark", "databricks", "snowflake")
_LIKE_SPARK = ("spark", "databricks")

_INTEGERS = exp.DataType.INTEGER_TYPES
_TEXTS = exp.DataType.TEXT_TYPES
_WHOLE = (
    exp.Count,
    exp.CountIf,
    exp.Length,
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.Ntile,
    exp.DateDiff,
    exp.Extract,
)


def translate(sql: str, dialect: str, *, pretty: bool = False) -> str:
    """The same SELECT for another engine. Raises ModelError when it cannot be said there."""
    if dialect == "duckdb":
        return sql
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        return render(adapt(tree, dialect), dialect, pretty=pretty)
    except SqlglotError as error:
        raise ModelError(f"cannot be said in {dialect}", why=str(error).splitlines()[0]) from None


def render(tree: exp.Expr, dialect: str, *, pretty: bool = False) -> str:
    """Text of an adapted tree."""
    return tree.sql(dialect=dialect, pretty=pretty, unsupported_level=sqlglot.ErrorLevel.RAISE)


def adapt(tree: exp.Expr, dialect: str) -> exp.Expr:
    """The tree with every rule of the dialect applied. Innermost first, so that a rule sees finished parts."""
    rules = _SPARK if dialect in _LIKE_SPARK else _SNOWFLAKE
    for node in sorted(tree.walk(), key=lambda node: -node.depth):
        rule = rules.get(type(node))
        changed = rule(node) if rule else None
        if changed is None:
            continue
        if node is tree:
            tree = changed
        else:
            node.replace(changed)
    return tree


@cache
def _template(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect="spark")


def _say(text: str, **parts: exp.Expr | str) -> exp.Expr:
    """Spark SQL with `:name` places filled in."""
    nodes = {
        name: sqlglot.parse_one(part, dialect="spark") if isinstance(part, str) else part
        for name, part in parts.items()
    }

    def fill(node: exp.Expr) -> exp.Expr:
        return nodes[node.name].copy() if isinstance(node, exp.Placeholder) else node

    return _template(text).copy().transform(fill)


# -- what an expression is, as far as its own text tells -------------------------------------------------------


def _is_whole(node: exp.Expr) -> bool:
    """Surely an integer."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return node.is_int
    if isinstance(node, exp.Window):
        return _is_whole(node.this)
    if isinstance(node, exp.Cast):
        return node.to.this in _INTEGERS
    return isinstance(node, _WHOLE)


def _is_decimal(node: exp.Expr) -> bool:
    """Surely a DECIMAL or an integer: exact, so that casting it means the same everywhere."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return node.is_number and "e" not in node.name.lower()
    return _is_whole(node) or (isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DECIMAL)


def _is_double(node: exp.Expr) -> bool:
    node = node.unnest()
    return node.meta.get("divides", False) or (isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DOUBLE)


def _never_zero(node: exp.Expr) -> bool:
    """A divisor that says itself that it is not zero: a number, or NULLIF(…, 0)."""
    node = node.unnest()
    if isinstance(node, exp.Cast):
        return _never_zero(node.this)
    if isinstance(node, exp.Nullif):
        return node.expression.is_number and float(node.expression.name) == 0
    return isinstance(node, exp.Literal) and node.is_number and float(node.name) != 0


# -- rules -----------------------------------------------------------------------------------------------------


def _divide(node: exp.Div) -> exp.Expr:
    """DuckDB divides in floating point, and by zero gives infinity. Spark divides decimals as decimals, and fails."""
    above, below = _as_double(node.this), _as_double(node.expression)
    said = "CASE WHEN :below = 0 THEN :above * CAST('Infinity' AS DOUBLE) ELSE :above / :below END"
    divided = _say(":above / :below" if _never_zero(node.expression) else said, above=above, below=below)
    divided.meta["divides"] = True
    return divided


def _as_double(node: exp.Expr) -> exp.Expr:
    return node.copy() if _is_double(node) else exp.cast(node.copy(), "DOUBLE")


def _cast(node: exp.Cast) -> exp.Expr | None:
    """Casts round to the nearest on DuckDB; Spark cuts off, or rounds the decimal wording of a floating point number.

    Spark folds TYPEOF before it runs: each row meets one cast.
    """
    source, kind = node.this, node.to.this
    target = node.to.sql(dialect="spark")
    if kind in _INTEGERS and not (_is_whole(source) or source.is_string):
        rounded = f"CAST(RINT(CAST(:x AS DOUBLE)) AS {target})"
        if _is_double(source):
            return _say(rounded, x=source)
        return _say(
            f"CASE WHEN TYPEOF(:x) LIKE 'decimal%' THEN CAST(CAST(:x AS DECIMAL(38, 0)) AS {target})"
            f" WHEN TYPEOF(:x) IN ('double', 'float') THEN {rounded} ELSE CAST(:x AS {target}) END",
            x=source,
        )
    if kind == exp.DataType.Type.DECIMAL and not _is_decimal(source) and len(node.to.expressions) == 2:
        scale = int(node.to.expressions[1].name)
        unit = f"CAST('0.{'0' * (scale - 1)}1' AS DECIMAL({scale}, {scale}))" if scale else "1"
        rounded = f"CAST(CAST(ROUND(CAST(:x AS DOUBLE) * {10**scale}) AS DECIMAL(38, 0)) * {unit} AS {target})"
        if _is_double(source):
            return _say(rounded, x=source)
        return _say(
            f"CASE WHEN TYPEOF(:x) IN ('double', 'float') THEN {rounded} ELSE CAST(:x AS {target}) END", x=source
        )
    if kind in _TEXTS and not (_is_decimal(source) or source.is_string):
        return _say(
            "CASE WHEN TYPEOF(:x) = 'timestamp' THEN CONCAT(CAST(:x AS STRING), '+00')"
            " WHEN TYPEOF(:x) IN ('double', 'float')"
            " THEN RAISE_ERROR('floating point has another wording on each engine: cast it to DECIMAL first')"
            " ELSE CAST(:x AS STRING) END",
            x=source,
        )
    return None


_DIFFERENCES = {
    "MICROSECOND": "UNIX_MICROS(CAST(:b AS TIMESTAMP)) - UNIX_MICROS(CAST(:a AS TIMESTAMP))",
    "MILLISECOND": "UNIX_MILLIS(CAST(:b AS TIMESTAMP)) - UNIX_MILLIS(CAST(:a AS TIMESTAMP))",
    "SECOND": "UNIX_SECONDS(CAST(:b AS TIMESTAMP)) - UNIX_SECONDS(CAST(:a AS TIMESTAMP))",
    "MINUTE": "FLOOR(UNIX_SECONDS(CAST(:b AS TIMESTAMP)) / 60) - FLOOR(UNIX_SECONDS(CAST(:a AS TIMESTAMP)) / 60)",
    "HOUR": "FLOOR(UNIX_SECONDS(CAST(:b AS TIMESTAMP)) / 3600) - FLOOR(UNIX_SECONDS(CAST(:a AS TIMESTAMP)) / 3600)",
    "DAY": "DATEDIFF(TO_DATE(:b), TO_DATE(:a))",
    "WEEK": "DATEDIFF(TO_DATE(:b), TO_DATE(:a)) DIV 7",
    "MONTH": "(YEAR(:b) - YEAR(:a)) * 12 + (MONTH(:b) - MONTH(:a))",
    "QUARTER": "(YEAR(:b) - YEAR(:a)) * 4 + (QUARTER(:b) - QUARTER(:a))",
    "YEAR": "YEAR(:b) - YEAR(:a)",
}


def _date_diff(node: exp.DateDiff) -> exp.Expr:
    """DuckDB counts the boundaries between two moments (of weeks: seven of days), Spark the whole units."""
    unit = (node.text("unit") or "DAY").upper()
    if unit not in _DIFFERENCES:
        raise ModelError(
            f"DATE_DIFF in {unit.lower()}s", fix=f"units: {', '.join(one.lower() for one in _DIFFERENCES)}"
        )
    said = _say(_DIFFERENCES[unit], a=node.expression, b=node.this)
    return said if isinstance(node.parent, (exp.Alias, exp.Paren, exp.Func)) else exp.paren(said)


_PARTS = {
    "DOW": "DAYOFWEEK(:x) - 1",
    "DAYOFWEEK": "DAYOFWEEK(:x) - 1",
    "WEEKDAY": "DAYOFWEEK(:x) - 1",
    "ISODOW": "WEEKDAY(:x) + 1",
    "SECOND": "SECOND(:x)",
    "EPOCH": "UNIX_MICROS(CAST(:x AS TIMESTAMP)) / 1000000D",
}


def _part(name: str, moment: exp.Expr) -> exp.Expr | None:
    """Sunday is 0 on DuckDB and 1 on Spark; seconds are whole there and have a fraction here."""
    return exp.paren(_say(_PARTS[name], x=moment)) if name in _PARTS else None


def _lower(node: exp.Lower) -> exp.Expr:
    """Letter by letter: Java writes a final sigma and two letters for a dotted capital I."""
    return exp.Lower(this=_say("TRANSLATE(:x, 'İΣ', 'iσ')", x=node.this))


Rule = Callable[..., "exp.Expr | None"]

_SPARK: dict[type[exp.Expr], Rule] = {
    exp.Div: _divide,
    exp.Cast: _cast,
    exp.DateDiff: _date_diff,
    exp.Extract: lambda node: _part(node.name.upper(), node.expression),
    exp.DayOfWeek: lambda node: _part("DOW", node.this),
    exp.DayOfWeekIso: lambda node: _part("ISODOW", node.this),
    exp.TimeToUnix: lambda node: _part("EPOCH", node.this),
    exp.Log: lambda node: None if node.expression else exp.Anonymous(this="LOG10", expressions=[node.this.copy()]),
    exp.DateAdd: lambda node: exp.Add(this=node.this.copy(), expression=node.expression.copy()),
    exp.Lower: _lower,
}

_SNOWFLAKE: dict[type[exp.Expr], Rule] = {
    exp.Div: lambda node: exp.Div(this=_as_double(node.this), expression=_as_double(node.expression)),
}
